/**
 * The conversations this device knows, their heads and their unread counts.
 *
 * - Counts come from the server and move with the entries heard since; whatever cannot be told from an entry alone
 *   is reported as `stale`, to be read again.
 * - An entry heard twice, or one the server's answer already held, changes nothing.
 */
import { CHANGES } from "./timeline.js";

export class Conversations {
  constructor(myId) {
    this.myId = myId;
    this.items = new Map();
    this.elsewhere = 0;
  }

  get(id) {
    return this.items.get(id) ?? null;
  }

  /** Keep the server's word, unless live entries are already ahead of it: then it is stale. */
  merge(conversation) {
    const known = this.get(conversation.id);
    const behind = known && streamsOf(conversation).some((name) => conversation.heads[name] < known.heads[name]);
    if (behind) return "stale";
    this.items.set(conversation.id, conversation);
    return "kept";
  }

  remove(id) {
    this.items.delete(id);
  }

  /** Apply a live entry: "unknown" (ask for the conversation), "stale" (ask again), "repeat" or "kept". */
  hear(entry) {
    const known = this.get(entry.conversation_id);
    if (!known) return "unknown";
    const head = known.heads[entry.stream] ?? 0;
    if (entry.seq <= head) return "repeat";
    const next = { ...known, heads: { ...known.heads, [entry.stream]: entry.seq } };
    if (entry.type === "message.posted" && entry.actor.id !== this.myId)
      next.unread = { ...known.unread, [entry.stream]: (known.unread[entry.stream] ?? 0) + 1 };
    if (entry.type === "conversation.renamed") next.subject = entry.subject;
    next.last_entry = lastLine(known.last_entry, entry);
    next.updated_at = entry.at;
    this.items.set(next.id, next);
    return entry.seq > head + 1 || RETELLS.has(entry.type) ? "stale" : "kept";
  }

  /** Somebody read up to seq; "stale" when my own count can no longer be told from here. */
  markRead({ conversation_id: id, user_id: user, stream, seq }) {
    const known = this.get(id);
    if (!known || (known.read?.[user]?.[stream] ?? 0) >= seq) return "repeat";
    const next = { ...known, read: { ...known.read, [user]: { ...known.read?.[user], [stream]: seq } } };
    const all = seq >= (known.heads[stream] ?? 0);
    if (user === this.myId && all) next.unread = { ...known.unread, [stream]: 0 };
    this.items.set(id, next);
    return user === this.myId && !all && known.unread[stream] ? "stale" : "kept";
  }

  /** Ids whose heads are not those the server just named. */
  behind(heads) {
    return [...this.items.values()]
      .filter(({ id, heads: mine }) => heads[id] && Object.entries(heads[id]).some(([name, seq]) => (mine[name] ?? 0) < seq))
      .map(({ id }) => id);
  }

  /** Positions to resume from, newest activity first: what fits one frame. `held` gives the loaded timelines' own. */
  positions(held = () => null, limit = 400) {
    return Object.fromEntries(this.sorted().slice(0, limit).map(({ id, heads }) => [
      id, Object.fromEntries(Object.entries(heads).map(([name, seq]) => [name, Math.min(seq, held(id, name) ?? seq)])),
    ]));
  }

  sorted() {
    return [...this.items.values()].sort((a, b) => (activity(a) < activity(b) ? 1 : activity(a) > activity(b) ? -1 : 0));
  }

  unreadTotal() {
    return this.elsewhere + [...this.items.values()].reduce((sum, item) => sum + unreadOf(item), 0);
  }
}

/** Entries after which the conversation itself looks different: its people, its state, who may reply, its counts. */
const RETELLS = new Set(["message.recalled", "participant.joined", "participant.left", "conversation.closed",
  "conversation.reopened"]);

export const unreadOf = (conversation) => Object.values(conversation.unread ?? {}).reduce((sum, count) => sum + count, 0);

export const streamsOf = (conversation) => Object.keys(conversation.heads ?? {});

const activity = (conversation) => conversation.last_entry?.at ?? conversation.updated_at ?? "";

/** Does it belong under this filter? `closed` shows only closed ones, the others only by their name. */
export function passes(conversation, filter) {
  if (filter === "unread") return unreadOf(conversation) > 0;
  if (filter === "patients") return conversation.kind === "patient";
  if (filter === "staff") return conversation.kind !== "patient";
  if (filter === "closed") return conversation.status === "closed";
  return true;
}

function lastLine(shown, entry) {
  if (!CHANGES.has(entry.type)) return entry;
  if (shown?.message?.id !== entry.message_id) return shown;
  if (entry.type === "message.recalled") return { ...shown, message: { ...shown.message, body: "", recalled: true } };
  if (entry.type === "message.edited") return { ...shown, message: { ...shown.message, body: entry.body } };
  return shown;
}
