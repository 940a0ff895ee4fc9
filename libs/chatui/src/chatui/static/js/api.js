/** The REST calls of the protocol; every refusal is a `Problem` with the server's code, a lost line included. */
export class Problem extends Error {
  constructor({ code = "unknown", title = "", detail = "", status = 0, errors = null, retryAfter = null } = {}) {
    super(detail || title || code);
    Object.assign(this, { code, title, detail, status, errors, retryAfter });
  }
}

export class Api {
  constructor(root, fetcher = (...call) => fetch(...call)) {
    this.root = root;
    this.fetcher = fetcher;
  }

  me = () => this.#call("GET", "/me");
  conversations = (query = {}) => this.#call("GET", `/conversations${asQuery(query)}`);
  conversation = (id) => this.#call("GET", `/conversations/${id}`);
  create = (body) => this.#call("POST", "/conversations", body);
  change = (id, body) => this.#call("PATCH", `/conversations/${id}`, body);
  timeline = (id, query) => this.#call("GET", `/conversations/${id}/timeline${asQuery(query)}`);
  edit = (messageId, body) => this.#call("PATCH", `/messages/${messageId}`, { body });
  recall = (messageId) => this.#call("DELETE", `/messages/${messageId}`);
  addParticipant = (id, userId) => this.#call("POST", `/conversations/${id}/participants`, { user_id: userId });
  removeParticipant = (id, userId) => this.#call("DELETE", `/conversations/${id}/participants/${userId}`);
  directory = (query) => this.#call("GET", `/directory${asQuery(query)}`).then((found) => found.items ?? found);

  async #call(method, path, body) {
    const answer = await this.#fetch(method, path, body);
    const content = await answer.json().catch(() => null);
    if (answer.ok) return content;
    const retryAfter = Number(answer.headers.get("Retry-After")) || null;
    throw new Problem({ code: STATUS_CODES[answer.status], ...content, status: answer.status, retryAfter });
  }

  async #fetch(method, path, body) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await this.fetcher(this.root + path, {
        method, headers, credentials: "same-origin", body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(15_000),
      });
    } catch {
      throw new Problem({ code: "line_lost" });
    }
  }
}

const STATUS_CODES = { 401: "unauthenticated", 403: "permission_required", 404: "not_found", 503: "unavailable" };

function asQuery(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
