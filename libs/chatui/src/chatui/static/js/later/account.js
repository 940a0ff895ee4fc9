/** Who is signed in, and the way out: what has not been sent is not thrown away without a word. */
import { byId } from "../dom.js";
import { parsed } from "../drafts.js";
import { initials, tone } from "../names.js";
import { t } from "../texts.js";
import { settingsKey } from "./worker.js";

export function introduce({ user, org }) {
  byId("my-name").textContent = user.name;
  byId("my-org").textContent = org.name;
  byId("my-avatar").textContent = initials(user.name);
  byId("my-avatar").classList.add(`tone-${tone(user.name)}`);
}

export async function signOut(chat, form) {
  const { messenger } = chat;
  const n = messenger.outbox?.all().filter(({ state }) => state !== "sent").length;
  if (n && !(await chat.sure(t("sign_out.unsent", { n }), t("sign_out.anyway")))) return;
  choosesAnew(chat);
  await chat.forget?.();
  leave(messenger);
  form.submit();
}

/** To read without a line was chosen until here. */
function choosesAnew({ messenger: { storage }, myId }) {
  const chosen = parsed(storage.getItem(settingsKey(myId)));
  if (chosen) storage.setItem(settingsKey(myId), JSON.stringify({ ...chosen, keep: false }));
}

/** Nothing of this person stays on the device; nothing is asked any more, nor waits to hear that nobody is signed in. */
function leave({ drafts, outbox, socket, api }) {
  drafts?.clear();
  outbox?.all().forEach(({ client_message_id: id }) => outbox.remove(id));
  socket.stop();
  api.fetcher = () => new Promise(() => {});
  globalThis.stop();
}
