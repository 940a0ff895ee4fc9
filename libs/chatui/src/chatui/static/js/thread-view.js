/**
 * The open conversation on the page: its head, its messages, who is writing, the composer, and what may be done there.
 *
 * `chat` is the page around it (chat.js); one view lives as long as its conversation is open.
 */
import { fill, part } from "./dom.js";
import { messageComposer } from "./message-composer.js";
import { messageThread } from "./message-thread.js";
import { firstName } from "./names.js";
import { threadRows } from "./rows.js";
import { problemText, t } from "./texts.js";
import { listed } from "./when.js";

export class ThreadView {
  constructor(chat, conversation) {
    const { messenger, id, myId, main } = chat;
    Object.assign(this, { chat, messenger, id, myId, thread: messageThread(), composer: messageComposer(chat), typing: part("typing").node });
    this.unread = { read: conversation.read?.[myId] ?? {}, counts: conversation.unread };
    this.head = part("head");
    this.head.back.onclick = () => chat.back();
    main.replaceChildren(this.head.node, this.thread, this.typing, this.composer);
    const hear = (node, acts) => Object.entries(acts).forEach(([name, act]) => node.addEventListener(name, ({ detail }) => act(detail)));
    hear(this.thread, { older: () => messenger.older(id), seen: () => chat.readIt(), act: (detail) => this.#act(detail),
      latest: () => this.thread.toLatest(), "first-new": () => this.thread.toRow("new", false) });
    hear(this.composer, {
      send: (message) => messenger.send(id, message),
      draft: (draft) => messenger.drafts.put(id, draft),
      writing: ({ stream, active }) => messenger.typing(id, stream, active),
      reopen: () => chat.try(() => messenger.keep(messenger.api.change(id, { status: "open" }))),
      edit: ({ entry, body, about }) => chat.try(() => messenger.edit(entry.message.id, body), () => this.composer.turn(about, body)),
    });
    this.composer.show({ draft: messenger.drafts.get(id), ...chat.hooks.composer(conversation) });
  }

  get field() {
    return this.composer.field;
  }

  show(conversation, timeline) {
    const { chat, messenger, myId, id } = this;
    const rows = threadRows({ entries: timeline.rows(), waiting: messenger.outbox.of(id), myId, unread: this.unread });
    const latest = rows.findLast(({ own, type }) => own && type === "message");
    const names = chat.names(conversation, myId);
    fill(this.head, { title: names.title, sub: names.subtitle, closed: conversation.status === "closed" });
    chat.hooks.head(this.head, conversation, names);
    this.composer.show({ people: conversation.participants, limit: messenger.me.limits?.body_chars ?? 10_000, ...chat.hooks.composer(conversation) });
    this.thread.show({ rows, myId, label: t("messages_with", { name: names.title }), before: timeline.older() !== null,
      empty: t("nothing_yet"), dress: (row) => this.#dress(row, conversation, row === latest) });
    this.#showTyping();
  }

  #dress(row, { kind, status }, latest) {
    const { messenger } = this;
    const { entry, item, own } = row;
    const open = entry && status === "open";
    const mayRecall = entry && (own || messenger.can("pf.messaging.moderate"));
    const dressed = { ...row, named: !own && kind !== "direct", mark: item ? item.state : own && messenger.markOf(entry),
      problem: item?.problem ? problemText(item.problem) : "",
      acts: entry?.message.recalled ? [] : [open && "reply", entry && "copy", open && own && "edit", mayRecall && "recall"].filter(Boolean) };
    if (latest) dressed.seen = this.chat.hooks.seen(dressed, entry ? messenger.readersOf(entry) : [], kind);
    return dressed;
  }

  async #act({ act, row: { key, entry, item, own } }) {
    const { chat, messenger, composer } = this;
    const acts = {
      reply: () => composer.turn({ reply: entry, title: t("replying", { name: own ? t("you") : firstName(entry.actor.name) }) }),
      edit: () => composer.turn({ edit: entry, title: t("editing") }),
      copy: () => navigator.clipboard.writeText((entry?.message ?? item).body).then(() => chat.announce(t("copied")), () => {}),
      recall: async () => await chat.sure(t("recall.sure"), t("recall")) && chat.try(() => messenger.recall(entry.message.id)),
      again: () => messenger.retry(key),
      discard: () => messenger.discard(key),
    };
    if (item) composer.field.focus();
    await acts[act]();
  }

  #showTyping() {
    const writers = this.messenger.writing(this.id);
    const names = listed(writers.map(({ user }) => firstName(user.name)));
    const n = writers.length;
    this.typing.textContent = !n ? "" : n === 1 && writers[0].stream === "internal" ? t("internal.typing", { names }) : t("typing", { names, n });
    this.typing.classList.toggle("on", n > 0);
  }
}
