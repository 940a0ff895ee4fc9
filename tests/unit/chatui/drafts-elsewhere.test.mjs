import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../../libs/chatui/src/chatui/static/js/api.js";
import { Drafts } from "../../../libs/chatui/src/chatui/static/js/drafts.js";
import { DraftsElsewhere, newest, whose } from "../../../libs/chatui/src/chatui/static/js/later/drafts-elsewhere.js";
import { Shelf } from "./shelf.mjs";

const at = (minute) => new Date(Date.UTC(2026, 10, 22, 8, minute)).toISOString();
const ours = (text, minute, more) => ({ text, stream: "shared", at: Date.parse(at(minute)), ...more });
const theirs = (body, minute, more) => ({ conversation_id: "c", stream: "shared", body, updated_at: at(minute), ...more });

test("the newer of two versions stands; alike, nothing happens", () => {
  assert.equal(whose(ours("a", 1), theirs("b", 2)), "theirs");
  assert.equal(whose(ours("a", 3), theirs("b", 2)), "ours");
  assert.equal(whose(ours("a ", 1), theirs("a", 2)), "same");
  assert.equal(whose(undefined, undefined), "same");
  assert.equal(whose(undefined, theirs("b", 1)), "theirs");
  assert.equal(whose(ours("a", 1), undefined), "ours");
  assert.equal(whose(ours("a", 1, { stream: "internal" }), theirs("a", 2)), "theirs");
});

test("what the server was told is never newer than what it says: gone there, it is gone here", () => {
  assert.equal(whose(ours("a", 9, { told: true }), undefined), "theirs");
  assert.equal(whose(ours("a", 9, { told: true }), theirs("b", 2)), "theirs");
});

test("of two streams' drafts the newest counts", () => {
  const items = [theirs("old", 1), theirs("new", 3, { stream: "internal" }), theirs("middle", 2)];

  assert.equal(newest(items).get("c").body, "new");
});

/** A device of Nora's, and the server's side of her drafts. */
function device(server, { clock = () => Date.parse(at(0)), state = "live" } = {}) {
  const messenger = Object.assign(new EventTarget(), { drafts: new Drafts(new Shelf(), "nora", clock), socket: { state }, me: { limits: { body_chars: 100 } },
    api: { call: async (...call) => server(...call) } });
  const heard = [];
  messenger.addEventListener("draft", ({ detail }) => heard.push(detail));
  return { messenger, heard, drafts: messenger.drafts, elsewhere: new DraftsElsewhere(messenger, { pause: 5, page: new EventTarget() }) };
}

const pause = (ms = 30) => new Promise((resolve) => setTimeout(resolve, ms));

function store() {
  const kept = new Map();
  const calls = [];
  const call = (method, path, body) => {
    calls.push([method, path, body]);
    if (method === "GET") return { items: [...kept.values()] };
    const id = path.split("/")[2];
    if (body.body) kept.set(id + body.stream, { conversation_id: id, ...body, updated_at: at(5) });
    else kept.delete(id + body.stream);
    return null;
  };
  return { kept, calls, call };
}

test("what is typed is told once the typing pauses, as it stands then, and shows on another device", async () => {
  const { call, calls } = store();
  const one = device(call);

  one.drafts.put("c", { text: "half", stream: "internal" });
  one.drafts.put("c", { text: "half a thought", stream: "internal" });
  await pause();
  const other = device(call);
  await pause();

  assert.deepEqual(calls.filter(([method]) => method === "PUT"), [["PUT", "/conversations/c/draft", { stream: "internal", body: "half a thought" }]]);
  assert.deepEqual([other.drafts.get("c").text, other.drafts.get("c").stream, other.heard], ["half a thought", "internal", ["c"]]);
});

test("sent on one device, it is gone on the other as soon as that hears of the message", async () => {
  const { call, kept } = store();
  const one = device(call);
  one.drafts.put("c", { text: "half a thought", stream: "shared" });
  await pause();
  const other = device(call);
  await pause();
  kept.clear();

  other.messenger.dispatchEvent(new Event("own"));
  await pause();

  assert.equal(other.drafts.get("c").text, "");
});

test("what is being typed is not overwritten by what the server had", async () => {
  const { call, kept } = store();
  kept.set("cshared", theirs("from yesterday", 1));
  const { drafts, elsewhere, heard } = device(call, { clock: () => Date.parse(at(9)), state: "connecting" });

  drafts.put("c", { text: "typing right now", stream: "shared" });
  await elsewhere.read();

  assert.deepEqual([drafts.get("c").text, heard], ["typing right now", []]);
  await pause();
  assert.equal(kept.get("cshared").body, "typing right now");
});

test("an answer that is older than what the server was told meanwhile does not take it back", async () => {
  const { call, kept } = store();
  kept.set("cshared", theirs("from yesterday", 1));
  let answers;
  const slow = new Promise((resolve) => { answers = resolve; });
  let held = true;
  const { drafts, elsewhere, heard } = device(async (method, ...more) => {
    const answer = structuredClone(call(method, ...more));
    if (method === "GET" && held) await slow;
    return answer;
  }, { clock: () => Date.parse(at(9)), state: "connecting" });

  const reading = elsewhere.read();
  drafts.put("c", { text: "typed meanwhile", stream: "shared" });
  await pause();
  held = false;
  answers();
  await reading;

  assert.deepEqual([kept.get("cshared").body, drafts.get("c").text, heard], ["typed meanwhile", "typed meanwhile", []]);
});

test("moved to the other stream, it is taken out of the first", async () => {
  const { call, kept } = store();
  const { drafts } = device(call);
  drafts.put("c", { text: "for all", stream: "shared" });
  await pause();

  drafts.put("c", { text: "for all", stream: "internal" });
  await pause();

  assert.deepEqual([...kept.keys()], ["cinternal"]);
});

test("a line that is not there costs nothing: it is told when the line is back", async () => {
  const { call, kept } = store();
  let there = false;
  const { drafts, messenger } = device((...asked) => {
    if (!there) throw new Problem({ code: "line_lost" });
    return call(...asked);
  });
  drafts.put("c", { text: "in a tunnel", stream: "shared" });
  await pause();
  assert.equal(kept.size, 0);

  there = true;
  messenger.dispatchEvent(new Event("line"));
  await pause();

  assert.equal(kept.get("cshared").body, "in a tunnel");
});

test("a patient's letter that has no conversation yet stays on its device", async () => {
  const { call, calls } = store();
  const { drafts } = device(call);

  drafts.put("new", { text: "Dear team", subject: "Rash" });
  await pause();

  assert.deepEqual(calls.filter(([method]) => method === "PUT"), []);
});
