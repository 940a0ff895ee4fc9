/** When a message is worth a notice: pure. */

/** `entry` just heard, fresh; `notify` is what the person prefers here: all, mentions or none. */
export function isWorthTelling({ entry, myId, notify = "all", inFront }) {
  const { type, actor, message } = entry;
  if (inFront || type !== "message.posted" || actor.id === myId || notify === "none") return false;
  return notify === "all" || message.mentions.includes(myId);
}

/** What the tab's small picture says: nothing, the number, or that there are many. */
export const badgeText = (count) => (count > 9 ? "9+" : count > 0 ? String(count) : "");
