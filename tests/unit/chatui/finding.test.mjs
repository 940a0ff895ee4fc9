import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const catalogue = readFileSync(new URL("../../../libs/chatui/src/chatui/texts/en.json", import.meta.url), "utf-8");
globalThis.document = { documentElement: { lang: "en" }, getElementById: () => ({ textContent: catalogue }) };
const later = "../../../libs/chatui/src/chatui/static/js/later";
const { pieces } = await import(`${later}/excerpt.js`);
const { folded, ranked } = await import(`${later}/ranking.js`);
const { ageAt, ageText, bornText } = await import(`${later}/age.js`);
const { newestHeard } = await import(`${later}/row-menu.js`);
const { Presence } = await import(`${later}/presence.js`);
const { shortTime } = await import(`${later}/../when.js`);

const marked = (text, matches) => pieces(text, matches).map(({ text: words, found }) => (found ? `[${words}]` : words)).join("");

test("found words are marked where the server says, and nothing of the text is lost or added", () => {
  assert.equal(marked("the wound is clean", [[4, 9]]), "the [wound] is clean");
  assert.equal(marked("wound, wound", [[7, 12], [0, 5]]), "[wound], [wound]");
  assert.equal(marked("wound", [[0, 5]]), "[wound]");
  assert.equal(marked("nothing here", []), "nothing here");
  assert.deepEqual(pieces("", []), []);
});

test("places count characters: what lies beyond the basic plane is one", () => {
  assert.equal(marked("😀😀 fever 🤒", [[3, 8]]), "😀😀 [fever] 🤒");
});

test("places that overlap, lie outside or are empty spoil nothing", () => {
  assert.equal(marked("abcdef", [[1, 3], [2, 5]]), "a[bc][de]f");
  assert.equal(marked("abc", [[2, 9], [7, 8], [1, 1], [3, 2]]), "ab[c]");
});

const titles = (words, ...things) => ranked(words, things.map((thing) => (typeof thing === "string" ? { title: thing } : thing))).map(({ title }) => title);

test("a few letters find the name that begins so, before one where a later word does, before one that holds them", () => {
  assert.deepEqual(titles("mo", "Simon Katz", "Ada Moreno", "Mona Lind"), ["Mona Lind", "Ada Moreno", "Simon Katz"]);
});

test("between equals the more recent one comes first, and without words all stand by that", () => {
  assert.deepEqual(titles("war", "Ward 9", "Ward 3"), ["Ward 9", "Ward 3"]);
  assert.deepEqual(titles("", "Zoe", "Ada"), ["Zoe", "Ada"]);
});

test("every word must be found, in the name or in what stands below it; the name weighs more", () => {
  const ward = { title: "Ward 3", subtitle: "Nora Lindqvist and Rosa Delgado" };
  assert.deepEqual(titles("rosa ward", ward, "Ward 4"), ["Ward 3"]);
  assert.deepEqual(titles("rosa", ward, "Rosa Delgado"), ["Rosa Delgado", "Ward 3"]);
});

test("accents and case make no difference", () => {
  assert.equal(folded("Ángel NÚÑEZ"), "angel nunez");
  assert.deepEqual(titles("nunez", "Ángel Núñez", "Ana"), ["Ángel Núñez"]);
  assert.deepEqual(titles("ÁNG", "Angel", "Ana"), ["Angel"]);
});

test("an age is the years completed on that day, and months below two years", () => {
  assert.deepEqual(ageAt("2019-06-27", "2026-06-26"), { years: 6, months: 83 });
  assert.deepEqual(ageAt("2019-06-27", "2026-06-27"), { years: 7, months: 84 });
  assert.deepEqual(ageAt("2024-02-29", "2026-02-28"), { years: 1, months: 23 });
  assert.equal(ageText(ageAt("1951-04-18", "2026-11-24")), "75 years");
  assert.equal(ageText(ageAt("2025-10-24", "2026-11-24")), "13 months");
});

test("a birth date is the same day in every time zone", () => {
  assert.equal(bornText("2019-06-27").includes("27"), true);
});

test("a row of another year says which", () => {
  const now = new Date(2026, 10, 22, 9).getTime();
  assert.doesNotMatch(shortTime(new Date(2026, 2, 3).toISOString(), now), /2026/);
  assert.match(shortTime(new Date(2025, 2, 3).toISOString(), now), /2025/);
});

test("unread begins at the newest message of somebody else, in whatever stream", () => {
  const entry = (seq, actor, type = "message.posted", stream = "shared") => ({ seq, type, stream, actor: { id: actor }, at: `2026-11-22T08:00:0${seq}.000Z` });
  const entries = [entry(1, "ada"), entry(4, "nora"), entry(2, "dmitri", "message.posted", "internal"), entry(5, "ada", "message.edited")];

  assert.equal(newestHeard(entries, "nora").seq, 2);
  assert.equal(newestHeard([entry(1, "nora")], "nora"), undefined);
});

/** A page, a clock and a line in memory. */
function desk({ state = "live" } = {}) {
  const page = Object.assign(new EventTarget(), { hidden: false });
  const clock = { due: null, setTimeout: (act) => { clock.due = act; return act; }, clearTimeout: () => { clock.due = null; } };
  const socket = { state, asked: [], ask: (op, { conversation_id: id, away }) => { socket.asked.push([op, id, away]); return Promise.resolve({}); } };
  return { page, clock, socket, presence: new Presence({ socket, page, clock }) };
}

test("what one opens and closes is told, once each", () => {
  const { presence, socket } = desk();

  presence.watch("c");
  presence.watch("c");
  presence.watch(null);

  assert.deepEqual(socket.asked, [["watch", "c", false], ["watch", null, false]]);
});

test("one is away after five minutes without a touch, or with the page hidden, and back with the first touch", () => {
  const { presence, socket, clock, page } = desk();
  presence.watch("c");

  clock.due();
  page.dispatchEvent(new Event("keydown"));
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));

  assert.deepEqual(socket.asked.map(([, , away]) => away), [false, true, false, true]);
});

test("without a line nothing is told; when it is back, all is told again and nothing old is believed", () => {
  const { presence, socket } = desk({ state: "waiting" });
  presence.watch("c");
  assert.deepEqual(socket.asked, []);

  socket.state = "live";
  presence.lineIs("live");
  presence.hear({ user_id: "ada", state: "online" });
  assert.equal(presence.of("ada"), "online");
  presence.lineIs("waiting");

  assert.equal(presence.of("ada"), undefined);
  assert.deepEqual(socket.asked, [["watch", "c", false]]);
});

test("who was there in one conversation is not believed of the next", () => {
  const { presence } = desk();
  presence.watch("c");
  presence.hear({ user_id: "ada", state: "online" });

  presence.watch("d");

  assert.equal(presence.of("ada"), undefined);
});
