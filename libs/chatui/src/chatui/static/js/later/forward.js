/**
 * Passing a message on to another conversation, with its origin; the server copies text and files.
 *
 * Into a conversation with a patient it goes as an internal note, unless the person chooses the patient and says so
 * once more, in words. Somewhere else is another message, under another id. The dialog stands in the page; this fills it.
 */
import { byId, fill, part, show } from "../dom.js";
import { newId } from "../ids.js";
import { initials, tone } from "../names.js";
import { problemText, t } from "../texts.js";

const dialog = byId("forward");
const places = Object.fromEntries([...dialog.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
const [note, told] = places.modes.querySelectorAll("input");
const held = new Map();
const MOST = 50;
let state = null;

export function forward({ chat, messenger, id }, { message, actor }) {
  state = { chat, messenger, message, from: id, to: null, client: newId(), words: "" };
  places.search.value = "";
  note.checked = true;
  fill(places, { whose: actor.name, excerpt: message.body.slice(0, 200), error: "" });
  draw();
  find();
  dialog.showModal();
  places.search.focus();
}

/** The list here may not hold everything: the server's finds come in as well. */
async function find() {
  const words = places.search.value.trim();
  Object.assign(state, { words, found: null });
  draw();
  if (!words) return;
  try {
    const { items } = await state.messenger.page({ q: words });
    if (words === state.words) state.found = new Set(items.map(({ id }) => id));
  } catch (problem) {
    fill(places, { error: problemText(problem) });
  }
  draw();
}

function fits({ id, can_reply: { allowed }, status, ...conversation }) {
  const { chat, from, words, found } = state;
  if (id === from || !(allowed || (conversation.kind === "patient" && status === "open"))) return false;
  const { title, subtitle } = chat.names(conversation, chat.myId);
  return !words || found?.has(id) || `${title} ${subtitle}`.toLocaleLowerCase().includes(words.toLocaleLowerCase());
}

function draw() {
  const { messenger, chat } = state;
  const items = messenger.conversations.sorted().filter(fits).slice(0, MOST);
  state.to = items.find(({ id }) => id === state.to?.id) ?? null;
  const { to } = state;
  const patient = to?.kind === "patient";
  const closedToMe = patient && !to.can_reply.allowed;
  const { person, title } = patient ? chat.names(to, chat.myId) : {};
  fill(places, { modes: patient, shared: patient && t("mode.shared", { name: person ?? title }), none: items.length ? null : t("empty.found") });
  told.disabled = closedToMe;
  if (closedToMe) note.checked = true;
  places.go.disabled = !to;
  show(places.list, items.map((item) => ({ key: item.id, stamp: `${item === to} ${item.updated_at}`,
    make: () => line(item), update: (node) => node.firstElementChild.setAttribute("aria-pressed", item === to) })), held);
}

function line(conversation) {
  const { chat } = state;
  const { title, subtitle, person } = chat.names(conversation, chat.myId);
  const { node, ...at } = part("person");
  const words = [conversation.kind === "patient" && t("kind.patient"), subtitle].filter(Boolean).join(" · ");
  fill(at, { letters: initials(person ?? title), name: title, about: words });
  at.letters.classList.add(`tone-${tone(person ?? title)}`, `kind-${conversation.kind}`);
  node.firstElementChild.onclick = () => {
    Object.assign(state, { to: chat.messenger.conversations.get(conversation.id), client: newId() });
    draw();
  };
  return node;
}

async function go() {
  const { chat, messenger, message, to, client } = state;
  const patient = to.kind === "patient";
  const confirmed = patient && told.checked;
  const { title, person } = chat.names(to, chat.myId);
  if (confirmed && !(await chat.sure(t("forward.sure", { name: person ?? title }), t("forward.to_patient")))) return;
  places.go.disabled = true;
  try {
    await messenger.ask("POST", `/messages/${message.id}/forward`,
      { conversation_id: to.id, client_message_id: client, stream: patient && note.checked ? "internal" : "shared", ...(confirmed && { confirmed }) });
    dialog.close();
    chat.announce(t("forward.done", { name: title }));
  } catch (problem) {
    fill(places, { error: problemText(problem) });
  }
  places.go.disabled = false;
}

places.go.onclick = go;
places.modes.onchange = () => { state.client = newId(); };
places.search.oninput = () => { clearTimeout(state.timer); state.timer = setTimeout(find, 150); };
dialog.querySelector("form").onkeydown = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [places.search, ...places.list.querySelectorAll("button")];
  const at = stops.indexOf(document.activeElement);
  if (event.key === "Enter" && document.activeElement === places.search) event.preventDefault();
  if (!step || at < 0) return;
  event.preventDefault();
  stops[at + step]?.focus();
};
