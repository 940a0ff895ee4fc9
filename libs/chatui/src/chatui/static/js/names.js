/** What conversations, people and entries are called, for one reader. */
import { t } from "./texts.js";
import { listed } from "./when.js";

const TITLES = /^(dr|mr|mrs|ms|prof)\.?$/i;

/** The words of a name; titles do not count. */
const wordsOf = (name) => (name ?? "").trim().split(/\s+/).filter((word) => !TITLES.test(word));

export const firstName = (name) => wordsOf(name)[0] ?? "";

/** Two letters at most. */
export function initials(name) {
  const words = wordsOf(name);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toLocaleUpperCase() || "?";
}

/** One of eight colours, always the same for the same name. */
export function tone(name) {
  let sum = 7;
  for (const char of name ?? "") sum = Math.imul(sum ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return (sum >>> 13) % 8;
}

export const others = (conversation, myId) => conversation.participants.filter(({ id }) => id !== myId);

/** `{title, subtitle, avatar: {id, name} | null}` of a conversation as staff read it. */
export function staffNames(conversation, myId) {
  const people = others(conversation, myId);
  const names = listed(people.map(({ name }) => name));
  if (conversation.kind === "direct") return { title: names || t("you"), subtitle: "", avatar: people[0] ?? null };
  if (conversation.kind === "patient")
    return { title: conversation.patient?.name ?? names, subtitle: conversation.subject || names, avatar: conversation.patient };
  return { title: conversation.subject || names, subtitle: names, avatar: null };
}

/** The same as a patient reads it: the subject first, then for whom, if not for themselves. */
export function portalNames(conversation, myId) {
  const team = others(conversation, myId).filter(({ kind }) => kind === "staff").map(({ name }) => name);
  const own = conversation.participants.some(({ id, name }) => id === myId && name === conversation.patient?.name);
  const about = conversation.patient && !own ? t("portal.about", { name: conversation.patient.name }) : "";
  const people = team.length ? listed(team) : t("portal.care_team");
  const subtitle = [about, conversation.subject ? people : ""].filter(Boolean).join(" · ");
  return { title: conversation.subject || people, subtitle, avatar: null };
}

/** The sentence for an entry that is no message. */
export function eventText(entry, myId) {
  const actor = entry.actor?.id === myId ? t("you") : entry.actor?.name ?? "";
  const name = entry.user?.id === myId ? t("you") : entry.user?.name ?? "";
  const alone = !entry.actor || entry.actor.id === entry.user?.id;
  const what = entry.type.split(".")[1];
  if (what === "joined") return t(alone ? "event.joined" : "event.added", { actor, name });
  if (what === "left") return t(alone ? "event.left" : "event.removed", { actor, name });
  return t(`event.${what}`, { actor, subject: entry.subject ?? "" });
}

/** A conversation's last line in the list. */
export function lineText(entry, myId, kind) {
  if (!entry) return "";
  if (entry.type !== "message.posted") return eventText(entry, myId);
  const text = entry.message.recalled ? t("recalled") : entry.message.body.replace(/\s+/g, " ");
  if (entry.actor.id === myId) return t("you_line", { text });
  return kind === "direct" ? text : t("name_line", { name: firstName(entry.actor.name), text });
}
