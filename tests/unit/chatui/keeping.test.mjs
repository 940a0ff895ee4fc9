import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, safeStorage } from "../../../libs/chatui/src/chatui/static/js/drafts.js";
import { idMaker } from "../../../libs/chatui/src/chatui/static/js/ids.js";
import { Outbox } from "../../../libs/chatui/src/chatui/static/js/outbox.js";
import { Shelf } from "./shelf.mjs";

const item = (id, conversation = "c") => ({ client_message_id: id, conversation_id: conversation, stream: "shared", body: `text ${id}`, at: "" });

test("a draft survives the page, with the stream it was meant for", () => {
  const shelf = new Shelf();

  new Drafts(shelf, "nora").put("c", { text: "half a thought", stream: "internal" });

  assert.deepEqual({ ...new Drafts(shelf, "nora").get("c"), at: 0 }, { text: "half a thought", stream: "internal", at: 0 });
});

test("nobody finds the draft of somebody else", () => {
  const shelf = new Shelf();
  new Drafts(shelf, "nora").put("c", { text: "mine", stream: "shared" });

  assert.equal(new Drafts(shelf, "dmitri").get("c").text, "");
});

test("an emptied draft, a signed-out owner and two weeks leave nothing behind", () => {
  const shelf = new Shelf();
  const drafts = new Drafts(shelf, "nora", () => 0);
  drafts.put("a", { text: "x", stream: "shared" });
  drafts.put("a", { text: "  ", stream: "shared" });
  assert.equal(shelf.length, 0);

  drafts.put("b", { text: "x", stream: "shared" });
  new Drafts(shelf, "dmitri", () => 15 * 86_400_000);
  assert.equal(shelf.length, 0);

  drafts.put("c", { text: "x", stream: "shared" });
  drafts.clear();
  assert.equal(shelf.length, 0);
});

test("what is unsent survives a reload and goes again under its own id", () => {
  const shelf = new Shelf();
  const before = new Outbox(shelf, "nora");
  before.add(item("1"));
  before.sending("1");

  const after = new Outbox(shelf, "nora");

  assert.deepEqual(after.ready().map(({ client_message_id: id, body }) => [id, body]), [["1", "text 1"]]);
});

test("in one conversation one message goes after another; conversations do not wait for each other", () => {
  const outbox = new Outbox(new Shelf(), "nora");
  outbox.add(item("1"));
  outbox.add(item("2"));
  outbox.add(item("3", "d"));

  assert.deepEqual(outbox.ready().map(({ client_message_id: id }) => id), ["1", "3"]);
  outbox.sending("1");
  assert.deepEqual(outbox.ready().map(({ client_message_id: id }) => id), ["3"]);
  outbox.sent("1");

  assert.deepEqual(outbox.ready().map(({ client_message_id: id }) => id), ["2", "3"]);
});

test("a refused message keeps its text and its reason, also through a reload, and can go again", () => {
  const shelf = new Shelf();
  const outbox = new Outbox(shelf, "nora");
  outbox.add(item("1"));
  outbox.failed("1", { code: "invalid", detail: "" });
  assert.equal(outbox.ready().length, 0);

  const after = new Outbox(shelf, "nora");
  assert.equal(after.all()[0].problem.code, "invalid");
  after.again("1");

  assert.equal(after.ready()[0].body, "text 1");
});

test("what was refused for being behind goes again without asking; what failed otherwise asks as before", () => {
  const outbox = new Outbox(new Shelf(), "nora");
  for (const id of ["1", "2"]) outbox.add({ ...item(id, id), asked: { seen_seq: 4, priority: "urgent" } });
  outbox.failed("1", { code: "stale" });
  outbox.failed("2", { code: "unavailable" });

  outbox.anyway("1");
  outbox.anyway("2");

  assert.deepEqual(outbox.ready().map(({ asked }) => asked), [{ seen_seq: null, priority: "urgent" }, { seen_seq: 4, priority: "urgent" }]);
});

test("the files of a draft stay with it, also where nothing is typed", () => {
  const shelf = new Shelf();
  new Drafts(shelf, "nora").put("c", { text: "", stream: "shared", files: [{ id: "A", name: "scan.pdf" }] });

  assert.deepEqual(new Drafts(shelf, "nora").get("c").files, [{ id: "A", name: "scan.pdf" }]);
});

test("an acknowledged message is off the device and still on the page until its entry is heard", () => {
  const shelf = new Shelf();
  const outbox = new Outbox(shelf, "nora");
  outbox.add(item("1"));
  outbox.sent("1");

  assert.equal(shelf.length, 0);
  assert.equal(outbox.of("c").length, 1);
  outbox.remove("1");
  assert.equal(outbox.of("c").length, 0);
});

test("what the server cannot take now goes again in a while, unless it went another way meanwhile", () => {
  const outbox = new Outbox(new Shelf(), "nora");
  outbox.add(item("a"));
  outbox.sending("a");

  outbox.waits("a");
  const meanwhile = outbox.ready();
  outbox.waited("a");
  assert.deepEqual([meanwhile, outbox.ready().map(({ client_message_id: id }) => id)], [[], ["a"]]);
  outbox.waits("a");
  outbox.sent("a");
  outbox.waited("a");

  assert.equal(outbox.items.get("a").state, "sent");
});

test("after a lost line what was under way waits again", () => {
  const outbox = new Outbox(new Shelf(), "nora");
  outbox.add(item("1"));
  outbox.sending("1");

  outbox.lineLost();

  assert.equal(outbox.ready().length, 1);
});

test("a full or missing storage never stops a send", () => {
  const full = { ...new Shelf(), setItem() { throw new Error("full"); }, length: 0, removeItem() {} };
  const outbox = new Outbox(full, "nora");
  outbox.add(item("1"));
  assert.equal(outbox.ready().length, 1);

  assert.equal(new Outbox(safeStorage(undefined), "nora").all().length, 0);
});

test("ids are UUIDv7 and sort as they were made, even within a millisecond and when the clock steps back", () => {
  let now = 1_795_000_000_000;
  const next = idMaker(() => now);
  const ids = Array.from({ length: 5000 }, () => next());
  now -= 1000;
  ids.push(next());

  assert.ok(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)));
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(parseInt(ids[0].replace("-", "").slice(0, 12), 16), 1_795_000_000_000);
});
