/**
 * The files of a message: pictures small, everything else as a card with its name, kind and size.
 *
 * A picture takes its room before it is there, so that nothing jumps; it opens large in viewer.js. What is no picture
 * is never drawn by the page: it opens or downloads as the server serves it.
 */
import { locale, t } from "../texts.js";
import { make, part } from "../dom.js";

const WIDE = 320;
const HIGH = 240;
const KINDS = [[/^image\//, "image"], [/pdf$/, "pdf"], [/^audio\//, "audio"], [/^video\//, "video"], [/^text\/plain/, "text"],
  [/sheet|excel|csv/, "sheet"], [/presentation|powerpoint/, "slides"], [/word|opendocument\.text/, "document"]];
const LETTERS = { pdf: "PDF", image: "IMG", audio: "♪", video: "▶", text: "TXT", sheet: "XLS", slides: "PPT", document: "DOC" };
const shown = new WeakMap();

/** Nodes for the files of a message, in their order. */
export const files = (attachments) => attachments.map((one) => (isPicture(one) ? pictureOf(one) : cardOf(one)));

/** Put them into a place of the page; its other content goes. */
export function showFiles(place, attachments) {
  place.classList.add("files");
  place.replaceChildren(...files(attachments));
}

export const isPicture = ({ media_type: type, thumbnail_url: thumbnail }) => Boolean(thumbnail) && type.startsWith("image/");

/** The attachment a picture of the page stands for. */
export const attachmentOf = (node) => shown.get(node);

function pictureOf(attachment) {
  const { name, width, height, thumbnail_url: thumbnail } = attachment;
  const fit = Math.min(1, WIDE / (width || WIDE), HIGH / (height || HIGH));
  const image = make("img", { src: thumbnail, alt: name, loading: "lazy", decoding: "async",
    width: Math.round((width || WIDE) * fit), height: Math.round((height || HIGH) * fit) });
  const button = make("button", { type: "button", class: "picture", title: name, "aria-label": t("files.open_picture", { name }) }, image);
  image.onerror = () => button.replaceWith(cardOf(attachment));
  button.onclick = async () => (await import("./viewer.js")).view(button);
  shown.set(button, attachment);
  return button;
}

export function cardOf(attachment) {
  const { name, size, url, media_type: type } = attachment;
  const { node, ...at } = part("file");
  const opens = kindOf(type) === "pdf";
  at.view.append(icon(type));
  at.name.textContent = name;
  at.about.textContent = `${kindName(type)} · ${sizeText(size)}`;
  Object.assign(at.open, opens ? { href: url, target: "_blank", rel: "noopener" } : { href: url, download: name });
  at.open.setAttribute("aria-label", t(opens ? "files.open" : "files.download", { name: `${name}, ${at.about.textContent}` }));
  if (opens) Object.assign(at.download, { href: url, download: name }).setAttribute("aria-label", t("files.download", { name }));
  else at.download.remove();
  return node;
}

/** A small picture of a file, one on this device (`File`) or one the server has. */
export function picture(file) {
  const type = file.media_type ?? file.type ?? "";
  const local = file instanceof Blob && /^image\/(jpeg|png|gif|webp)$/.test(type);
  const src = local ? URL.createObjectURL(file) : file.thumbnail_url;
  if (!src) return icon(type);
  const image = make("img", { src, alt: "", width: 40, height: 40 });
  image.onload = () => local && URL.revokeObjectURL(src);
  image.onerror = () => image.replaceWith(icon(type));
  return image;
}

export function icon(type) {
  const { node, ...at } = part("file-icon");
  const kind = kindOf(type);
  node.classList.add(kind);
  at.letters.textContent = LETTERS[kind] ?? "…";
  return node;
}

export const kindOf = (type) => KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? "other";

export const kindName = (type) => t(`files.kind.${kindOf(type)}`);

/** 240 kB, 1.3 MB: as people say it, in the page's language; a thousand of one are the next. */
export function sizeText(bytes) {
  const large = bytes >= 1e6;
  const value = Math.max(1, bytes / (large ? 1e6 : 1e3));
  return new Intl.NumberFormat(locale, { style: "unit", unit: large ? "megabyte" : "kilobyte", unitDisplay: "short",
    maximumFractionDigits: large && value < 10 ? 1 : 0 }).format(value);
}
