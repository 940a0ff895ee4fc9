/** Finding a conversation: the filters, and words that narrow the list; what the device does not hold the server finds. */
import { passes } from "../conversations.js";
import { byId } from "../dom.js";
import { t } from "../texts.js";

const PAUSE = 250;

export class Finder {
  constructor(chat, target) {
    Object.assign(this, { chat, filter: "all", words: "", found: null });
    this.pills = document.querySelectorAll("[data-filter]");
    byId("search").addEventListener("input", ({ target: field }) => this.#look(field.value.trim()));
    this.pills.forEach((pill) => pill.addEventListener("click", () => this.choose(pill.dataset.filter)));
    if (byId("search").value) this.#look(byId("search").value.trim());
    if (target?.dataset.filter) this.choose(target.dataset.filter);
  }

  /** What the list shows now: `{items, note, more}`. */
  rows() {
    const { chat, filter, words } = this;
    const { messenger } = chat;
    const here = ({ id }) => id === chat.id && filter === "unread";
    const items = messenger.conversations.sorted().filter((item) => (passes(item, filter) || here(item)) && (!words || this.#named(item)));
    const why = filter === "unread" && !words ? "empty.unread" : words || filter !== "all" ? "empty.found" : "empty.list";
    const note = items.length ? null : { title: t(why), hint: t(`${why}.hint`), again: false };
    return { items, note, more: filter === "all" && !words && messenger.cursor !== null };
  }

  choose(filter) {
    this.filter = filter;
    this.pills.forEach((pill) => pill.setAttribute("aria-pressed", pill.dataset.filter === filter));
    this.chat.draw();
    if (filter !== "all") this.#browse();
  }

  #named(item) {
    const { title, subtitle } = this.chat.names(item, this.chat.myId);
    return `${title} ${subtitle}`.toLocaleLowerCase().includes(this.words.toLocaleLowerCase()) || this.found?.has(item.id);
  }

  #look(words) {
    Object.assign(this, { words, found: null });
    this.chat.draw();
    clearTimeout(this.timer);
    if (words) this.timer = setTimeout(() => this.#browse(), PAUSE);
  }

  /** The list here may not hold everything: what the server finds comes in as well. */
  async #browse() {
    const { chat, filter, words } = this;
    const ids = await chat.try(() => chat.messenger.browse({ filter, q: words }));
    if (filter !== this.filter || words !== this.words) return;
    this.found = new Set(ids);
    chat.draw();
  }
}
