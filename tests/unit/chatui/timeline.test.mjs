import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../../libs/chatui/src/chatui/static/js/timeline.js";

const at = (minute) => new Date(Date.UTC(2026, 10, 22, 8, minute)).toISOString();
const post = (seq, { stream = "shared", minute = seq, body = `text ${seq}` } = {}) => ({
  conversation_id: "c", stream, seq, type: "message.posted", at: at(minute), actor: { id: "ada", name: "Ada" },
  message: { id: `${stream} ${seq}`, client_message_id: `client ${stream} ${seq}`, body, edited_at: null, recalled: false },
});
const posts = (from, to, more) => Array.from({ length: to - from + 1 }, (_, index) => post(from + index, more));
const edit = (seq, of, body, edited_at = at(seq)) => ({ conversation_id: "c", stream: "shared", seq, type: "message.edited",
  at: at(seq), actor: { id: "ada" }, message_id: `shared ${of}`, body, edited_at });
const recall = (seq, of) => ({ conversation_id: "c", stream: "shared", seq, type: "message.recalled", at: at(seq), actor: { id: "ada" }, message_id: `shared ${of}` });
const bodies = (timeline) => timeline.rows().map(({ message }) => message.body);
const seqs = (timeline) => timeline.rows().map(({ seq }) => seq);

test("entries that arrive before the first page are kept and fall into place", () => {
  const timeline = new Timeline(["shared"]);

  assert.equal(timeline.add(post(4)), "waiting");
  assert.equal(timeline.add(post(2)), "waiting");
  timeline.fill("shared", posts(1, 3), { start: true });

  assert.deepEqual(seqs(timeline), [1, 2, 3, 4]);
  assert.equal(timeline.hole(), null);
});

test("a repeat changes nothing, whether it comes live or in a page", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 3), { start: true });

  assert.equal(timeline.add(post(2)), "repeat");
  timeline.fill("shared", posts(1, 3), { start: true });

  assert.deepEqual(seqs(timeline), [1, 2, 3]);
});

test("beyond a hole an entry waits, and the hole names what to ask for", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 3), { start: true });

  assert.equal(timeline.add(post(6)), "waiting");
  assert.deepEqual(timeline.hole(), { stream: "shared", after: 3 });
  timeline.fill("shared", posts(4, 5));

  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6]);
  assert.equal(timeline.hole(), null);
});

test("a head the server names beyond what is held is a hole", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 3), { start: true });

  assert.equal(timeline.expect({ shared: 3 }), false);
  assert.equal(timeline.expect({ shared: 5 }), true);

  assert.deepEqual(timeline.hole(), { stream: "shared", after: 3 });
});

test("entries in any order, with repeats, end in the one order", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 2), { start: true });

  for (const seq of [7, 3, 5, 3, 7, 6, 4, 1]) timeline.add(post(seq));

  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(timeline.last("shared"), 7);
});

test("history is put before what is held, and the beginning is known", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(51, 60), { start: false });
  assert.deepEqual(timeline.older(), { stream: "shared", before: 51 });

  timeline.fill("shared", posts(1, 50), { start: true });

  assert.equal(timeline.rows().length, 60);
  assert.equal(timeline.older(), null);
});

test("an edit and a recall show on their message, live or after it", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 2), { start: true });

  timeline.add(edit(3, 1, "better"));
  timeline.add(recall(4, 2));

  assert.deepEqual(bodies(timeline), ["better", ""]);
  assert.deepEqual(seqs(timeline), [1, 2]);
});

test("an edit heard before the message it changes is not lost when history brings an older text", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", [post(3)]);

  timeline.add(edit(4, 1, "edited"));
  timeline.fill("shared", posts(1, 2), { start: true });

  assert.deepEqual(bodies(timeline), ["edited", "text 2", "text 3"]);
});

test("an older edit never undoes a newer text that history already shows", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", [post(3)]);
  timeline.add(edit(4, 1, "first edit", at(4)));
  const newest = post(1, { body: "second edit" });
  newest.message.edited_at = at(9);

  timeline.fill("shared", [newest, post(2)], { start: true });

  assert.equal(bodies(timeline)[0], "second edit");
});

test("two streams are merged by time, and each keeps its own order whatever the clocks say", () => {
  const timeline = new Timeline(["shared", "internal"]);
  timeline.fill("shared", [post(1, { minute: 1 }), post(2, { minute: 9 }), post(3, { minute: 8 })], { start: true });
  timeline.fill("internal", [post(1, { stream: "internal", minute: 5 }), post(2, { stream: "internal", minute: 12 })], { start: true });

  const order = timeline.rows().map(({ stream, seq }) => `${stream} ${seq}`);

  assert.deepEqual(order, ["shared 1", "internal 1", "shared 2", "shared 3", "internal 2"]);
});

test("reading upwards never slips a line in between: nothing shows from before where both streams are loaded", () => {
  const timeline = new Timeline(["shared", "internal"]);
  timeline.fill("shared", posts(41, 50));
  timeline.fill("internal", [post(1, { stream: "internal", minute: 2 }), post(2, { stream: "internal", minute: 45 })], { start: true });
  const before = timeline.rows().map(({ at: time }) => time);

  assert.deepEqual(timeline.older(), { stream: "shared", before: 41 });
  timeline.fill("shared", posts(1, 40), { start: true });

  assert.ok(before.every((time) => time >= at(41)));
  const after = timeline.rows().map(({ at: time }) => time);
  assert.deepEqual(after.slice(after.length - before.length), before);
});

test("a stream that fell too far behind is forgotten and read again", () => {
  const timeline = new Timeline(["shared"]);
  timeline.fill("shared", posts(1, 3), { start: true });

  timeline.reset("shared");
  assert.equal(timeline.loaded, false);
  timeline.fill("shared", posts(2001, 2050));

  assert.equal(timeline.last("shared"), 2050);
  assert.deepEqual(timeline.older(), { stream: "shared", before: 2001 });
});

test("an empty conversation is loaded, and its first entry is added", () => {
  const timeline = new Timeline(["shared"]);

  timeline.fill("shared", [], { start: true });
  assert.equal(timeline.loaded, true);

  assert.equal(timeline.add(post(1)), "added");
  assert.equal(timeline.older(), null);
});

test("it knows which entries it shows: held, and not before the point up to which all streams are held", () => {
  const timeline = new Timeline(["shared", "internal"]);
  timeline.fill("shared", posts(1, 50), { start: true });
  timeline.fill("internal", [post(9, { stream: "internal", minute: 30 }), post(10, { stream: "internal", minute: 40 })]);

  const shown = [29, 30, 50, 51].map((seq) => timeline.shows("shared", seq));

  assert.deepEqual(shown, [false, true, true, false]);
  assert.deepEqual([timeline.shows("internal", 8), timeline.shows("internal", 9), timeline.shows("other", 1)], [false, true, false]);
});
