/** The menu of one message: arrows move, Escape closes, and the focus goes back to its button. */
import { part } from "../dom.js";

export function openMenu(item) {
  const { more } = item.places;
  const open = item.querySelector("[role=menu]");
  const menu = part("menu").node;
  const close = () => {
    more.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement)) more.focus();
    if (menu.isConnected) menu.remove();
  };
  if (open) return more.focus();
  for (const button of [...menu.children]) if (!item.row.acts.includes(button.dataset.act)) button.remove();
  menu.onclick = ({ target }) => {
    const act = target.closest("button")?.dataset.act;
    close();
    if (act) item.say(act);
  };
  menu.onkeydown = (event) => steer(event, [...menu.children], close);
  menu.onfocusout = ({ relatedTarget }) => menu.contains(relatedTarget) || setTimeout(close);
  more.setAttribute("aria-expanded", "true");
  more.after(menu);
  menu.firstElementChild.focus();
  return menu.scrollIntoView({ block: "nearest" });
}

function steer(event, items, close) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Escape" || event.key === "Tab") close();
  if (to === undefined && event.key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
  items[to]?.focus();
}
