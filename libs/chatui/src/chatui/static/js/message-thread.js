/**
 * The messages of one conversation, newest below.
 *
 * - What the reader looks at stays where it is, whatever is added above or below it.
 * - At most `MOST` rows stand in the page, however long the conversation; scrolling moves that window.
 * - What is new is announced politely; history, wherever it comes in, and a freshly opened conversation are not (later/aloud.js).
 * Emits `older` and `newer` (want the page before, or after), `seen` (the newest row is in view), `first-new` and
 * `latest` (the person asks to be taken there); `act` of its messages rises through it.
 */
import { fill, emit, make, part, show } from "./dom.js";
import { messageItem } from "./message-item.js";
import { eventText } from "./names.js";
import { t } from "./texts.js";
import { dayName } from "./when.js";

export const FIRST = 80;
const STEP = 50;
const MOST = 300;
const NEAR = 400;

export function messageThread() {
  const { node, ...places } = part("thread");
  return Object.assign(node, { places, log: places.log });
}

class MessageThread extends HTMLElement {
  held = new Map();
  rows = [];
  size = FIRST;
  end = null;
  stick = true;
  missed = 0;

  connectedCallback() {
    this.log.onscroll = () => this.scrolled();
    this.log.onkeydown = (event) => this.#key(event);
    this.addEventListener("redress", ({ target }) => this.#redress(target));
    for (const way of this.querySelectorAll("[data-way]")) way.onclick = () => emit(this, way.dataset.way);
    if (matchMedia("(any-pointer: coarse)").matches) import("./later/message-touch.js").then(({ hold }) => hold(this.log));
    const sizes = new ResizeObserver(() => this.#resized());
    [this.log, this.places.body].forEach((node) => sizes.observe(node));
  }

  /** The entries behind what is shown, oldest first. */
  get entries() {
    return this.rows.flatMap(({ entry }) => entry ?? []);
  }

  /**
   * `rows` of rows.js; `dress` finishes those that are shown; `before` and `after` say that history goes on above and
   * below them; `unread` is how many unread messages lie above all that.
   */
  show({ rows, dress, myId, label, before, after, unread, empty }) {
    const opened = !this.rows.length && rows.length > 0;
    const latest = rows.at(-1);
    const grown = latest && !after && !this.after && latest.key !== this.rows.at(-1)?.key;
    if (grown && !opened && !this.stick && !latest.own) this.missed += 1;
    const news = rows.findIndex(({ key }) => key === "new");
    const fresh = news < 0 ? unread : rows.slice(news).filter(({ type, own }) => type === "message" && !own).length;
    Object.assign(this, { rows, dress, myId, before, after, news, fresh, stick: this.stick && !after });
    this.log.ariaLabel = label;
    this.places.body.dataset.empty = latest ? "" : empty;
    if (grown && latest.own && latest.item) this.toLatest();
    else this.draw();
    if (opened) this.#open();
  }

  toLatest() {
    Object.assign(this, { end: null, stick: true, missed: 0, size: FIRST });
    this.draw();
  }

  /** A conversation opens at its first unread message, or at its end. */
  #open() {
    const mark = this.held.get("new")?.node;
    if (mark && mark.offsetTop < this.log.scrollHeight - this.log.clientHeight) {
      this.stick = false;
      this.log.scrollTop = mark.offsetTop - 16;
    }
    this.scrolled();
  }

  #bounds() {
    const found = this.end === null ? -1 : this.rows.findIndex(({ key }) => key === this.end);
    const to = found < 0 ? this.rows.length : found + 1;
    return { from: Math.max(0, to - this.size), to };
  }

  /** Show the rows of the window, and keep what is looked at where it is. */
  draw() {
    const { from, to } = this.#bounds();
    const anchor = this.stick ? null : this.#anchor();
    this.places.body.classList.toggle("before", this.before);
    const lines = this.rows.slice(from, to).map((row) => this.#line(row));
    this.view.chat.ear?.(this, lines);
    show(this.places.body, lines, this.held);
    if (this.stick) this.#toEnd();
    else if (anchor?.node.isConnected) this.log.scrollTop += topOf(anchor.node) - anchor.top;
    this.#offer();
    requestAnimationFrame(() => this.#near());
  }

  #line(row) {
    if (row.type === "message") {
      const dressed = this.dress(row);
      return { key: row.key, stamp: stampOf(dressed), make: () => messageItem(this), update: (node) => node.show(dressed) };
    }
    return { key: row.key, make: {
      day: () => make("h3", { class: "day" }, make("span", { text: dayName(row.at) })),
      new: () => make("p", { class: "new-line" }, make("span", { text: t("new_messages") })),
      event: () => make("p", { class: "event", dir: "auto", text: eventText(row.entry, this.myId) }),
    }[row.type] };
  }

  /** The first line in view that stays where it stands in the conversation: a day moves up with its first message. */
  #anchor() {
    const top = topOf(this.log);
    const node = [...this.places.body.querySelectorAll("message-item, .event")].find((one) => one.getBoundingClientRect().bottom > top);
    return node && { node, top: topOf(node) };
  }

  #offer() {
    const { jump } = this.places;
    const mark = this.held.get("new")?.node;
    this.reached ||= this.news >= this.#bounds().to || (mark && topOf(mark) >= topOf(this.log));
    jump.hidden = this.stick;
    jump.classList.toggle("counting", this.missed > 0);
    fill(this.places, { words: this.missed ? t("new_below", { n: this.missed }) : t("jump"),
      above: !this.reached && this.fresh > 0, more: t("new_below", { n: this.fresh }) });
  }

  /** A field that grew, a bar that appeared: the end stays in view, and nobody scrolled. */
  #resized() {
    this.height = this.log.clientHeight;
    if (this.stick) this.#toEnd();
  }

  scrolled() {
    if (this.height && this.height !== this.log.clientHeight) return;
    const stick = this.end === null && !this.after && this.#below() < 60;
    if (stick && !this.stick) this.missed = 0;
    this.stick = stick;
    this.#offer();
    if (stick) emit(this, "seen");
    this.#near();
  }

  /** Close to an end of what stands in the page: move the window, or ask for more. */
  #near() {
    if (!this.rows.length || !this.log.clientHeight) return;
    const { from, to } = this.#bounds();
    const atTop = this.log.scrollTop < NEAR;
    const atEnd = this.#below() < NEAR;
    if (atTop && from && this.size < MOST) this.size = Math.min(MOST, this.size + STEP);
    else if (atTop && from) this.end = this.rows[to - 1 - STEP].key;
    else if (atEnd && this.end !== null) this.end = this.rows[to - 1 + STEP]?.key ?? null;
    else {
      if (atTop && !from && this.before) emit(this, "older");
      if (atEnd && this.after) emit(this, "newer");
      return;
    }
    this.draw();
  }

  /** What a message needs to be drawn in full has come; all that waited are drawn in one go. */
  #redress(item) {
    const one = this.held.get(item.row.key);
    if (one) one.stamp = null;
    this.due ??= requestAnimationFrame(() => { this.due = null; this.draw(); });
  }

  async #key(event) {
    const { steer } = await import("./later/message-keys.js");
    steer(event, this);
  }

  #below() {
    return this.log.scrollHeight - this.log.clientHeight - this.log.scrollTop;
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}

const topOf = (node) => node.getBoundingClientRect().top;

const stampOf = ({ entry, item, ...dressed }) => JSON.stringify([entry?.message, item?.state, dressed]);

customElements.define("message-thread", MessageThread);
