/** Finding a conversation: the filters, and words that narrow the list; what the device does not hold the server finds. */
import { byId } from "../dom.js";
import { problemText, t } from "../texts.js";
import { passing } from "./filters.js";
import { folded } from "./ranking.js";

const PAUSE = 250;

export class Finder {
  constructor(chat) {
    Object.assign(this, { chat, filter: "all", words: "", found: null, looking: false, problem: null });
    this.pills = document.querySelectorAll("[data-filter]");
    const [field, beyond] = [byId("search"), byId("search-for")];
    field.addEventListener("input", () => this.#look(field.value.trim()));
    field.addEventListener("keydown", (event) => this.#key(event));
    beyond.onclick = () => chat.find({ words: this.words });
    chat.list.addEventListener("again", () => this.problem && this.#browse());
    this.pills.forEach((pill) => pill.addEventListener("click", () => this.choose(pill.dataset.filter)));
    if (field.value) this.#look(field.value.trim());
  }

  /** What the list shows now: `{items, note, more, bones}`. */
  rows() {
    const { chat, filter, words, looking } = this;
    const { messenger } = chat;
    const put = [...messenger.conversations.preferences.values()].some(({ archived }) => archived);
    document.querySelector("[data-filter=archived]").hidden = !put && filter !== "archived";
    const items = messenger.conversations.listed(passing(filter, Boolean(words)), this.#here()).filter((item) => !words || this.#named(item));
    const bones = looking && !items.length;
    return { items, note: items.length || looking ? null : this.#note(), bones, more: filter === "all" && !words && messenger.cursor !== null };
  }

  choose(filter) {
    this.filter = filter;
    this.pills.forEach((pill) => pill.setAttribute("aria-pressed", pill.dataset.filter === filter));
    this.found = null;
    if (filter !== "all" || this.words) this.#browse();
    this.chat.draw();
  }

  /** The conversation being read stays under "unread" while it is read. */
  #here = () => (this.filter === "unread" ? this.chat.id : null);

  #note() {
    const { filter, words, problem } = this;
    if (problem) return { title: t("broken"), hint: problemText(problem), again: true };
    const why = words ? "found" : { unread: "unread", archived: "archived", all: "list" }[filter] ?? "found";
    return { title: t(`empty.${why}`), hint: t(`empty.${why}.hint`), again: false };
  }

  #named(item) {
    const { title, subtitle } = this.chat.names(item, this.chat.myId);
    return folded(`${title} ${subtitle}`).includes(folded(this.words)) || this.found?.has(item.id);
  }

  #look(words) {
    Object.assign(this, { words, found: null, looking: Boolean(words) });
    const beyond = byId("search-for");
    beyond.hidden = !words;
    beyond.lastElementChild.textContent = t("search_for", { words });
    clearTimeout(this.timer);
    if (words) this.timer = setTimeout(() => this.#browse(), PAUSE);
    this.chat.draw();
  }

  #key(event) {
    if (event.key === "Enter" && this.words) this.chat.find({ words: this.words });
    else if (event.key === "ArrowDown") this.chat.list.querySelector("a")?.focus();
    else return;
    event.preventDefault();
  }

  /** The list here may not hold everything: what the server finds comes in as well. */
  async #browse() {
    const { chat, filter, words } = this;
    Object.assign(this, { looking: true, problem: null });
    let items = [];
    let problem = null;
    try {
      ({ items } = await chat.messenger.page({ filter, q: words }));
    } catch (caught) {
      problem = caught;
    }
    if (filter !== this.filter || words !== this.words) return;
    Object.assign(this, { found: new Set(items.map(({ id }) => id)), looking: false, problem });
    chat.draw();
  }
}
