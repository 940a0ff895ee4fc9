/**
 * The files of a conversation, newest first, page by page: in the panel of the staff page, in a dialog for patients.
 * What is withdrawn meanwhile leaves the list.
 */
import { byId, fill, make, part } from "../dom.js";
import { problemText, t } from "../texts.js";
import { shortTime } from "../when.js";
import { cardOf, files, isPicture } from "./message-files.js";

const PAGE = 20;
let turn = 0;
let shown = null;
const heard = new WeakSet();

/** Open the patient's list of all that was ever attached to the open conversation. */
export function openFilesOf(chat) {
  const dialog = byId("files");
  dialog.showModal();
  showFilesOf(chat, chat.id, Object.fromEntries([...dialog.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place])));
}

/** Fill `at` `{list, note, more}` with the files of conversation `id`, and go on by its button. */
export async function showFilesOf(chat, id, at) {
  const { api } = chat.messenger;
  const mine = (turn += 1);
  shown = at;
  attend(chat.messenger);
  at.list.replaceChildren();
  at.more.onclick = () => next(at.more.dataset.cursor);
  return next();

  async function next(cursor) {
    fill(at, { note: t("loading"), more: false });
    const query = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
    try {
      const page = await api.call("GET", `/conversations/${id}/files?${query}`);
      if (mine !== turn || chat.id !== id) return;
      const first = at.list.children.length;
      at.list.append(...page.items.map((item) => line(item, chat.myId)));
      if (cursor) at.list.children[first]?.querySelector("a, button")?.focus();
      at.more.dataset.cursor = page.next_cursor ?? "";
      fill(at, { note: at.list.children.length ? "" : t("files.none"), more: Boolean(page.next_cursor) });
    } catch (problem) {
      if (mine === turn) fill(at, { note: problemText(problem), more: true });
      at.more.dataset.cursor = cursor ?? "";
    }
  }
}

function attend(messenger) {
  if (heard.has(messenger)) return;
  heard.add(messenger);
  messenger.addEventListener("entry", ({ detail: { entry } }) => entry.type === "message.recalled" && drop(entry.message_id));
}

function drop(messageId) {
  const gone = [...shown.list.children].filter(({ dataset }) => dataset.message === messageId);
  for (const line of gone) line.remove();
  if (gone.length && !shown.list.children.length) fill(shown, { note: t("files.none") });
}

function line({ attachment, actor, at, stream, message_id: messageId }, myId) {
  const { node, ...place } = part("file-line");
  node.dataset.message = messageId;
  place.view.append(...(isPicture(attachment) ? [...files([attachment]), make("span", { class: "file-name", dir: "auto", text: attachment.name })] : [cardOf(attachment)]));
  const who = actor.id === myId ? t("you") : actor.name;
  place.about.textContent = t("files.by", { name: who, time: shortTime(at) });
  fill(place, { note: stream === "internal" });
  return node;
}
