/** Times as people say them, in the page's language and the reader's time zone. */
import { locale, t } from "./texts.js";

const made = new Map();

/** Making a formatter is dear, using it is cheap: one of each. */
function format(at, options) {
  const key = JSON.stringify(options);
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat(locale, options));
  return made.get(key).format(new Date(at));
}

const names = new Intl.ListFormat(locale, { type: "conjunction" });

export const listed = (words) => names.format(words);

export const clockTime = (at) => format(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const fullTime = (at) => format(at, { dateStyle: "full", timeStyle: "short", hourCycle: "h23" });

export const dayKey = (at) => new Date(at).toDateString();

/** How many midnights lie between then and now. */
const daysAgo = (at, now) => Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);

/** A day separator: Today, Yesterday, Monday, or the date. */
export function dayName(at, now = Date.now()) {
  const days = daysAgo(at, now);
  if (days < 2 && days >= 0) return t(days ? "yesterday" : "today");
  return format(at, days > 1 && days < 7 ? { weekday: "long" } : { day: "numeric", month: "long", year: "numeric" });
}

/** A list row's time: the clock today, then the weekday, then the date, with its year where that is another one. */
export function shortTime(at, now = Date.now()) {
  const days = daysAgo(at, now);
  if (days < 2) return days > 0 ? t("yesterday") : clockTime(at);
  const year = new Date(at).getFullYear() !== new Date(now).getFullYear() && "numeric";
  return format(at, days < 7 ? { weekday: "short" } : { day: "numeric", month: "short", ...(year && { year }) });
}
