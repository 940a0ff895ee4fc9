import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../../libs/chatui/src/chatui/static/js/api.js";
import { fitting, mentioned, named, naming } from "../../../libs/chatui/src/chatui/static/js/later/mentions.js";
import { namesLine, parcel, seenSeq } from "../../../libs/chatui/src/chatui/static/js/later/parcel.js";
import { carrier, MOST, Tray } from "../../../libs/chatui/src/chatui/static/js/later/uploads.js";

const people = [{ id: "n", name: "Nora Lindqvist" }, { id: "d", name: "Dmitri Volkov" }, { id: "z", name: "Zoë Núñez" }];

test("an @ that starts a word asks for a name; one inside a word, or a line ago, does not", () => {
  assert.deepEqual(naming("ask @no", 7), { from: 4, typed: "no" });
  assert.deepEqual(naming("@", 1), { from: 0, typed: "" });
  assert.deepEqual(naming("(@Nora Li", 9), { from: 1, typed: "Nora Li" });
  for (const text of ["nora@harbor", "@ nobody", "@nora\nand then", "no sign at all", `@${"x".repeat(41)}`]) assert.equal(naming(text, text.length), null, text);
  assert.equal(naming("@nora and more", 0), null);
});

test("names are found by any of their words, whatever the accents and the case", () => {
  const found = (typed) => fitting(people, typed).map(({ id }) => id);

  assert.deepEqual(found(""), ["n", "d", "z"]);
  assert.deepEqual(found("vol"), ["d"]);
  assert.deepEqual(found("zoe"), ["z"]);
  assert.deepEqual(found("nu"), ["z"]);
  assert.deepEqual(found("Nora L"), ["n"]);
  assert.deepEqual(found("ora"), []);
});

test("a taken name stands in place of what was typed, and one writes on behind it", () => {
  assert.deepEqual(named("ask @no please", 7, 4, "Nora Lindqvist"), { text: "ask @Nora Lindqvist please", caret: 20 });
  assert.deepEqual(named("@", 1, 0, "Nora Lindqvist"), { text: "@Nora Lindqvist ", caret: 16 });
});

test("mentioned is who still stands in the text with the whole name, and nobody twice", () => {
  assert.deepEqual(mentioned("@Nora Lindqvist, and @Dmitri Volkov. @Nora Lindqvist!", people), ["n", "d"]);
  assert.deepEqual(mentioned("@Nora, @Dmitri Volkova, Nora Lindqvist", people), []);
});

/** A way to the server whose end the test decides. */
function ways() {
  const going = [];
  const carry = (file, progress) => {
    const way = { file, progress, stopped: false };
    const done = new Promise((resolve, reject) => Object.assign(way, { arrives: (id) => resolve({ id, name: file.name, size: file.size }), fails: (code) => reject(new Problem({ code })) }));
    going.push(way);
    return { done, stop: () => { way.stopped = true; way.fails("line_lost"); } };
  };
  return { going, carry };
}

function newTray(bytes = 1000) {
  const { going, carry } = ways();
  const released = [];
  const tray = new Tray({ carry, release: ({ id }) => released.push(id), bytes });
  const settled = [];
  tray.addEventListener("settled", () => settled.push(tray.attachments.map(({ id }) => id)));
  return { tray, going, released, settled };
}

const file = (name, size = 10) => ({ name, size, type: "image/png" });
const states = ({ items }) => items.map(({ state }) => state);
const soon = () => new Promise((resolve) => setTimeout(resolve));

test("two files go at a time, the others wait their turn, and all are ready in the order they were chosen", async () => {
  const { tray, going, settled } = newTray();

  tray.add([file("a"), file("b"), file("c")]);
  assert.deepEqual(states(tray), ["going", "going", "waiting"]);
  going[1].arrives("B");
  await soon();
  assert.deepEqual(states(tray), ["going", "ready", "going"]);
  going[0].arrives("A");
  going[2].arrives("C");
  await soon();

  assert.deepEqual(settled, [["A", "B", "C"]]);
  assert.deepEqual(tray.take().map(({ id }) => id), ["A", "B", "C"]);
  assert.deepEqual([tray.items, tray.busy], [[], false]);
});

test("what is too large or empty never sets out, and more than ten are not taken", () => {
  const { tray, going } = newTray(100);

  const over = tray.add([file("big", 101), file("nothing", 0), ...Array.from({ length: MOST }, (_, at) => file(`${at}`, 100))]);

  assert.equal(over, 2);
  assert.deepEqual(states(tray).slice(0, 3), ["refused", "refused", "going"]);
  assert.deepEqual(tray.items.slice(0, 2).map(({ problem }) => problem.code), ["too_large", "empty"]);
  assert.equal(going.length, 2);
  assert.equal(tray.troubled, true);
});

test("a file taken out on its way is stopped; taken out when it is there, the server forgets it", async () => {
  const { tray, going, released } = newTray();
  tray.add([file("a"), file("b")]);

  tray.remove(tray.items[0].key);
  assert.equal(going[0].stopped, true);
  going[1].arrives("B");
  await soon();
  tray.remove(tray.items[0].key);

  assert.deepEqual(released, ["B"]);
  assert.deepEqual(tray.items, []);
});

test("a file that arrives though it was taken out is forgotten as well", async () => {
  const released = [];
  let arrive = null;
  const tray = new Tray({ carry: () => ({ done: new Promise((resolve) => { arrive = resolve; }), stop() {} }), release: ({ id }) => released.push(id), bytes: 99 });
  tray.add([file("a")]);

  tray.remove(tray.items[0].key);
  arrive({ id: "A" });
  await soon();

  assert.deepEqual(released, ["A"]);
});

test("what a lost line cut goes again with the line; what the server refused does not go again", async () => {
  const { tray, going } = newTray();
  tray.add([file("a"), file("b")]);
  going[0].fails("line_lost");
  going[1].fails("unsupported_media");
  await soon();
  assert.deepEqual(states(tray), ["failed", "refused"]);

  tray.resume();
  tray.again(tray.items[1].key);

  assert.deepEqual(states(tray), ["going", "refused"]);
  assert.equal(going.length, 3);
});

test("without a line what is under way is cut at once and said so, and goes again with the line", async () => {
  const { tray, going } = newTray();
  tray.add([file("a"), file("b"), file("c")]);
  going[0].arrives("A");
  await soon();

  tray.cut();
  await soon();
  assert.deepEqual(going.map(({ stopped }) => stopped), [false, true, true]);
  assert.deepEqual(tray.items.map(({ state, problem }) => [state, problem?.code]), [["ready", undefined], ["failed", "line_lost"], ["failed", "line_lost"]]);
  tray.resume();

  assert.deepEqual(states(tray), ["ready", "going", "going"]);
});

test("progress is told, and does not come back after the end", async () => {
  const { tray, going } = newTray();
  tray.add([file("a")]);
  going[0].progress(0.5);
  assert.equal(tray.items[0].done, 0.5);
  going[0].arrives("A");
  await soon();

  assert.equal(tray.items[0].done, 1);
});

test("an upload answers with the attachment, or with the server's own problem", async () => {
  globalThis.FormData = class { append(...given) { this.given = given; } };
  class Request {
    upload = {};
    open(...way) { this.way = way; }
    send(form) { this.form = form; Request.last = this; }
    abort() { this.onabort(); }
  }
  const carry = carrier("/api", Request);
  const told = [];

  const one = carry(file("a"), (part) => told.push(part));
  Request.last.upload.onprogress({ loaded: 1, total: 4 });
  Object.assign(Request.last, { status: 201, response: { id: "A" } }).onload();
  assert.deepEqual([await one.done, told, Request.last.way], [{ id: "A" }, [0.25], ["POST", "/api/attachments"]]);

  const two = carry(file("b"), () => {});
  Object.assign(Request.last, { status: 415, response: { code: "unsupported_media" } }).onload();
  await assert.rejects(two.done, { code: "unsupported_media", status: 415 });
  const three = carry(file("c"), () => {});
  Object.assign(Request.last, { status: 413, response: null }).onload();
  await assert.rejects(three.done, { code: "too_large" });
  const four = carry(file("d"), () => {});
  four.stop();
  await assert.rejects(four.done, { code: "line_lost" });
});

test("a name goes up as it is read, but for what a form would write in another way", () => {
  globalThis.FormData = class { append(...given) { this.given = given; } };
  class Request { upload = {}; open() {} send(form) { Request.sent = form.given; } }
  const carry = carrier("/api", Request);
  const goesAs = (name) => { carry(file(name), () => {}); return Request.sent[2]; };

  assert.equal(goesAs("Müller 50%22.pdf"), "Müller 50%22.pdf");
  assert.equal(goesAs('the "last" one\r\nof two.pdf'), 'the "last" one of two.pdf');
});

test("a message without text says the names of its files; a plain one asks for nothing more", () => {
  const attachments = [{ id: "A", name: "scan.pdf" }, { id: "B", name: "arm.png" }];
  const plain = { body: "hello", attachments: [], mentions: [], seen: null };

  assert.deepEqual(parcel(plain), { body: "hello", shown: {}, asked: {} });
  assert.deepEqual(parcel({ ...plain, body: "", attachments }), { body: "scan.pdf, arm.png", shown: { attachments }, asked: { attachment_ids: ["A", "B"] } });
  assert.ok(namesLine(Array.from({ length: 10 }, () => ({ name: "x".repeat(255) }))).length <= 1000);
});

test("urgency, a question to confirm and names go out, and show, as they were chosen", () => {
  const { shown, asked } = parcel({ body: "now", attachments: [], mentions: ["d"], urgent: true, ask: true, seen: 7 });

  assert.deepEqual(asked, { mentions: ["d"], priority: "urgent", ask_acknowledgement: true, seen_seq: 7 });
  assert.deepEqual(shown, { mentions: ["d"], priority: "urgent", acknowledgement: { asked: true, by: [] } });
});

test("how far one has read is told for a patient's shared stream only, and counts what stood in view", () => {
  const messenger = (kind, internal = true) => ({ internal, me: { user: { id: "n" } }, timelines: new Map([["c", { last: () => 9 }]]),
    conversations: new Map([["c", { kind, read: { n: { shared: 4 } } }]]) });

  assert.equal(seenSeq(messenger("patient"), "c", "shared", false), 4);
  assert.equal(seenSeq(messenger("patient"), "c", "shared", true), 9);
  assert.equal(seenSeq(messenger("patient"), "c", "internal", true), null);
  assert.equal(seenSeq(messenger("group"), "c", "shared", true), null);
  assert.equal(seenSeq(messenger("patient", false), "c", "shared", true), null);
});
