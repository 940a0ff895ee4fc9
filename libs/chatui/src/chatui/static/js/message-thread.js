/**
 * The messages of one conversation, newest below.
 *
 * - What the reader looks at stays where it is, whatever is added above or below it.
 * - At most `MOST` lines stand in the page, however long the conversation; scrolling moves that window.
 * - Additions are announced politely; history and a freshly opened conversation are not.
 * Says `older` (wants the page before), `seen` (the newest line is in view) and lets `act` of its messages rise.
 */
import "./message-item.js";
import { icon, make, show } from "./dom.js";
import { eventText } from "./names.js";
import { t } from "./texts.js";
import { dayName } from "./when.js";

const FIRST = 80;
const STEP = 50;
const MOST = 300;
const NEAR = 400;

class MessageThread extends HTMLElement {
  held = new Map();
  rows = [];
  size = FIRST;
  end = null;
  stick = true;
  missed = 0;

  connectedCallback() {
    this.body = make("div", { class: "thread-rows" });
    this.log = make("div", { class: "log", role: "log", "aria-live": "off", tabIndex: 0 }, this.body);
    this.jump = make("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toLatest(true) });
    this.append(this.log, this.jump);
    this.log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.watcher = new ResizeObserver(() => this.stick && this.#toEnd());
    this.watcher.observe(this.log);
  }

  disconnectedCallback() {
    this.watcher.disconnect();
  }

  /** `rows` of rows.js, dressed; `before` says that history goes on above them. */
  show({ rows, dress, myId, label, before = false, empty = "" }) {
    const opened = !this.rows.length && rows.length > 0;
    const grown = rows.at(-1)?.key !== this.rows.at(-1)?.key;
    if (grown && !opened && !this.stick && !rows.at(-1).own) this.missed += 1;
    Object.assign(this, { rows, dress, myId, before });
    this.log.setAttribute("aria-label", label);
    if (grown && rows.at(-1)?.own && rows.at(-1).item) this.toLatest();
    this.#draw();
    this.body.dataset.empty = rows.length ? "" : empty;
    if (opened) this.#open();
  }

  toLatest(focus = false) {
    Object.assign(this, { end: null, stick: true, missed: 0, size: FIRST });
    this.#draw();
    this.#toEnd();
    if (focus) this.log.focus();
  }

  /** A conversation opens at its first unread line, or at its end. */
  #open() {
    const mark = this.held.get("new")?.node;
    if (mark && mark.offsetTop < this.log.scrollHeight - this.log.clientHeight) {
      this.stick = false;
      this.log.scrollTop = mark.offsetTop - 16;
    } else this.#toEnd();
    this.#scrolled();
    setTimeout(() => this.log.setAttribute("aria-live", "polite"), 500);
  }

  #bounds() {
    const found = this.end === null ? -1 : this.rows.findIndex(({ key }) => key === this.end);
    const to = found < 0 ? this.rows.length : found + 1;
    return { from: Math.max(0, to - this.size), to };
  }

  #draw() {
    const { from, to } = this.#bounds();
    const anchor = this.stick ? null : this.#anchor();
    const lines = this.rows.slice(from, to).map(this.dress).map((row) => ({
      key: row.key,
      stamp: stampOf(row),
      make: () => this.#line(row),
      update: row.type === "message" ? (node) => node.show(row) : null,
    }));
    if (!this.before && from === 0 && this.rows.length) lines.unshift(BEGINNING);
    show(this.body, lines, this.held);
    if (this.stick && this.end === null) this.#toEnd();
    else if (anchor?.node.isConnected) this.log.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    this.jump.hidden = this.stick;
    this.jump.replaceChildren(icon("down"), this.missed ? t("new_below", { n: this.missed }) : t("jump"));
    this.jump.classList.toggle("counting", this.missed > 0);
    requestAnimationFrame(() => this.#near());
  }

  #anchor() {
    const top = this.log.getBoundingClientRect().top;
    const node = [...this.body.children].find((child) => child.getBoundingClientRect().bottom > top);
    return node && { node, top: node.getBoundingClientRect().top };
  }

  #line(row) {
    if (row.type === "message") return document.createElement("message-item").show(row);
    if (row.type === "day") return make("h3", { class: "day" }, make("span", { textContent: dayName(row.at) }));
    if (row.type === "new") return make("p", { class: "new-line" }, make("span", { textContent: t("new_messages") }));
    return make("p", { class: "event", dir: "auto", textContent: eventText(row.entry, this.myId) });
  }

  #scrolled() {
    const left = this.log.scrollHeight - this.log.clientHeight - this.log.scrollTop;
    const stick = this.end === null && left < 60;
    if (stick !== this.stick) {
      this.stick = stick;
      if (stick) this.missed = 0;
      this.jump.hidden = stick;
    }
    if (stick) this.dispatchEvent(new Event("seen"));
    this.#near();
  }

  /** Close to an end of what stands in the page: move the window, or ask for more. */
  #near() {
    if (!this.rows.length || !this.isConnected || !this.log.clientHeight) return;
    const { from, to } = this.#bounds();
    if (this.log.scrollTop < NEAR && from > 0) {
      if (this.size < MOST) this.size += STEP;
      else this.end = this.rows[to - 1 - STEP].key;
      this.#draw();
    } else if (this.log.scrollTop < NEAR && this.before) this.dispatchEvent(new Event("older"));
    else if (this.end !== null && this.log.scrollHeight - this.log.clientHeight - this.log.scrollTop < NEAR) {
      this.end = this.rows[to - 1 + STEP]?.key ?? null;
      this.#draw();
    }
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}

const BEGINNING = { key: "beginning", stamp: "", make: () => make("p", { class: "event beginning", textContent: t("beginning") }) };

const stampOf = ({ type, at, entry, item, first, last, mark, problem, seen, acts, named }) =>
  JSON.stringify([type, at, entry?.message, item?.state, first, last, mark, problem, seen, acts, named]);

customElements.define("message-thread", MessageThread);
