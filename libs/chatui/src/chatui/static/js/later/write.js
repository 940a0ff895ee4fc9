/** A patient's new message to the care team: for whom, what about, the text. The dialog stands in the page; this fills it. */
import { byId } from "../dom.js";
import { newId } from "../ids.js";
import { problemText, t } from "../texts.js";

const NEW = "new";
const dialog = byId("write");
const form = dialog.querySelector("form");
const button = dialog.querySelector("[data-act=send]");
let chat = null;
let messageId = null;

export function write(where) {
  chat = where;
  const { subject = "", text, patient, sent = null } = chat.messenger.drafts.get(NEW);
  messageId = sent;
  form.subject.value = subject;
  form.text.value = text;
  say("");
  const people = forWhom(chat.messenger.me);
  const choice = people.length > 1 || people.some(({ myself }) => !myself);
  form.patient.closest(".field").hidden = !choice;
  form.patient.replaceChildren(...people.map(({ id, name, myself }) => new Option(myself ? t("portal.myself") : name, id)));
  if (people.some(({ id }) => id === patient)) form.patient.value = patient;
  dialog.showModal();
  (choice ? form.patient : form.subject).focus();
}

/** Whom this person may write for: themselves, where they are a patient, and those they stand for. */
function forWhom({ patients = [], user }) {
  return patients.map(({ id, name }, place) => ({ id, name, myself: !place && name === user.name }));
}

/** Another text is another message: it must not go out under the id of one that may already be stored. */
form.oninput = () => {
  messageId = null;
  keep();
};

function keep() {
  chat.messenger.drafts.put(NEW, { text: form.text.value, subject: form.subject.value, patient: form.patient.value, sent: messageId });
}

button.onclick = async () => {
  const { messenger } = chat;
  const subject = form.subject.value.trim();
  const body = form.text.value.trim().normalize("NFC");
  if (!subject) return say(t("subject_missing"), form.subject);
  if (!body) return say(t("portal.text_missing"), form.text);
  button.disabled = true;
  messageId ??= newId();
  keep();
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
