/** The chips over the field: each file that is about to be sent, how far it is, what was wrong with it, and its way out. */
import { fill, part, show } from "../dom.js";
import { language, problemText, t } from "../texts.js";
import { kindOf, picture, sizeText } from "./message-files.js";

const GOING = new Set(["waiting", "going"]);

export class FileTray {
  held = new Map();

  /** `removed()` hears that a file was taken out by hand. */
  constructor({ tray, list, removed }) {
    Object.assign(this, { tray, list, removed });
  }

  draw() {
    const { tray, list, held } = this;
    show(list, tray.items.map((item) => ({ key: item.key, stamp: JSON.stringify([item.state, item.done, item.problem?.code, item.name]),
      make: () => this.#chip(item), update: (chip) => this.#show(chip, item) })), held);
  }

  /** What went wrong, in one text; what was told before is not told again. */
  news() {
    const { items, bytes, told } = this.tray;
    const text = items.filter(({ problem }) => problem).map((item) => `${item.name}: ${fileProblem(item, bytes)}`).join(" ");
    this.tray.told = text;
    if (!text || text === told) return "";
    this.list.querySelector(".trouble")?.scrollIntoView({ block: "nearest" });
    return text;
  }

  #chip({ key, file, attachment }) {
    const { node, ...at } = part("chip");
    node.at = at;
    at.view.append(picture(file ?? attachment));
    at.remove.onclick = () => { this.tray.remove(key); this.removed(); };
    at.again.onclick = () => this.tray.again(key);
    return node;
  }

  /** The server may have given it a plainer name than it came with. */
  #show({ at, classList }, item) {
    const { name, size, state, problem, done } = item;
    classList.toggle("trouble", Boolean(problem));
    at.remove.setAttribute("aria-label", t("files.remove", { name }));
    fill(at, { name, size: !problem && sizeText(size), problem: problem && fileProblem(item, this.tray.bytes),
      again: state === "failed", bar: GOING.has(state) });
    at.bar.value = done;
    at.bar.setAttribute("aria-label", t("files.going", { name }));
  }
}

function fileProblem({ problem, media_type: type }, bytes) {
  const known = { too_large: t("files.too_large", { size: sizeText(bytes) }), empty: t("files.empty"), unsupported_media: unsupported(problem, type),
    invalid: t("files.refused"), unknown: t("files.refused") };
  return known[problem.code] ?? problemText(problem);
}

/** Where it looks like a kind that can be sent, "pictures can be sent" helps nobody: then the server knows better why not. */
function unsupported({ detail }, type) {
  if (kindOf(type ?? "") === "other") return t("files.unsupported");
  return (language === "en" && detail) || t("files.odd");
}

/** Files may be dropped anywhere on `place`; dropped beside it, they must not take the page's place. */
export function takeDrops(place, { open, add, refuse }) {
  let depth = 0;
  const carries = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  const over = () => place.classList.toggle("dropping", depth > 0 && open());
  place.dataset.drop = t("files.drop");
  place.ondragenter = (event) => { if (carries(event)) over((depth += 1)); };
  place.ondragleave = (event) => { if (carries(event)) over((depth -= 1)); };
  document.ondragover = (event) => { if (carries(event)) event.preventDefault(); };
  document.ondrop = (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over((depth = 0));
    const { files, items } = event.dataTransfer;
    if (!place.contains(event.target) || !open()) return;
    if ([...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory)) refuse();
    else add([...files]);
  };
}
