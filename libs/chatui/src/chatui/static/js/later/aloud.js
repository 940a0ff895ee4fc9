/**
 * What a screen reader is told: of the messages the new ones, and beside them that the line is back, that somebody began
 * to write, the whole of a message the focus goes to, and that something was not sent in a conversation one has left.
 *
 * What comes in above what was there, or comes back as one scrolls, is history: nothing is read out then.
 * Who writes, pauses and goes on writing is named once, until a message of theirs comes or one looks elsewhere.
 */
import { byId } from "../dom.js";
import { isStuck } from "../outbox.js";
import { t } from "../texts.js";

const STAYS_MS = 4000;
const HUSH_MS = 500;
const PARTS = ".message-main > :not(.bubble), .bubble > :not(.acts)";
const drawn = new WeakMap();
let named = 0;

export function speakUp(chat, place = byId("aloud")) {
  tellOfFailures(chat);
  const { messenger, main } = chat;
  let lost = false;
  let told = { id: null, people: new Set(), now: 0 };
  messenger.addEventListener("line", () => {
    const { state } = messenger.socket;
    if (state === "live" && lost) {
      place.textContent = t("line.back");
      setTimeout(() => place.replaceChildren(), STAYS_MS);
    }
    lost = state !== "live" && (lost || state === "waiting");
  });
  messenger.addEventListener("entry", ({ detail: { entry } }) => told.people.delete(entry.actor?.id));
  messenger.addEventListener("change", () => {
    if (told.id !== chat.id) told = { id: chat.id, people: new Set(), now: 0 };
    if (!chat.view) return;
    const writers = messenger.writing(chat.id).map(({ user }) => user.id);
    const begun = writers.some((id) => !told.people.has(id));
    writers.forEach((id) => told.people.add(id));
    if (begun || writers.length < told.now) chat.view.typing.setAttribute("aria-live", begun ? "polite" : "off");
    told.now = writers.length;
  });
  chat.ear = hear;
  main.addEventListener("focusin", ({ target }) => target.matches("message-item") && names(target));
  main.addEventListener("focusout", ({ target }) => target.matches("message-item") && target.removeAttribute("aria-labelledby"));
}

/** What was not sent says so where one reads it; about another conversation a word tells where that is. */
function tellOfFailures(chat) {
  const { messenger } = chat;
  const failed = () => messenger.outbox.all().filter(isStuck);
  const keyOf = ({ client_message_id: id, state }) => `${id} ${state === "failed"}`;
  let known = new Set(failed().map(keyOf));
  messenger.addEventListener("change", () => {
    const now = failed();
    const [missed] = now.filter((item) => !known.has(keyOf(item)) && item.conversation_id !== chat.id);
    known = new Set(now.map(keyOf));
    const conversation = missed && messenger.conversations.get(missed.conversation_id);
    if (conversation) chat.announce(t(missed.late ? "late.elsewhere" : "failed.elsewhere", { title: chat.names(conversation, chat.myId).title }), true);
  });
}

/** These lines are about to stand in the log: read out what is new, and only that. */
function hear(thread, lines) {
  const { rows, after, held } = thread;
  const before = drawn.get(thread);
  const added = lines.filter(({ key }) => !held.has(key));
  drawn.set(thread, { rows, after });
  if (!before || (added.length && !areNews(added, before, thread))) hush(thread);
}

/** Whether all of these came in below something that was there, while the present is shown. */
function areNews(added, before, { rows, after }) {
  if (after || before.after) return false;
  const old = new Set(before.rows.map(({ key }) => key));
  const start = rows.findIndex(({ key, type }) => type !== "day" && old.has(key));
  const news = new Set(rows.slice(start).map(({ key }) => key).filter((key) => start >= 0 && !old.has(key)));
  return added.every(({ key }) => news.has(key));
}

/** What comes now is not news: for a moment, or as long as it is awaited, nothing is read out. */
export function hush(thread, busy = false) {
  const { log } = thread;
  log.setAttribute("aria-live", "off");
  log.ariaBusy = busy;
  clearTimeout(thread.quiet);
  if (!busy) thread.quiet = setTimeout(() => log.setAttribute("aria-live", "polite"), HUSH_MS);
}

/** A message in focus is called by all it says; one that is only passed says it once, by what it holds. */
function names(item) {
  const parts = [...item.querySelectorAll(PARTS)];
  for (const part of parts) part.id ||= `said-${(named += 1)}`;
  item.setAttribute("aria-labelledby", parts.map(({ id }) => id).join(" "));
}
