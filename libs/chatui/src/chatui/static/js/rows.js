/**
 * What a thread shows, line by line: days, the "new messages" line, events, and messages in groups of one author.
 *
 * A message keeps its key from the grey bubble to the stored entry, so that its place on the page stays the same.
 */
import { dayKey } from "./when.js";

const TOGETHER_MS = 5 * 60_000;

/** `entries` oldest first; `waiting` are outbox items; `unreadFrom(entry)` is true for what was unread on opening. */
export function threadRows({ entries, waiting = [], myId, unreadFrom = () => false }) {
  const rows = [];
  const stored = new Set(entries.filter(({ actor }) => actor?.id === myId).map(keyOf));
  let day = null;
  let marked = false;
  const add = (row) => {
    if (dayKey(row.at) !== day) rows.push({ type: "day", key: `day ${dayKey(row.at)}`, at: row.at });
    day = dayKey(row.at);
    rows.push(row);
  };
  for (const entry of entries) {
    const message = entry.type === "message.posted";
    const own = entry.actor?.id === myId;
    const unread = message && !own && !marked && unreadFrom(entry);
    marked ||= unread;
    if (unread) add({ type: "new", key: "new", at: entry.at });
    add({ type: message ? "message" : "event", key: keyOf(entry), at: entry.at, entry, own, stream: entry.stream });
  }
  for (const item of waiting) {
    if (stored.has(item.client_message_id)) continue;
    add({ type: "message", key: item.client_message_id, at: item.at, item, own: true, stream: item.stream });
  }
  return grouped(rows);
}

const keyOf = (entry) => entry.message?.client_message_id ?? `${entry.stream} ${entry.seq}`;

function grouped(rows) {
  const together = (one, other) => one?.type === "message" && other?.type === "message" && one.own === other.own
    && one.stream === other.stream && one.entry?.actor.id === (other.own ? one.entry?.actor.id : other.entry?.actor.id)
    && Math.abs(new Date(other.at) - new Date(one.at)) < TOGETHER_MS;
  return rows.map((row, index) => ({ ...row, first: !together(rows[index - 1], row), last: !together(row, rows[index + 1]) }));
}
