import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Messenger } from "../../../libs/chatui/src/chatui/static/js/messenger.js";
import { passing } from "../../../libs/chatui/src/chatui/static/js/later/filters.js";
import { Further } from "../../../libs/chatui/src/chatui/static/js/later/further.js";

const at = (seq) => new Date(Date.UTC(2026, 10, 22, 8, seq)).toISOString();
const post = (seq, { actor = "ada", body = `text ${seq}`, client = `client ${seq}` } = {}) => ({
  conversation_id: "c", stream: "shared", seq, type: "message.posted", at: at(seq), actor: { id: actor, name: actor },
  message: { id: `m${seq}`, client_message_id: client, body, edited_at: null, recalled: false },
});

/** A gateway in memory: one conversation, its log, and the line it is heard on. */
class Gateway {
  log = [1, 2, 3].map((seq) => post(seq));
  asked = [];
  sends = [];
  lines = [];
  preferences = [];
  cursor = null;
  unread = 0;
  answer = () => null;

  fetch = async (path, { method = "GET" } = {}) => {
    this.asked.push(`${method} ${path}`);
    const { status = 200, body } = this.answer(path) ?? { body: this.#find(path) };
    return new Response(JSON.stringify(body), { status });
  };

  conversation() {
    return { id: "c", kind: "direct", status: "open", participants: [], heads: { shared: this.log.length }, unread: { shared: 0 },
      read: {}, last_entry: this.log.at(-1), can_reply: { allowed: true, reason: null }, updated_at: at(0) };
  }

  #find(path) {
    const url = new URL(path, "http://here");
    if (url.pathname.endsWith("/me")) return { user: { id: "nora" }, org: {}, permissions: [], unread_total: this.unread, limits: {} };
    if (url.pathname.endsWith("/preferences")) return { items: this.preferences };
    if (url.pathname.endsWith("/conversations")) return { items: [this.conversation()], next_cursor: this.cursor };
    if (url.pathname.endsWith("/conversations/far")) return { ...this.conversation(), id: "far", unread: { shared: 4 } };
    if (url.pathname.endsWith("/timeline")) {
      const after = Number(url.searchParams.get("after") ?? 0);
      return { items: this.log.slice(after, after + 50), head: this.log.length, has_more: this.log.length > after + 50 };
    }
    return this.conversation();
  }

  /** Store a send as the server does: the same client id is the same entry. */
  store({ client_message_id: client, body }) {
    const known = this.log.find(({ message }) => message.client_message_id === client);
    if (!known) this.log.push(post(this.log.length + 1, { actor: "nora", body, client }));
    return known ?? this.log.at(-1);
  }
}

const opened = [];

afterEach(() => opened.splice(0).forEach((messenger) => messenger.socket.stop()));

/** Nora's messenger, live, with the conversation open; `onSend(frame, line)` is how the server takes a send. */
async function nora({ onSend, gateway = new Gateway() } = {}) {
  globalThis.fetch = gateway.fetch;
  globalThis.WebSocket = class {
    constructor() {
      gateway.lines.push(this);
      queueMicrotask(() => this.onopen?.({}));
    }
    close() { this.over = true; }
    says(frame) { if (!this.over) this.onmessage({ data: JSON.stringify(frame) }); }
    send(text) {
      const frame = JSON.parse(text);
      if (frame.op === "hello") {
        gateway.hello = frame;
        this.says({ ref: frame.ref, ok: true });
        for (const entry of gateway.log.slice(frame.resume?.c?.shared ?? gateway.log.length)) this.says({ push: "entry", ...entry });
        this.says({ push: "caught_up", heads: { c: { shared: gateway.log.length } } });
      } else if (frame.op === "send") {
        gateway.sends.push(frame);
        onSend(frame, this);
      } else this.says({ ref: frame.ref, ok: true });
    }
  };
  const messenger = new Messenger({ api: "http://here/api", live: "ws://here/live", internal: true,
    storage: { length: 0, key() {}, getItem() {}, setItem() {}, removeItem() {} } });
  opened.push(messenger);
  await messenger.start();
  await messenger.open("c");
  await until(() => messenger.socket.state === "live" && messenger.listed);
  return { messenger, gateway, line: () => gateway.lines.at(-1) };
}

/** Waits for a fact, and says which one never came. */
async function until(fact, patience = 5000) {
  const end = Date.now() + patience;
  while (!fact()) {
    if (Date.now() > end) throw new Error(`never came true: ${fact}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const bodies = (messenger) => messenger.timelines.get("c").rows().map(({ message }) => message.body);
const accepting = (gateway) => (frame, line) => {
  const entry = gateway.store(frame);
  line.says({ ref: frame.ref, ok: true, seq: entry.seq });
  line.says({ push: "entry", ...entry });
};

test("a message is kept until its entry is heard, and then stands once", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend: accepting(gateway) });

  messenger.send("c", { body: "hello", stream: "shared" });
  await until(() => messenger.outbox.of("c").length === 0);

  assert.deepEqual(bodies(messenger), ["text 1", "text 2", "text 3", "hello"]);
});

test("stored but not answered, the line lost: it goes again under the same id and is one message", async () => {
  const gateway = new Gateway();
  const { messenger, line } = await nora({ gateway, onSend(frame, on) {
    if (gateway.sends.length > 1) return accepting(gateway)(frame, on);
    gateway.store(frame);
    return on.onclose({ code: 1006 });
  } });

  messenger.send("c", { body: "once", stream: "shared" });
  await until(() => gateway.lines.length === 2 && messenger.outbox.of("c").length === 0);

  assert.equal(bodies(messenger).filter((body) => body === "once").length, 1);
  assert.equal(new Set(gateway.sends.map((frame) => frame.client_message_id)).size, 1);
  assert.deepEqual(gateway.hello.resume, { c: { shared: 3 } });
  assert.equal(line().over, undefined);
});

test("neither stored nor answered, the line lost: it goes again by itself, under the same id", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend(frame, on) {
    if (gateway.sends.length > 1) return accepting(gateway)(frame, on);
    return on.onclose({ code: 1006 });
  } });

  messenger.send("c", { body: "again", stream: "shared" });
  await until(() => messenger.outbox.of("c").length === 0);

  assert.equal(bodies(messenger).at(-1), "again");
  assert.equal(gateway.sends[0].client_message_id, gateway.sends[1].client_message_id);
});

test("an unavailable service is asked again under the same id", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend(frame, on) {
    if (gateway.sends.length > 1) return accepting(gateway)(frame, on);
    return on.says({ ref: frame.ref, ok: false, problem: { code: "unavailable", status: 503 } });
  } });

  messenger.send("c", { body: "patience", stream: "shared" });
  await until(() => messenger.outbox.of("c").length === 0);

  assert.equal(gateway.sends[0].client_message_id, gateway.sends[1].client_message_id);
  assert.equal(bodies(messenger).at(-1), "patience");
});

test("a service that stays unavailable is asked for as long as it takes, and what was written later does not overtake", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend(frame, on) {
    if (gateway.sends.length > 12) return accepting(gateway)(frame, on);
    return on.says({ ref: frame.ref, ok: false, problem: { code: "unavailable", status: 503, retry_after: 0.01 } });
  } });

  messenger.send("c", { body: "first", stream: "shared" });
  messenger.send("c", { body: "second", stream: "shared" });
  await until(() => messenger.outbox.of("c")[0]?.state === "waiting");
  assert.equal(messenger.outbox.stuck("c"), false);
  const [first] = messenger.outbox.of("c");
  messenger.outbox.items.set(first.client_message_id, { ...first, at: new Date(Date.now() - 60_000).toISOString() });
  await until(() => messenger.outbox.stuck("c"));
  assert.deepEqual(messenger.outbox.of("c").map(({ state }) => state).sort(), ["queued", "waiting"]);
  await until(() => messenger.outbox.of("c").length === 0);

  assert.equal(messenger.outbox.stuck("c"), false);
  assert.deepEqual(bodies(messenger).slice(-2), ["first", "second"]);
  assert.equal(gateway.sends.length, 14);
});

test("a patient is told of the care team's reading, never of another's who stands for the same patient", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend: accepting(gateway) });
  const [entry] = messenger.timelines.get("c").rows();
  const read = (user) => messenger.conversations.markRead({ conversation_id: "c", user_id: user, stream: "shared", seq: 1 });
  Object.assign(messenger.conversations.get("c"), { participants: [{ id: "father", kind: "patient" }, { id: "doctor", kind: "staff" }] });
  messenger.internal = false;

  read("father");
  const byAnother = messenger.markOf(entry);
  messenger.internal = true;
  const toStaff = messenger.markOf(entry);
  messenger.internal = false;
  read("doctor");

  assert.deepEqual([byAnother, toStaff, messenger.markOf(entry)], ["sent", "read", "read"]);
});

test("a refusal keeps the text and waits for the person", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend(frame, on) {
    if (gateway.sends.length > 1) return accepting(gateway)(frame, on);
    return on.says({ ref: frame.ref, ok: false, problem: { code: "conversation_closed", status: 409 } });
  } });
  messenger.send("c", { body: "too late", stream: "shared" });
  await until(() => messenger.outbox.of("c")[0]?.state === "failed");

  assert.equal(messenger.outbox.of("c")[0].body, "too late");
  messenger.retry(messenger.outbox.of("c")[0].client_message_id);
  await until(() => messenger.outbox.of("c").length === 0);

  assert.equal(bodies(messenger).at(-1), "too late");
});

test("messages of one conversation go in the order they were written, also when they waited for the line", async () => {
  const gateway = new Gateway();
  const { messenger, line } = await nora({ gateway, onSend: accepting(gateway) });
  line().onclose({ code: 1006 });

  for (const body of ["one", "two", "three"]) messenger.send("c", { body, stream: "shared" });
  await until(() => messenger.outbox.of("c").length === 0);

  assert.deepEqual(bodies(messenger).slice(3), ["one", "two", "three"]);
});

test("a hole is fetched, and everything stands in order", async () => {
  const { messenger, gateway, line } = await nora();
  gateway.log.push(post(4), post(5), post(6));

  line().says({ push: "entry", ...gateway.log[5] });
  await until(() => bodies(messenger).length === 6);

  assert.deepEqual(bodies(messenger).slice(3), ["text 4", "text 5", "text 6"]);
  assert.ok(gateway.asked.some((call) => call.includes("after=3")));
});

test("what was written while the line was down is there when it is back", async () => {
  const { messenger, gateway, line } = await nora();

  line().onclose({ code: 1006 });
  gateway.log.push(post(4), post(5));
  await until(() => bodies(messenger).length === 5);

  assert.equal(messenger.conversations.get("c").heads.shared, 5);
});

test("a stream too far behind is read again", async () => {
  const { messenger, gateway, line } = await nora();
  for (let seq = 4; seq <= 40; seq += 1) gateway.log.push(post(seq));

  line().says({ push: "reset", conversation_id: "c", stream: "shared", head: 40 });
  await until(() => messenger.timelines.get("c").loaded && bodies(messenger).length === 40);

  assert.equal(messenger.timelines.get("c").last("shared"), 40);
});

test("a session that ended is told, by the socket and by a refused call", async () => {
  const { messenger, gateway, line } = await nora();
  const away = [];
  messenger.addEventListener("away", ({ detail }) => away.push(detail));

  gateway.answer = () => ({ status: 401, body: { code: "unauthenticated" } });
  await messenger.refresh();
  line().onclose({ code: 4503 });

  assert.deepEqual([...new Set(away)], [4501, 4503]);
});

test("what one sends on another device is told, what one sends here is not", async () => {
  const gateway = new Gateway();
  const { messenger, line } = await nora({ gateway, onSend: accepting(gateway) });
  let told = 0;
  messenger.addEventListener("own", () => { told += 1; });

  messenger.send("c", { body: "here", stream: "shared" });
  await until(() => messenger.outbox.of("c").length === 0);
  assert.equal(told, 0);
  gateway.log.push(post(5, { actor: "nora" }));
  line().says({ push: "entry", ...gateway.log[4] });

  assert.equal(told, 1);
});

test("a conversation one was removed from is gone at once", async () => {
  const { messenger, line } = await nora();

  line().says({ push: "removed", conversation_id: "c" });

  assert.equal(messenger.conversations.get("c"), undefined);
  assert.equal(messenger.missing.get("c").code, "removed");
});

test("a message carries what it was given, and shows it until it is stored", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend() {} });
  const attachments = [{ id: "A", name: "scan.pdf" }];

  messenger.send("c", { body: "look", stream: "shared", shown: { attachments, priority: "urgent" }, asked: { attachment_ids: ["A"], priority: "urgent", seen_seq: 3 } });
  await until(() => gateway.sends.length === 1);

  const [{ ref, op, client_message_id: id, ...frame }] = gateway.sends;
  assert.deepEqual(frame, { conversation_id: "c", body: "look", stream: "shared", attachment_ids: ["A"], priority: "urgent", seen_seq: 3 });
  assert.deepEqual([messenger.outbox.of("c")[0].attachments, messenger.outbox.of("c")[0].priority], [attachments, "urgent"]);
});

test("an answer that crosses a newer message is not sent, says so, and goes once the person wants it all the same", async () => {
  const gateway = new Gateway();
  const { messenger } = await nora({ gateway, onSend(frame, line) {
    if (frame.seen_seq === 3) return line.says({ ref: frame.ref, ok: false, problem: { code: "stale", status: 409 } });
    return accepting(gateway)(frame, line);
  } });

  messenger.send("c", { body: "rest", stream: "shared", asked: { seen_seq: 3 } });
  await until(() => messenger.outbox.of("c")[0]?.state === "failed");
  assert.equal(messenger.outbox.of("c")[0].problem.code, "stale");
  messenger.retry(messenger.outbox.of("c")[0].client_message_id);
  await until(() => messenger.outbox.of("c").length === 0);

  assert.deepEqual(gateway.sends.map(({ seen_seq: seen }) => seen), [3, null]);
  assert.equal(new Set(gateway.sends.map((frame) => frame.client_message_id)).size, 1);
});

test("a reminder and an urgent message of somebody else call for attention, once each", async () => {
  const { messenger, line } = await nora();
  const calls = [];
  messenger.addEventListener("call", ({ detail }) => calls.push(detail.user?.name ?? detail.message.body));
  const urgent = (seq, actor) => { const entry = post(seq, { actor, body: `urgent ${seq}` }); entry.message.priority = "urgent"; return { push: "entry", ...entry }; };

  line().says({ push: "reminder", conversation_id: "c", stream: "shared", seq: 2, message_id: "m2", user: { id: "ada", name: "Ada" } });
  line().says(urgent(4, "ada"));
  line().says(urgent(4, "ada"));
  line().says(urgent(5, "nora"));
  line().says({ push: "entry", ...post(6) });

  assert.deepEqual(calls, ["Ada", "urgent 4"]);
});

test("what I pinned far down the list is fetched to stand on top, and counts once", async () => {
  const gateway = Object.assign(new Gateway(), { cursor: "more", unread: 7, preferences: [{ conversation_id: "far", pinned: true, notify: "all", archived: false }] });
  const { messenger } = await nora({ gateway });
  new Further(messenger);

  await until(() => messenger.conversations.get("far"));

  assert.deepEqual(messenger.conversations.listed().map(({ id }) => id), ["far", "c"]);
  assert.equal(messenger.conversations.unreadTotal(), 7);
});

test("a conversation muted far down the list is fetched so that it does not count in the title", async () => {
  const gateway = Object.assign(new Gateway(), { cursor: "more", unread: 7, preferences: [{ conversation_id: "far", pinned: false, notify: "none", archived: false }] });
  const { messenger } = await nora({ gateway });
  new Further(messenger);

  await until(() => messenger.conversations.get("far"));

  assert.equal(messenger.conversations.unreadTotal(true), 3);
});

test("what another device of mine prefers shows here", async () => {
  const { messenger, line } = await nora();

  line().says({ push: "preference", conversation_id: "c", pinned: true, notify: "mentions", archived: true });

  assert.deepEqual(messenger.conversations.listed(passing("archived")).map(({ id }) => id), ["c"]);
  assert.deepEqual(messenger.conversations.listed(), []);
});

test("reading again what was marked unread tells the server, though the mark stands at the end already", async () => {
  const { messenger, gateway, line } = await nora();
  const reads = [];
  messenger.socket.ask = async (op, frame) => void reads.push([op, frame.seq]);
  messenger.conversations.merge({ ...gateway.conversation(), read: { nora: { shared: 3 } } });
  messenger.markRead("c");
  assert.deepEqual(reads, []);

  line().says({ push: "conversation", ...gateway.conversation(), unread: { shared: 1 }, read: { nora: { shared: 3 } } });
  messenger.markRead("c");

  assert.deepEqual(reads, [["read", 3]]);
  assert.equal(messenger.conversations.unreadTotal(), 0);
});
