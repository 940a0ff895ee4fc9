/** The patient's page: their conversations, and a new message to the care team. */
import { Chat } from "../chat.js";
import { byId } from "../dom.js";
import { newId } from "../ids.js";
import { problemText, t } from "../texts.js";
import { portalNames } from "./titles.js";

const NEW = "new";
const dialog = byId("write");
const form = dialog.querySelector("form");
const button = dialog.querySelector("[data-act=send]");
const chat = new Chat({ names: portalNames, internal: false, hooks: { head() {}, listed, composer, seen } });
const { messenger } = chat;
const ready = chat.start();
let messageId = null;

function listed() {
  const items = messenger.conversations.sorted();
  const note = items.length ? null : { title: t("portal.empty"), hint: t("portal.empty.hint"), again: false };
  return { items, note, more: messenger.cursor !== null };
}

function composer({ can_reply: { allowed, reason }, status }) {
  const closed = allowed ? null : { reason: reason ?? t("cannot_reply") };
  return { name: t("portal.to_team"), internal: false, closed, hint: status === "closed" ? t("portal.closed") : null };
}

/** Under one's last message, in plain words: did they get it? */
function seen({ mark }) {
  return { sent: t("portal.sent"), delivered: t("portal.sent"), read: t("portal.seen") }[mark];
}

/** Whom this person may write for: themselves, and those their conversations are about; the server decides. */
function forWhom() {
  const patients = messenger.conversations.sorted().flatMap(({ patient }) => patient ?? []);
  const others = patients.filter(({ name }) => name !== messenger.me.user.name).map((patient) => [patient.id, patient]);
  return [{ id: "", name: t("portal.myself") }, ...new Map(others).values()];
}

byId("new").onclick = async () => {
  await ready;
  const { subject = "", text } = messenger.drafts.get(NEW);
  const people = forWhom();
  form.subject.value = subject;
  form.text.value = text;
  form.patient.closest(".field").hidden = people.length < 2;
  form.patient.replaceChildren(...people.map(({ id, name }) => new Option(name, id)));
  say("");
  dialog.showModal();
  (people.length > 1 ? form.patient : form.subject).focus();
};

/** Another text is another message: it must not go out under the id of one that may already be stored. */
form.oninput = () => {
  messageId = null;
  messenger.drafts.put(NEW, { text: form.text.value, subject: form.subject.value });
};

button.onclick = async () => {
  const subject = form.subject.value.trim();
  const body = form.text.value.trim().normalize("NFC");
  if (!subject) return say(t("subject_missing"), form.subject);
  if (!body) return say(t("portal.text_missing"), form.text);
  button.disabled = true;
  messageId ??= newId();
  try {
    const { id } = await messenger.keep(messenger.api.create({ subject, first_message: { client_message_id: messageId, body },
      ...(form.patient.value && { patient_id: form.patient.value }) }));
    messageId = null;
    messenger.drafts.put(NEW, { text: "" });
    dialog.close();
    chat.go(id);
  } catch (problem) {
    say(problem.code === "line_lost" ? t("portal.kept") : problemText(problem), button);
  }
  button.disabled = false;
  return undefined;
};

function say(text, place) {
  byId("write-error").textContent = text;
  place?.focus();
}

form.subject.onkeydown = (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  form.text.focus();
};

