/**
 * What a page gets once it stands: finding and arranging, a new conversation, who is there, who the patient is, details.
 *
 * It gives `chat` what the page draws by: `finder` (what the list shows), `search` and `find(wish)`, `forget()` (nothing of
 * this person stays with the service worker), and on the staff page `presence`, `patients` and their hooks. Until then its buttons are disabled: no click is lost. What it needs it
 * loads before it begins, so that it may be begun again where the line was lost; the rest is loaded when asked for.
 */
import { byId } from "../dom.js";
import { readies } from "../message-item.js";
import { introduce } from "./account.js";
import { speakUp } from "./aloud.js";
import "./announce.js";
import "./confirm.js";
import { Further } from "./further.js";
import { openRowMenu } from "./row-menu.js";
import { Worker } from "./worker.js";

export async function attend(chat) {
  const { messenger, list } = chat;
  const staff = byId("switcher");
  await (staff ? attendStaff(chat) : attendPatients(chat));
  const search = once(() => import("./search.js").then(({ Search }) => (chat.search = new Search(chat))));
  const further = new Further(messenger);
  const shell = once(() => import("./shell.js").then(({ beginShell }) => beginShell(chat)));
  chat.forget = () => new Worker(messenger).forget();
  introduce(messenger.me);
  speakUp(chat);
  readies().catch(() => {});
  setTimeout(() => shell().catch(() => {}), 600);
  // Letters typed right behind the keys that open it must not go astray.
  if (byId("switcher")) setTimeout(() => import("./switcher.js").catch(() => {}), 900);
  byId("settings-button").onclick = () => chat.try(async () => (await shell()).settings());
  list.addEventListener("more", () => further.more());
  list.parentNode.onscroll = ({ target }) => target.scrollHeight - target.scrollTop < 2 * target.clientHeight && list.places.more.isConnected && further.more();
  chat.find = async (wish) => (await search()).show(wish);
  byId("search-messages").onclick = () => chat.find();
  messenger.addEventListener("change", () => chat.search?.draw());
  for (const name of ["click", "contextmenu", "keydown"]) list.addEventListener(name, (event) => arrange(chat, event));
  list.addEventListener("keydown", (event) => step(list, event));
  addEventListener("keydown", (event) => {
    const act = { "f true": chat.find, "k false": chat.hooks.jump }[wishOf(event)];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });
  for (const button of document.querySelectorAll(".side button:disabled")) button.disabled = false;
  chat.draw();
}

async function attendStaff(chat) {
  const { messenger } = chat;
  const names = ["finder", "presence", "patient", "switcher"];
  const [{ Finder }, { Presence }, { PatientCard }, { Switcher }] = await Promise.all(names.map((name) => import(`./${name}.js`)));
  byId("mentions").onclick = () => chat.find({ mentions: true });
  byId("new").onclick = () => chat.try(async () => {
    const { startConversation } = await import("./people-dialog.js");
    const conversation = await startConversation(messenger);
    if (conversation) chat.go(conversation.id);
  });
  const details = once(() => import("./details.js").then(({ Details }) => (chat.details = new Details(chat))));
  messenger.addEventListener("change", () => chat.details?.draw());
  const presence = new Presence({ socket: messenger.socket });
  messenger.addEventListener("presence", ({ detail }) => presence.hear(detail));
  messenger.addEventListener("line", () => presence.lineIs(messenger.socket.state));
  presence.watch(chat.id);
  Object.assign(chat, { presence, patients: new PatientCard(chat), finder: new Finder(chat) });
  const switcher = new Switcher(chat);
  Object.assign(chat.hooks, {
    jump: () => switcher.open(),
    details: async () => (await details()).toggle(),
    opened(id) {
      chat.details?.follow(id);
      presence.watch(id);
    },
    stateOf: ({ kind, participants }) => (kind === "direct" ? presence.of(participants.find(({ id }) => id !== chat.myId)?.id) : undefined),
  });
}

async function attendPatients(chat) {
  const { Drawer } = await import("./drawer.js");
  chat.finder = new Drawer(chat);
  byId("new").onclick = () => chat.try(async () => (await import("./write.js")).write(chat));
}

/** Arrows go from row to row. */
function step(list, event) {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!way) return;
  const links = [...list.querySelectorAll("a.row")];
  links[links.indexOf(document.activeElement) + way]?.focus();
  event.preventDefault();
}

/** The menu of the row this is about: by its button, a right click or long press, the menu key, or the arrow towards the button. */
function arrange(chat, event) {
  const { target, type } = event;
  const row = target.closest("li");
  const place = row?.querySelector(".row-act");
  if (!place || (type === "click" && !place.contains(target)) || (type === "keydown" && event.key !== "ArrowRight")) return;
  event.preventDefault();
  const back = row.querySelector("a");
  openRowMenu(chat, { id: back.dataset.id, place, back, point: type === "contextmenu" && event.clientX > 0 && { x: event.clientX, y: event.clientY } });
}

const wishOf = ({ ctrlKey, metaKey, altKey, shiftKey, key }) => ((ctrlKey || metaKey) && !altKey ? `${key.toLowerCase()} ${shiftKey}` : "");

function once(load) {
  let loading = null;
  return () => (loading ??= load().catch((problem) => { loading = null; throw problem; }));
}
