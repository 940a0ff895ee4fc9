/** A short word at the edge of the page, read out too; it goes by itself. */
import { byId } from "../dom.js";

const STAYS_MS = 6000;
let going = null;

export function announce(text, trouble) {
  const place = byId("announce");
  place.textContent = text;
  place.className = trouble ? "toast trouble" : "toast";
  clearTimeout(going);
  going = setTimeout(() => {
    place.textContent = "";
    place.className = "unseen";
  }, STAYS_MS);
}
