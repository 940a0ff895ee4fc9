/** The list of conversations: real links, one line each, with what is unread said in words. */
import { icon, make, show, unseen } from "./dom.js";
import { unreadOf } from "./conversations.js";
import { initials, lineText, tone } from "./names.js";
import { t } from "./texts.js";
import { fullTime, shortTime } from "./when.js";

class ConversationList extends HTMLElement {
  held = new Map();

  connectedCallback() {
    this.list = make("ul", { class: "rows" });
    this.note = make("div", { class: "list-note", hidden: true });
    this.more = make("button", { type: "button", class: "button quiet wide", hidden: true, textContent: t("more"),
      onclick: () => this.dispatchEvent(new Event("more")) });
    this.append(this.list, this.note, this.more, make("div", { class: "bones" }));
    this.classList.add("waiting");
    this.addEventListener("click", (event) => this.#choose(event));
    this.addEventListener("keydown", (event) => this.#step(event));
  }

  /** `note` is `{title, hint}` for an empty list, `act` an optional `{text, run}` beneath it. */
  show({ items, current, myId, names, home, more = false, note = null, act = null }) {
    this.classList.remove("waiting");
    show(this.list, items.map((item) => this.#row(item, item.id === current, { myId, names, home })), this.held);
    this.note.hidden = !note;
    if (note) this.note.replaceChildren(make("strong", { textContent: note.title }), make("p", { textContent: note.hint }),
      ...(act ? [make("button", { type: "button", class: "button", textContent: act.text, onclick: act.run })] : []));
    this.more.hidden = !more;
  }

  focusOn(id) {
    (this.held.get(id)?.node.firstChild ?? this.querySelector("a"))?.focus();
  }

  #row(item, selected, { myId, names, home }) {
    const { title, subtitle, avatar } = names(item, myId);
    const entry = item.last_entry;
    const shown = { title, subtitle, line: lineText(entry, myId, item.kind), unread: unreadOf(item), selected,
      time: entry ? shortTime(entry.at) : "", closed: item.status === "closed", note: entry?.stream === "internal" };
    return {
      key: item.id,
      stamp: JSON.stringify(shown),
      make: () => this.#fill(make("li", {}, make("a", { class: "row", href: `${home}/${item.id}`, "data-id": item.id })), item, shown, avatar),
      update: (node) => this.#fill(node, item, shown, avatar),
    };
  }

  #fill(node, item, shown, avatar) {
    const { title } = shown;
    const link = node.firstChild;
    link.classList.toggle("unread", shown.unread > 0);
    if (shown.selected) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.replaceChildren(...[
      make("span", { class: `avatar kind-${item.kind} tone-${tone(avatar?.name ?? title)}`, "aria-hidden": "true" },
        avatar ? initials(avatar.name) : icon("group"),
        item.kind === "patient" && make("span", { class: "kind-mark" }, icon("patient"))),
      make("span", { class: "row-main" },
        make("span", { class: "row-top" },
          make("span", { class: "row-title", dir: "auto", textContent: shown.title }),
          item.kind === "patient" && unseen(`, ${t("kind.patient")}`),
          shown.time && make("time", { class: "row-time", datetime: item.last_entry.at, title: fullTime(item.last_entry.at), textContent: shown.time })),
        shown.subtitle && item.kind !== "group" && make("span", { class: "row-sub", dir: "auto", textContent: shown.subtitle }),
        make("span", { class: "row-bottom" },
          shown.note && icon("lock"), shown.note && unseen(`${t("note")}: `),
          make("span", { class: "row-line", dir: "auto", textContent: shown.line }),
          shown.closed && make("span", { class: "tag", textContent: t("closed") }),
          shown.unread > 0 && make("span", { class: "badge", "aria-hidden": "true", textContent: shown.unread > 99 ? "99+" : shown.unread }),
          shown.unread > 0 && unseen(t("unread", { n: shown.unread })))),
    ].filter(Boolean));
    return node;
  }

  #choose(event) {
    const link = event.target.closest("a.row");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.dispatchEvent(new CustomEvent("choose", { detail: link.dataset.id }));
  }

  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...this.querySelectorAll("a.row")];
    links[links.indexOf(document.activeElement) + step]?.focus();
    event.preventDefault();
  }
}

customElements.define("conversation-list", ConversationList);
