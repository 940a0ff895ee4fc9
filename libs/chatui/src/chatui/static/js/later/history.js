/** The earlier texts of a message, with their times, for staff. The dialog stands in the page; this fills it. */
import { byId, make } from "../dom.js";
import { t } from "../texts.js";
import { fullTime } from "../when.js";

const dialog = byId("history");

export async function showHistory({ messenger }, { message }) {
  const { id, body, recalled, edited_at: edited } = message;
  const { items } = await messenger.ask("GET", `/messages/${id}/history`);
  const now = recalled ? [] : [{ body, at: edited, label: t("history.now") }];
  const earlier = items.map((one, at) => ({ ...one, label: t(at ? "history.then" : "history.first") }));
  dialog.querySelector("ol").replaceChildren(...[...earlier, ...now].map(line));
  dialog.querySelector(".hint").hidden = !recalled;
  dialog.showModal();
}

const line = ({ body, at, label }) => make("li", {}, make("p", { class: "muted" }, make("strong", { text: label }), " ",
  make("time", { datetime: at, text: fullTime(at) })), make("p", { class: "said", dir: "auto", text: body }));
