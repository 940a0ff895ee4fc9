/**
 * What one may do with a conversation for oneself: keep it on top, notices, unread, put it away.
 *
 * The menu stands above everything (a popover: Escape and a click elsewhere close it); arrows move in it, and the focus
 * goes back to the row. Nobody else sees any of this.
 */
import { unreadOf } from "../conversations.js";
import { part } from "../dom.js";
import { t } from "../texts.js";
import { plain } from "./plain.js";

const LOOK_BACK = 50;

/** Open it for the conversation `id` at the button `place`, or at `point`; `back` takes the focus afterwards. */
export function openRowMenu(chat, { id, place, back, point }) {
  const conversation = chat.messenger.conversations.get(id);
  if (!conversation) return;
  const { node: menu, ...at } = part("row-menu");
  const { pinned, notify, archived } = chat.messenger.conversations.preferenceOf(id);
  const shown = { pin: !pinned, unpin: pinned, unread: !unreadOf(conversation), read: unreadOf(conversation) > 0, archive: !archived, unarchive: archived };
  for (const [act, here] of Object.entries(shown)) if (!here) at[act].remove();
  for (const choice of menu.querySelectorAll("[role=menuitemradio]")) choice.setAttribute("aria-checked", String(choice.dataset.notify === notify));
  menu.setAttribute("aria-label", t("row.acts", { title: chat.names(conversation, chat.myId).title }));
  menu.onclick = ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    menu.hidePopover();
    chat.try(() => act(chat, conversation, button.dataset));
  };
  menu.onkeydown = (event) => steer(event, [...menu.querySelectorAll("button")]);
  menu.ontoggle = ({ newState }) => {
    if (newState !== "closed") return;
    place.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) back.focus();
    menu.remove();
  };
  document.querySelector("main").append(menu);
  menu.showPopover();
  settle(menu, point || corner(place));
  place.setAttribute("aria-expanded", "true");
  menu.querySelector("button").focus();
}

async function act(chat, conversation, { act: what, notify }) {
  const { messenger } = chat;
  const { id } = conversation;
  if (notify) return prefer(messenger, id, { notify });
  const change = { pin: { pinned: true }, unpin: { pinned: false }, archive: { archived: true }, unarchive: { archived: false } }[what];
  if (change) await prefer(messenger, id, change);
  else if (what === "unread") await markUnread(chat, conversation);
  else await readAll(messenger, conversation);
  if (what === "archive" || what === "unarchive") chat.announce(plain(`row.${what}.done`));
  return undefined;
}

/** It shows at once, and as it was if that did not get through. */
async function prefer(messenger, id, changes) {
  const { conversations } = messenger;
  const before = conversations.preferenceOf(id);
  const take = (preference) => {
    conversations.prefer({ ...preference, conversation_id: id });
    messenger.dispatchEvent(new CustomEvent("change"));
  };
  take({ ...before, ...changes });
  await messenger.ask("PUT", `/conversations/${id}/preferences`, changes).then(take, (problem) => { take(before); throw problem; });
}

/** Unread from the newest message of somebody else on; the one that is open is then not read again by standing open. */
async function markUnread(chat, { id, heads, kind }) {
  const { messenger } = chat;
  const streams = Object.keys(heads).filter((stream) => heads[stream] > 0 && (stream === "shared" || kind === "patient"));
  const pages = await Promise.all(streams.map((stream) => messenger.api.timeline(id, { stream, limit: LOOK_BACK })));
  const heard = newestHeard(pages.flatMap(({ items }) => items), chat.myId);
  if (!heard) return chat.announce(t("row.unread.none"));
  if (id === chat.id) chat.aside = true;
  await messenger.ask("PUT", `/conversations/${id}/unread`, { stream: heard.stream, seq: heard.seq });
  return messenger.keep(messenger.api.conversation(id));
}

async function readAll(messenger, { id, unread, heads }) {
  const streams = Object.keys(unread).filter((stream) => unread[stream] > 0);
  await Promise.all(streams.map((stream) => messenger.ask("PUT", `/conversations/${id}/read`, { stream, seq: heads[stream] })));
  return messenger.keep(messenger.api.conversation(id));
}

/** The newest message that somebody else wrote, or undefined. */
export const newestHeard = (entries, myId) => entries
  .filter(({ type, actor }) => type === "message.posted" && actor.id !== myId)
  .sort((one, other) => (one.at < other.at ? 1 : -1))[0];

const corner = (place) => {
  const { right, bottom } = place.getBoundingClientRect();
  return { x: right, y: bottom, right: true };
};

/** Where it was asked for, and inside the window. */
function settle(menu, { x, y, right }) {
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(right ? x - width : x, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(y + 4, innerHeight - height - 8))}px`;
}

function steer(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items[to].focus();
}
