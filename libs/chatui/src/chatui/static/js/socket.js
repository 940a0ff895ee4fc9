/**
 * The live line: one WebSocket of the protocol, kept up.
 *
 * - `on.state(state)` tells connecting, live, waiting or stopped; `on.push(frame)` every push after `hello`.
 * - A reply finds its request by `ref`; no reply in time, or a lost line, rejects with the problem `line_lost`:
 *   whether it was stored is not known, so the caller repeats it under the same client id.
 * - Close codes 4500 to 4999 stay away (`on.stay(code)`); every other end comes back with jittered back-off,
 *   or after the time a `bye` names.
 * - Nothing heard for 60 s is a lost line.
 */
import { Problem } from "./api.js";

const REAL_CLOCK = {
  now: () => Date.now(),
  later: (act, ms) => setTimeout(act, ms),
  cancel: (timer) => clearTimeout(timer),
};

export class LiveSocket {
  constructor({ url, resume = () => undefined, on, open = (address) => new WebSocket(address, "messages.v1"),
    clock = REAL_CLOCK, random = Math.random }) {
    Object.assign(this, { url, resume, on, open, clock, random });
    this.state = "stopped";
    this.refs = 0;
    this.failures = 0;
    this.asked = new Map();
    this.socket = null;
  }

  start() {
    if (this.state === "stopped") this.#connect();
  }

  stop() {
    this.#set("stopped");
    this.#drop();
  }

  /** Do not wait out the back-off: the person, or the device, says the line may be back. */
  retryNow() {
    if (this.state !== "waiting") return;
    this.clock.cancel(this.retryTimer);
    this.#connect();
  }

  /** The device says it is off line: no need to wait for a time-out. */
  lost() {
    if (this.state === "live" || this.state === "connecting") this.#ended(1006);
  }

  /** After sleep the socket may be dead without knowing: ask, and do not wait long. */
  check() {
    if (this.state === "waiting") return this.retryNow();
    if (this.state === "live") this.ask("ping", {}, 4000).catch(() => {});
    return undefined;
  }

  /** Send an op; resolves with its reply, rejects with a Problem. */
  ask(op, fields = {}, patience = 10_000) {
    if (this.state !== "live" && op !== "hello") return Promise.reject(new Problem({ code: "line_lost" }));
    const ref = String((this.refs += 1));
    return new Promise((resolve, reject) => {
      const timer = this.clock.later(() => this.#ended(1006), patience);
      this.asked.set(ref, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ op, ref, ...fields }));
    });
  }

  #connect() {
    this.#set("connecting");
    this.welcomed = false;
    this.bye = null;
    const socket = this.open(this.url);
    this.socket = socket;
    const current = (act) => (event) => socket === this.socket && act(event);
    this.#listenFor(15_000);
    socket.onopen = current(() => this.#hello());
    socket.onmessage = current(({ data }) => this.#hear(data));
    socket.onclose = current(({ code }) => this.#ended(code));
  }

  async #hello() {
    const positions = this.resume();
    try {
      const reply = await this.ask("hello", positions ? { resume: positions } : {});
      this.on.welcome?.(reply);
    } catch (problem) {
      if (problem.code !== "line_lost") this.#ended(1006);
    }
  }

  #hear(data) {
    this.#listenFor(60_000);
    const frame = JSON.parse(data);
    if (frame.ref !== undefined && frame.push === undefined) return this.#answer(frame);
    if (frame.push === "bye") this.bye = frame;
    return this.on.push(frame);
  }

  #answer(frame) {
    const asked = this.asked.get(frame.ref);
    if (!asked) return;
    this.asked.delete(frame.ref);
    this.clock.cancel(asked.timer);
    if (!frame.ok) return void asked.reject(new Problem(frame.problem));
    if (!this.welcomed) this.#welcome();
    asked.resolve(frame);
  }

  /** The reply to hello: from here on the line is live, before any push that follows in the same breath. */
  #welcome() {
    this.welcomed = true;
    this.failures = 0;
    this.#set("live");
  }

  #listenFor(ms) {
    this.clock.cancel(this.silence);
    this.silence = this.clock.later(() => this.#ended(1006), ms);
  }

  #ended(code) {
    if (this.state === "stopped") return;
    const told = code >= 4000 ? code : this.bye?.code ?? code;
    const opened = this.welcomed;
    const wait = this.#pause(told);
    this.#drop();
    if (told >= 4500 && told <= 4999) {
      this.#set("stopped");
      return void this.on.stay?.(told);
    }
    this.#set("waiting");
    this.retryTimer = this.clock.later(() => this.#connect(), wait);
    if (!opened) this.on.refused?.(this.failures);
  }

  #pause(code) {
    this.failures += 1;
    const named = this.bye?.retry_after_ms;
    if (named) return named * (0.5 + this.random());
    const longest = Math.min(30_000, 500 * 2 ** (this.failures - 1));
    const shortest = code === 4009 ? 15_000 : 0;
    return shortest + longest * (0.5 + this.random() / 2);
  }

  /** Let go of the socket; every open question is answered with line_lost. */
  #drop() {
    this.clock.cancel(this.silence);
    this.clock.cancel(this.retryTimer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    const asked = [...this.asked.values()];
    this.asked.clear();
    for (const { reject, timer } of asked) {
      this.clock.cancel(timer);
      reject(new Problem({ code: "line_lost" }));
    }
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.on.state(state);
  }
}
