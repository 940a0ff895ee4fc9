/**
 * One's drafts on one's other devices: the server keeps the newest, this device tells it and asks it.
 *
 * - What is typed here goes there when the typing pauses, when the field is left, and when the page goes away.
 * - The newer of two versions wins; a version the server has been told is never newer than what it says itself.
 * - A line that is not there costs nothing: what was not told is told later, and the device's own copy stays.
 */
import { keysOf, parsed } from "../drafts.js";

const PAUSE = 2000;
const PASSING = new Set(["line_lost", "unavailable", "rate_limited"]);

/**
 * Whose version stands: "ours" (tell the server), "theirs" (take it), or "same". `ours` is this device's record `{text,
 * stream, at, told}`, `theirs` the server's `{stream, body, updated_at}`; either may be missing.
 */
export function whose(ours, theirs) {
  const alike = (ours?.text.trim() ?? "") === (theirs?.body ?? "") && (!theirs || ours?.stream === theirs.stream);
  if (alike) return "same";
  if (!ours || ours.told) return "theirs";
  return theirs && Date.parse(theirs.updated_at) > ours.at ? "theirs" : "ours";
}

/** The newest version of each conversation, by its id. */
export function newest(items) {
  const found = new Map();
  for (const item of items) if (!(found.get(item.conversation_id)?.updated_at > item.updated_at)) found.set(item.conversation_id, item);
  return found;
}

export class DraftsElsewhere {
  timers = new Map();
  going = new Set();
  there = new Map();
  /** What the server was told while it was being asked: its answer may be older. */
  since = new Map();

  constructor(messenger, { pause = PAUSE, page = globalThis.document } = {}) {
    Object.assign(this, { messenger, pause, drafts: messenger.drafts });
    this.drafts.changed = (id) => this.#later(id);
    messenger.addEventListener("line", () => messenger.socket.state === "live" && this.read());
    messenger.addEventListener("own", () => this.read());
    page?.addEventListener("focusout", () => this.tellAll());
    page?.addEventListener("visibilitychange", () => (page.hidden ? this.tellAll() : this.read()));
    if (messenger.socket.state === "live") this.read();
  }

  /** Ask what is kept there, and let the newer of two versions stand. */
  async read() {
    if (this.reading || this.none) return;
    this.reading = true;
    this.since.clear();
    try {
      const { items } = await this.messenger.api.call("GET", "/drafts");
      this.there = new Map([...newest(items), ...this.since]);
      for (const id of new Set([...this.there.keys(), ...this.#here()])) if (!this.since.has(id)) this.#settle(id);
    } catch (problem) {
      this.none = problem.code === "not_found";
    }
    this.reading = false;
  }

  tellAll = () => [...this.timers.keys()].forEach((id) => this.#tell(id));

  #here() {
    const { storage, prefix } = this.drafts;
    return keysOf(storage, prefix).map((key) => key.slice(prefix.length)).filter((id) => id !== "new");
  }

  #record(id) {
    const { storage, prefix } = this.drafts;
    return parsed(storage.getItem(prefix + id));
  }

  #settle(id) {
    if (this.timers.has(id) || this.going.has(id)) return;
    const ours = this.#record(id);
    const theirs = this.there.get(id);
    const stands = whose(ours, theirs);
    if (stands === "ours") this.#later(id);
    if (stands !== "theirs") return;
    this.drafts.lay(id, { ...ours, text: theirs?.body ?? "", stream: theirs?.stream ?? "shared", told: true });
    this.messenger.dispatchEvent(new CustomEvent("draft", { detail: id }));
  }

  #later(id) {
    if (id === "new" || this.none) return;
    clearTimeout(this.timers.get(id));
    this.timers.set(id, setTimeout(() => this.#tell(id), this.pause));
  }

  /** Tell the server how it stands here; what changed meanwhile is told next. */
  async #tell(id) {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    if (this.going.has(id)) return this.#later(id);
    const ours = this.#record(id);
    const body = ours?.text.trim() ?? "";
    const stream = ours?.stream ?? "shared";
    const before = this.there.get(id);
    if (ours?.told || body.length > this.messenger.me.limits.body_chars) return undefined;
    this.going.add(id);
    try {
      if (before && (before.stream !== stream || (!body && before.body))) await this.#put(id, before.stream, "");
      if (body) await this.#put(id, stream, body);
      this.there.set(id, body && { stream, body });
      this.since.set(id, body && { stream, body });
      this.#told(id, ours);
    } catch (problem) {
      if (!PASSING.has(problem.code)) this.#told(id, ours);
    }
    this.going.delete(id);
    return undefined;
  }

  #put(id, stream, body) {
    return this.messenger.api.call("PUT", `/conversations/${id}/draft`, { stream, body }, { keepalive: true });
  }

  #told(id, ours) {
    const now = this.#record(id);
    if (now && ours && now.text === ours.text && now.stream === ours.stream) this.drafts.lay(id, { ...now, told: true });
  }
}
