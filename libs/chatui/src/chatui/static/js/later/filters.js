/** What the filters of the list let through: pure. */
import { unreadOf } from "../conversations.js";

const FILTERS = {
  unread: (item) => unreadOf(item) > 0,
  patients: ({ kind }) => kind === "patient",
  staff: ({ kind }) => kind !== "patient",
  closed: ({ status }) => status === "closed",
};

/**
 * Tells of a conversation and its preference whether it passes. Archived is a place of its own; what is unread is sought
 * there too, and, by its name (`everywhere`), whatever else is looked for.
 */
export const passing = (filter, everywhere = false) => (conversation, { archived }) => {
  if (filter === "archived") return archived;
  return (!archived || everywhere || filter === "unread") && (FILTERS[filter]?.(conversation) ?? true);
};
