/**
 * The list of conversations: real links, one row each, with what is unread said in words.
 *
 * Hundreds of rows cost what is in view: the style leaves the others out (css/finding.css). What one may do with a row,
 * at its button or by a long press, is later/row-menu.js; arrows go from row to row, scrolling asks for more (later/finding.js). Emits `choose`, `more`, `again`.
 */
import { unreadOf } from "./conversations.js";
import { emit, fill, part, show } from "./dom.js";
import { initials, lineText, tone } from "./names.js";
import { t } from "./texts.js";
import { shortTime } from "./when.js";

class ConversationList extends HTMLElement {
  held = new Map();
  rows = new WeakMap();

  connectedCallback() {
    this.places = part("list");
    this.append(this.places.node);
    this.places.more.onclick = () => emit(this, "more");
    this.places.again.onclick = () => emit(this, "again");
    this.onclick = (event) => this.#choose(event);
  }

  /** `note` is `{title, hint, again}` where there is nothing to list; `bones` that it is being looked for. */
  show({ items, more = false, note = null, bones = false, ...given }) {
    fill(this.places, { note: Boolean(note), more, bones, ...note });
    show(this.places.rows, items.map((item) => this.#row(item, given)), this.held);
  }

  focusOn(id) {
    (this.held.get(id)?.node ?? this).querySelector("a")?.focus();
  }

  #row(item, { current, myId, names, home, preferenceOf, stateOf, stuck }) {
    const selected = item.id === current;
    const { title, subtitle, person } = names(item, myId);
    const { pinned, notify } = preferenceOf(item.id);
    const muted = notify === "none";
    const state = stateOf?.(item);
    const { last_entry: entry, kind } = item;
    const unread = unreadOf(item);
    const said = { title, kind: kind === "patient", sub: kind !== "group" && subtitle.length > 0 && subtitle, note: entry?.stream === "internal",
      line: lineText(entry, myId, kind), closed: item.status === "closed", failed: stuck(item.id), badge: unread > 99 ? "99+" : unread,
      unread: unread && t("unread", { n: unread }), time: entry && shortTime(entry.at),
      letters: person && initials(person), several: !person, heart: kind === "patient", pinned, muted, dot: Boolean(state), state: state && t(`presence.${state}`) };
    const update = (node) => {
      const { link, places } = this.rows.get(node);
      fill(places, said);
      places.act.setAttribute("aria-label", t("row.acts", { title }));
      places.dot.className = `presence ${state}`;
      link.classList.toggle("unread", unread > 0);
      link.classList.toggle("muted-row", muted);
      link.toggleAttribute("aria-current", selected);
      if (selected) link.setAttribute("aria-current", "page");
      if (entry) places.time.dateTime = entry.at;
      places.avatar.className = `avatar kind-${kind} tone-${tone(person ?? title)}`;
    };
    return { key: item.id, stamp: JSON.stringify([said, selected]), update, make: () => this.#make(item.id, home) };
  }

  #make(id, home) {
    const places = part("row");
    const link = places.node.firstElementChild;
    link.href = `${home}/${id}`;
    link.dataset.id = id;
    this.rows.set(places.node, { link, places });
    return places.node;
  }

  #choose(event) {
    const link = event.target.closest("a.row");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    emit(this, "choose", link.dataset.id);
  }
}

customElements.define("conversation-list", ConversationList);
