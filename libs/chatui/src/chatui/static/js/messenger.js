/**
 * Everything a page knows and does, without a page: the conversations, the open timelines, the outbox and the line.
 *
 * - It listens first and reads second; what came in between is found by comparing heads.
 * - A send is kept on the device, goes when the line is there, and repeats under its own id until it is answered.
 * - It tells that something changed by "change", what was heard by "entry" (detail: `{entry, fresh}`), what calls for
 *   attention now by "call" (detail: a reminder, or an urgent Entry), how the line is by "line", and that it is over by
 *   "away" (detail: code).
 */
import { Api, Problem } from "./api.js";
import { Conversations, streamsOf, unreadOf } from "./conversations.js";
import { Drafts, safeStorage } from "./drafts.js";
import { newId } from "./ids.js";
import { Outbox } from "./outbox.js";
import { LiveSocket } from "./socket.js";
import { Timeline } from "./timeline.js";

const PAGE = 50;
const TIMELINES_KEPT = 12;
const TYPING_LASTS = 6000;
const REPEATED = new Set(["unavailable", "rate_limited", "unauthenticated"]);

export class Messenger extends EventTarget {
  constructor({ api, live, internal, storage = safeStorage(globalThis.localStorage) }) {
    super();
    Object.assign(this, { internal, storage, api: new Api(api), timelines: new Map(), delivered: new Map(), writers: new Map(),
      missing: new Map(), busy: new Set(), repeats: new Map(), cursor: null, listed: false, heads: {} });
    this.socket = new LiveSocket({ url: live, resume: () => this.#positions(), on: {
      state: (state) => this.#lineIs(state),
      push: (frame) => this.#hear(frame),
      stay: (code) => this.#tell("away", code),
      refused: (times) => times % 3 === 1 && this.#ask(this.api.me()).catch(() => {}),
    } });
  }

  /** Learn who is signed in; then listen and read at the same time. False when that could not be learnt. */
  async start() {
    try {
      this.me = await this.#ask(this.api.me());
    } catch {
      return false;
    }
    const { id } = this.me.user;
    this.conversations = new Conversations(id);
    this.drafts = new Drafts(this.storage, id);
    this.outbox = new Outbox(this.storage, id);
    this.socket.start();
    this.refresh(this.me);
    return true;
  }

  can = (permission) => this.me.permissions?.includes(permission) ?? false;

  /** Whether I may see what was withdrawn. */
  sees = ({ own }) => this.internal && (own || this.can("pf.messaging.moderate"));

  /** Read the newest page of the list again: the counts in it are the true ones. */
  async refresh(fresh = this.#ask(this.api.me())) {
    try {
      const [page, me, own] = await Promise.all([this.page({}), fresh, this.ask("GET", "/preferences")]);
      this.me = me;
      this.conversations.prefer(...own.items);
      this.trouble = null;
      this.conversations.elsewhere = 0;
      if (page.next_cursor) this.conversations.elsewhere = Math.max(0, me.unread_total - this.conversations.unreadTotal());
      if (!this.listed) this.cursor = page.next_cursor;
      this.listed = true;
      this.#compare(this.heads);
    } catch (problem) {
      this.trouble = problem;
    }
    this.#tell("change");
  }

  /** Have a conversation and its newest page; a failure shows in `missing`. */
  async open(id) {
    this.missing.delete(id);
    try {
      if (!this.conversations.get(id)) this.#keep(await this.#ask(this.api.conversation(id)));
      await this.#load(id);
    } catch (problem) {
      this.missing.set(id, problem);
    }
    this.#tell("change");
  }

  /** Load the page before what is shown. */
  older(id) {
    const timeline = this.timelines.get(id);
    const wanted = timeline?.older();
    if (wanted) this.#once(`older ${id}`, () => this.#fetch(id, timeline, wanted));
  }

  /** A page of a timeline that is not kept here. */
  read = (id, query) => this.#ask(this.api.timeline(id, query));

  /** `shown` is what the message shows beside its text, `asked` what the server is asked with it. */
  send(id, { body, stream, reply, shown, asked }) {
    this.outbox.add({ client_message_id: newId(), conversation_id: id, stream, body, asked, at: new Date().toISOString(),
      ...shown, ...(reply && { reply_to: reply.message.id, quoted: reply.message.body.slice(0, 140) }) });
    this.#tell("change");
    this.#flush();
  }

  retry(clientId) {
    this.outbox.anyway(clientId);
    this.#tell("change");
    this.socket.retryNow();
    this.#flush();
  }

  discard(clientId) {
    this.outbox.remove(clientId);
    this.#tell("change");
  }

  /** A call of the protocol that only one place of the page makes. */
  ask = (method, path, body) => this.#ask(this.api.call(method, path, body));

  /** A change of a message, heard at once. */
  act = async (method, message, body) => this.#hearEntry(await this.ask(method, `/messages/${message}`, body));

  /** A call that answers with a conversation as it is now; none when it is mine no more. */
  async keep(call) {
    const conversation = await this.#ask(call);
    return conversation?.id && this.#keep(conversation);
  }

  /** All that is loaded here was seen: say so, once per stream; what did not get through is said again. */
  markRead(id) {
    const conversation = this.conversations.get(id);
    const timeline = this.timelines.get(id);
    if (!conversation || !timeline?.loaded || this.socket.state !== "live") return;
    const me = this.me.user.id;
    for (const stream of streamsOf(conversation)) {
      const seq = timeline.last(stream);
      const before = conversation.read?.[me]?.[stream] ?? 0;
      if (seq <= before && !conversation.unread[stream]) continue;
      this.conversations.markRead({ conversation_id: id, user_id: me, stream, seq });
      this.#tell("change");
      this.socket.ask("read", { conversation_id: id, stream, seq }).catch(() => this.conversations.unmark(id, me, stream, before));
    }
  }

  typing(id, stream, active) {
    const fresh = this.typed === `${id} ${stream}` && Date.now() - this.typedAt < TYPING_LASTS / 2;
    if (active ? fresh : !this.typed) return;
    Object.assign(this, { typed: active && `${id} ${stream}`, typedAt: Date.now() });
    this.socket.ask("typing", { conversation_id: id, stream, active }).catch(() => { this.typedAt = 0; });
  }

  /** Who is writing here right now: `[{user, stream}]`. */
  writing = (id) => [...(this.writers.get(id)?.values() ?? [])];

  /** How far an entry of mine got with the others, or a patient's with the care team: "sent", "delivered" or "read". */
  markOf({ conversation_id: id, stream, seq }) {
    const { participants = [], read } = this.conversations.get(id) ?? {};
    const counts = (user) => user !== this.me.user.id && (this.internal || participants.find((one) => one.id === user)?.kind !== "patient");
    const reached = (marks) => Object.entries(marks ?? {}).some(([user, at]) => at[stream] >= seq && counts(user));
    if (reached(read)) return "read";
    return reached(this.delivered.get(id)) ? "delivered" : "sent";
  }

  readersOf({ conversation_id: id, stream, seq }) {
    const { participants = [], read } = this.conversations.get(id) ?? {};
    return participants.filter((one) => one.id !== this.me.user.id && read?.[one.id]?.[stream] >= seq);
  }

  #positions() {
    return this.listed ? this.conversations.positions((id, stream) => this.timelines.get(id)?.last(stream)) : undefined;
  }

  #lineIs(state) {
    if (state !== "live") this.outbox.lineLost();
    this.#tell("change");
    this.#tell("line");
  }

  #hear({ push, ...frame }) {
    const { conversation_id: id, user_id: user, stream, seq } = frame;
    const heard = {
      entry: () => this.#hearEntry(frame),
      conversation: () => this.#keep(frame.conversation ?? frame),
      removed: () => this.#forget(id, "removed"),
      read: () => this.conversations.markRead(frame) === "stale" && this.#reread(id),
      delivered: () => this.delivered.set(id, { ...this.delivered.get(id), [user]: { ...this.delivered.get(id)?.[user], [stream]: seq } }),
      typing: () => this.#hearTyping(frame),
      caught_up: () => this.#caughtUp(frame.heads ?? {}),
      reset: () => this.#reset(id, stream),
      reminder: () => this.#tell("call", frame),
      preference: () => this.conversations.prefer(frame),
      presence: () => this.#tell("presence", frame),
    };
    heard[push]?.();
    this.#tell("change");
  }

  #hearEntry(heard) {
    const entry = heard.entry ?? heard;
    const id = entry.conversation_id;
    const known = this.conversations.hear(entry);
    const fresh = known !== "repeat" && entry.actor.id !== this.me.user.id;
    if (["unknown", "stale"].includes(known)) this.#reread(id);
    this.#tell("entry", { entry, fresh });
    if (fresh && entry.message?.priority === "urgent") this.#tell("call", entry);
    if (this.timelines.get(id)?.add(entry) === "waiting") this.#mend(id, 300);
    if (entry.message && entry.actor.id === this.me.user.id) this.#hearOwn(entry.message);
    this.writers.get(id)?.delete(entry.actor?.id);
    this.#tell("change");
  }

  /** What I sent is stored; on another device, it may have been the draft that stands here. */
  #hearOwn({ client_message_id: clientId }) {
    if (!this.outbox.items.has(clientId)) this.#tell("own");
    this.outbox.remove(clientId);
  }

  #hearTyping({ conversation_id: id, stream, user, active }) {
    const here = this.writers.get(id) ?? new Map();
    this.writers.set(id, here);
    clearTimeout(here.get(user.id)?.timer);
    here.delete(user.id);
    if (!active || user.id === this.me.user.id) return;
    const timer = setTimeout(() => here.delete(user.id) && this.#tell("change"), TYPING_LASTS);
    here.set(user.id, { user, stream, timer });
  }

  #caughtUp(heads) {
    this.heads = heads;
    if (this.caughtUpBefore || this.trouble) this.refresh();
    else if (this.listed) this.#compare(heads);
    this.caughtUpBefore = true;
    this.#flush();
  }

  #reset(id, stream) {
    this.#reread(id);
    this.timelines.get(id)?.reset(stream);
    if (this.timelines.has(id)) this.open(id);
  }

  /** Whatever the server says is further than what is held here was missed: read it. */
  #compare(heads) {
    const unlisted = this.cursor ? [] : Object.keys(heads).filter((id) => !this.conversations.get(id));
    for (const id of [...this.conversations.behind(heads), ...unlisted]) this.#reread(id);
    for (const [id, timeline] of this.timelines) if (timeline.expect(heads[id] ?? {})) this.#mend(id, 0);
  }

  #reread(id) {
    this.#once(`conversation ${id}`, async () => {
      await pause(150);
      this.#keep(await this.#ask(this.api.conversation(id)));
    }, (problem) => problem.code === "not_found" && this.#forget(id));
  }

  async #load(id) {
    const names = streamsOf(this.conversations.get(id));
    const timeline = this.timelines.get(id) ?? new Timeline(names);
    this.timelines.delete(id);
    this.timelines.set(id, timeline);
    for (const old of this.timelines.keys()) if (this.timelines.size > TIMELINES_KEPT) this.timelines.delete(old);
    await Promise.all(names.filter((stream) => timeline.last(stream) === null).map((stream) => this.#fetch(id, timeline, { stream })));
    timeline.expect(this.heads[id] ?? {});
    if (timeline.hole()) this.#mend(id, 0);
  }

  async #fetch(id, timeline, wanted) {
    const page = await this.read(id, { ...wanted, limit: PAGE });
    timeline.fill(wanted.stream, page.items, { start: wanted.after === undefined && !page.has_more });
    if (wanted.after !== undefined) page.items.forEach((entry) => this.#tell("entry", { entry }));
    return page;
  }

  /** A moment's grace for what may already be on its way, then ask until nothing is missing. */
  #mend(id, grace) {
    this.#once(`mend ${id}`, async () => {
      await pause(grace);
      const timeline = this.timelines.get(id);
      for (let hole = timeline?.hole(); hole; hole = timeline.hole())
        if (!(await this.#fetch(id, timeline, hole)).items.length) break;
    });
  }

  /** One at a time under this name; another wish meanwhile is the same wish. */
  async #once(name, act, otherwise = () => {}) {
    if (this.busy.has(name)) return;
    this.busy.add(name);
    await act().catch(otherwise);
    this.busy.delete(name);
    this.#tell("change");
  }

  #flush() {
    if (this.socket.state !== "live") return;
    for (const item of this.outbox.ready()) this.#post(item);
  }

  async #post({ client_message_id: clientId, conversation_id: id, stream, body, reply_to, asked }) {
    this.outbox.sending(clientId);
    try {
      await this.socket.ask("send", { client_message_id: clientId, conversation_id: id, body, ...(reply_to && { reply_to }),
        ...(this.internal && { stream }), ...asked });
      this.outbox.sent(clientId);
      this.repeats.delete(clientId);
    } catch (problem) {
      this.#notSent(clientId, problem);
    }
    this.#tell("change");
    this.#flush();
  }

  /** A lost line brings it back by itself; what passes is tried again until it has; the rest is the person's to decide. */
  #notSent(clientId, problem) {
    const { outbox, repeats } = this;
    if (problem.code === "line_lost") return void outbox.again(clientId);
    if (!REPEATED.has(problem.code)) return outbox.failed(clientId, problem);
    const times = (repeats.get(clientId) ?? 0) + 1;
    repeats.set(clientId, times);
    outbox.waits(clientId);
    const wait = problem.retryAfter * 1000 || Math.min(8000, 400 * 2 ** times);
    return pause(wait * (0.75 + Math.random() / 2)).then(() => { outbox.waited(clientId); this.#flush(); });
  }

  /** A page of the list. */
  async page(query) {
    const page = await this.#ask(this.api.conversations({ limit: PAGE, ...query }));
    this.keepAll(page.items);
    return page;
  }

  /** What is unread in those not held until now was counted "elsewhere". */
  keepAll(found) {
    const { conversations } = this;
    const known = found.reduce((sum, item) => sum + (conversations.get(item.id) ? 0 : unreadOf(item)), 0);
    conversations.elsewhere = Math.max(0, conversations.elsewhere - known);
    found.forEach((conversation) => this.#keep(conversation));
  }

  #keep(conversation) {
    if (this.conversations.merge(conversation) === "stale") this.#reread(conversation.id);
    this.missing.delete(conversation.id);
    this.#tell("change");
    return conversation;
  }

  #forget(id, code = "not_found") {
    this.conversations.items.delete(id);
    this.timelines.delete(id);
    this.missing.set(id, this.missing.get(id) ?? new Problem({ code }));
    this.#tell("change");
  }

  /** A call of ours; a session that ended is told to the page. */
  async #ask(call) {
    try {
      return await call;
    } catch (problem) {
      if (problem.status === 401) this.#tell("away", 4501);
      throw problem;
    }
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
