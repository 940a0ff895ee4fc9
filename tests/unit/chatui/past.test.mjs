import assert from "node:assert/strict";
import { test } from "node:test";
import { Past } from "../../../libs/chatui/src/chatui/static/js/later/past.js";
import { Timeline } from "../../../libs/chatui/src/chatui/static/js/timeline.js";

const at = (minute) => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
const post = (stream, seq, minute) => ({ conversation_id: "c", stream, seq, type: "message.posted", at: at(minute), actor: { id: "ada", name: "Ada" },
  message: { id: `${stream} ${seq}`, client_message_id: `client ${stream} ${seq}`, body: `text ${seq}`, attachments: [], edited_at: null, recalled: false,
    acknowledgement: { asked: true, by: [] } } });

/** A server with so many entries a stream; `asked` counts the pages read. */
function server(logs) {
  const read = async ({ stream, before, after, limit }) => {
    read.asked += 1;
    const log = logs[stream];
    const from = after !== undefined ? after : Math.max(0, (before ?? log.length + 1) - 1 - limit);
    const to = after !== undefined ? Math.min(log.length, after + limit) : (before ?? log.length + 1) - 1;
    return { items: log.slice(from, to), head: log.length, has_more: after !== undefined ? to < log.length : from > 0 };
  };
  return Object.assign(read, { asked: 0 });
}

const log = (stream, size, minutes = (seq) => seq) => Array.from({ length: size }, (_, index) => post(stream, index + 1, minutes(index + 1)));
const seqs = (timeline) => timeline.rows().map(({ seq }) => seq);
const live = (name, entries, more) => { const timeline = new Timeline([name]); timeline.fill(name, entries, more); return timeline; };

test("it opens around one message, and grows both ways to both ends of 100,000 without a hole", async () => {
  const entries = log("shared", 100_000);
  const past = new Past(["shared"], server({ shared: entries }));

  await past.openAt("shared", 40_000);
  assert.deepEqual([seqs(past)[0], seqs(past).at(-1)], [39_951, 40_050]);
  for (let page = 0; page < 30; page += 1) await past.grow("older");
  assert.equal(past.held("shared").length, 1000);
  assert.equal(seqs(past)[0], 39_951 - 1500);
  for (let page = 0; page < 60; page += 1) await past.grow("newer");

  const shown = seqs(past);
  assert.equal(past.held("shared").length, 1000);
  assert.ok(shown.every((seq, index) => !index || seq === shown[index - 1] + 1));
});

test("it knows the beginning and the end", async () => {
  const past = new Past(["shared"], server({ shared: log("shared", 60) }));

  await past.openAt("shared", 3);
  assert.equal(past.older(), null);
  assert.deepEqual(past.newer(), { stream: "shared", after: 53 });
  await past.grow("newer");

  assert.equal(past.newer(), null);
  assert.equal(seqs(past).length, 60);
});

test("a second stream is found by time, in few questions, and nothing shows from where it is not held", async () => {
  const shared = log("shared", 5000, (seq) => seq * 10);
  const internal = log("internal", 20_000, (seq) => seq * 2.5 + 1);
  const read = server({ shared, internal });
  const past = new Past(["shared", "internal"], read);

  await past.openAt("shared", 2500);

  assert.ok(read.asked <= 14, `asked ${read.asked} times`);
  const rows = past.rows();
  assert.ok(rows.some(({ stream, seq }) => stream === "shared" && seq === 2500));
  const notes = rows.filter(({ stream }) => stream === "internal").map(({ seq }) => seq);
  assert.ok(notes.length > 2 && notes.every((seq, index) => !index || seq === notes[index - 1] + 1));
  const [first, last] = [rows[0].at, rows.at(-1).at];
  const all = [...shared, ...internal].filter((entry) => entry.at >= first && entry.at <= last);
  assert.equal(rows.length, all.length);
});

test("a quiet second stream, long over or long before, hides nothing of the first", async () => {
  const read = server({ shared: log("shared", 500, (seq) => seq * 10), internal: log("internal", 3, (seq) => seq) });
  const past = new Past(["shared", "internal"], read);

  await past.openAt("shared", 250);

  assert.deepEqual(past.rows().map(({ seq }) => seq), Array.from({ length: 100 }, (_, index) => 201 + index));
});

test("growing until the present joins the live timeline, which then holds all of it", async () => {
  const entries = log("shared", 300);
  const past = new Past(["shared"], server({ shared: entries }));
  const timeline = live("shared", entries.slice(250));

  await past.openAt("shared", 120);
  assert.equal(past.joins(timeline), false);
  while (!past.joins(timeline)) await past.grow("newer");

  assert.deepEqual([seqs(timeline)[0], seqs(timeline).at(-1), seqs(timeline).length], [71, 300, 230]);
  assert.deepEqual(timeline.older(), { stream: "shared", before: 71 });
});

test("what changes a message shown here shows here; what is posted meanwhile does not", async () => {
  const past = new Past(["shared"], server({ shared: log("shared", 500) }));
  await past.openAt("shared", 100);

  past.add({ type: "message.edited", stream: "shared", seq: 501, message_id: "shared 100", body: "better", edited_at: at(600), actor: { id: "ada" } });
  past.add({ type: "message.acknowledged", stream: "shared", seq: 502, message_id: "shared 101", at: at(601), actor: { id: "nora" } });
  past.add({ type: "message.recalled", stream: "shared", seq: 503, message_id: "shared 102", at: at(602), actor: { id: "ada" } });
  past.add(post("shared", 504, 603));

  const shown = Object.fromEntries(past.rows().map(({ seq, message }) => [seq, message]));
  assert.equal(shown[100].body, "better");
  assert.deepEqual(shown[101].acknowledgement.by, [{ id: "nora", at: at(601) }]);
  assert.equal(shown[102].recalled, true);
  assert.equal(shown[504], undefined);
});

test("a live timeline grown long upwards becomes a window, and keeps its newest", async () => {
  const entries = log("shared", 5000);
  const read = server({ shared: entries });
  const timeline = live("shared", entries.slice(2500));

  const past = Past.from(timeline, read);

  assert.deepEqual([seqs(past)[0], seqs(past).length], [2501, 1000]);
  assert.deepEqual([seqs(timeline)[0], seqs(timeline).at(-1)], [4801, 5000]);
  timeline.add({ type: "message.recalled", stream: "shared", seq: 5001, message_id: "shared 2600", at: at(9000), actor: { id: "ada" } });
  assert.equal(timeline.last("shared"), 5001);
  while (!past.joins(timeline)) await past.grow("newer");
  assert.equal(timeline.rows().length > 200, true);
});
