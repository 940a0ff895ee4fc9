/**
 * The list of names that "@" offers in a text field: arrows choose, Enter or Tab takes, Escape closes.
 *
 * The focus stays in the field; `aria-activedescendant` says which name is meant, and how many there are is told.
 */
import { make } from "../dom.js";
import { t } from "../texts.js";
import { fitting, named, naming } from "./mentions.js";

const MOST = 8;

export class NameOffers {
  found = [];
  chosen = 0;

  /** `people()` are those who may be named; `say(text)` tells a screen reader. */
  constructor({ field, list, people, say }) {
    Object.assign(this, { field, list, people, say });
    field.addEventListener("input", () => this.offer());
    field.addEventListener("blur", () => this.close());
    list.onmousedown = (event) => {
      event.preventDefault();
      const at = [...list.children].indexOf(event.target.closest("[role=option]"));
      if (at >= 0) this.#take(at);
    };
  }

  offer() {
    const { field, list } = this;
    const before = this.found.length;
    this.spot = naming(field.value, field.selectionStart);
    this.found = this.spot ? fitting(this.people(), this.spot.typed).slice(0, MOST) : [];
    const n = this.found.length;
    if (!n) return this.close();
    list.replaceChildren(...this.found.map(({ name }, at) => make("li", { role: "option", id: `offer-${at}`, dir: "auto", text: name })));
    list.hidden = false;
    field.setAttribute("aria-controls", list.id);
    if (n !== before) this.say(t("mention.found", { n }));
    return this.#choose(0);
  }

  close() {
    this.found = [];
    this.list.hidden = true;
    for (const name of ["aria-controls", "aria-activedescendant"]) this.field.removeAttribute(name);
  }

  /** True when the key was meant for the list. */
  key({ key, shiftKey }) {
    const n = this.found.length;
    const acts = { ArrowDown: () => this.#choose((this.chosen + 1) % n), ArrowUp: () => this.#choose((this.chosen - 1 + n) % n),
      Enter: () => this.#take(this.chosen), Tab: () => this.#take(this.chosen), Escape: () => this.close() };
    if (!n || shiftKey || !acts[key]) return false;
    acts[key]();
    return true;
  }

  #choose(at) {
    this.chosen = at;
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", place === at));
    this.list.children[at].scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", `offer-${at}`);
  }

  #take(at) {
    const { field, spot, found } = this;
    const { text, caret } = named(field.value, field.selectionStart, spot.from, found[at].name);
    field.value = text;
    field.setSelectionRange(caret, caret);
    field.dispatchEvent(new Event("input"));
    this.close();
  }
}
