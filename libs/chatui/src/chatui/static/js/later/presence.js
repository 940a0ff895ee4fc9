/**
 * Who of the people in the open conversation is there: online, away or offline.
 *
 * - The server is told what one has open and whether one is away: a hidden page, or five minutes without a touch of it.
 * - Best effort, and never in the way: nothing waits for it, and nothing of it is kept when the line is lost.
 */
const IDLE_MS = 5 * 60_000;
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

export class Presence {
  states = new Map();

  /** `socket` is the live line; `page` and `clock` are the browser's. */
  constructor({ socket, page = document, clock = globalThis }) {
    Object.assign(this, { socket, page, clock, id: null, idle: false, told: null });
    for (const name of TOUCHES) page.addEventListener(name, () => this.#touched(), { passive: true });
    page.addEventListener("visibilitychange", () => this.#say());
    this.#touched();
  }

  /** "online", "away", "offline", or undefined where nobody told. */
  of = (userId) => this.states.get(userId);

  hear({ user_id: user, state }) {
    this.states.set(user, state);
  }

  /** This conversation is open now (or none). */
  watch(id) {
    if (id !== this.id) this.states.clear();
    this.id = id;
    this.#say();
  }

  /** The line came or went: what was known is old, and the server knows nothing of us. */
  lineIs(state) {
    this.told = null;
    if (state === "live") this.#say();
    else this.states.clear();
  }

  #say() {
    const away = this.page.hidden || this.idle;
    const said = JSON.stringify([this.id, away]);
    if (this.socket.state !== "live" || said === this.told) return;
    this.told = said;
    this.socket.ask("watch", { conversation_id: this.id, away }).catch(() => { this.told = null; });
  }

  #touched() {
    this.clock.clearTimeout(this.timer);
    this.timer = this.clock.setTimeout(() => { this.idle = true; this.#say(); }, IDLE_MS);
    if (!this.idle) return;
    this.idle = false;
    this.#say();
  }
}
