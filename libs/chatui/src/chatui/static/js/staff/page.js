/** The staff page: every kind of conversation, the internal notes, finding, starting and arranging them. */
import { Chat } from "../chat.js";
import { passes } from "../conversations.js";
import { icon, iconButton, make } from "../dom.js";
import { firstName, initials, staffNames, tone } from "../names.js";
import { t } from "../texts.js";
import { listed } from "../when.js";

const byId = (id) => document.getElementById(id);
const find = { filter: "all", q: "", found: null };

const chat = new Chat({
  names: staffNames,
  streams: true,
  hooks: { head, listed: rowsOfList, composer: composerFor, seen, opened },
});
const { messenger } = chat;

function head(conversation, { title, subtitle, avatar }) {
  const patient = conversation.kind === "patient";
  return make("header", { class: "thread-head" },
    iconButton("back", t("back"), { class: "back", "data-act": "back", onclick: () => chat.back() }),
    make("span", { class: `avatar kind-${conversation.kind} tone-${tone(avatar?.name ?? title)}`, "aria-hidden": "true" },
      avatar ? initials(avatar.name) : icon("group")),
    make("div", { class: "thread-name" },
      make("h2", { tabIndex: -1, dir: "auto", textContent: title }),
      make("p", {}, patient && make("span", { class: "tag patient" }, t("kind.patient")),
        conversation.status === "closed" && make("span", { class: "tag" }, t("closed")),
        make("span", { dir: "auto", textContent: subtitle }))),
    iconButton("info", t("details"), { class: "toggle-details", "data-act": "details", "aria-expanded": String(!byId("details").hidden),
      "aria-controls": "details", onclick: toggleDetails }));
}

function rowsOfList() {
  const words = find.q.toLocaleLowerCase();
  const matches = (item) => {
    const { title, subtitle } = staffNames(item, chat.myId);
    return `${title} ${subtitle}`.toLocaleLowerCase().includes(words) || find.found?.has(item.id);
  };
  const items = messenger.conversations.sorted().filter((item) =>
    (passes(item, find.filter) || (item.id === chat.id && find.filter === "unread")) && (!words || matches(item)));
  const name = words || !["all", "unread"].includes(find.filter) ? "empty.found" : find.filter === "unread" ? "empty.unread" : "empty.list";
  const note = items.length ? null : { title: t(name), hint: t(`${name}.hint`) };
  return { items, note, more: find.filter === "all" && !words && messenger.cursor !== null };
}

function composerFor(conversation) {
  const { allowed = true, reason } = conversation.can_reply ?? {};
  const closed = conversation.status === "closed";
  const { title } = staffNames(conversation, chat.myId);
  return {
    name: conversation.kind === "group" ? title : firstName(title),
    internal: "internal" in conversation.heads && conversation.kind === "patient",
    notice: closed ? { text: t("closed.note"), reopen: true } : allowed ? null : { text: reason ?? t("cannot_reply") },
  };
}

function seen({ mark, entry }, readers) {
  if (mark !== "read" || !readers.length || messenger.conversations.get(entry.conversation_id).kind === "direct") return "";
  return t("seen_by", { names: listed(readers.map(({ name }) => firstName(name))) });
}

async function browse() {
  const asked = JSON.stringify(find);
  const { filter, q } = find;
  const ids = await chat.try(() => messenger.browse({ filter, q }));
  if (asked !== JSON.stringify({ ...find, found: JSON.parse(asked).found })) return;
  find.found = new Set(ids ?? []);
  chat.draw("list");
}

byId("search").addEventListener("input", ({ target }) => {
  find.q = target.value.trim();
  find.found = null;
  chat.draw("list");
  clearTimeout(find.timer);
  if (find.q) find.timer = setTimeout(browse, 250);
});

document.querySelector(".filters").addEventListener("click", ({ target }) => {
  const pill = target.closest("[data-filter]");
  if (!pill) return;
  find.filter = pill.dataset.filter;
  document.querySelectorAll("[data-filter]").forEach((one) => one.setAttribute("aria-pressed", String(one === pill)));
  chat.draw("list");
  if (find.filter !== "all") browse();
});

byId("new").addEventListener("click", async () => {
  const { startConversation } = await import("../later/people-dialog.js");
  const conversation = await startConversation(messenger);
  if (conversation) chat.go(conversation.id);
});

let details = null;

async function toggleDetails() {
  details ??= await import("../later/details.js").then(({ Details }) => new Details(chat));
  details.toggle();
  chat.draw("thread");
}

function opened(id) {
  details?.follow(id);
}

messenger.addEventListener("list", () => details?.draw());
chat.start();
