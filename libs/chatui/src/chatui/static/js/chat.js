/**
 * What both pages do alike: the address and the open conversation, list and thread, sending, reading, signing out.
 *
 * `names(conversation, myId)` says what a conversation is called; `hooks` are the page's own parts:
 * `head(conversation)` makes the thread's header, `dress(row, conversation)` finishes a message row,
 * `composer(conversation)` answers the composer's properties, `listed()` the list's, `opened(conversation)` hears.
 */
import "./connection-state.js";
import "./conversation-list.js";
import "./message-composer.js";
import "./message-thread.js";
import { icon, make } from "./dom.js";
import { Messenger } from "./messenger.js";
import { firstName, initials, tone } from "./names.js";
import { threadRows } from "./rows.js";
import { problemText, t } from "./texts.js";
import { listed } from "./when.js";

const byId = (id) => document.getElementById(id);
const { api, live, home, login } = document.body.dataset;

export class Chat {
  constructor({ names, streams, hooks }) {
    const secure = location.protocol === "https:" ? "wss" : "ws";
    Object.assign(this, { names, hooks, home, id: null, pending: new Set() });
    this.messenger = new Messenger({ api, live: `${secure}://${location.host}${live}`, streams });
    this.list = document.querySelector("conversation-list");
    this.line = document.querySelector("connection-state");
    this.main = byId("thread");
    this.#listen();
  }

  get myId() {
    return this.messenger.me.user.id;
  }

  get conversation() {
    return this.messenger.conversations?.get(this.id) ?? null;
  }

  async start() {
    this.line.show("connecting");
    for (let wait = 1000; !(await this.#begin()); wait = Math.min(wait * 2, 15_000))
      await new Promise((resolve) => setTimeout(resolve, wait));
    const { user, org } = this.messenger.me;
    byId("my-name").textContent = user.name;
    byId("my-org").textContent = org.name;
    byId("my-avatar").textContent = initials(user.name);
    byId("my-avatar").classList.add(`tone-${tone(user.name)}`);
    this.visit(idIn(location.pathname));
  }

  async #begin() {
    try {
      await this.messenger.start();
      return true;
    } catch (problem) {
      this.line.lived = true;
      this.line.show("waiting");
      return false;
    }
  }

  /** Open a conversation (or none) and give it its address. */
  go(id) {
    if (id === this.id) return this.focusThread();
    history.pushState({ within: true }, "", id ? `${home}/${id}` : home);
    this.visit(id);
    return undefined;
  }

  visit(id) {
    const left = this.id;
    this.id = id;
    document.body.dataset.view = id ? "thread" : "list";
    this.readAtOpen = null;
    this.main.replaceChildren();
    this.thread = null;
    this.arriving = Boolean(id);
    if (id) this.messenger.open(id);
    this.draw("list", "thread");
    if (!id && left) requestAnimationFrame(() => this.list.focusOn(left));
    this.hooks.opened?.(id);
  }

  focusThread() {
    const roomy = matchMedia("(min-width: 60rem) and (not (pointer: coarse))").matches;
    if (document.querySelector("dialog[open]")) return;
    if (roomy && this.composer && !this.composer.form.hidden) this.composer.field.focus();
    else (this.main.querySelector("h2") ?? this.main).focus();
  }

  /** Draw once for whatever changed since the last frame. */
  draw(...parts) {
    if (!this.pending.size) setTimeout(() => this.#paint(), document.hidden ? 100 : 8);
    parts.forEach((part) => this.pending.add(part));
  }

  #paint() {
    const parts = new Set(this.pending);
    this.pending.clear();
    if (parts.has("list")) this.#paintList();
    if (parts.has("thread")) this.#paintThread();
    if (parts.has("typing")) this.#paintTyping();
    this.#title();
    this.#readIt();
  }

  #paintList() {
    if (!this.messenger.conversations) return;
    const { messenger, myId, names } = this;
    if (!messenger.listed && !messenger.trouble) return;
    const failed = messenger.trouble && !messenger.listed && { note: { title: t("broken"), hint: problemText(messenger.trouble) },
      act: { text: t("try_again"), run: () => messenger.refresh().catch(() => {}) } };
    this.list.show({ current: this.id, myId, names, home, items: [], ...this.hooks.listed(), ...failed });
  }

  #paintThread() {
    const { conversation, messenger } = this;
    if (!this.id) return this.#state("choose", "chat");
    const problem = messenger.missing.get(this.id);
    if (problem) return this.#state(problem.code === "not_found" || problem.status === 422 ? "missing" : "broken", "search", problem);
    const timeline = messenger.timeline(this.id);
    if (!conversation || !timeline?.loaded) return this.#waiting();
    if (!this.thread) this.#build(conversation);
    this.readAtOpen ??= { ...conversation.read?.[this.myId] };
    const rows = threadRows({ entries: timeline.rows(), waiting: messenger.outbox.of(this.id), myId: this.myId,
      unreadFrom: this.#unreadOnOpening(conversation) });
    const lastOwn = rows.findLast(({ own, type }) => own && type === "message");
    const { title } = this.names(conversation, this.myId);
    const head = this.hooks.head(conversation, this.names(conversation, this.myId));
    if (!this.head.isEqualNode(head)) this.#replaceHead(head);
    this.thread.show({ rows, myId: this.myId, label: t("messages_with", { name: title }), before: Boolean(timeline.older()),
      empty: t("nothing_yet"), dress: (row) => this.#dress(row, conversation, row === lastOwn) });
    this.composer.show({ limit: messenger.me.limits?.body_chars ?? 10_000, ...this.hooks.composer(conversation) });
    if (this.arriving) this.focusThread();
    this.arriving = false;
    return this.#paintTyping();
  }

  /** The header is drawn anew only when it says something else, and keeps the focus. */
  #replaceHead(head) {
    const act = this.head.contains(document.activeElement) && document.activeElement.dataset.act;
    this.head.replaceWith(head);
    this.head = head;
    if (act) head.querySelector(`[data-act="${act}"]`)?.focus();
  }

  #unreadOnOpening(conversation) {
    this.unreadAtOpen ??= null;
    if (this.unreadFor !== this.id) {
      this.unreadFor = this.id;
      this.unreadAtOpen = { ...conversation.unread };
    }
    const { unreadAtOpen, readAtOpen } = this;
    return ({ stream, seq }) => unreadAtOpen[stream] > 0 && seq > (readAtOpen[stream] ?? 0);
  }

  #build(conversation) {
    const { messenger, id } = this;
    this.head = make("header");
    this.thread = make("message-thread");
    this.typing = make("p", { class: "typing", "aria-live": "off" });
    this.composer = make("message-composer");
    this.main.replaceChildren(this.head, this.thread, this.typing, this.composer);
    this.thread.addEventListener("older", () => messenger.older(id));
    this.thread.addEventListener("seen", () => this.#readIt());
    this.thread.addEventListener("act", ({ detail }) => this.#act(detail));
    this.composer.addEventListener("send", ({ detail }) => messenger.send(id, detail));
    this.composer.addEventListener("draft", ({ detail }) => messenger.drafts.put(id, detail));
    this.composer.addEventListener("writing", ({ detail }) => messenger.typing(id, detail.stream, detail.active));
    this.composer.addEventListener("reopen", () => this.try(() => messenger.change(id, { status: "open" })));
    this.composer.addEventListener("edit", ({ detail }) => this.try(() => messenger.edit(detail.entry.message.id, detail.body),
      () => this.composer.edit({ ...detail.entry, message: { ...detail.entry.message, body: detail.body } })));
    this.composer.show({ limit: messenger.me.limits?.body_chars ?? 10_000, ...this.hooks.composer(conversation),
      draft: messenger.drafts.get(id) });
  }

  #dress(row, conversation, lastOwn) {
    if (row.type !== "message") return row;
    const { messenger } = this;
    const { entry, item, own } = row;
    const dressed = { ...row, named: !own && conversation.kind !== "direct", mark: item ? item.state : own && messenger.markOf(entry),
      problem: item?.problem && problemText(item.problem), acts: this.#acts(row, conversation) };
    if (lastOwn) dressed.seen = this.hooks.seen(dressed, entry ? messenger.readersOf(entry) : []);
    return dressed;
  }

  #acts({ entry, own }, { status }) {
    if (!entry || entry.message.recalled) return [];
    const open = status === "open";
    return [open && "reply", "copy", open && own && "edit",
      (own || this.messenger.can("pf.messaging.moderate")) && "recall"].filter(Boolean);
  }

  #act({ act, row }) {
    const { messenger } = this;
    const text = row.entry?.message.body ?? row.item?.body;
    return {
      reply: () => this.composer.replyTo(row.entry, row.own ? t("you") : firstName(row.entry.actor.name)),
      edit: () => this.composer.edit(row.entry),
      copy: () => navigator.clipboard.writeText(text).then(() => this.announce(t("copied")), () => {}),
      recall: async () => await this.sure(t("recall.sure"), t("recall")) && this.try(() => messenger.recall(row.entry.message.id)),
      again: () => { messenger.retry(row.key); this.composer.field.focus(); },
      discard: () => { messenger.discard(row.key); this.composer.field.focus(); },
    }[act]();
  }

  #paintTyping() {
    if (!this.thread) return;
    const writers = this.messenger.writing(this.id);
    const names = listed(writers.map(({ user }) => firstName(user.name)));
    const note = writers.length === 1 && writers[0].stream === "internal";
    this.typing.textContent = !writers.length ? "" : note ? t("typing.note", { names }) : t("typing", { names, n: writers.length });
    this.typing.classList.toggle("on", writers.length > 0);
  }

  #state(name, picture, problem = null) {
    if (this.main.dataset.state === name + this.id) return;
    const org = this.messenger.me?.org.name ?? "";
    this.thread = null;
    this.main.replaceChildren(make("div", { class: `blank ${name}` }, make("span", { class: "emblem" }, icon(picture)),
      make("h2", { tabIndex: -1, textContent: t(name) }),
      make("p", { textContent: name === "broken" ? problemText(problem) : t(`${name}.hint`, { org }) }),
      name === "broken" && make("button", { type: "button", class: "button primary", textContent: t("try_again"),
        onclick: () => this.visit(this.id) }),
      this.id && make("a", { class: "button quiet back-home", href: home, textContent: t("back"),
        onclick: (event) => { event.preventDefault(); this.go(null); } })));
  }

  #waiting() {
    if (this.main.firstChild?.matches?.(".bones")) return;
    this.thread = null;
    this.main.replaceChildren(make("div", { class: "bones", role: "status" }, make("span", { class: "unseen", textContent: t("loading") })));
  }

  #title() {
    if (!this.messenger.conversations) return;
    const unread = this.messenger.conversations.unreadTotal();
    const name = this.conversation && this.names(this.conversation, this.myId).title;
    document.title = `${unread ? `(${unread}) ` : ""}${name ? `${name} – ` : ""}${t("app")}`;
  }

  /** Read means: this conversation, its end in view, in a window somebody looks at. */
  #readIt() {
    if (!this.thread?.stick || document.visibilityState !== "visible" || !document.hasFocus()) return;
    this.messenger.markRead(this.id);
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
  announce(text, trouble = false) {
    const place = byId("announce");
    place.textContent = text;
    place.className = trouble ? "toast trouble" : "toast";
    clearTimeout(this.toast);
    this.toast = setTimeout(() => { place.textContent = ""; place.className = "unseen"; }, 6000);
  }

  /** Ask before what cannot be undone; resolves true or false, the focus goes back where it was. */
  sure(question, word) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = question;
    dialog.querySelector(".danger").textContent = word;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }

  back() {
    if (history.state?.within) history.back();
    else this.go(null);
  }

  #listen() {
    const { messenger } = this;
    messenger.addEventListener("list", () => this.draw("list", "thread"));
    messenger.addEventListener("thread", ({ detail }) => detail === this.id && this.draw("thread"));
    messenger.addEventListener("typing", ({ detail }) => detail === this.id && this.draw("typing"));
    messenger.addEventListener("connection", () => this.line.show(messenger.connection));
    messenger.addEventListener("away", ({ detail }) => this.#away(detail));
    this.line.addEventListener("retry", () => messenger.socket.retryNow());
    this.list.addEventListener("choose", ({ detail }) => this.go(detail));
    this.list.addEventListener("more", () => messenger.moreConversations());
    addEventListener("popstate", () => this.visit(idIn(location.pathname)));
    addEventListener("focus", () => this.#readIt());
    addEventListener("offline", () => messenger.socket.lost());
    addEventListener("online", () => messenger.socket.check());
    document.addEventListener("visibilitychange", () => document.hidden || (messenger.socket.check(), this.#readIt()));
    byId("sign-out").addEventListener("submit", (event) => this.#signOut(event));
  }

  /** Signed out elsewhere: what is typed stays on the device, and the way leads back here. */
  #away(code) {
    if (code === 4501) location.assign(`${login}?next=${encodeURIComponent(location.pathname)}`);
    else if (code === 4503) location.reload();
    else this.line.show("stopped");
  }

  async #signOut(event) {
    event.preventDefault();
    const form = event.target;
    const n = this.messenger.outbox?.unsent ?? 0;
    if (n && !(await this.sure(t("sign_out.unsent", { n }), t("sign_out.anyway")))) return;
    if (this.messenger.outbox) this.messenger.signOut();
    form.submit();
  }
}

const idIn = (path) => decodeURIComponent(path.slice(home.length).split("/")[1] ?? "") || null;
