/** What a conversation is called, as staff read it. */
import { t } from "../texts.js";
import { listed } from "../when.js";

const others = ({ participants }, myId) => participants.filter(({ id }) => id !== myId).map(({ name }) => name);

/** `{title, subtitle, person}`; `person` is the one name the conversation stands for, if it does. */
export function staffNames(conversation, myId) {
  const { kind, subject, patient } = conversation;
  const names = others(conversation, myId);
  const all = listed(names);
  if (kind === "direct") return { title: all || t("you"), subtitle: "", person: names[0] };
  if (kind === "group") return { title: subject || all, subtitle: all };
  return { title: patient?.name ?? all, subtitle: subject || all, person: patient?.name };
}
