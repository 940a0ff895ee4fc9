/** The staff page: every kind of conversation, internal notes, and finding, starting and arranging conversations. */
import { Chat } from "../chat.js";
import { passes } from "../conversations.js";
import { byId, fill } from "../dom.js";
import { firstName, initials, tone } from "../names.js";
import { t } from "../texts.js";
import { listed } from "../when.js";
import { staffNames } from "./titles.js";

const find = { filter: "all", words: "", found: null };
const chat = new Chat({ names: staffNames, internal: true, hooks: { head, listed: rows, composer, seen, opened } });
const { messenger } = chat;
const ready = chat.start();
let details = null;

function head(places, { kind }, { title, person }) {
  fill(places, { patient: kind === "patient", letters: person && initials(person), several: !person });
  places.avatar.className = `avatar kind-${kind} tone-${tone(person ?? title)}`;
  places.details.setAttribute("aria-expanded", !byId("details").hidden);
  places.details.onclick = toggleDetails;
}

function rows() {
  const words = find.words.toLocaleLowerCase();
  const named = (item) => {
    const { title, subtitle } = staffNames(item, chat.myId);
    return `${title} ${subtitle}`.toLocaleLowerCase().includes(words) || find.found?.has(item.id);
  };
  const here = ({ id }) => id === chat.id && find.filter === "unread";
  const items = messenger.conversations.sorted().filter((item) => (passes(item, find.filter) || here(item)) && (!words || named(item)));
  const why = find.filter === "unread" && !words ? "empty.unread" : words || find.filter !== "all" ? "empty.found" : "empty.list";
  const note = items.length ? null : { title: t(why), hint: t(`${why}.hint`), again: false };
  return { items, note, more: find.filter === "all" && !words && messenger.cursor !== null };
}

function composer({ can_reply: { allowed, reason }, status, heads, kind, ...conversation }) {
  const { title } = staffNames({ kind, ...conversation }, chat.myId);
  const closed = status === "closed" ? { reason: t("closed.note"), reopen: true } : allowed ? null : { reason: reason ?? t("cannot_reply") };
  return { name: kind === "group" ? title : firstName(title), internal: "internal" in heads && kind === "patient", closed };
}

function seen({ mark }, readers, kind) {
  return mark === "read" && kind !== "direct" && t("seen_by", { names: listed(readers.map(({ name }) => firstName(name))) });
}

function opened(id) {
  details?.follow(id);
}

/** The list here may not hold everything: what the server finds comes in as well. */
async function browse() {
  const { filter, words } = find;
  const ids = await chat.try(() => messenger.browse({ filter, q: words }));
  if (filter !== find.filter || words !== find.words) return;
  find.found = new Set(ids);
  chat.draw();
}

byId("search").addEventListener("input", ({ target }) => {
  Object.assign(find, { words: target.value.trim(), found: null });
  chat.draw();
  clearTimeout(find.timer);
  if (find.words) find.timer = setTimeout(browse, 250);
});

document.querySelector(".filters").addEventListener("click", ({ target }) => {
  if (!target.dataset.filter) return;
  find.filter = target.dataset.filter;
  document.querySelectorAll("[data-filter]").forEach((pill) => pill.setAttribute("aria-pressed", pill === target));
  chat.draw();
  if (find.filter !== "all") browse();
});

byId("new").addEventListener("click", () => chat.try(async () => {
  await ready;
  const { startConversation } = await import("../later/people-dialog.js");
  const conversation = await startConversation(messenger);
  if (conversation) chat.go(conversation.id);
}));

async function toggleDetails() {
  details ??= await import("../later/details.js").then(({ Details }) => new Details(chat));
  details.toggle();
}

messenger.addEventListener("change", () => details?.draw());
