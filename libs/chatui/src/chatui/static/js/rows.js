/**
 * What a thread shows, line by line: days, the "new messages" line, events, and messages in groups of one author.
 *
 * A message keeps its key from the grey bubble to the stored entry, so that its place on the page stays the same.
 */
import { dayKey } from "./when.js";

const TOGETHER_MS = 5 * 60_000;

/** `entries` oldest first; `waiting` are outbox items; `unread` `{read, counts}` is how things stood on opening. */
export function threadRows({ entries, waiting = [], myId, unread = { read: {}, counts: {} } }) {
  const rows = [];
  const stored = new Set(entries.map(keyOf));
  const isNew = ({ stream, seq }) => unread.counts[stream] > 0 && seq > (unread.read[stream] ?? 0);
  let day = null;
  let divided = false;
  const add = (row) => {
    if (dayKey(row.at) !== day) rows.push({ type: "day", key: (day = dayKey(row.at)), at: row.at });
    rows.push(row);
  };
  for (const entry of entries) {
    const { at, stream, actor } = entry;
    const type = entry.type === "message.posted" ? "message" : "event";
    const own = actor?.id === myId;
    const divides = !divided && type === "message" && !own && isNew(entry);
    if (divides) add({ type: "new", key: "new", at });
    divided ||= divides;
    add({ type, key: keyOf(entry), at, entry, own, stream, author: actor?.id });
  }
  for (const item of waiting.filter((one) => !stored.has(one.client_message_id)))
    add({ type: "message", key: item.client_message_id, at: item.at, item, own: true, stream: item.stream, author: myId });
  return rows.map((row, at) => ({ ...row, first: !together(rows[at - 1], row), last: !together(row, rows[at + 1]) }));
}

const keyOf = ({ message, stream, seq }) => message?.client_message_id ?? `${stream} ${seq}`;

const together = (one, other) => one?.type === "message" && other?.type === "message" && one.author === other.author
  && one.stream === other.stream && Math.abs(new Date(other.at) - new Date(one.at)) < TOGETHER_MS;
