/**
 * Everything a page knows and does, without a page: the conversations, the open timelines, the outbox and the line.
 *
 * - It listens first and reads second; what came in between is found by comparing heads.
 * - A send is kept on the device, goes when the line is there, and repeats under its own id until it is answered.
 * - It tells what changed by events: "list", "thread" (detail: conversation id), "connection", "typing", "away".
 */
import { Api, Problem } from "./api.js";
import { Conversations, streamsOf } from "./conversations.js";
import { Drafts, safeStorage } from "./drafts.js";
import { newId } from "./ids.js";
import { Outbox } from "./outbox.js";
import { LiveSocket } from "./socket.js";
import { Timeline } from "./timeline.js";

const PAGE = 50;
const TIMELINES_KEPT = 12;
const TYPING_LASTS = 6000;
const REPEATS = new Set(["line_lost", "unavailable", "rate_limited", "unauthenticated"]);

export class Messenger extends EventTarget {
  constructor({ api, live, streams = true, storage = safeStorage(globalThis.localStorage) }) {
    super();
    this.streamsShown = streams;
    this.api = new Api(api);
    this.storage = storage;
    this.timelines = new Map();
    this.delivered = new Map();
    this.typists = new Map();
    this.missing = new Map();
    this.fetching = new Set();
    this.cursor = null;
    this.listed = false;
    this.lastHeads = {};
    this.socket = new LiveSocket({
      url: live,
      resume: () => this.#positions(),
      on: {
        state: (state) => this.#lineIs(state),
        push: (frame) => this.#hear(frame),
        stay: (code) => this.#away(code),
        refused: (times) => times % 3 === 1 && this.#askWhy(),
      },
    });
  }

  /** Learn who is signed in; then listen and read at the same time. */
  async start() {
    this.me = await this.#guarded(this.api.me());
    this.conversations = new Conversations(this.me.user.id);
    this.drafts = new Drafts(this.storage, this.me.user.id);
    this.outbox = new Outbox(this.storage, this.me.user.id);
    this.socket.start();
    this.refresh().catch(() => {});
  }

  get connection() {
    return this.socket.state;
  }

  can = (permission) => this.me.permissions?.includes(permission) ?? false;

  /** Read the newest page of the list again: the counts in it are the true ones. */
  async refresh() {
    const [page, me] = await Promise.all([this.api.conversations({ limit: PAGE }), this.api.me()]).catch((problem) => {
      this.trouble = problem;
      this.#tell("list");
      throw problem;
    });
    this.trouble = null;
    this.me = me;
    this.#keepPage(page);
    this.conversations.elsewhere = 0;
    this.conversations.elsewhere = page.next_cursor ? Math.max(0, me.unread_total - this.conversations.unreadTotal()) : 0;
    if (!this.listed || !this.cursor) this.cursor = page.next_cursor;
    this.listed = true;
    this.#compare(this.lastHeads);
    this.#tell("list");
  }

  async moreConversations() {
    if (!this.cursor) return;
    const cursor = this.cursor;
    this.cursor = null;
    const page = await this.#guarded(this.api.conversations({ limit: PAGE, cursor })).catch(() => ({ items: [], next_cursor: cursor }));
    const before = this.conversations.unreadTotal();
    this.#keepPage(page);
    const found = this.conversations.unreadTotal() - before;
    this.conversations.elsewhere = Math.max(0, this.conversations.elsewhere - found);
    this.cursor = page.next_cursor;
    this.#tell("list");
  }

  /** What the server finds for a filter and a word; resolves with ids. */
  async browse(query) {
    const page = await this.#guarded(this.api.conversations({ ...query, limit: PAGE }));
    this.#keepPage(page);
    return page.items.map(({ id }) => id);
  }

  /** Make a conversation and its newest page available; a failure shows in `missing`. */
  async open(id) {
    this.missing.delete(id);
    try {
      if (!this.conversations.get(id)) this.#keep(await this.#guarded(this.api.conversation(id)));
      await this.#load(id);
    } catch (problem) {
      this.missing.set(id, problem);
    }
    this.#tell("thread", id);
  }

  timeline(id) {
    return this.timelines.get(id) ?? null;
  }

  /** Load the page before; true when something came. */
  async older(id) {
    const timeline = this.timelines.get(id);
    const wanted = timeline?.older();
    if (!wanted || this.fetching.has(id)) return false;
    this.fetching.add(id);
    try {
      await this.#fetchPage(id, timeline, wanted);
      return true;
    } catch {
      return false;
    } finally {
      this.fetching.delete(id);
      this.#tell("thread", id);
    }
  }

  send(id, { body, stream = "shared", reply = null }) {
    this.outbox.add({
      client_message_id: newId(), conversation_id: id, stream, body, at: new Date().toISOString(),
      ...(reply && { reply_to: reply.message.id, quoted: reply.message.body.slice(0, 140) }),
    });
    this.typing(id, stream, false);
    this.#tell("thread", id);
    this.#flush();
  }

  retry(clientId) {
    const item = this.outbox.items.get(clientId);
    this.outbox.again(clientId);
    this.#tell("thread", item.conversation_id);
    this.socket.retryNow();
    this.#flush();
  }

  discard(clientId) {
    const item = this.outbox.items.get(clientId);
    this.outbox.remove(clientId);
    this.#tell("thread", item.conversation_id);
  }

  edit = async (messageId, body) => this.#hearEntry(await this.#guarded(this.api.edit(messageId, body)));
  recall = async (messageId) => this.#hearEntry(await this.#guarded(this.api.recall(messageId)));

  async change(id, body) {
    this.#keep(await this.#guarded(this.api.change(id, body)));
  }

  async create(body) {
    const conversation = await this.#guarded(this.api.create(body));
    this.#keep(conversation);
    return conversation;
  }

  async addParticipant(id, userId) {
    this.#keep(await this.#guarded(this.api.addParticipant(id, userId)));
  }

  async removeParticipant(id, userId) {
    const left = await this.#guarded(this.api.removeParticipant(id, userId));
    if (userId === this.me.user.id) this.#forget(id);
    else if (left) this.#keep(left);
  }

  directory = (query) => this.#guarded(this.api.directory(query));

  /** Everything shown was seen: say so once per stream, and again after a lost line if it did not get through. */
  markRead(id) {
    const conversation = this.conversations.get(id);
    const timeline = this.timelines.get(id);
    if (!conversation || !timeline?.loaded || this.connection !== "live") return;
    for (const stream of streamsOf(conversation)) {
      const seq = timeline.last(stream);
      const mine = conversation.read?.[this.me.user.id]?.[stream] ?? 0;
      if (!seq || (seq <= mine && !conversation.unread?.[stream])) continue;
      const before = conversation.read?.[this.me.user.id];
      this.conversations.markRead({ conversation_id: id, user_id: this.me.user.id, stream, seq });
      this.#tell("list");
      this.socket.ask("read", { conversation_id: id, stream, seq }).catch(() => {
        const now = this.conversations.get(id);
        if (now) now.read[this.me.user.id] = before ?? {};
      });
    }
  }

  typing(id, stream, active) {
    const now = Date.now();
    const fresh = this.typed?.id === id && this.typed.stream === stream && now - this.typed.at < TYPING_LASTS / 2;
    if (active ? fresh : !this.typed) return;
    this.typed = active ? { id, stream, at: now } : null;
    this.socket.ask("typing", { conversation_id: id, stream, active }).catch(() => {});
  }

  /** Who is writing here right now: `[{user, stream}]`. */
  writing(id) {
    return [...(this.typists.get(id)?.values() ?? [])];
  }

  /** "sent", "delivered" or "read" by anyone else, for an entry of mine. */
  markOf(entry) {
    const conversation = this.conversations.get(entry.conversation_id);
    const reached = (marks) => Object.entries(marks ?? {}).some(([user, seqs]) =>
      user !== this.me.user.id && (seqs[entry.stream] ?? 0) >= entry.seq);
    if (reached(conversation?.read)) return "read";
    return reached(this.delivered.get(entry.conversation_id)) ? "delivered" : "sent";
  }

  readersOf(entry) {
    const conversation = this.conversations.get(entry.conversation_id);
    return (conversation?.participants ?? []).filter(({ id }) => id !== this.me.user.id
      && (conversation.read?.[id]?.[entry.stream] ?? 0) >= entry.seq);
  }

  /** Nothing of this person stays on the device. */
  signOut() {
    this.drafts.clear();
    this.outbox.clear();
    this.socket.stop();
  }

  #positions() {
    if (!this.listed) return undefined;
    return this.conversations.positions((id, stream) => this.timelines.get(id)?.last(stream) ?? null);
  }

  #lineIs(state) {
    if (state !== "live") {
      this.outbox.lineLost();
      this.outbox.all().forEach((item) => this.#tell("thread", item.conversation_id));
    }
    this.#tell("connection");
    if (state === "live") this.#flush();
  }

  #hear(frame) {
    const heard = {
      entry: () => this.#hearEntry(frame),
      conversation: () => this.#keep(frame.conversation ?? frame),
      removed: () => this.#forget(frame.conversation_id),
      read: () => this.#hearRead(frame),
      delivered: () => this.#hearDelivered(frame),
      typing: () => this.#hearTyping(frame),
      caught_up: () => this.#caughtUp(frame),
      reset: () => this.#reset(frame),
    }[frame.push];
    heard?.();
  }

  #hearEntry(pushed) {
    const entry = pushed.entry ?? pushed;
    const id = entry.conversation_id;
    const how = this.conversations.hear(entry);
    if (how === "unknown" || how === "stale") this.#reread(id);
    const timeline = this.timelines.get(id);
    if (timeline?.add(entry) === "waiting") this.#fillHole(id);
    if (entry.message && entry.actor.id === this.me.user.id) this.outbox.remove(entry.message.client_message_id);
    this.typists.get(id)?.delete(entry.actor?.id);
    this.#tell("list");
    this.#tell("thread", id);
  }

  #hearRead(frame) {
    if (this.conversations.markRead(frame) === "stale") this.#reread(frame.conversation_id);
    this.#tell("list");
    this.#tell("thread", frame.conversation_id);
  }

  #hearDelivered({ conversation_id: id, user_id: user, stream, seq }) {
    const marks = this.delivered.get(id) ?? {};
    marks[user] = { ...marks[user], [stream]: Math.max(seq, marks[user]?.[stream] ?? 0) };
    this.delivered.set(id, marks);
    this.#tell("thread", id);
  }

  #hearTyping({ conversation_id: id, stream, user, active }) {
    if (user.id === this.me.user.id) return;
    const here = this.typists.get(id) ?? new Map();
    this.typists.set(id, here);
    clearTimeout(here.get(user.id)?.timer);
    here.delete(user.id);
    if (active) here.set(user.id, { user, stream, timer: setTimeout(() => { here.delete(user.id); this.#tell("typing", id); }, TYPING_LASTS) });
    this.#tell("typing", id);
  }

  #caughtUp({ heads }) {
    this.lastHeads = heads ?? {};
    if (this.trouble || this.welcomedBefore) this.refresh().catch(() => {});
    else if (this.listed) this.#compare(this.lastHeads);
    this.welcomedBefore = true;
    this.#flush();
  }

  #reset({ conversation_id: id, stream }) {
    this.#reread(id);
    const timeline = this.timelines.get(id);
    if (!timeline) return;
    timeline.reset(stream);
    this.#load(id).catch(() => {}).finally(() => this.#tell("thread", id));
  }

  /** Whatever the server says is further than what is held here was missed: read it. */
  #compare(heads) {
    for (const id of this.conversations.behind(heads)) this.#reread(id);
    const unlisted = Object.keys(heads).filter((id) => !this.conversations.get(id));
    if (!this.cursor) unlisted.forEach((id) => this.#reread(id));
    for (const [id, timeline] of this.timelines)
      for (const [stream, seq] of Object.entries(heads[id] ?? {}))
        if (timeline.loaded && timeline.last(stream) < seq) this.#fillHole(id, { stream, after: timeline.last(stream) });
  }

  #reread(id) {
    const key = `conversation ${id}`;
    if (this.fetching.has(key)) return;
    this.fetching.add(key);
    const read = () => this.#guarded(this.api.conversation(id)).then((found) => this.#keep(found), (problem) => {
      if (problem.code === "not_found") this.#forget(id);
    });
    setTimeout(() => { this.fetching.delete(key); read(); }, 150);
  }

  async #load(id) {
    const names = streamsOf(this.conversations.get(id));
    const timeline = this.timelines.get(id) ?? new Timeline(names);
    this.timelines.delete(id);
    this.timelines.set(id, timeline);
    for (const old of this.timelines.keys()) if (this.timelines.size > TIMELINES_KEPT) this.timelines.delete(old);
    const missing = names.filter((stream) => timeline.last(stream) === null);
    await Promise.all(missing.map((stream) => this.#fetchPage(id, timeline, { stream })));
    if (timeline.hole()) this.#fillHole(id);
  }

  async #fetchPage(id, timeline, wanted) {
    const page = await this.#guarded(this.api.timeline(id, { ...wanted, limit: PAGE }));
    timeline.fill(wanted.stream, page.items, { start: wanted.after === undefined && !page.has_more });
    return page;
  }

  /** A moment's grace for what is already on its way, then ask until nothing is missing. */
  #fillHole(id, wanted = null) {
    const key = `hole ${id}`;
    if (this.fetching.has(key)) return;
    this.fetching.add(key);
    setTimeout(async () => {
      const timeline = this.timelines.get(id);
      try {
        for (let hole = wanted ?? timeline?.hole(); hole; hole = timeline.hole())
          for (let page = { has_more: true }; page.has_more && page.items?.length !== 0;)
            page = await this.#fetchPage(id, timeline, { stream: hole.stream, after: timeline.last(hole.stream) });
      } catch {
        this.lastHoleFailed = id;
      }
      this.fetching.delete(key);
      this.#tell("thread", id);
    }, wanted ? 0 : 300);
  }

  #flush() {
    if (this.connection !== "live") return;
    for (const item of this.outbox.ready()) this.#post(item);
  }

  async #post({ client_message_id, conversation_id, stream, body, reply_to }) {
    this.outbox.sending(client_message_id);
    try {
      const fields = { client_message_id, conversation_id, stream, body, ...(reply_to && { reply_to }) };
      if (!this.streamsShown) delete fields.stream;
      await this.socket.ask("send", fields);
      this.outbox.sent(client_message_id);
      this.repeats = 0;
    } catch (problem) {
      this.#notSent(client_message_id, problem);
    }
    this.#tell("thread", conversation_id);
    this.#flush();
  }

  #notSent(clientId, problem) {
    if (problem.code === "line_lost") return this.outbox.again(clientId);
    this.repeats = (this.repeats ?? 0) + 1;
    if (!REPEATS.has(problem.code) || this.repeats > 6) {
      this.repeats = 0;
      return this.outbox.failed(clientId, problem);
    }
    const wait = problem.retryAfter ? problem.retryAfter * 1000 : Math.min(8000, 400 * 2 ** this.repeats);
    setTimeout(() => { this.outbox.again(clientId); this.#flush(); }, wait * (0.75 + Math.random() / 2));
    return undefined;
  }

  #keepPage(page) {
    for (const conversation of page.items) this.#keep(conversation, false);
  }

  #keep(conversation, tell = true) {
    if (this.conversations.merge(conversation) === "stale") this.#reread(conversation.id);
    this.missing.delete(conversation.id);
    if (!tell) return;
    this.#tell("list");
    this.#tell("thread", conversation.id);
  }

  #forget(id) {
    this.conversations.remove(id);
    this.timelines.delete(id);
    this.missing.set(id, new Problem({ code: "not_found" }));
    this.#tell("list");
    this.#tell("thread", id);
  }

  /** The handshake is refused without a word: a plain call says why. */
  async #askWhy() {
    await this.#guarded(this.api.me()).catch(() => {});
  }

  async #guarded(call) {
    try {
      return await call;
    } catch (problem) {
      if (problem.status === 401) this.#away(4501);
      throw problem;
    }
  }

  #away(code) {
    this.dispatchEvent(new CustomEvent("away", { detail: code }));
  }

  #tell(what, id = null) {
    this.dispatchEvent(new CustomEvent(what, { detail: id }));
  }
}
