/** What a conversation is called, as a patient reads it: the subject first, then for whom, if not for themselves. */
import { t } from "../texts.js";
import { listed } from "../when.js";

export function portalNames({ subject, patient, participants }, myId) {
  const team = participants.filter(({ kind }) => kind === "staff").map(({ name }) => name);
  const people = team.length ? listed(team) : t("portal.care_team");
  const mine = participants.some(({ id, name }) => id === myId && name === patient?.name);
  const about = patient && !mine && t("portal.about", { name: patient.name });
  return { title: subject || people, subtitle: [about, subject && people].filter(Boolean).join(" · ") };
}
