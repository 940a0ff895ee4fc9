import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversations, streamsOf, unreadOf } from "../../../libs/chatui/src/chatui/static/js/conversations.js";
import { wanted } from "../../../libs/chatui/src/chatui/static/js/later/further.js";
import { passing } from "../../../libs/chatui/src/chatui/static/js/later/filters.js";

const conversation = (id, changes = {}) => ({
  id, kind: "direct", subject: null, status: "open", participants: [], heads: { shared: 5 }, unread: { shared: 0 },
  read: { nora: { shared: 5 } }, last_entry: null, updated_at: "2026-11-22T08:00:00.000Z", ...changes,
});
const post = (seq, actor = "ada", changes = {}) => ({
  conversation_id: "c", stream: "shared", seq, type: "message.posted", at: `2026-11-22T09:00:0${seq}.000Z`, actor: { id: actor },
  message: { id: `m${seq}`, client_message_id: `k${seq}`, body: `text ${seq}` }, ...changes,
});
const nora = (...known) => {
  const conversations = new Conversations("nora");
  known.forEach((one) => conversations.merge(one));
  return conversations;
};

test("a message of somebody else counts as unread, mine does not", () => {
  const conversations = nora(conversation("c"));

  conversations.hear(post(6, "ada"));
  conversations.hear(post(7, "nora"));

  assert.equal(unreadOf(conversations.get("c")), 1);
  assert.equal(conversations.get("c").last_entry.seq, 7);
});

test("an entry heard twice counts once", () => {
  const conversations = nora(conversation("c"));

  assert.equal(conversations.hear(post(6)), "kept");
  assert.equal(conversations.hear(post(6)), "repeat");

  assert.equal(unreadOf(conversations.get("c")), 1);
});

test("an entry of a conversation not known here asks for it", () => {
  assert.equal(nora().hear(post(1)), "unknown");
});

test("an entry beyond the next one says that the counts must be read again", () => {
  assert.equal(nora(conversation("c")).hear(post(8)), "stale");
});

test("an answer that is older than what was heard live is not taken over it", () => {
  const conversations = nora(conversation("c"));
  conversations.hear(post(6));

  assert.equal(conversations.merge(conversation("c")), "stale");

  assert.equal(conversations.get("c").heads.shared, 6);
});

test("reading to the head clears my count; reading part of it asks the server", () => {
  const conversations = nora(conversation("c", { unread: { shared: 3 }, read: { nora: { shared: 2 } } }));

  assert.equal(conversations.markRead({ conversation_id: "c", user_id: "nora", stream: "shared", seq: 3 }), "stale");
  assert.equal(conversations.markRead({ conversation_id: "c", user_id: "nora", stream: "shared", seq: 5 }), "kept");

  assert.equal(unreadOf(conversations.get("c")), 0);
});

test("a read mark never moves back", () => {
  const conversations = nora(conversation("c"));

  assert.equal(conversations.markRead({ conversation_id: "c", user_id: "nora", stream: "shared", seq: 3 }), "repeat");

  assert.equal(conversations.get("c").read.nora.shared, 5);
});

test("somebody else's reading changes their mark and not my count", () => {
  const conversations = nora(conversation("c", { unread: { shared: 2 } }));

  conversations.markRead({ conversation_id: "c", user_id: "ada", stream: "shared", seq: 4 });

  assert.equal(conversations.get("c").read.ada.shared, 4);
  assert.equal(unreadOf(conversations.get("c")), 2);
});

test("an edit of the last message changes the last line, a recall empties it", () => {
  const conversations = nora(conversation("c"));
  conversations.hear(post(6));

  conversations.hear({ ...post(7), type: "message.edited", message: undefined, message_id: "m6", body: "better" });
  assert.equal(conversations.get("c").last_entry.message.body, "better");
  const how = conversations.hear({ ...post(8), type: "message.recalled", message: undefined, message_id: "m6" });

  assert.equal(how, "stale");
  assert.deepEqual([conversations.get("c").last_entry.message.body, conversations.get("c").last_entry.message.recalled], ["", true]);
});

test("heads beyond ours name what was missed", () => {
  const conversations = nora(conversation("c"), conversation("d"));

  assert.deepEqual(conversations.behind({ c: { shared: 5 }, d: { shared: 9 }, e: { shared: 1 } }), ["d"]);
});

test("positions to resume from are what is really held, and fit one frame of 64 KiB", () => {
  const many = Array.from({ length: 1000 }, (_, index) => conversation(crypto.randomUUID(), { heads: { shared: 900_000 + index, internal: 900_000 } }));
  const conversations = nora(conversation("c", { updated_at: "2027-01-01T00:00:00.000Z" }), ...many);

  const positions = conversations.positions((id) => (id === "c" ? 3 : null));

  assert.deepEqual(positions.c, { shared: 3 });
  assert.ok(JSON.stringify({ op: "hello", ref: "1", resume: positions }).length < 65_536);
});

test("the newest activity comes first, whichever kind", () => {
  const conversations = nora(conversation("old"), conversation("c"));

  conversations.hear(post(6));

  assert.deepEqual(conversations.sorted().map(({ id }) => id), ["c", "old"]);
});

test("the total counts what is listed and what is known to be elsewhere", () => {
  const conversations = nora(conversation("c", { unread: { shared: 2, internal: 1 } }));
  conversations.elsewhere = 4;

  assert.equal(conversations.unreadTotal(), 7);
});

test("only a conversation with a patient has an internal stream, whatever heads name", () => {
  assert.deepEqual(streamsOf(conversation("g", { kind: "group", heads: { shared: 1, internal: 0 } })), ["shared"]);
  assert.deepEqual(streamsOf(conversation("p", { kind: "patient", heads: { shared: 1, internal: 0 } })), ["shared", "internal"]);
});

test("filters keep what their name says", () => {
  const patient = conversation("p", { kind: "patient", status: "closed" });
  const unread = conversation("u", { unread: { shared: 1 } });

  const kept = (filter) => [patient, unread].filter((one) => passing(filter)(one, { archived: false })).map(({ id }) => id).join();

  assert.deepEqual(["all", "unread", "patients", "staff", "closed"].map(kept), ["p,u", "u", "p", "u", "p"]);
});

const preferring = (conversations, id, changes) => conversations.prefer({ conversation_id: id, pinned: false, notify: "all", archived: false, ...changes });
const ids = (items) => items.map(({ id }) => id).join();

test("what is pinned stands on top, by activity among themselves, whatever the rest does", () => {
  const on = (day) => `2026-11-${day}T08:00:00.000Z`;
  const conversations = nora(...[["a", 20], ["b", 21], ["c", 22], ["d", 19]].map(([id, day]) => conversation(id, { updated_at: on(day) })));

  preferring(conversations, "d", { pinned: true });
  preferring(conversations, "a", { pinned: true });

  assert.equal(ids(conversations.listed()), "a,d,c,b");
  assert.equal(ids(conversations.sorted()), "c,b,a,d", "what is resumed first goes by activity alone");
});

test("what is archived stands apart, is still found as unread, and comes back when something new stands in it", () => {
  const conversations = nora(conversation("c", { kind: "patient", status: "closed" }), conversation("d"));
  preferring(conversations, "c", { archived: true });

  assert.equal(ids(conversations.listed()), "d");
  assert.equal(ids(conversations.listed(passing("closed"))), "");
  assert.equal(ids(conversations.listed(passing("archived"))), "c");
  assert.equal(ids(conversations.listed(passing("unread"))), "");
  conversations.hear(post(6));
  assert.equal(ids(conversations.listed(passing("unread"))), "c");
  assert.equal(ids(conversations.listed(passing("archived"))), "");
  assert.equal(ids(conversations.listed(passing("closed"))), "c");
});

test("what is archived is found by its name, also among those of a kind", () => {
  const conversations = nora(conversation("c", { kind: "patient" }));
  preferring(conversations, "c", { archived: true });

  assert.equal(ids(conversations.listed(passing("all", true))), "c");
  assert.equal(ids(conversations.listed(passing("patients", true))), "c");
  assert.equal(ids(conversations.listed(passing("archived", true))), "c");
  assert.equal(ids(conversations.listed(passing("staff", true))), "");
});

test("where no notice is wanted, what is unread shows in the list and not in the title", () => {
  const conversations = nora(conversation("c", { unread: { shared: 2 } }), conversation("d", { unread: { shared: 3 } }));
  preferring(conversations, "c", { notify: "none" });
  preferring(conversations, "d", { notify: "mentions" });

  assert.equal(unreadOf(conversations.get("c")), 2);
  assert.equal(conversations.unreadTotal(), 5);
  assert.equal(conversations.unreadTotal(true), 3);
});

test("the conversation being read stays under a filter it no longer passes", () => {
  const conversations = nora(conversation("c", { updated_at: "2026-11-23T08:00:00.000Z" }), conversation("d", { unread: { shared: 1 } }));

  assert.equal(ids(conversations.listed(passing("unread"))), "d");
  assert.equal(ids(conversations.listed(passing("unread"), "c")), "c,d");
});

test("pinned or muted conversations that are not held are wanted, archived ones are not", () => {
  const conversations = nora(conversation("held"));
  for (const id of ["held", "pinned", "muted", "plain", "gone"])
    preferring(conversations, id, { pinned: id === "pinned" || id === "held", notify: id === "muted" || id === "gone" ? "none" : "all", archived: id === "gone" });

  assert.deepEqual(wanted(conversations), ["pinned", "muted"]);
});

test("what I marked unread is read again by reading to the end, though the mark stood there before", () => {
  const conversations = nora(conversation("c", { unread: { shared: 2 } }));

  assert.equal(conversations.markRead({ conversation_id: "c", user_id: "nora", stream: "shared", seq: 3 }), "repeat");
  assert.equal(unreadOf(conversations.get("c")), 2);
  assert.equal(conversations.markRead({ conversation_id: "c", user_id: "nora", stream: "shared", seq: 5 }), "kept");
  assert.equal(unreadOf(conversations.get("c")), 0);
});
