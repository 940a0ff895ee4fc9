/**
 * The entries of one conversation as this device holds them.
 *
 * - Per stream the entries held are one run without holes; a repeat changes nothing.
 * - What arrives beyond a hole waits, and `hole()` says what to ask for.
 * - Edits and recalls show on the message they change, whichever of the two arrives first.
 * - `rows()` merges the streams by time and shows nothing from before the point up to which all of them are loaded,
 *   so that reading upwards never slips a line in between.
 */
export const CHANGES = new Set(["message.edited", "message.recalled", "message.acknowledged"]);

export class Timeline {
  constructor(names) {
    this.streams = new Map(names.map((name) => [name, emptyStream()]));
    this.changes = new Map();
  }

  get loaded() {
    return [...this.streams.values()].every(({ items }) => items);
  }

  /** The highest seq up to which everything is held, or null before the first page. */
  last(name) {
    const { items, first } = this.streams.get(name) ?? {};
    return items ? first + items.length - 1 : null;
  }

  /** Take one live entry in: "added", "repeat", or "waiting" (before the first page, or beyond a hole). */
  add(entry) {
    const stream = this.streams.get(entry.stream);
    if (!stream || (stream.items && entry.seq <= this.last(entry.stream))) return "repeat";
    stream.waiting.set(entry.seq, entry);
    this.#drain(entry.stream);
    return stream.waiting.has(entry.seq) ? "waiting" : "added";
  }

  /** Take a page in, oldest first. `start` says that nothing lies before it. */
  fill(name, page, { start = false } = {}) {
    const stream = this.streams.get(name);
    stream.items ??= [];
    if (!stream.items.length && page.length) stream.first = page[0].seq;
    const older = page.filter(({ seq }) => seq < stream.first);
    if (older.at(-1)?.seq === stream.first - 1) {
      stream.items.unshift(...older);
      stream.first = older[0].seq;
      older.forEach((entry) => this.note(entry));
    }
    page.forEach((entry) => entry.seq > this.last(name) && stream.waiting.set(entry.seq, entry));
    stream.start ||= start || stream.first <= 1;
    this.#drain(name);
  }

  /** The server names its heads: true when something is missing here. */
  expect(heads) {
    for (const [name, head] of Object.entries(heads)) if (this.streams.has(name)) this.streams.get(name).head = head;
    return this.hole() !== null;
  }

  /** `{stream, after}` of the first hole, or null. */
  hole() {
    for (const [stream, { items, waiting, head }] of this.streams)
      if (items && (waiting.size || this.last(stream) < head)) return { stream, after: this.last(stream) };
    return null;
  }

  /** `{stream, before}`: the page that lets `rows()` reach further back, or null at the beginning. */
  older() {
    const partial = [...this.streams].filter(([, { items, start }]) => items && !start);
    const latest = partial.sort(([, one], [, other]) => (one.items[0].at < other.items[0].at ? 1 : -1))[0];
    return latest ? { stream: latest[0], before: latest[1].first } : null;
  }

  /** Whether `rows()` reaches one entry. */
  shows(name, seq) {
    const { items, first } = this.streams.get(name) ?? {};
    const [from, to] = this.bounds();
    const at = items?.[seq - first]?.at;
    return at >= from && at <= to;
  }

  /** All that is held of one stream, oldest first. */
  held = (name) => this.streams.get(name)?.items ?? [];

  /** Forget one stream: it is too far behind and will be read again. */
  reset(name) {
    if (this.streams.has(name)) this.streams.set(name, emptyStream());
  }

  /** What a person sees, oldest first. */
  rows() {
    const [from, to] = this.bounds();
    const seen = [...this.streams.values()].map(({ items }) => (items ?? []).filter(({ at, type }) => at >= from && at <= to && !CHANGES.has(type)));
    return seen.reduce(mergedByTime);
  }

  /** The times between which every stream is held. */
  bounds() {
    const older = this.older();
    return [older ? this.streams.get(older.stream).items[0].at : "", "~"];
  }

  #drain(name) {
    const { items, waiting } = this.streams.get(name);
    if (!items) return;
    for (const seq of waiting.keys()) if (seq <= this.last(name)) waiting.delete(seq);
    for (let entry; (entry = waiting.get(this.last(name) + 1)); waiting.delete(entry.seq)) {
      items.push(entry);
      this.note(entry);
    }
  }

  /** Remember a change, or the place of a message, and show the one on the other. */
  note(entry) {
    const id = entry.message_id ?? entry.message?.id;
    const known = this.changes.get(id) ?? {};
    if (entry.message) known.place = entry;
    if (entry.type === "message.edited") Object.assign(known, { body: entry.body, edited_at: entry.edited_at });
    if (entry.type === "message.recalled") known.recalled = true;
    if (entry.type === "message.acknowledged") known.by = [...(known.by ?? []), { id: entry.actor.id, at: entry.at }];
    this.changes.set(id, known);
    if (known.place) this.#show(known);
  }

  #show({ place, body, edited_at, recalled, by = [] }) {
    const { items, first } = this.streams.get(place.stream);
    const message = { ...items[place.seq - first]?.message };
    if (!message.id) return;
    if (edited_at && edited_at >= (message.edited_at ?? "")) Object.assign(message, { body, edited_at });
    if (recalled) Object.assign(message, { recalled, body: "", attachments: [] });
    const { acknowledgement } = message;
    const more = by.filter(({ id }) => acknowledgement && !acknowledgement.by.some((one) => one.id === id));
    if (more.length) message.acknowledgement = { ...acknowledgement, by: [...acknowledgement.by, ...more] };
    items[place.seq - first] = { ...place, message };
  }
}

const emptyStream = () => ({ items: null, first: 1, start: false, head: 0, waiting: new Map() });

/** Two runs become one by time; each keeps its own order whatever the clocks say. */
function mergedByTime(one, other) {
  const merged = [];
  let i = 0;
  let j = 0;
  while (i < one.length && j < other.length) merged.push(other[j].at < one[i].at ? other[j++] : one[i++]);
  return merged.concat(one.slice(i), other.slice(j));
}
