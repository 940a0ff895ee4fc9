/**
 * Going through the messages by keyboard: arrows move from one to the next, Home and End to the ends, Enter opens what
 * may be done with one, R answers it, Escape goes back to the log.
 */
export function steer(event, thread) {
  const { log } = thread;
  const items = [...log.querySelectorAll("message-item")];
  const here = document.activeElement;
  const at = items.indexOf(here);
  if (here !== log && at < 0) return;
  const act = event.ctrlKey || event.metaKey || event.altKey ? null : actOf(event);
  if (at >= 0 && act && here.row.acts.includes(act)) {
    event.preventDefault();
    return here.say(act);
  }
  if (event.key === "Escape" && at >= 0) log.focus();
  const last = items.length - 1;
  const to = { ArrowDown: at < 0 ? last : Math.min(at + 1, last), ArrowUp: at < 0 ? last : Math.max(at - 1, 0), Home: 0, End: last }[event.key];
  const item = items[to];
  if (!item) return undefined;
  event.preventDefault();
  item.tabIndex = -1;
  return item.focus();
}

const actOf = ({ key, shiftKey }) =>
  ({ Enter: "menu", " ": "menu", ContextMenu: "menu", F10: shiftKey && "menu", r: "reply", R: "reply" })[key];
