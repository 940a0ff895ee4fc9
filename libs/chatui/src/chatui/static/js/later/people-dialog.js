/** Choosing people: to start a conversation with, or to add to one. The dialog stands in the page; this fills it. */
import { asQuery } from "../api.js";
import { byId, fill, make, part, show } from "../dom.js";
import { initials, tone } from "../names.js";
import { problemText, t } from "../texts.js";
import { bornText } from "./age.js";

const dialog = byId("people");
const places = Object.fromEntries([...dialog.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
const { subject, search, chosen, people, error, start: startButton } = places;
const held = new Map();
let state = null;

/** Resolves with the conversation that was started, or null. */
export function startConversation(messenger) {
  const kinds = ["direct", messenger.can("pf.messaging.create_group") && "group", messenger.can("pm.messages.send") && "patient"];
  return open({ messenger, kinds: kinds.filter(Boolean), kind: "direct", title: t("new_conversation"), known: [messenger.me.user.id] });
}

/** Resolves with the person to add, or null. */
export function choosePerson(messenger, known) {
  return open({ messenger, kinds: [], kind: "add", title: t("add_person"), known });
}

function open(given) {
  state = { ...given, picked: new Map(), found: [], result: null };
  for (const label of places.kinds.children) {
    label.hidden = !given.kinds.includes(label.dataset.kind);
    label.firstElementChild.checked = label.dataset.kind === given.kind;
  }
  subject.value = "";
  search.value = "";
  error.textContent = "";
  draw();
  find();
  dialog.showModal();
  search.focus();
  return new Promise((resolve) => { dialog.onclose = () => resolve(state.result); });
}

async function find() {
  const { kind: asked } = state;
  const q = search.value;
  const kind = asked === "patient" ? "patient" : "staff";
  try {
    const found = (await state.messenger.api.call("GET", `/directory${asQuery({ q: q.trim(), kind, limit: 50 })}`)).items;
    if (asked !== state.kind || q !== search.value) return;
    state.found = found.filter((person) => !state.known.includes(person.id) && (person.kind ?? kind) === kind);
  } catch (problem) {
    error.textContent = problemText(problem);
  }
  draw();
}

function draw() {
  const { kind, found, picked, kinds, title } = state;
  const several = kind === "group";
  const patient = kind === "patient";
  fill(places, { title, kinds: kinds.length > 1, naming: several || patient, acts: several || patient,
    subjectLabel: t(several ? "group_subject" : "patient_subject"), searchLabel: t(patient ? "find_patients" : "find_people"),
    chosen: several && picked.size > 0, count: found.length ? "" : t("nobody") });
  chosen.replaceChildren(...[...picked.values()].map((person) => make("li", {}, make("button", { type: "button", class: "chip",
    "aria-label": t("remove", { name: person.name }), text: person.name, onclick: () => choose(person) }))));
  show(people, found.map((person) => ({ key: person.id, stamp: `${kind} ${picked.has(person.id)}`,
    make: () => line(person), update: (node) => tick(node.firstElementChild, person) })), held);
  people.dataset.empty = found.length ? "" : t("nobody");
}

function line(person) {
  const { node, ...at } = part("person");
  fill(at, { letters: initials(person.name), name: person.name, about: [person.title, person.birth_date && bornText(person.birth_date)].filter(Boolean).join(" · ") });
  at.letters.classList.add(`tone-${tone(person.name)}`);
  node.firstElementChild.onclick = () => choose(person);
  return node;
}

function tick(button, { id }) {
  const toggles = state.kind === "group" || state.kind === "patient";
  if (toggles) button.setAttribute("aria-pressed", String(state.picked.has(id)));
  else button.removeAttribute("aria-pressed");
}

function choose(person) {
  const { kind, picked } = state;
  if (kind === "add") return finish(person);
  if (kind === "direct") return start({ kind, participant_ids: [person.id] });
  const had = picked.delete(person.id);
  if (kind === "patient") picked.clear();
  if (!had) picked.set(person.id, person);
  draw();
  if (!dialog.contains(document.activeElement)) search.focus();
  return undefined;
}

function submit() {
  const { kind, picked } = state;
  const ids = [...picked.keys()];
  const name = subject.value.trim();
  if (kind === "group" && !name) return missing(subject, "subject_missing");
  if (!ids.length) return missing(search, "people_missing");
  if (kind === "group") return start({ kind, subject: name, participant_ids: ids });
  return start({ kind, patient_id: ids[0], ...(name && { subject: name }) });
}

async function start(body) {
  startButton.disabled = true;
  try {
    finish(await state.messenger.keep(state.messenger.api.create(body)));
  } catch (problem) {
    error.textContent = problemText(problem);
  }
  startButton.disabled = false;
}

function finish(result) {
  state.result = result;
  dialog.close();
}

function missing(field, key) {
  error.textContent = t(key);
  field.focus();
}

startButton.onclick = submit;
search.oninput = () => { clearTimeout(state.timer); state.timer = setTimeout(find, 150); };
search.onkeydown = subject.onkeydown = (event) => { if (event.key === "Enter") event.preventDefault(); };
search.form.onkeydown = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [search, ...people.querySelectorAll("button")];
  const at = stops.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  stops[at + step]?.focus();
};
places.kinds.onchange = ({ target }) => {
  Object.assign(state, { kind: target.value, found: [] });
  state.picked.clear();
  error.textContent = "";
  draw();
  find();
};
