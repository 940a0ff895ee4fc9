import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const scripts = `${root}libs/chatui/src/chatui/static/js/`;
const example = readFileSync(`${root}docs/clients.md`, "utf8").match(/```js\n([\s\S]*?)```/)[1];

/** The example word for word, but that its scripts are found in this folder instead of on a server. */
async function printed() {
  const source = example.replaceAll("/messaging/static/js/", pathToFileURL(scripts).href);
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

/** A server's end of a WebSocket. */
class Line {
  static opened = [];
  sent = [];
  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    Line.opened.push(this);
  }
  send = (text) => void this.sent.push(JSON.parse(text));
  close = () => {};
  says = (frame) => this.onmessage({ data: JSON.stringify(frame) });
  accepts() {
    this.onopen({});
    this.says({ ref: this.sent[0].ref, ok: true, me: {} });
  }
}

const posted = (seq, body) => ({
  push: "entry", conversation_id: "c", stream: "shared", seq, type: "message.posted", actor: { name: "Ada" }, message: { body },
});

test("the two scripts import nothing of the page, only each other", () => {
  const imports = (name) => [...readFileSync(scripts + name, "utf8").matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(([, from]) => from);

  assert.deepEqual(imports("api.js"), []);
  assert.deepEqual(imports("socket.js"), ["./api.js"]);
});

test("the example of docs/clients.md shows each message once and resumes from what it holds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.WebSocket = Line;
  const { follow } = await printed();
  const shown = [];

  const { line, send } = follow({ host: "clinic.example", show: (...message) => shown.push(message) });
  const [first] = Line.opened;
  first.accepts();
  first.says({ push: "caught_up", heads: { c: { shared: 4 } } });
  first.says(posted(5, "Good morning"));
  const sending = send({ conversation_id: "c", client_message_id: "m", body: "Good morning, Ada" });
  first.onclose({ code: 4000 });
  await assert.rejects(sending, { code: "line_lost" });
  t.mock.timers.tick(1_000);
  const second = Line.opened.at(-1);
  second.accepts();
  second.says(posted(6, "Are you there?"));

  assert.deepEqual([first.url, first.protocol], ["wss://clinic.example/messaging/live", "messages.v1"]);
  assert.equal("resume" in first.sent[0], false);
  assert.deepEqual(second.sent[0].resume, { c: { shared: 5 } });
  assert.deepEqual(shown, [["Ada", "Good morning"], ["Ada", "Are you there?"]]);
  line.stop();
});

test("the calls are made with fetch alone, and a refusal is its problem", async () => {
  const { Api } = await import(`${scripts}api.js`);
  const asked = [];
  const api = new Api("/messaging/api", async (address, { method }) => {
    asked.push(`${method} ${address}`);
    return new Response(JSON.stringify({ code: "not_found", detail: "Not found." }), { status: 404 });
  });

  await assert.rejects(api.timeline("c", { after: 7 }), { code: "not_found", status: 404 });
  assert.deepEqual(asked, ["GET /messaging/api/conversations/c/timeline?after=7"]);
});
