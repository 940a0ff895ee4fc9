/**
 * What calls for attention now, wherever one is: urgent messages and reminders. Said at once (`role="alert"`), and shown
 * until one goes there, puts it aside, or has no more reason to; the newest first. What stands before one's eyes is only said.
 */
import { byId, fill, make } from "../dom.js";
import { t } from "../texts.js";

const box = byId("call");
const places = Object.fromEntries([...box.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
const SAID_MS = 6000;
let calls = [];
let listening = false;

/** Hear of an urgent Entry, or of a reminder's push. */
export function call(chat, { conversation_id: id, stream, seq, actor, user, message, message_id: messageId = message?.id }) {
  const words = user ? t("call.reminder", { name: user.name }) : t("call.urgent", { name: actor.name });
  const seen = actor && chat.id === id && chat.view?.thread.stick && chat.inFront;
  if (seen) return calls.length ? sayBeside(words) : say(words);
  if (!listening) listen(chat);
  listening = true;
  calls = [{ id, stream, seq, words, messageId, reminds: Boolean(user) }, ...calls.filter((one) => one.id !== id || one.seq !== seq || one.stream !== stream)];
  say(words);
  return draw(chat);
}

/** What was read, confirmed or withdrawn meanwhile, here or elsewhere, calls no more. */
function listen(chat) {
  const { messenger, myId } = chat;
  const isRead = ({ id, stream, seq, reminds }) => !reminds && messenger.conversations.get(id)?.read?.[myId]?.[stream] >= seq;
  const ends = ({ type, actor }) => type === "message.recalled" || (type === "message.acknowledged" && actor.id === myId);
  messenger.addEventListener("change", () => drop(chat, isRead));
  messenger.addEventListener("entry", ({ detail: { entry } }) => ends(entry) && drop(chat, ({ messageId }) => messageId === entry.message_id));
}

function drop(chat, over) {
  const left = calls.filter((one) => !over(one));
  if (left.length === calls.length) return;
  calls = left;
  draw(chat);
}

function draw(chat) {
  const [first] = calls;
  box.className = first ? "call" : "unseen";
  fill(places, { acts: Boolean(first), others: calls.length > 1 && t("call.more", { n: calls.length - 1 }) });
  if (places.words.textContent !== (first?.words ?? "")) say(first?.words ?? "");
  if (!first) return;
  const { id, stream, seq } = first;
  const aside = () => drop(chat, (one) => one === first);
  places.go.onclick = () => { aside(); chat.goTo({ conversationId: id, stream, seq }); };
  places.aside.onclick = () => { aside(); chat.focusThread(); };
}

const say = (words) => { places.words.textContent = words; };

/** The banner goes on saying what it leads to. */
function sayBeside(words) {
  const place = make("p", { class: "unseen", role: "alert", text: words });
  document.body.append(place);
  setTimeout(() => place.remove(), SAID_MS);
}
