/** The menu of one message: arrows move, Escape closes, and the focus goes back where it was. */
import { part } from "../dom.js";

export function openMenu(item, acts) {
  const { more } = item.places;
  const open = item.querySelector("[role=menu]");
  const menu = part("menu").node;
  const before = item.contains(document.activeElement) ? document.activeElement : more;
  const close = () => {
    more.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement)) before.focus();
    if (menu.isConnected) menu.remove();
  };
  if (open) return before.focus();
  for (const button of [...menu.children]) if (!acts.includes(button.dataset.act)) button.remove();
  menu.onclick = (event) => {
    event.stopPropagation();
    const act = event.target.closest("button")?.dataset.act;
    close();
    item.say(act);
  };
  menu.onkeydown = (event) => steer(event, [...menu.children], close);
  menu.onfocusout = ({ relatedTarget }) => menu.contains(relatedTarget) || setTimeout(close);
  more.setAttribute("aria-expanded", "true");
  item.places.acts.append(menu);
  menu.firstElementChild.focus({ preventScroll: true });
  return place(menu, item.closest("[role=log]"));
}

/** Below its button, or above it where there is no room below; beside the message or over it. On a phone it stands at the foot of the page. */
function place(menu, log) {
  if (getComputedStyle(menu).position !== "absolute") return;
  const [here, room] = [menu, log].map((node) => node.getBoundingClientRect());
  menu.classList.toggle("up", here.bottom > room.bottom && here.top - here.height > room.top);
  menu.classList.toggle("inward", here.left < room.left || here.right > room.right);
  menu.scrollIntoView({ block: "nearest" });
}

function steer(event, items, close) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Escape" || event.key === "Tab") close();
  event.stopPropagation();
  if (to === undefined && event.key !== "Escape") return;
  event.preventDefault();
  items[to]?.focus();
}
