/**
 * What both pages do alike around the open conversation (thread-view.js): the address, the list, reading, signing out.
 *
 * `names(conversation, myId)` says what a conversation is called, `empty` that there is none. `hooks` are the page's own:
 * `head(places, conversation, names)` finishes the head, `seen(row, readers)` says who read one's last message,
 * `composer(conversation)` gives its properties; later/finding.js adds `opened(id)`, `stateOf(conversation)` (is the one
 * other person there) and `details()` (show the panel).
 */
import "./connection-state.js";
import "./conversation-list.js";
import { byId, draw, fill, part } from "./dom.js";
import { Messenger } from "./messenger.js";
import { problemText, t } from "./texts.js";
import { ThreadView } from "./thread-view.js";

const { api, live, home, login } = document.body.dataset;

export class Chat {
  constructor({ names, internal, empty, hooks }) {
    const origin = location.origin.replace(/^http/, "ws");
    Object.assign(this, { names, empty, hooks, id: null });
    this.messenger = new Messenger({ api, live: origin + live, internal });
    this.list = document.querySelector("conversation-list");
    this.line = document.querySelector("connection-state");
    this.main = byId("thread");
    this.#listen();
  }

  get myId() {
    return this.messenger.me.user.id;
  }

  /** Whether somebody looks; not before they are taken to what came while they did not (`absent`, later/shell.js). */
  get inFront() {
    return !this.absent && !document.hidden && document.hasFocus();
  }

  get conversation() {
    return this.messenger.conversations?.get(this.id) ?? null;
  }

  async start() {
    this.line.show("connecting");
    for (let wait = 1000; !(await this.messenger.start()); wait = Math.min(wait * 2, 15_000)) {
      this.line.show("waiting");
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    const rest = () => import("./later/finding.js").then(({ attend }) => attend(this)).catch(() => setTimeout(rest, 3000));
    rest();
    this.visit();
  }

  /** Open a conversation (or none) and give it its address, `at` included. */
  go(id, at = "") {
    if (id === this.id && !at) return this.focusThread();
    history.pushState({ within: true }, "", id ? this.addressOf(id, at) : home);
    return this.visit();
  }

  addressOf = (id, at = "") => `${home}/${id}${at}`;

  /** Open a conversation at one entry, wherever in its history. */
  goTo({ conversationId: id, stream, seq }) {
    if (id === this.id && this.view) this.view.goTo({ stream, seq });
    else this.go(id, `?at=${stream}.${seq}`);
  }

  back() {
    if (history.state?.within) history.back();
    else this.go(null);
  }

  /** Show what the address names. */
  visit() {
    const left = this.id;
    this.id = decodeURIComponent(location.pathname.slice(home.length + 1)) || null;
    document.body.dataset.view = this.id ? "thread" : "list";
    const [, stream, seq] = /^\?at=(\w+)\.(\d+)$/.exec(location.search) ?? [];
    Object.assign(this, { view: null, blank: null, arriving: this.id !== null, aside: false, at: stream && { stream, seq: Number(seq) } });
    this.main.replaceChildren();
    if (this.id) this.messenger.open(this.id);
    else if (left) setTimeout(() => (this.search?.open ? this.search.returns() : this.list.focusOn(left)), 20);
    this.draw();
    this.hooks.opened?.(this.id);
  }

  focusThread() {
    const roomy = matchMedia("(min-width: 60rem) and (not (pointer: coarse))").matches;
    if (roomy && this.view?.field.checkVisibility()) this.view.field.focus();
    else (this.main.querySelector("h2") ?? this.main).focus();
  }

  /** Draw, once, whatever changed since the last time. */
  draw() {
    this.due ??= setTimeout(() => this.paint(), document.hidden ? 100 : 8);
  }

  paint() {
    this.due = null;
    if (!this.messenger.conversations) return;
    this.#paintList();
    this.#paintThread();
    this.#title();
    this.readIt();
  }

  #paintList() {
    const { messenger, myId, names } = this;
    const { trouble } = messenger;
    if (!messenger.listed && !trouble) return;
    const lost = { items: [], note: { title: t("broken"), hint: trouble && problemText(trouble), again: true } };
    const { preferenceOf } = messenger.conversations;
    this.list.show({ current: this.id, myId, names, home, preferenceOf, stateOf: this.hooks.stateOf, stuck: messenger.outbox.stuck, ...(messenger.listed ? this.#rows() : lost) });
  }

  #rows() {
    if (this.finder) return this.finder.rows();
    const { conversations, cursor } = this.messenger;
    const items = conversations.listed();
    const note = items.length ? null : { title: t(this.empty), hint: t(`${this.empty}.hint`), again: false };
    return { items, note, more: cursor !== null };
  }

  #paintThread() {
    const { conversation, messenger, id } = this;
    if (!id) return this.#blank("choose", "chat");
    const problem = messenger.missing.get(id);
    if (problem?.code === "removed") return this.#blank("removed", "out");
    if (problem) return this.#blank([404, 422].includes(problem.status) || problem.code === "not_found" ? "missing" : "broken", "search", problem);
    const timeline = messenger.timelines.get(id);
    if (!conversation || !timeline?.loaded) return this.view || this.main.replaceChildren(part("bones").node);
    if (!this.view) this.blank = null;
    const view = (this.view ??= new ThreadView(this, conversation));
    if (this.at) view.thread.stick = false;
    view.show(conversation, timeline);
    if (this.at) view.goTo(this.at);
    else if (this.arriving) this.focusThread();
    Object.assign(this, { arriving: false, at: null });
    return undefined;
  }

  /** Nothing to show here, and why. */
  #blank(name, picture, problem) {
    if (this.blank === name) return;
    this.blank = name;
    const blank = part("blank");
    const org = this.messenger.me.org.name;
    const focused = this.main.contains(document.activeElement);
    this.view = null;
    blank.node.classList.add(name);
    draw(blank.picture, picture);
    fill(blank, { title: t(name), hint: name === "broken" ? problemText(problem) : t(`${name}.hint`, { org }),
      again: name === "broken", back: Boolean(this.id) });
    blank.again.onclick = () => this.visit();
    blank.back.onclick = (event) => { event.preventDefault(); this.go(null); };
    this.main.replaceChildren(blank.node);
    if (focused) blank.title.focus();
  }

  #title() {
    const unread = this.messenger.conversations.unreadTotal(true);
    const name = this.conversation && this.names(this.conversation, this.myId).title;
    const [count, where] = [unread ? `(${unread}) ` : "", name ? `${name} – ` : ""];
    document.title = count + where + t("app");
  }

  /** Read means: this conversation, its end in view, in a window somebody looks at; not one just set aside as unread. */
  readIt() {
    if (!this.aside && this.view?.thread.stick && this.inFront) this.messenger.markRead(this.id);
  }

  /** Do it, or say why not. */
  async try(act, otherwise = () => {}) {
    try {
      return await act();
    } catch (problem) {
      otherwise();
      this.announce(problemText(problem), true);
      return undefined;
    }
  }

  /** A short word at the edge of the page, read out too. */
  announce = async (text, trouble = false) => (await import("./later/announce.js")).announce(text, trouble);

  /** Ask before what cannot be undone; resolves true or false. */
  sure = async (question, word) => (await import("./later/confirm.js")).sure(question, word);

  #listen() {
    const { messenger, list, line } = this;
    const { socket } = messenger;
    messenger.addEventListener("change", () => this.draw());
    messenger.addEventListener("call", async ({ detail }) => (await import("./later/calls.js")).call(this, detail));
    messenger.addEventListener("line", () => line.show(socket.state));
    messenger.addEventListener("away", ({ detail }) => this.#away(detail));
    line.addEventListener("retry", () => socket.check());
    list.addEventListener("choose", ({ detail }) => this.go(detail));
    list.addEventListener("again", () => messenger.refresh());
    addEventListener("popstate", () => this.visit());
    addEventListener("focus", () => this.readIt());
    addEventListener("offline", () => socket.lost());
    addEventListener("online", () => socket.check());
    document.addEventListener("visibilitychange", () => document.hidden || (socket.check(), this.readIt()));
    byId("sign-out").addEventListener("submit", (event) => this.#leave(event));
  }

  /** Signed out elsewhere: what is typed stays on the device, and the way leads back here. */
  async #away(code) {
    if (code < 4505) await this.forget?.(); // signed out, or let in no more
    if (code === 4501) location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
    else if (code === 4503) location.reload();
    else this.line.show("stopped");
  }

  async #leave(event) {
    event.preventDefault();
    (await import("./later/account.js")).signOut(this, event.target);
  }
}
