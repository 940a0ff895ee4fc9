/**
 * What calls for attention now, wherever one is: urgent messages and reminders. Said at once (`role="alert"`), and shown
 * until one goes there or puts it aside; the newest first. What stands before one's eyes is only said.
 */
import { byId, fill } from "../dom.js";
import { t } from "../texts.js";

const box = byId("call");
const places = Object.fromEntries([...box.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
let calls = [];

/** Hear of an urgent Entry, or of a reminder's push. */
export function call(chat, { conversation_id: id, stream, seq, actor, user }) {
  const words = user ? t("call.reminder", { name: user.name }) : t("call.urgent", { name: actor.name });
  const seen = actor && chat.id === id && chat.view?.thread.stick && !document.hidden;
  if (seen) return say(words);
  calls = [{ id, stream, seq, words }, ...calls.filter((one) => one.id !== id || one.seq !== seq || one.stream !== stream)];
  return draw(chat);
}

function draw(chat) {
  const [first] = calls;
  box.className = first ? "call" : "unseen";
  fill(places, { acts: Boolean(first), others: calls.length > 1 && t("call.more", { n: calls.length - 1 }) });
  if (!first) return say("");
  const { id, stream, seq, words } = first;
  places.go.onclick = () => { done(chat); chat.goTo({ conversationId: id, stream, seq }); };
  places.aside.onclick = () => { done(chat); chat.focusThread(); };
  return say(words);
}

function done(chat) {
  calls = calls.slice(1);
  draw(chat);
}

const say = (words) => { places.words.textContent = words; };
