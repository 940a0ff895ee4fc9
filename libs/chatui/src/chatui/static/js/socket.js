/**
 * The live line: one WebSocket of the protocol, kept up.
 *
 * - `on.state(state)` tells connecting, live, waiting or stopped; `on.push(frame)` every push after `hello`.
 * - A reply finds its request by `ref`; no reply in time, or a lost line, rejects with the problem `line_lost`:
 *   whether it was stored is not known, so the caller repeats it under the same client id.
 * - Close codes 4500 to 4999 stay away (`on.stay(code)`); every other end comes back with jittered back-off,
 *   or after the time a `bye` names. `on.refused(times)` hears of a line that never came up.
 * - Nothing heard for 60 s is a lost line.
 */
import { Problem } from "./api.js";

const CLOCK = { later: (act, ms) => setTimeout(act, ms), cancel: (timer) => clearTimeout(timer) };
const SILENCE = 60_000;
const HANDSHAKE = 15_000;
const LOST = 1006;

export class LiveSocket {
  constructor({ url, resume = () => undefined, on, open = (address) => new WebSocket(address, "messages.v1"), clock = CLOCK, random = Math.random }) {
    Object.assign(this, { url, resume, on, open, clock, random, state: "stopped", refs: 0, failures: 0, asked: new Map() });
  }

  start() {
    if (this.state === "stopped") this.#connect();
  }

  stop() {
    this.#drop();
    this.#set("stopped");
  }

  /** Do not wait out the back-off: the person, or the device, says the line may be back. */
  retryNow() {
    if (this.state === "waiting") this.#connect();
  }

  /** The device says it is off line: no need to wait for a time-out. */
  lost() {
    if (this.socket) this.#ended(LOST);
  }

  /** After sleep the socket may be dead without knowing: ask, and do not wait long. */
  check() {
    this.retryNow();
    if (this.state === "live") this.ask("ping", {}, 4000).catch(() => {});
  }

  /** Send an op; resolves with its reply, rejects with a Problem. */
  ask(op, fields = {}, patience = 10_000) {
    if (this.state !== "live" && op !== "hello") return Promise.reject(new Problem({ code: "line_lost" }));
    const ref = String((this.refs += 1));
    return new Promise((resolve, reject) => {
      this.asked.set(ref, { resolve, reject, timer: this.clock.later(() => this.#late(ref, op, patience), patience) });
      this.socket.send(JSON.stringify({ op, ref, ...fields }));
    });
  }

  /** The server may take 20 s to say what became of a send: a line that answers a ping is not lost. */
  #late(ref, op, patience) {
    if (op === "ping") return this.lost();
    this.asked.get(ref).timer = this.clock.later(() => this.lost(), 2 * patience);
    return op === "hello" || this.check();
  }

  #connect() {
    this.#drop();
    this.#set("connecting");
    const socket = this.open(this.url);
    const mine = (act) => (event) => socket === this.socket && act(event);
    Object.assign(this, { socket, welcomed: false, bye: null });
    socket.onopen = mine(() => this.#hello());
    socket.onmessage = mine(({ data }) => this.#hear(JSON.parse(data)));
    socket.onclose = mine(({ code }) => this.#ended(code));
    this.#listen(HANDSHAKE);
  }

  #hello() {
    const resume = this.resume();
    this.ask("hello", resume && { resume }).catch(() => this.lost());
  }

  #hear(frame) {
    this.#listen(SILENCE);
    if (frame.push === "bye") this.bye = frame;
    else if (frame.push) this.on.push(frame);
    else this.#answer(frame);
  }

  #answer({ ref, ok, problem, ...reply }) {
    const asked = this.asked.get(ref);
    if (!asked) return;
    this.asked.delete(ref);
    this.clock.cancel(asked.timer);
    if (!ok) return asked.reject(new Problem(problem));
    if (!this.welcomed) this.#welcome();
    asked.resolve(reply);
  }

  /** The reply to hello: from here on the line is live, before any push that follows in the same breath. */
  #welcome() {
    this.welcomed = true;
    this.failures = 0;
    this.#set("live");
  }

  #listen(ms) {
    this.clock.cancel(this.silence);
    this.silence = this.clock.later(() => this.lost(), ms);
  }

  #ended(closed) {
    const code = closed >= 4000 ? closed : this.bye?.code ?? closed;
    const stays = code >= 4500 && code <= 4999;
    this.#drop();
    this.#set(stays ? "stopped" : "waiting");
    if (stays) return this.on.stay(code);
    this.retry = this.clock.later(() => this.#connect(), this.#pause(code));
    if (!this.welcomed) this.on.refused?.(this.failures);
    return undefined;
  }

  #pause(code) {
    this.failures += 1;
    if (this.bye?.retry_after_ms) return this.bye.retry_after_ms * (1 + this.random() / 4);
    const longest = Math.min(30_000, 500 * 2 ** (this.failures - 1));
    return (code === 4009 ? 15_000 : 0) + longest * (0.5 + this.random() / 2);
  }

  /** Let go of the socket; every open question is answered with line_lost. */
  #drop() {
    const { socket, asked } = this;
    Object.assign(this, { socket: null, asked: new Map() });
    [this.silence, this.retry].forEach(this.clock.cancel);
    socket?.close();
    for (const { reject, timer } of asked.values()) {
      this.clock.cancel(timer);
      reject(new Problem({ code: "line_lost" }));
    }
  }

  #set(state) {
    const changed = this.state !== state;
    this.state = state;
    if (changed) this.on.state(state);
  }
}
