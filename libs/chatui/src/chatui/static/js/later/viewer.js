/** A picture in full: arrow keys go to the next and the one before, Escape closes, and it may be downloaded. */
import { byId } from "../dom.js";
import { t } from "../texts.js";
import { attachmentOf, sizeText } from "./message-files.js";

const dialog = byId("viewer");
const at = Object.fromEntries([...dialog.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
let pictures = [];
let place = 0;
let from = null;

/** Open at this picture; the others are those that stand around it, in their order. */
export function view(button) {
  from = button;
  const around = [...(button.closest("[role=log], .files-list") ?? button.parentNode).querySelectorAll(".picture")];
  pictures = around.map(attachmentOf).filter(Boolean);
  dialog.showModal();
  turnTo(pictures.indexOf(attachmentOf(button)));
  at.image.parentNode.focus();
}

function turnTo(to) {
  place = Math.max(0, Math.min(to, pictures.length - 1));
  const { name, size, url, width, height } = pictures[place];
  const many = pictures.length > 1;
  at.name.textContent = name;
  at.about.textContent = [many && t("files.of", { place: place + 1, n: pictures.length }), sizeText(size)].filter(Boolean).join(" · ");
  at.image.hidden = false;
  at.note.textContent = t("loading");
  Object.assign(at.image, { alt: name, src: url });
  for (const side of ["width", "height"]) at.image.setAttribute(side, { width, height }[side] ?? "");
  Object.assign(at.download, { href: url, download: name });
  at.before.hidden = at.after.hidden = !many;
  at.before.disabled = place === 0;
  at.after.disabled = place === pictures.length - 1;
}

at.image.onload = () => { at.note.textContent = ""; };
at.image.onerror = () => { at.image.hidden = true; at.note.textContent = t("files.broken"); };
at.before.onclick = () => turnTo(place - 1);
at.after.onclick = () => turnTo(place + 1);
dialog.onclick = ({ target }) => target === dialog && dialog.close();
dialog.onkeydown = (event) => {
  const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: pictures.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  turnTo(document.dir === "rtl" && event.key.startsWith("Arrow") ? 2 * place - to : to);
};
dialog.onclose = () => { at.image.removeAttribute("src"); from?.focus(); };
