/**
 * The files somebody is about to send: each goes to the server first, and may be watched, stopped and tried again.
 *
 * - A file is "waiting", "going", "ready" (the server has it: `attachment`), "failed" (may be tried again) or "refused".
 * - Two go at a time; what is beyond `MOST`, too large or empty never sets out.
 * - Taken out, a file leaves nothing behind: its way is cut, or the server is told to forget it.
 * It tells of every step by "change", and by "settled" when nothing is under way any more.
 */
import { Problem } from "../api.js";

export const MOST = 10;
const TOGETHER = 2;
const PASSING = new Set(["line_lost", "unavailable", "rate_limited"]);
const UNDER_WAY = new Set(["waiting", "going"]);

export class Tray extends EventTarget {
  items = [];
  last = 0;

  /** `carry(file, progress)` brings one there: `{done: Promise<Attachment>, stop()}`; `release(attachment)` forgets one. */
  constructor({ carry, release, bytes }) {
    super();
    Object.assign(this, { carry, release, bytes });
  }

  /** Take files in; how many had no place. */
  add(files) {
    const room = Math.max(0, MOST - this.items.filter(({ state }) => state !== "refused").length);
    for (const file of files.slice(0, room)) {
      const code = file.size > this.bytes ? "too_large" : file.size ? null : "empty";
      this.items.push({ key: `file ${(this.last += 1)}`, file, name: file.name, size: file.size, media_type: file.type, done: 0,
        state: code ? "refused" : "waiting", problem: code && { code } });
    }
    this.#go();
    return Math.max(0, files.length - room);
  }

  /** Take back what the server had before the page was loaded again. */
  adopt(attachments) {
    for (const attachment of attachments)
      this.items.push({ key: attachment.id, ...attachment, done: 1, state: "ready", problem: null, attachment });
    this.#tell("change");
  }

  remove(key) {
    const item = this.#get(key);
    if (!item) return;
    this.items.splice(this.items.indexOf(item), 1);
    item.way?.stop();
    if (item.attachment) this.release(item.attachment);
    this.#go();
  }

  again(key) {
    if (this.#get(key)?.state === "failed") this.#change(key, { state: "waiting", done: 0, problem: null });
    this.#go();
  }

  /** The device has no line: what is under way would hang for minutes, so it is said at once, and goes again later. */
  cut() {
    for (const { way } of this.items) way?.stop();
  }

  /** The line is back: what it had cut goes again by itself. */
  resume() {
    for (const { key, problem } of [...this.items]) if (problem?.code === "line_lost") this.again(key);
  }

  /** They are part of a message now: the tray is empty, the files stay. */
  take() {
    const { attachments } = this;
    this.items = [];
    this.#tell("change");
    return attachments;
  }

  get attachments() {
    return this.items.flatMap(({ attachment }) => attachment ?? []);
  }

  get busy() {
    return this.items.some(({ state }) => UNDER_WAY.has(state));
  }

  get troubled() {
    return this.items.some(({ problem }) => problem);
  }

  #get = (key) => this.items.find((item) => item.key === key);

  #change(key, changes) {
    const item = this.#get(key);
    if (item) Object.assign(item, changes);
    return item;
  }

  #go() {
    const idle = TOGETHER - this.items.filter(({ state }) => state === "going").length;
    for (const item of this.items.filter(({ state }) => state === "waiting").slice(0, idle)) this.#bring(item);
    this.#tell("change");
    if (!this.busy) this.#tell("settled");
  }

  async #bring({ key, file }) {
    const way = this.carry(file, (done) => this.#change(key, { done }) && this.#tell("change"));
    this.#change(key, { state: "going", way });
    try {
      const attachment = await way.done;
      if (!this.#change(key, { state: "ready", done: 1, way: null, attachment, name: attachment.name, size: attachment.size })) this.release(attachment);
    } catch (problem) {
      this.#change(key, { state: PASSING.has(problem.code) ? "failed" : "refused", way: null, problem });
    }
    this.#go();
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

/** Bring a file to the server, telling how far it is, from 0 to 1. */
export function carrier(root, Request = XMLHttpRequest) {
  return (file, progress) => {
    const request = new Request();
    const form = new FormData();
    form.append("file", file, plainName(file.name));
    const done = new Promise((resolve, reject) => {
      request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
      request.onload = () => (request.status < 300 && request.response ? resolve(request.response) : reject(refusal(request)));
      for (const way of ["onerror", "onabort", "ontimeout"]) request[way] = () => reject(new Problem({ code: "line_lost" }));
    });
    request.open("POST", `${root}/attachments`);
    request.responseType = "json";
    request.send(form);
    return { done, stop: () => request.abort() };
  };
}

/** In a form browsers write the end of a line as %0A, and no server can know that the name did not hold just that. */
const plainName = (name) => name.replace(/[\r\n]+/g, " ");

function refusal({ status, response }) {
  const code = status === 413 ? "too_large" : status >= 500 ? "unavailable" : "unknown";
  return new Problem({ code, ...response, status });
}
