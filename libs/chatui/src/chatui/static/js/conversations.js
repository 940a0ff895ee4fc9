/**
 * The conversations this device knows, their heads and their unread counts, and how their reader arranged them.
 *
 * - Counts come from the server and move with the entries heard since; whatever cannot be told from an entry alone
 *   is reported as "stale", to be read again.
 * - An entry heard twice, or one the server's answer already held, changes nothing.
 * - What is pinned stands on top; what is archived stands apart until something new stands in it. A conversation that is
 *   to give no notice counts in the list, and not in the total.
 */
import { CHANGES } from "./timeline.js";

/** Entries after which the conversation itself looks different: its people, its state, who may reply, its counts. */
const RETELLS = /^(participant\.|message\.recalled|conversation\.(closed|reopened))/;

/** A conversation nobody arranged. */
const PLAIN = Object.freeze({ pinned: false, notify: "all", archived: false });

export class Conversations {
  constructor(myId) {
    Object.assign(this, { myId, items: new Map(), elsewhere: 0, preferences: new Map() });
  }

  get = (id) => this.items.get(id);

  preferenceOf = (id) => this.preferences.get(id) ?? PLAIN;

  /** Take in what I prefer: all there is, or one thing changed on another device. */
  prefer(...preferences) {
    for (const one of preferences) this.preferences.set(one.conversation_id, one);
  }

  /** Keep the server's word, unless live entries are already ahead of it: then it is "stale". */
  merge(conversation) {
    const known = this.get(conversation.id);
    if (known && streamsOf(conversation).some((name) => conversation.heads[name] < known.heads[name])) return "stale";
    this.items.set(conversation.id, conversation);
    return "kept";
  }

  /** Apply a live entry: "unknown" (ask for the conversation), "stale" (ask again), "repeat" or "kept". */
  hear(entry) {
    const { conversation_id: id, stream, seq, type } = entry;
    const known = this.get(id);
    if (!known) return "unknown";
    const head = known.heads[stream] ?? 0;
    if (seq <= head) return "repeat";
    const next = { ...known, heads: { ...known.heads, [stream]: seq }, last_entry: lastLine(known.last_entry, entry), updated_at: entry.at };
    if (type === "message.posted" && entry.actor.id !== this.myId) next.unread = { ...known.unread, [stream]: (known.unread[stream] ?? 0) + 1 };
    if (type === "conversation.renamed") next.subject = entry.subject;
    if (this.preferenceOf(id).archived) this.prefer({ ...this.preferenceOf(id), archived: false });
    this.items.set(id, next);
    return seq > head + 1 || RETELLS.test(type) ? "stale" : "kept";
  }

  /** Somebody read up to seq; "stale" when my own count can no longer be told from here. What I marked unread I read again. */
  markRead({ conversation_id: id, user_id: user, stream, seq }) {
    const known = this.get(id);
    const all = seq >= (known?.heads[stream] ?? 0);
    const again = user === this.myId && all && known?.unread[stream] > 0;
    if (!known || ((known.read?.[user]?.[stream] ?? 0) >= seq && !again)) return "repeat";
    this.unmark(id, user, stream, seq);
    if (user !== this.myId) return "kept";
    if (all) this.items.set(id, { ...this.get(id), unread: { ...known.unread, [stream]: 0 } });
    return all || !known.unread[stream] ? "kept" : "stale";
  }

  /** Set a read mark where it stood: saying so did not get through. */
  unmark(id, user, stream, seq) {
    const known = this.get(id);
    if (known) this.items.set(id, { ...known, read: { ...known.read, [user]: { ...known.read?.[user], [stream]: seq } } });
  }

  /** Ids of those the server has more of than we. */
  behind(heads) {
    const missed = ({ id, heads: mine }) => Object.entries(heads[id] ?? {}).some(([name, seq]) => (mine[name] ?? 0) < seq);
    return [...this.items.values()].filter(missed).map(({ id }) => id);
  }

  /** Positions to resume from, newest activity first, as many as fit one frame; `held` knows the loaded timelines' own. */
  positions(held = () => null, limit = 400) {
    const of = ({ id, heads }) => Object.entries(heads).map(([name, seq]) => [name, Math.min(seq, held(id, name) ?? seq)]);
    return Object.fromEntries(this.sorted().slice(0, limit).map((item) => [item.id, Object.fromEntries(of(item))]));
  }

  /** Newest activity first. */
  sorted() {
    return [...this.items.values()].sort((one, other) => (activity(one) < activity(other) ? 1 : -1));
  }

  /** What the list shows by a filter (later/filters.js), and the one with the id `also`: pinned first, then by activity. */
  listed(passes = (_, { archived }) => !archived, also = null) {
    const { preferenceOf } = this;
    const shown = this.sorted().filter((item) => item.id === also || passes(item, preferenceOf(item.id)));
    return [...shown.filter(({ id }) => preferenceOf(id).pinned), ...shown.filter(({ id }) => !preferenceOf(id).pinned)];
  }

  /** All that is unread, or only where notices are `wanted`. */
  unreadTotal(wanted = false) {
    const counts = ({ id }) => !wanted || this.preferenceOf(id).notify !== "none";
    return [...this.items.values()].filter(counts).reduce((sum, item) => sum + unreadOf(item), this.elsewhere);
  }
}

export const unreadOf = ({ unread }) => Object.values(unread ?? {}).reduce((sum, count) => sum + count, 0);

/** Only a conversation with a patient has an internal stream, though heads may name one. */
export const streamsOf = ({ heads, kind }) => Object.keys(heads).filter((name) => name === "shared" || kind === "patient");

const activity = ({ last_entry: entry, updated_at: at }) => entry?.at ?? at;

function lastLine(shown, entry) {
  if (!CHANGES.has(entry.type)) return entry;
  if (shown?.message?.id !== entry.message_id || entry.type === "message.acknowledged") return shown;
  const recalled = entry.type === "message.recalled";
  return { ...shown, message: { ...shown.message, body: recalled ? "" : entry.body, recalled } };
}
