/**
 * What a plain line does not need: links, names, large emoji, long texts folded, files, where it was forwarded from,
 * and who has confirmed that they have seen it. Everything typed goes in as text; a link is an element with an address.
 */
import { make, part, fill } from "../dom.js";
import { t } from "../texts.js";
import { clockTime, fullTime } from "../when.js";
import { fewEmoji, folded, pieces } from "./message-text.js";
import { learn } from "./original.js";
import { namesLine } from "./parcel.js";

const EXCERPT = 140;
let cards = null;

export function enrich(item, message) {
  const { recalled, forwarded, attachments, acknowledgement } = message;
  item.classList.toggle("large", !recalled && fewEmoji(message.body));
  if (!recalled) drawBody(item, message);
  else at(item, "fold", (item.drawn = null));
  if (item.row.answered && !recalled) drawQuote(item, message);
  at(item, "origin", !recalled && forwarded, (place) => drawOrigin(place, forwarded));
  at(item, "files", !recalled && attachments?.length, (place) => drawFiles(place, message));
  at(item, "asks", !recalled && acknowledgement?.asked && item.row.entry, (place) => drawAsking(place, item, acknowledgement));
}

/** A place of this name in the bubble, above the text or below it, as long as there is something to show there. */
function at(item, name, wanted, drawIn) {
  const { body } = item.places;
  const known = item.places[name];
  const place = known ?? make("div", { class: name });
  item.places[name] = wanted ? place : null;
  if (!wanted) return known?.remove();
  if (!known) (name === "origin" ? body : item.querySelector(".meta")).before(place);
  return drawIn(place);
}

function drawBody(item, { body, mentions = [] }) {
  const { places, row, unfolded } = item;
  const people = (row.people ?? []).filter(({ id }) => mentions.includes(id));
  const start = folded(body);
  const drawn = JSON.stringify([body, unfolded, people]);
  if (drawn === item.drawn && (!start || unfolded)) return;
  item.drawn = drawn;
  places.body.replaceChildren(...pieces(start && !unfolded ? `${start}…` : body, people).map((piece) => nodeOf(piece, item.thread.myId)));
  at(item, "fold", start, (place) => place.replaceChildren(foldButton(item, { body, mentions })));
}

function foldButton(item, message) {
  const { unfolded = false } = item;
  return make("button", { type: "button", class: "link", "aria-expanded": String(unfolded), text: t(unfolded ? "less" : "more"),
    onclick: () => {
      item.thread.stick = false;
      Object.assign(item, { unfolded: !unfolded, drawn: null });
      drawBody(item, message);
      item.places.fold.firstChild.focus();
    } });
}

function nodeOf({ text, href, host, person }, myId) {
  if (href) return make("a", { href, target: "_blank", rel: "noopener noreferrer", title: text.includes(host) ? "" : host, text });
  if (person) return make("mark", { class: person === myId ? "mention mine" : "mention", text });
  return document.createTextNode(text);
}

/** What is answered, as it is now: what its author took back is shown no longer. */
function drawQuote({ places, row, thread: { view, myId } }, { reply_to: { seq, excerpt }, quoted }) {
  const { place, recalled, body } = row.answered;
  if (!place && seq) learn(view, row.stream, seq);
  const { message, actor } = place ?? {};
  const said = body ?? message?.body ?? excerpt ?? quoted;
  const gone = recalled || message?.recalled || !said;
  fill(places, { whose: actor && (actor.id === myId ? t("you") : actor.name), excerpt: gone ? t("recalled") : said.slice(0, EXCERPT) });
}

function drawOrigin(place, { author, at: when, kind, subject }) {
  if (place.places) return;
  drawn(place, "origin");
  fill(place.places, { words: t("forwarded", { name: author.name, where: subject || t(`kind.${kind}`) }), when: fullTime(when) });
  place.places.when.dateTime = when;
}

/**
 * Where nothing was typed, the text is the names of the files, for the list, quotes and search: once their cards are
 * there, it goes, so that nobody reads or hears the names twice. Cards that can be drawn at once come with the message.
 */
function drawFiles(place, { body, attachments }) {
  place.said = body;
  if (cards) return drawCards(place, attachments);
  return import("./message-files.js").then((module) => { cards = module; drawCards(place, attachments); }, () => {});
}

function drawCards(place, attachments) {
  const ids = attachments.map(({ id }) => id).join();
  if (place.dataset.ids !== ids) cards.showFiles(place, attachments);
  place.dataset.ids = ids;
  place.classList.toggle("alone", place.said === namesLine(attachments));
}

/** Those asked are asked by a button; everybody who may know reads how many have. */
function drawAsking(place, { row: { own, entry, stream, people }, thread: { myId } }, { by }) {
  const asked = people.filter(({ id, kind }) => id !== entry.actor.id && (stream !== "internal" || kind === "staff")).map(({ id }) => id);
  const all = new Set([...asked, ...by.map(({ id }) => id)]);
  const mine = by.find(({ id }) => id === myId);
  if (!place.places) drawn(place, "asks");
  fill(place.places, { confirm: !own && !mine && asked.includes(myId), why: !own && !mine && asked.includes(myId),
    done: Boolean(mine), confirmed: mine && t("confirmed.you", { time: clockTime(mine.at) }),
    count: all.size > 0 && t("confirmed.count", { n: by.length, total: all.size }) });
}

/** What a place holds stays there; only what changed in it is read out again. */
function drawn(place, name) {
  const { node, ...places } = part(name);
  place.replaceChildren(...node.childNodes);
  Object.assign(place, { places });
}
