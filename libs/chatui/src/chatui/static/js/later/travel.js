/**
 * Going through a long history: to one entry wherever it is, on from there both ways, and back to the present.
 *
 * - What the live timeline holds is shown from there; anything else in a window of its own (past.js).
 * - Meanwhile what changes a message changes it in the window too, and what is new is counted below.
 * - Of two wishes at once the later one counts; a conversation left meanwhile is left alone.
 */
import { fill } from "../dom.js";
import { FIRST } from "../message-thread.js";
import { hush } from "./aloud.js";
import { Past } from "./past.js";

const REST_MS = 2000;
const FLASH_MS = 2400;

const reads = ({ messenger, id }) => (query) => messenger.read(id, query);

/** Show one entry, or the nearest before it; `from` `{key, stream, seq}` is one to offer the way back to. */
export async function goTo(view, { stream, seq }, { from, flash = true }) {
  const wish = (view.wish = {});
  const past = await windowAround(view, stream, seq);
  const { thread } = view;
  if (past === undefined || view.wish !== wish || !thread.isConnected) return;
  hush(thread);
  turn(view, past);
  const row = thread.rows.findLast(({ entry }) => entry?.stream === stream && entry.seq <= seq) ?? thread.rows[0];
  if (row && (flash || !toRow(thread, "new", false))) toRow(thread, row.key, flash);
  offerReturn(view, from);
}

/** Who comes back to an open conversation reads on where the new begins; what they write in keeps the focus. */
export function returns({ thread, past }) {
  if (!past && thread.stick) toRow(thread, "new", false, false);
}

/** Where the unread messages begin, also when that lies above all that is shown. */
export function toFirstNew(view) {
  const { read, counts } = view.unread;
  if (toRow(view.thread, "new", false)) return undefined;
  const [stream] = Object.keys(counts).filter((name) => counts[name] && !view.timeline.shows(name, (read[name] ?? 0) + 1));
  return stream && goTo(view, { stream, seq: (read[stream] ?? 0) + 1 }, { flash: false });
}

/** One page further, "older" or "newer"; a live timeline grown long becomes a window, one that reaches the present is done. */
export async function grow(view, way) {
  if (view.growing) return;
  view.growing = true;
  try {
    const past = view.past ?? Past.from(view.timeline, reads(view));
    if (!view.past) turn(view, past);
    await past.grow(way);
    if (view.past === past) turn(view, way === "newer" && past.joins(view.timeline) ? null : past);
    view.growing = false;
  } catch (problem) {
    setTimeout(() => { view.growing = false; }, REST_MS);
    throw problem;
  }
}

/** The window that shows the entry: null for the present, undefined where there is no such stream. */
async function windowAround(view, stream, seq) {
  const { timeline, past, thread } = view;
  if (!timeline.streams.has(stream)) return undefined;
  if (timeline.shows(stream, seq)) return null;
  if (past?.shows(stream, seq)) return past;
  const made = new Past([...timeline.streams.keys()], reads(view));
  hush(thread, true);
  await made.openAt(stream, seq).finally(() => hush(thread));
  return made.joins(timeline) ? null : made;
}

/** Show this window, or the present, and keep it true as long as it is shown. */
function turn(view, past) {
  const { messenger, id, thread } = view;
  const known = view.past;
  view.turn(past);
  if (!past || past === known) return;
  const hear = ({ detail: { entry, fresh } }) => {
    if (view.past !== past || !thread.isConnected) return messenger.removeEventListener("entry", hear);
    if (entry.conversation_id !== id) return undefined;
    past.add(entry);
    if (fresh && entry.message) thread.missed += 1;
    return undefined;
  };
  messenger.addEventListener("entry", hear);
}

/** Bring one row into view, and say which it was; false when it is not held here. */
function toRow(thread, key, flash, focus = true) {
  const at = thread.rows.findIndex((row) => row.key === key);
  if (at < 0) return false;
  Object.assign(thread, { end: thread.rows[at + FIRST / 2]?.key ?? null, size: FIRST, stick: false });
  hush(thread);
  thread.draw();
  const { node } = thread.held.get(key);
  node.scrollIntoView({ block: flash ? "center" : "start" });
  if (flash) {
    node.classList.add("flash");
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    setTimeout(() => node.classList.remove("flash"), FLASH_MS);
  } else if (focus) thread.log.focus({ preventScroll: true });
  thread.scrolled();
  return true;
}

/** The way back stands there until it is taken, or until the place is in sight again. */
function offerReturn(view, from) {
  const { thread } = view;
  const { log, places } = thread;
  const done = () => {
    fill(places, { back: false });
    log.removeEventListener("scroll", look);
  };
  const look = () => {
    const rect = thread.held.get(from.key)?.node.getBoundingClientRect();
    const place = log.getBoundingClientRect();
    if (thread.stick || (rect && rect.bottom > place.top && rect.top < place.bottom)) done();
  };
  view.forgetsReturn?.();
  view.forgetsReturn = done;
  fill(places, { back: Boolean(from) });
  if (!from) return;
  places.back.onclick = () => { done(); goTo(view, from, {}); };
  log.addEventListener("scroll", look);
  look();
}
