/** What conversations, people and entries are called, for one reader. */
import { t } from "./texts.js";

const TITLES = /^(dr|mr|mrs|ms|prof)\.?$/i;

/** The words of a name; titles do not count. */
const wordsOf = (name) => (name ?? "").trim().split(/\s+/).filter((word) => !TITLES.test(word));

export const firstName = (name) => wordsOf(name)[0] ?? "";

/** Two letters at most. */
export function initials(name) {
  const words = wordsOf(name);
  const [first, last] = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "");
  return (first + last).toLocaleUpperCase() || "?";
}

/** One of eight colours, always the same for the same name. */
export function tone(name) {
  let sum = 219;
  for (const char of name ?? "") sum = Math.imul(sum ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return (sum >>> 13) % 8;
}

/** The sentence for an entry that is no message. */
export function eventText({ type, actor, user, subject }, myId) {
  const called = (person) => (person?.id === myId ? t("you") : person?.name ?? "");
  const what = type.split(".")[1];
  const alone = !actor || actor.id === user?.id;
  const word = { joined: alone ? "joined" : "added", left: alone ? "left" : "removed" }[what] ?? what;
  return t(`event.${word}`, { actor: called(actor), name: called(user), subject });
}

/** A conversation's last line in the list. */
export function lineText(entry, myId, kind) {
  if (!entry) return "";
  if (entry.type !== "message.posted") return eventText(entry, myId);
  const { message, actor } = entry;
  const text = message.recalled ? t("recalled") : message.body.replace(/\s+/g, " ");
  if (actor.id === myId) return t("you_line", { text });
  return kind === "direct" ? text : t("name_line", { name: firstName(actor.name), text });
}
