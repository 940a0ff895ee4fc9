import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const catalogue = readFileSync(new URL("../../../libs/chatui/src/chatui/texts/en.json", import.meta.url), "utf-8");
globalThis.document = { documentElement: { lang: "en" }, getElementById: () => ({ textContent: catalogue }) };
const js = "../../../libs/chatui/src/chatui/static/js";
const { t, problemText } = await import(`${js}/texts.js`);
const { eventText, firstName, initials, lineText, tone } = await import(`${js}/names.js`);
const { staffNames } = await import(`${js}/staff/titles.js`);
const { portalNames } = await import(`${js}/portal/titles.js`);
const { threadRows } = await import(`${js}/rows.js`);
const { dayName, shortTime } = await import(`${js}/when.js`);

const nora = { id: "nora", name: "Nora Lindqvist", kind: "staff" };
const dmitri = { id: "dmitri", name: "Dr Dmitri Volkov", kind: "staff" };
const maria = { id: "maria", name: "Maria Rossi", kind: "patient" };
const at = (minute, day = 22) => new Date(2026, 10, day, 9, minute).toISOString();
const post = (seq, actor, minute, more = {}) => ({ stream: "shared", seq, type: "message.posted", at: at(minute), actor,
  message: { client_message_id: `k${seq}`, body: `text ${seq}`, ...more }, ...more });

test("words are filled in and counted", () => {
  assert.equal(t("unread", { n: 1 }), "1 unread message");
  assert.equal(t("unread", { n: 12 }), "12 unread messages");
  assert.equal(t("typing", { n: 2, names: "Ada and Leo" }), "Ada and Leo are writing…");
});

test("a refusal is said in words of ours, the server's sentence about a field comes first", () => {
  assert.equal(problemText({ code: "conversation_closed" }), "The conversation was closed.");
  assert.equal(problemText({ code: "invalid", errors: { body: ["Shorter than 1."] } }), "Shorter than 1.");
  assert.equal(problemText({ code: "brand_new", detail: "A sentence." }), "A sentence.");
});

test("people are called by their name, not by their title", () => {
  assert.equal(firstName(dmitri.name), "Dmitri");
  assert.equal(initials(dmitri.name), "DV");
  assert.equal(initials("  "), "?");
  assert.equal(initials("Žofie"), "Ž");
  assert.equal(tone("Ada"), tone("Ada"));
});

test("staff see the other person, the group's subject, or the patient", () => {
  const direct = { kind: "direct", participants: [nora, dmitri] };
  const patient = { kind: "patient", subject: "Inhaler", patient: { id: "p", name: "Leo Rossi" }, participants: [nora, maria] };

  assert.equal(staffNames(direct, "nora").title, "Dr Dmitri Volkov");
  assert.deepEqual(staffNames(patient, "nora"), { title: "Leo Rossi", subtitle: "Inhaler", person: "Leo Rossi" });
});

test("a mother reads for whom she wrote; one who writes for herself does not", () => {
  const leo = { subject: "Inhaler", patient: { id: "p", name: "Leo Rossi" }, participants: [dmitri, maria] };
  const own = { subject: "Tablets", patient: { id: "q", name: "Maria Rossi" }, participants: [dmitri, maria] };

  assert.equal(portalNames(leo, "maria").subtitle, "For Leo Rossi · Dr Dmitri Volkov");
  assert.equal(portalNames(own, "maria").subtitle, "Dr Dmitri Volkov");
});

test("what happened is told from the reader's side", () => {
  const added = { type: "participant.joined", actor: nora, user: dmitri };

  assert.equal(eventText(added, "nora"), "You added Dr Dmitri Volkov");
  assert.equal(eventText({ ...added, actor: dmitri }, "nora"), "Dr Dmitri Volkov joined");
  assert.equal(eventText({ type: "conversation.renamed", actor: maria, subject: "Knee" }, "nora"), "Maria Rossi changed the subject to “Knee”");
});

test("the last line says who wrote, and never shows a withdrawn text", () => {
  assert.equal(lineText(post(1, nora, 0), "nora", "group"), "You: text 1");
  assert.equal(lineText(post(1, dmitri, 0), "nora", "group"), "Dmitri: text 1");
  assert.equal(lineText(post(1, dmitri, 0, { recalled: true, body: "" }), "nora", "direct"), "Message withdrawn");
});

test("days part the thread, and messages of one author within minutes stand together", () => {
  const entries = [post(1, dmitri, 0), post(2, dmitri, 2), post(3, dmitri, 30), post(4, nora, 31), { ...post(5, nora, 0), at: at(0, 23) }];

  const rows = threadRows({ entries, myId: "nora" });

  assert.deepEqual(rows.map(({ type }) => type), ["day", "message", "message", "message", "message", "day", "message"]);
  assert.deepEqual(rows.filter(({ type }) => type === "message").map(({ first, last }) => `${first} ${last}`),
    ["true false", "false true", "true true", "true true", "true true"]);
});

test("the line of new messages stands before the first unread of somebody else, once", () => {
  const entries = [post(1, dmitri, 0), post(2, nora, 1), post(3, dmitri, 2), post(4, dmitri, 3)];
  const unread = { read: { shared: 1 }, counts: { shared: 2 } };

  const rows = threadRows({ entries, myId: "nora", unread });

  assert.deepEqual(rows.map(({ type, entry }) => entry?.seq ?? type), ["day", 1, 2, "new", 3, 4]);
  assert.equal(threadRows({ entries, myId: "nora", unread: { read: { shared: 1 }, counts: { shared: 0 } } }).some(({ type }) => type === "new"), false);
});

test("a grey bubble keeps its key when the stored entry takes its place, and never stands twice", () => {
  const waiting = [{ client_message_id: "k9", conversation_id: "c", stream: "shared", body: "hi", at: at(5), state: "sending" }];

  const grey = threadRows({ entries: [], waiting, myId: "nora" }).at(-1);
  const solid = threadRows({ entries: [post(9, nora, 5)], waiting, myId: "nora" });

  assert.equal(grey.key, "k9");
  assert.deepEqual(solid.filter(({ type }) => type === "message").map(({ key }) => key), ["k9"]);
});

test("times read as people say them", () => {
  const now = new Date(2026, 10, 22, 12).getTime();

  assert.equal(dayName(at(0), now), "Today");
  assert.equal(dayName(at(0, 21), now), "Yesterday");
  assert.equal(dayName(at(0, 18), now), "Wednesday");
  assert.equal(dayName(at(0, 2), now), "November 2, 2026");
  assert.equal(shortTime(at(5), now), "09:05");
  assert.equal(shortTime(at(5, 18), now), "Wed");
});
