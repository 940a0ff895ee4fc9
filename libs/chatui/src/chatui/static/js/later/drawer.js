/** What a patient put away stays in reach: one button at the end of the list, and the list shows the one or the other. */
import { byId } from "../dom.js";
import { t } from "../texts.js";
import { passing } from "./filters.js";

export class Drawer {
  open = false;

  constructor(chat) {
    this.chat = chat;
    this.button = byId("archived");
    this.button.onclick = () => this.#toggle();
  }

  /** What the list shows now. */
  rows() {
    const { messenger } = this.chat;
    this.#offer();
    const items = messenger.conversations.listed(passing(this.open ? "archived" : "all"));
    const why = this.button.hidden ? "portal.empty" : "portal.archived.all";
    const note = items.length || this.open ? null : { title: t(why), hint: t(`${why}.hint`), again: false };
    return { items, note, bones: this.open && !items.length, more: !this.open && messenger.cursor !== null };
  }

  #offer() {
    const n = [...this.chat.messenger.conversations.preferences.values()].filter(({ archived }) => archived).length;
    this.open &&= n > 0;
    this.button.hidden = !n;
    this.button.setAttribute("aria-pressed", String(this.open));
    this.button.lastElementChild.textContent = this.open ? t("portal.archived.back") : t("portal.archived", { n });
  }

  async #toggle() {
    const { chat } = this;
    this.open = !this.open;
    chat.draw();
    if (this.open) await chat.try(() => chat.messenger.page({ filter: "archived" }), () => { this.open = false; });
    chat.draw();
  }
}
