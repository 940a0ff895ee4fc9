/** One message: bubble, author, time, marks, and what may be done with it. Says `act` with `{act, row}`. */
import { icon, iconButton, make, unseen } from "./dom.js";
import { initials, tone } from "./names.js";
import { t } from "./texts.js";
import { clockTime, fullTime } from "./when.js";

const MARKS = { queued: "clock", sending: "clock", sent: "tick", delivered: "ticks", read: "ticks" };

class MessageItem extends HTMLElement {
  /** `row` of rows.js with `mark`, `problem`, `seen`, `acts: [name]` and `named` (show the author). */
  show(row) {
    const focused = this.contains(document.activeElement);
    this.row = row;
    const { entry, item, own, stream } = row;
    const note = stream === "internal";
    const name = own ? t("you") : entry.actor.name;
    this.setAttribute("role", "article");
    this.setAttribute("aria-label", [name, clockTime(row.at), note && t("note")].filter(Boolean).join(", "));
    this.className = Object.entries({ message: true, own, note, first: row.first, last: row.last,
      waiting: row.mark === "queued" || row.mark === "sending", failed: row.mark === "failed" })
      .filter(([, on]) => on).map(([word]) => word).join(" ");
    this.replaceChildren(...[
      row.named && this.#avatar(entry),
      make("div", { class: "message-main" },
        row.first && note && make("p", { class: "note-label" }, icon("lock"), t("note_label")),
        row.first && (row.named || (note && !own)) && make("p", { class: "author", dir: "auto", textContent: name }),
        make("div", { class: "bubble" }, ...this.#content(entry?.message ?? item), this.#meta(row), this.#more(row)),
        row.mark === "failed" && this.#failure(row),
        row.seen && make("p", { class: "seen", textContent: row.seen })),
    ].filter(Boolean));
    if (focused) (this.querySelector(".more") ?? this.querySelector("button"))?.focus();
    return this;
  }

  #avatar({ actor }) {
    if (!this.row.last) return make("span", { class: "avatar-space" });
    return make("span", { class: `avatar small tone-${tone(actor.name)}`, "aria-hidden": "true", textContent: initials(actor.name) });
  }

  #content(message) {
    if (message.recalled) return [make("p", { class: "recalled", textContent: t("recalled") })];
    const quoted = message.reply_to?.excerpt ?? message.quoted;
    return [
      message.priority === "urgent" && make("p", { class: "urgent" }, icon("caution"), t("urgent")),
      quoted && make("p", { class: "quote", dir: "auto", textContent: quoted }),
      make("p", { class: "body", dir: "auto", textContent: message.body }),
    ].filter(Boolean);
  }

  #meta({ at, entry, own, mark }) {
    return make("span", { class: "meta" },
      entry?.message.edited_at && !entry.message.recalled && make("span", { textContent: `${t("edited")} ·` }),
      make("time", { datetime: at, title: fullTime(at), textContent: clockTime(at) }),
      own && MARKS[mark] && make("span", { class: `mark ${mark}` }, icon(MARKS[mark]), unseen(t(`state.${mark}`))));
  }

  #more(row) {
    if (!row.acts?.length) return null;
    return iconButton("dots", t("message_menu"), { class: "more", "aria-haspopup": "menu", "aria-expanded": "false",
      onclick: (event) => this.#toggle(event.currentTarget) });
  }

  #toggle(button) {
    const open = this.querySelector("[role=menu]");
    if (open) return this.#close(button);
    const menu = make("div", { role: "menu", class: "menu", "aria-label": t("message_menu") }, this.row.acts.map((act) =>
      make("button", { type: "button", role: "menuitem", tabIndex: -1, onclick: () => { this.#close(button); this.#say(act); } },
        icon({ reply: "reply", copy: "copy", edit: "write", recall: "undo" }[act]), t(act))));
    menu.addEventListener("keydown", (event) => this.#steer(event, menu, button));
    menu.addEventListener("focusout", ({ relatedTarget }) => relatedTarget !== button && !menu.contains(relatedTarget) && this.#close());
    button.setAttribute("aria-expanded", "true");
    button.after(menu);
    menu.firstChild.focus();
    menu.scrollIntoView({ block: "nearest" });
    return undefined;
  }

  #steer(event, menu, button) {
    const items = [...menu.children];
    const at = items.indexOf(document.activeElement);
    const target = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length,
      Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") this.#close(button);
    if (target === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    items[target]?.focus();
  }

  #close(button) {
    const menu = this.querySelector("[role=menu]");
    this.querySelector(".more")?.setAttribute("aria-expanded", "false");
    button?.focus();
    if (menu?.isConnected) menu.remove();
  }

  #failure(row) {
    const act = (name, text) => make("button", { type: "button", class: "link", textContent: text, onclick: () => this.#say(name) });
    return make("p", { class: "failure" }, icon("caution"), make("strong", { textContent: t("failed") }),
      make("span", { textContent: row.problem }), act("again", t("try_again")), act("copy", t("copy")), act("discard", t("discard")));
  }

  #say(act) {
    this.dispatchEvent(new CustomEvent("act", { bubbles: true, detail: { act, row: this.row } }));
  }
}

customElements.define("message-item", MessageItem);
