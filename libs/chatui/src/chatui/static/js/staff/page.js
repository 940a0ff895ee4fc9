/** The staff page: every kind of conversation and internal notes; finding, starting and arranging come from later/. */
import { Chat } from "../chat.js";
import { byId, fill } from "../dom.js";
import { firstName, initials, tone } from "../names.js";
import { t, whyNot } from "../texts.js";
import { listed } from "../when.js";
import { staffNames } from "./titles.js";

const chat = new Chat({ names: staffNames, internal: true, empty: "empty.list", hooks: { head, composer, seen } });
chat.start();

function head(places, conversation, { title, person, subtitle }) {
  const { kind } = conversation;
  const state = chat.hooks.stateOf?.(conversation);
  fill(places, { patient: kind === "patient", letters: person && initials(person), several: !person, dot: Boolean(state), sub: state ? t(`presence.${state}`) : subtitle });
  places.avatar.className = `avatar kind-${kind} tone-${tone(person ?? title)}`;
  places.dot.className = `presence ${state}`;
  chat.patients?.show(places.node, conversation, title);
  places.details.setAttribute("aria-expanded", !byId("details").hidden);
  places.details.disabled = !chat.hooks.details;
  places.details.onclick = chat.hooks.details;
}

function composer({ can_reply: { allowed, reason }, status, heads, kind, ...conversation }) {
  const { title } = staffNames({ kind, ...conversation }, chat.myId);
  const closed = status === "closed" ? { reason: t("closed.note"), reopen: true } : allowed ? null : { reason: whyNot(reason) };
  return { name: kind === "group" ? title : firstName(title), internal: "internal" in heads && kind === "patient", closed };
}

function seen({ mark }, readers, kind) {
  return mark === "read" && kind !== "direct" && t("seen_by", { names: listed(readers.map(({ name }) => firstName(name))) });
}
