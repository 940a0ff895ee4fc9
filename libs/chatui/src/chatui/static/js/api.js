/** The REST calls of the protocol; every refusal is a `Problem` with the server's code, a lost line included. */
export class Problem extends Error {
  constructor({ code = "unknown", detail = "", status = 0, errors = null, retry_after: retryAfter = 0 }) {
    super(code);
    Object.assign(this, { code, detail, status, errors, retryAfter });
  }
}

export class Api {
  constructor(root, fetcher = (...call) => fetch(...call)) {
    Object.assign(this, { root, fetcher });
  }

  me = () => this.call("GET", "/me");
  conversations = (query) => this.call("GET", `/conversations${asQuery(query)}`);
  conversation = (id) => this.call("GET", `/conversations/${id}`);
  create = (body) => this.call("POST", "/conversations", body);
  change = (id, body) => this.call("PATCH", `/conversations/${id}`, body);
  timeline = (id, query) => this.call("GET", `/conversations/${id}/timeline${asQuery(query)}`);

  async call(method, path, body, more) {
    const answer = await this.fetcher(this.root + path, { ...more, method, body: body && JSON.stringify(body),
      headers: body ? { "Content-Type": "application/json" } : {}, signal: AbortSignal.timeout(15_000) }).catch(() => { throw new Problem({ code: "line_lost" }); });
    const content = await answer.json().catch(() => null);
    if (answer.ok) return content;
    const { status } = answer;
    throw new Problem({ code: status >= 500 ? "unavailable" : "unknown", ...content, status,
      retry_after: Number(answer.headers.get("Retry-After")) });
  }
}

export function asQuery(values) {
  const given = Object.entries(values).filter(([, value]) => (value ?? "") !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
