/**
 * The entries of one conversation as this device holds them.
 *
 * - Per stream the entries held are one run without holes; a repeat changes nothing.
 * - What arrives beyond a hole waits, and `hole()` says what to ask for.
 * - Edits and recalls show on the message they change, whichever of the two arrives first.
 * - `rows()` merges the streams by time and shows nothing from before the point up to which all of them are loaded,
 *   so that reading upwards never slips a line in between.
 */
export class Timeline {
  constructor(names) {
    this.streams = new Map(names.map((name) => [name, emptyStream()]));
    this.changes = new Map();
    this.places = new Map();
  }

  get loaded() {
    return [...this.streams.values()].every((stream) => stream.items !== null);
  }

  /** The highest seq up to which everything is held, or null before the first page. */
  last(name) {
    const stream = this.streams.get(name);
    return stream?.items ? stream.first + stream.items.length - 1 : null;
  }

  /** Take one live entry in: "added", "repeat", or "waiting" (before the first page, or beyond a hole). */
  add(entry) {
    const stream = this.streams.get(entry.stream);
    if (!stream) return "repeat";
    if (!stream.items || entry.seq > this.last(entry.stream) + 1) {
      stream.waiting.set(entry.seq, entry);
      return "waiting";
    }
    if (entry.seq <= this.last(entry.stream)) return "repeat";
    this.#append(entry.stream, entry);
    this.#drain(entry.stream);
    return "added";
  }

  /** Take a page of history in, oldest first. `start` says that nothing lies before it. */
  fill(name, items, { start = false } = {}) {
    const stream = this.streams.get(name);
    if (!stream.items) {
      stream.items = [];
      stream.first = items[0]?.seq ?? 1;
    }
    const older = items.filter((entry) => entry.seq < stream.first);
    if (older.length && older.at(-1).seq === stream.first - 1) {
      stream.items.unshift(...older);
      stream.first = older[0].seq;
      this.#index(name);
      older.forEach((entry) => this.#note(entry));
    }
    for (const entry of items) if (entry.seq === this.last(name) + 1) this.#append(name, entry);
    stream.start ||= start || stream.first <= 1;
    this.#drain(name);
  }

  /** `{stream, after}` of the first hole, or null. */
  hole() {
    for (const [stream, { items, waiting }] of this.streams)
      if (items && waiting.size) return { stream, after: this.last(stream) };
    return null;
  }

  /** `{stream, before}`: the page that lets `rows()` reach further back, or null at the beginning. */
  older() {
    let found = null;
    for (const [name, stream] of this.streams) {
      if (!stream.items || stream.start) continue;
      const at = stream.items[0]?.at ?? "";
      if (!found || at > found.at) found = { stream: name, before: stream.first, at };
    }
    return found && { stream: found.stream, before: found.before };
  }

  /** Forget one stream: it is too far behind and will be read again. */
  reset(name) {
    if (this.streams.has(name)) this.streams.set(name, emptyStream());
  }

  /** The entry that posted this message, as it is now. */
  message(id) {
    const place = this.places.get(id);
    const stream = place && this.streams.get(place.stream);
    return stream?.items?.[place.seq - stream.first] ?? null;
  }

  /** What a person sees, oldest first. */
  rows() {
    const from = this.older() ? this.#shownFrom() : "";
    const lists = [...this.streams.values()].map(({ items }) =>
      (items ?? []).filter((entry) => entry.at >= from && !CHANGES.has(entry.type)));
    return lists.reduce(mergeByTime);
  }

  #shownFrom() {
    const { stream } = this.older();
    return this.streams.get(stream).items[0]?.at ?? "";
  }

  #append(name, entry) {
    const stream = this.streams.get(name);
    stream.items.push(entry);
    if (entry.message) this.places.set(entry.message.id, { stream: name, seq: entry.seq });
    this.#note(entry);
  }

  #drain(name) {
    const stream = this.streams.get(name);
    for (const seq of stream.waiting.keys()) if (seq <= this.last(name)) stream.waiting.delete(seq);
    for (let next = this.last(name) + 1; stream.waiting.has(next); next += 1) {
      this.#append(name, stream.waiting.get(next));
      stream.waiting.delete(next);
    }
  }

  #index(name) {
    for (const entry of this.streams.get(name).items)
      if (entry.message) this.places.set(entry.message.id, { stream: name, seq: entry.seq });
  }

  #note(entry) {
    if (CHANGES.has(entry.type)) {
      const known = this.changes.get(entry.message_id) ?? {};
      this.changes.set(entry.message_id, changed(known, entry));
      this.#show(entry.message_id);
    } else if (entry.message && this.changes.has(entry.message.id)) {
      this.#show(entry.message.id);
    }
  }

  #show(id) {
    const entry = this.message(id);
    if (!entry) return;
    const stream = this.streams.get(entry.stream);
    const change = this.changes.get(id);
    const message = { ...entry.message };
    if (change.edited_at && change.edited_at >= (message.edited_at ?? "")) {
      message.body = change.body;
      message.edited_at = change.edited_at;
    }
    if (change.recalled) Object.assign(message, { recalled: true, body: "" });
    stream.items[entry.seq - stream.first] = { ...entry, message };
  }
}

export const CHANGES = new Set(["message.edited", "message.recalled", "message.acknowledged"]);

function emptyStream() {
  return { items: null, first: 1, start: false, waiting: new Map() };
}

function changed(known, entry) {
  if (entry.type === "message.edited") return { ...known, body: entry.body, edited_at: entry.edited_at };
  if (entry.type === "message.recalled") return { ...known, recalled: true };
  return known;
}

/** Two runs become one by time; each keeps its own order whatever the clocks say. */
function mergeByTime(one, other) {
  const merged = [];
  let i = 0;
  let j = 0;
  while (i < one.length && j < other.length) merged.push(other[j].at < one[i].at ? other[j++] : one[i++]);
  return merged.concat(one.slice(i), other.slice(j));
}
