/** A finger that rests on a message opens its menu. */
const LONG_MS = 500;

export function hold(log) {
  let timer = null;
  const away = () => clearTimeout(timer);
  const rests = ({ target }) => {
    const item = target.closest("message-item");
    if (item?.row.acts.includes("menu")) item.say("menu");
  };
  log.addEventListener("touchstart", (event) => {
    away();
    if (event.touches.length === 1 && !event.target.closest("button, a, [role=menu]")) timer = setTimeout(rests, LONG_MS, event);
  }, { passive: true });
  for (const name of ["touchmove", "touchend", "touchcancel"]) log.addEventListener(name, away, { passive: true });
  log.addEventListener("contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());
}
