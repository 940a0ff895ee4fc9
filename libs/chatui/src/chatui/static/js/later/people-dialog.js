/** Choosing people: to start a conversation with, or to add to one. The dialog stands in the page; this fills it. */
import { make, show } from "../dom.js";
import { icon } from "../dom.js";
import { initials, tone } from "../names.js";
import { problemText, t } from "../texts.js";

const dialog = document.getElementById("people");
const part = (selector) => dialog.querySelector(selector);
const subject = part("#people-subject");
const search = part("#people-search");
const chosenList = part(".chosen");
const peopleList = part(".people");
const error = part(".error");
const startButton = part("[data-act=start]");

let state = null;
const held = new Map();

/** Resolves with the conversation that was started, or null. */
export function startConversation(messenger) {
  const kinds = ["direct", messenger.can("pf.messaging.create_group") && "group",
    messenger.can("pm.messages.send") && "patient"].filter(Boolean);
  return open({ messenger, kinds, kind: "direct", title: t("new_conversation"), known: [messenger.me.user.id] });
}

/** Resolves with the person to add, or null. */
export function choosePerson(messenger, known) {
  return open({ messenger, kinds: [], kind: "add", title: t("add_person"), known });
}

function open(given) {
  state = { ...given, chosen: new Map(), people: [], result: null };
  part("#people-title").textContent = given.title;
  part(".kinds").hidden = given.kinds.length < 2;
  for (const label of dialog.querySelectorAll("[data-kind]")) {
    label.hidden = !given.kinds.includes(label.dataset.kind);
    label.firstChild.checked = label.dataset.kind === given.kind;
  }
  subject.value = "";
  search.value = "";
  draw();
  find();
  dialog.showModal();
  search.focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(state.result), { once: true }));
}

async function find() {
  const asked = `${state.kind} ${search.value}`;
  const kind = state.kind === "patient" ? "patient" : "staff";
  try {
    const people = await state.messenger.directory({ q: search.value.trim(), kind, limit: 50 });
    if (asked !== `${state.kind} ${search.value}`) return;
    state.people = people.filter(({ id, kind: whose }) => !state.known.includes(id) && (whose ?? kind) === kind);
    error.textContent = "";
  } catch (problem) {
    error.textContent = problemText(problem);
  }
  draw();
}

function draw() {
  const { kind, people, chosen } = state;
  const several = kind === "group";
  const patient = kind === "patient";
  part("[data-part=subject]").hidden = !several && !patient;
  part("[for=people-subject]").textContent = t(several ? "group_subject" : "patient_subject");
  part("[for=people-search]").textContent = t(patient ? "find_patients" : "find_people");
  startButton.parentNode.hidden = !several && !patient;
  startButton.textContent = t("start");
  chosenList.hidden = !chosen.size;
  chosenList.replaceChildren(...[...chosen.values()].map((person) => make("li", {}, make("button", { type: "button", class: "chip",
    "aria-label": t("remove", { name: person.name }), onclick: () => choose(person) }, person.name, icon("close")))));
  show(peopleList, people.map((person) => ({ key: person.id, stamp: `${kind} ${chosen.has(person.id)}`, make: () => line(person) })), held);
  part("#people-count").textContent = people.length ? "" : t("nobody");
  peopleList.dataset.empty = people.length ? "" : t("nobody");
}

function line(person) {
  const ticked = state.chosen.has(person.id);
  const toggles = state.kind === "group" || state.kind === "patient";
  return make("li", {}, make("button", { type: "button", class: "person", "data-id": person.id,
    "aria-pressed": toggles ? String(ticked) : null, onclick: () => choose(person) },
    make("span", { class: `avatar tone-${tone(person.name)}`, "aria-hidden": "true", textContent: initials(person.name) }),
    make("span", { class: "row-main" }, make("span", { class: "row-title", dir: "auto", textContent: person.name }),
      make("span", { class: "row-sub", textContent: [person.title ?? person.role, person.birth_date].filter(Boolean).join(" · ") })),
    ticked && icon("tick")));
}

function choose(person) {
  if (state.kind === "add") return finish(person);
  if (state.kind === "direct") return start({ kind: "direct", participant_ids: [person.id] });
  if (state.chosen.has(person.id)) state.chosen.delete(person.id);
  else {
    if (state.kind === "patient") state.chosen.clear();
    state.chosen.set(person.id, person);
  }
  draw();
  const again = peopleList.querySelector(`[data-id="${CSS.escape(person.id)}"]`);
  return (again ?? search).focus();
}

async function start(body) {
  startButton.disabled = true;
  try {
    finish(await state.messenger.create(body));
  } catch (problem) {
    error.textContent = problemText(problem);
  }
  startButton.disabled = false;
}

function finish(result) {
  state.result = result;
  dialog.close();
}

function submit() {
  const ids = [...state.chosen.keys()];
  const name = subject.value.trim();
  if (state.kind === "group" && !name) return missing(subject, t("subject_missing"));
  if (!ids.length) return missing(search, t("people_missing"));
  if (state.kind === "group") return start({ kind: "group", subject: name, participant_ids: ids });
  return start({ kind: "patient", patient_id: ids[0], ...(name && { subject: name }) });
}

function missing(field, text) {
  error.textContent = text;
  field.focus();
}

startButton.addEventListener("click", submit);
search.addEventListener("input", () => { clearTimeout(state.timer); state.timer = setTimeout(find, 150); });
for (const field of [search, subject]) field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();
  if (event.key === "ArrowDown") peopleList.querySelector("button")?.focus();
});
peopleList.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...peopleList.querySelectorAll("button")];
  (buttons[buttons.indexOf(document.activeElement) + step] ?? (step < 0 ? search : null))?.focus();
});
part(".kinds").addEventListener("change", ({ target }) => {
  Object.assign(state, { kind: target.value, people: [] });
  state.chosen.clear();
  error.textContent = "";
  draw();
  find();
});
