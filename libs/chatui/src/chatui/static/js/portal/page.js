/** The patient's page: their conversations, and a new message to the care team. */
import { Chat } from "../chat.js";
import { iconButton, make } from "../dom.js";
import { newId } from "../ids.js";
import { portalNames } from "../names.js";
import { problemText, t } from "../texts.js";

const dialog = document.getElementById("write");
const form = dialog.querySelector("form");
const error = document.getElementById("write-error");
const NEW = "new";

const chat = new Chat({
  names: portalNames,
  streams: false,
  hooks: { head, listed: rowsOfList, composer: composerFor, seen },
});
const { messenger } = chat;

function head(conversation, { title, subtitle }) {
  return make("header", { class: "thread-head" },
    iconButton("back", t("back"), { class: "back", "data-act": "back", onclick: () => chat.back() }),
    make("div", { class: "thread-name" }, make("h2", { tabIndex: -1, dir: "auto", textContent: title }),
      make("p", {}, conversation.status === "closed" && make("span", { class: "tag" }, t("closed")),
        make("span", { dir: "auto", textContent: subtitle }))));
}

function rowsOfList() {
  const items = messenger.conversations.sorted();
  const note = items.length ? null : { title: t("portal.empty"), hint: t("portal.empty.hint") };
  return { items, note, more: messenger.cursor !== null };
}

function composerFor(conversation) {
  const { allowed = true, reason } = conversation.can_reply ?? {};
  return {
    name: t("portal.care_team").toLocaleLowerCase(),
    internal: false,
    notice: allowed ? null : { text: reason ?? t("cannot_reply") },
    hint: conversation.status === "closed" ? { text: t("portal.closed") } : null,
  };
}

/** Under one's last message, in plain words: did they get it? */
function seen({ mark }) {
  return { sent: t("portal.sent"), delivered: t("portal.sent"), read: t("portal.seen") }[mark] ?? "";
}

function openDialog() {
  const draft = messenger.drafts.get(NEW);
  const people = forWhom();
  form.subject.value = draft.subject ?? "";
  form.text.value = draft.text;
  dialog.querySelector("[data-part=patient]").hidden = people.length < 2;
  form.patient.replaceChildren(...people.map(({ id, name }) => make("option", { value: id, textContent: name })));
  error.textContent = "";
  draftId ??= newId();
  dialog.showModal();
  (people.length > 1 ? form.patient : form.subject).focus();
}

/** Whom this account may write for: as the server says, else as the conversations show. */
function forWhom() {
  if (messenger.me.patients) return messenger.me.patients;
  const found = new Map(messenger.conversations.sorted().filter(({ patient }) => patient).map(({ patient }) => [patient.id, patient]));
  return [...found.values()];
}

let draftId = null;

async function send() {
  const subject = form.subject.value.trim();
  const body = form.text.value.trim().normalize("NFC");
  if (!subject) return missing(form.subject, t("subject_missing"));
  if (!body) return missing(form.text, t("portal.text_missing"));
  const button = dialog.querySelector("[data-act=send]");
  button.disabled = true;
  error.textContent = "";
  try {
    const patient = forWhom().length > 1 && { patient_id: form.patient.value };
    const { id } = await messenger.create({ subject, first_message: { client_message_id: draftId, body }, ...patient });
    draftId = null;
    messenger.drafts.put(NEW, { text: "" });
    dialog.close();
    chat.go(id);
  } catch (problem) {
    error.textContent = problem.code === "line_lost" ? t("portal.kept") : problemText(problem);
  }
  button.disabled = false;
  return undefined;
}

function missing(field, text) {
  error.textContent = text;
  field.focus();
}

/** Another text is another message: it must not go out under the id of one that may already be stored. */
form.addEventListener("input", () => {
  draftId = newId();
  messenger.drafts.put(NEW, { text: form.text.value, subject: form.subject.value });
});
form.subject.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), form.text.focus()));
dialog.querySelector("[data-act=send]").addEventListener("click", send);
document.getElementById("new").addEventListener("click", openDialog);
chat.start();
