/** The files of a conversation, newest first, page by page: in the panel of the staff page, in a dialog for patients. */
import { fill, make, part } from "../dom.js";
import { problemText, t } from "../texts.js";
import { shortTime } from "../when.js";
import { cardOf, files, isPicture } from "./message-files.js";

const PAGE = 20;

/** Fill `at` `{list, note, more}` with the files of conversation `id`, and go on by its button. */
export async function showFilesOf(chat, id, at) {
  const { api } = chat.messenger;
  at.list.replaceChildren();
  at.more.onclick = () => next(at.more.dataset.cursor);
  return next();

  async function next(cursor) {
    fill(at, { note: t("loading"), more: false });
    const query = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
    try {
      const page = await api.call("GET", `/conversations/${id}/files?${query}`);
      if (chat.id !== id) return;
      const first = at.list.children.length;
      at.list.append(...page.items.map((item) => line(item, chat.myId)));
      if (cursor) at.list.children[first]?.querySelector("a, button")?.focus();
      at.more.dataset.cursor = page.next_cursor ?? "";
      fill(at, { note: at.list.children.length ? "" : t("files.none"), more: Boolean(page.next_cursor) });
    } catch (problem) {
      fill(at, { note: problemText(problem), more: true });
      at.more.dataset.cursor = cursor ?? "";
    }
  }
}

function line({ attachment, actor, at, stream }, myId) {
  const { node, ...place } = part("file-line");
  place.view.append(...(isPicture(attachment) ? [...files([attachment]), make("span", { class: "file-name", dir: "auto", text: attachment.name })] : [cardOf(attachment)]));
  const who = actor.id === myId ? t("you") : actor.name;
  place.about.textContent = t("files.by", { name: who, time: shortTime(at) });
  fill(place, { note: stream === "internal" });
  return node;
}
