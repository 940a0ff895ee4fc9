/** The staff page: every kind of conversation and internal notes; finding, starting and arranging come when asked for. */
import { Chat } from "../chat.js";
import { byId, fill } from "../dom.js";
import { firstName, initials, tone } from "../names.js";
import { t, whyNot } from "../texts.js";
import { listed } from "../when.js";
import { staffNames } from "./titles.js";

const chat = new Chat({ names: staffNames, internal: true, hooks: { head, listed: rows, composer, seen, opened } });
const { messenger } = chat;
const ready = chat.start();
let details = null;
let finder = null;

function head(places, { kind }, { title, person }) {
  fill(places, { patient: kind === "patient", letters: person && initials(person), several: !person });
  places.avatar.className = `avatar kind-${kind} tone-${tone(person ?? title)}`;
  places.details.setAttribute("aria-expanded", !byId("details").hidden);
  places.details.onclick = toggleDetails;
}

function rows() {
  if (finder) return finder.rows();
  const items = messenger.conversations.sorted();
  const note = items.length ? null : { title: t("empty.list"), hint: t("empty.list.hint"), again: false };
  return { items, note, more: messenger.cursor !== null };
}

function composer({ can_reply: { allowed, reason }, status, heads, kind, ...conversation }) {
  const { title } = staffNames({ kind, ...conversation }, chat.myId);
  const closed = status === "closed" ? { reason: t("closed.note"), reopen: true } : allowed ? null : { reason: whyNot(reason) };
  return { name: kind === "group" ? title : firstName(title), internal: "internal" in heads && kind === "patient", closed };
}

function seen({ mark }, readers, kind) {
  return mark === "read" && kind !== "direct" && t("seen_by", { names: listed(readers.map(({ name }) => firstName(name))) });
}

function opened(id) {
  details?.follow(id);
}

const place = document.querySelector(".finder");
for (const name of ["focusin", "click"]) place.addEventListener(name, loadFinder);

async function loadFinder({ target }) {
  for (const name of ["focusin", "click"]) place.removeEventListener(name, loadFinder);
  const { Finder } = await import("../later/finder.js");
  await ready;
  finder = new Finder(chat, target);
  chat.draw();
}

byId("new").addEventListener("click", () => chat.try(async () => {
  const { startConversation } = await import("../later/people-dialog.js");
  await ready;
  const conversation = await startConversation(messenger);
  if (conversation) chat.go(conversation.id);
}));

async function toggleDetails() {
  details ??= await import("../later/details.js").then(({ Details }) => new Details(chat));
  details.toggle();
}

messenger.addEventListener("change", () => details?.draw());
