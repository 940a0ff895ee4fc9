/**
 * A window in the history of one conversation, opened around one message, that grows both ways as one reads.
 *
 * - It is a Timeline whose runs need not reach the present: what is posted meanwhile is the live timeline's to show;
 *   what changes a message shown here, shows here.
 * - It holds `MOST` entries a stream: what is furthest from where one reads is let go, and read again on the way back.
 * - A second stream is found by time: the calls know positions only, so its place is sought by halving.
 */
import { CHANGES, Timeline } from "../timeline.js";

const PAGE = 50;
const MOST = 1000;
const TRIES = 40;

export class Past extends Timeline {
  /** `read({stream, before | after, limit})` answers with a page of the timeline. */
  constructor(names, read) {
    super(names);
    this.read = read;
  }

  /** The part of a long live timeline that one has scrolled up to; the live one keeps its newest `kept`. */
  static from(live, read, kept = 200) {
    const past = new Past([...live.streams.keys()], read);
    for (const [name, stream] of live.streams) {
      past.#take(name, stream.items.slice(0, MOST), { start: stream.start, end: stream.items.length <= MOST });
      const cut = Math.max(0, stream.items.length - kept);
      if (cut) Object.assign(stream, { items: stream.items.slice(cut), first: stream.first + cut, start: false });
    }
    return past;
  }

  /** Load what stands around one entry, in every stream. */
  async openAt(name, seq) {
    const [before, after] = await Promise.all([this.read({ stream: name, before: seq + 1, limit: PAGE }), this.read({ stream: name, after: seq, limit: PAGE })]);
    this.#take(name, [...before.items, ...after.items], { start: !before.has_more, end: !after.has_more });
    const { at } = before.items.at(-1) ?? after.items[0] ?? { at: "" };
    await Promise.all([...this.streams.keys()].filter((other) => other !== name).map((other) => this.#seek(other, at)));
  }

  /** `{stream, after}`: the page that lets `rows()` reach further on, or null where nothing newer is. */
  newer() {
    const partial = [...this.streams].filter(([, { end }]) => !end);
    const first = partial.sort(([, one], [, other]) => (lastOf(one) < lastOf(other) ? -1 : 1))[0];
    return first ? { stream: first[0], after: this.last(first[0]) } : null;
  }

  bounds() {
    const newer = this.newer();
    return [super.bounds()[0], newer ? lastOf(this.streams.get(newer.stream)) : "~"];
  }

  add(entry) {
    if (this.streams.get(entry.stream)?.end) return super.add(entry);
    if (CHANGES.has(entry.type)) this.note(entry);
    return "repeat";
  }

  /** Read one page further, "older" or "newer"; what is left far behind is let go. */
  async grow(way) {
    const wanted = this[way]();
    if (!wanted) return;
    const page = await this.read({ ...wanted, limit: PAGE });
    const stream = this.streams.get(wanted.stream);
    this.fill(wanted.stream, page.items, { start: way === "older" && !page.has_more });
    if (way === "newer") stream.end ||= !page.has_more;
    const cut = Math.max(0, stream.items.length - MOST);
    if (cut && way === "older") Object.assign(stream, { items: stream.items.slice(0, MOST), end: false });
    if (cut && way === "newer") Object.assign(stream, { items: stream.items.slice(cut), first: stream.first + cut, start: false });
  }

  /** True once every stream reaches what the live timeline holds; then that holds all of it. */
  joins(live) {
    const meets = [...this.streams].every(([name, { end }]) => end || this.last(name) >= live.streams.get(name).first - 1);
    if (meets) for (const [name, { items, start }] of this.streams) live.fill(name, items, { start: start && items.length > 0 });
    return meets;
  }

  async #seek(name, at) {
    let page = await this.read({ stream: name, limit: PAGE });
    const { head } = page;
    let [low, high] = [0, head];
    for (let tries = 0; tries < TRIES && page.items.length; tries += 1) {
      const [first, last] = [page.items[0], page.items.at(-1)];
      if (first.at > at && first.seq > 1) high = first.seq - 1;
      else if (last.at < at && last.seq < head) low = last.seq;
      else break;
      page = await this.read({ stream: name, after: Math.max(0, Math.floor((low + high - PAGE) / 2)), limit: PAGE });
    }
    this.#take(name, page.items, { start: (page.items[0]?.seq ?? 1) <= 1, end: (page.items.at(-1)?.seq ?? head) >= head });
  }

  #take(name, items, { start, end }) {
    this.fill(name, items, { start });
    this.streams.get(name).end = end;
  }
}

const lastOf = ({ items }) => items.at(-1)?.at ?? "";
