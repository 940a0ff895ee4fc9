/**
 * The open conversation on the page: its head, its messages, who is writing, the composer, and what may be done there.
 *
 * - `chat` is the page around it (chat.js); one view lives as long as its conversation is open.
 * - It shows the live timeline, or `past`, a window in its history (later/travel.js), until that reaches the present.
 */
import { unreadOf } from "./conversations.js";
import { fill, part } from "./dom.js";
import { messageComposer } from "./message-composer.js";
import { messageThread } from "./message-thread.js";
import { firstName } from "./names.js";
import { threadRows } from "./rows.js";
import { problemText, t } from "./texts.js";
import { listed } from "./when.js";

const LONG = 1500;

export class ThreadView {
  past = null;

  constructor(chat, conversation) {
    const { messenger, id, myId, main } = chat;
    Object.assign(this, { chat, messenger, id, myId, thread: messageThread(), composer: messageComposer(chat), typing: part("typing").node });
    this.unread = newTo(myId, conversation);
    this.thread.view = this;
    this.head = part("head");
    this.head.back.onclick = () => chat.back();
    main.replaceChildren(this.head.node, this.thread, this.typing, this.composer);
    const hear = (node, acts) => Object.entries(acts).forEach(([name, act]) => node.addEventListener(name, ({ detail }) => act(detail)));
    hear(this.thread, { older: () => this.#grow("older"), newer: () => this.#grow("newer"), seen: () => chat.readIt(),
      act: (detail) => this.#act(detail), latest: () => { this.toLatest(); this.thread.log.focus(); },
      "first-new": () => this.#travel((far) => far.toFirstNew(this)) });
    hear(this.composer, {
      send: (message) => { messenger.send(id, message); if (this.past) this.toLatest(); },
      draft: (draft) => messenger.drafts.put(id, draft),
      writing: ({ stream, active }) => messenger.typing(id, stream, active),
      reopen: () => chat.try(() => messenger.keep(messenger.api.change(id, { status: "open" }))),
      edit: ({ entry, body, about }) => chat.try(() => messenger.act("PATCH", entry.message.id, { body }), () => this.composer.turn(about, body)),
    });
    this.composer.show({ draft: messenger.drafts.get(id), ...chat.hooks.composer(conversation) });
  }

  get field() {
    return this.composer.field;
  }

  /** What is shown: the live timeline, or the window in the past. */
  get source() {
    return this.past ?? this.timeline;
  }

  show(conversation, timeline) {
    const { chat, messenger, myId, id, past } = this;
    Object.assign(this, { conversation, timeline });
    if (!chat.inFront && unreadOf(conversation)) this.unread = newTo(myId, conversation);
    const { source, unread: { read, counts } } = this;
    const above = Object.keys(counts).some((name) => counts[name] && ![source, timeline].some((one) => one.shows(name, (read[name] ?? 0) + 1)));
    const rows = threadRows({ entries: source.rows(), waiting: past ? [] : messenger.outbox.of(id), myId, ...(!above && { unread: this.unread }) });
    const latest = !past && rows.findLast(({ own, type }) => own && type === "message");
    const names = chat.names(conversation, myId);
    fill(this.head, { title: names.title, sub: names.subtitle, closed: conversation.status === "closed" });
    chat.hooks.head(this.head, conversation, names);
    this.composer.show({ people: conversation.participants, limit: messenger.me.limits?.body_chars ?? 10_000, ...chat.hooks.composer(conversation) });
    this.thread.show({ rows, myId, label: t("messages_with", { name: names.title }), before: source.older() !== null, after: Boolean(past),
      unread: above ? Object.values(counts).reduce((sum, n) => sum + n) : 0,
      empty: t("nothing_yet"), dress: (row) => this.#dress(row, conversation, row === latest) });
    this.#showTyping();
  }

  /** Take the person to one entry, `{stream, seq}`, wherever in the history; `from` is one to offer the way back to. */
  goTo = (place, from) => this.#travel((far) => far.goTo(this, place, { from }));

  /** Show the present again, at its end. */
  toLatest() {
    this.turn(null);
    this.thread.toLatest();
  }

  /** Show a window in the past, or none, at once. */
  turn(past) {
    this.past = past;
    this.show(this.conversation, this.timeline);
  }

  #grow(way) {
    const long = [...this.timeline.streams.values()].some(({ items }) => items?.length > LONG);
    if (this.past || long) this.#travel((far) => far.grow(this, way));
    else this.messenger.older(this.id);
  }

  #travel(act) {
    return this.chat.try(async () => act(await import("./later/travel.js")));
  }

  #dress(row, conversation, latest) {
    const { messenger } = this;
    const { entry, item, own, stream } = row;
    const { kind, status, can_reply: { allowed } } = conversation;
    const message = entry?.message ?? item;
    const open = stream === "internal" ? status === "open" : allowed;
    const answered = message.reply_to?.id ?? message.reply_to;
    const dressed = { ...row, named: !own && kind !== "direct", mark: item ? item.state : own && messenger.markOf(entry),
      problem: item?.problem ? problemText(item.problem) : item?.late ? t("late") : "", answered: answered && (this.source.changes.get(answered) ?? {}),
      acts: !entry || (message.recalled && !messenger.sees(row)) ? [] : [open && !message.recalled && "reply", "menu"],
      ...((message.mentions?.length || message.acknowledgement?.asked) && { people: conversation.participants }) };
    if (latest) dressed.seen = this.chat.hooks.seen(dressed, entry ? messenger.readersOf(entry) : [], kind);
    return dressed;
  }

  #act({ act, row, item }) {
    const { messenger, chat } = this;
    if (act === "again") messenger.retry(row.key);
    if (act === "discard") messenger.discard(row.key);
    if (row.item) this.field.focus();
    if (act !== "again" && act !== "discard") chat.try(async () => (await import("./later/message-acts.js")).act(this, act, row, item));
  }

  #showTyping() {
    const writers = this.messenger.writing(this.id);
    const names = listed(writers.map(({ user }) => firstName(user.name)));
    const n = writers.length;
    fill(this, { typing: !n ? "" : n === 1 && writers[0].stream === "internal" ? t("internal.typing", { names }) : t("typing", { names, n }) });
    this.typing.classList.toggle("on", n > 0);
  }
}

/** What is new as one comes, or comes while one looks elsewhere. */
const newTo = (myId, { read, unread: counts }) => ({ read: read?.[myId] ?? {}, counts });
