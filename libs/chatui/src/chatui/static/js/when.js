/** Times as people say them, in the page's language and the reader's time zone. */
import { language, t } from "./texts.js";

const made = new Map();

function format(name, options) {
  if (!made.has(name)) made.set(name, new Intl.DateTimeFormat(language, options));
  return made.get(name);
}

export const clockTime = (at) => format("time", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));

export const fullTime = (at) => format("full", { dateStyle: "full", timeStyle: "short" }).format(new Date(at));

export const dayKey = (at) => new Date(at).toDateString();

/** How many midnights lie between then and now. */
const daysAgo = (at, now) => Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);

/** A day separator: Today, Yesterday, Monday, or the date. */
export function dayName(at, now = Date.now()) {
  const days = daysAgo(at, now);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  if (days > 1 && days < 7) return format("weekday", { weekday: "long" }).format(new Date(at));
  return format("date", { day: "numeric", month: "long", year: "numeric" }).format(new Date(at));
}

/** A list row's time: the clock today, then the weekday, then the date. */
export function shortTime(at, now = Date.now()) {
  const days = daysAgo(at, now);
  if (days <= 0) return clockTime(at);
  if (days === 1) return t("yesterday");
  if (days < 7) return format("short weekday", { weekday: "short" }).format(new Date(at));
  return format("short date", { day: "numeric", month: "short" }).format(new Date(at));
}

export function listed(names) {
  if (!made.has("list")) made.set("list", new Intl.ListFormat(language, { type: "conjunction" }));
  return made.get("list").format(names);
}
