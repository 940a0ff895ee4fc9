/** Going through the messages by keyboard: arrows move from one to the next, Home and End to the ends, Escape back to the log. */
export function steer(event, thread) {
  const { log } = thread;
  const items = [...log.querySelectorAll("message-item")];
  const at = items.indexOf(document.activeElement);
  if (document.activeElement !== log && at < 0) return;
  if (event.key === "Escape" && at >= 0) log.focus();
  const last = items.length - 1;
  const to = { ArrowDown: at < 0 ? last : Math.min(at + 1, last), ArrowUp: at < 0 ? last : Math.max(at - 1, 0), Home: 0, End: last }[event.key];
  const item = items[to];
  if (!item) return;
  event.preventDefault();
  item.tabIndex = -1;
  item.focus();
}
