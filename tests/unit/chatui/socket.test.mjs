import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveSocket } from "../../../libs/chatui/src/chatui/static/js/socket.js";

/** A clock that stands still until it is told to go on. */
class Clock {
  now = 0;
  waiting = new Map();
  ids = 0;
  later = (act, ms) => {
    this.ids += 1;
    this.waiting.set(this.ids, { act, at: this.now + ms });
    return this.ids;
  };
  cancel = (id) => void this.waiting.delete(id);
  pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.waiting].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
      if (!next) break;
      this.waiting.delete(next[0]);
      this.now = next[1].at;
      next[1].act();
    }
    this.now = until;
  }
}

/** A server's end of the line. */
class Line {
  sent = [];
  closed = false;
  send = (text) => void this.sent.push(JSON.parse(text));
  close = () => { this.closed = true; };
  says = (frame) => this.onmessage({ data: JSON.stringify(frame) });
  accepts(reply = {}) {
    this.onopen({});
    this.says({ ref: this.sent[0].ref, ok: true, me: {}, ...reply });
  }
}

function stage({ resume, random = () => 0.5 } = {}) {
  const clock = new Clock();
  const lines = [];
  const heard = { states: [], pushes: [], stays: [], refused: [] };
  const socket = new LiveSocket({
    url: "ws://here/live", clock, random, resume: () => resume,
    open: () => { lines.push(new Line()); return lines.at(-1); },
    on: { state: (state) => heard.states.push(state), push: (frame) => heard.pushes.push(frame), stay: (code) => heard.stays.push(code),
      refused: (times) => heard.refused.push(times) },
  });
  socket.start();
  return { socket, clock, lines, heard, line: () => lines.at(-1) };
}

test("hello comes first, with the positions held, and the line is live once it is answered", () => {
  const { heard, line } = stage({ resume: { c: { shared: 7 } } });

  line().onopen({});
  assert.deepEqual(line().sent, [{ op: "hello", ref: line().sent[0].ref, resume: { c: { shared: 7 } } }]);
  assert.deepEqual(heard.states, ["connecting"]);
  line().says({ ref: line().sent[0].ref, ok: true });

  assert.deepEqual(heard.states, ["connecting", "live"]);
});

test("a reply finds its request, in whatever order replies come", async () => {
  const { socket, line } = stage();
  line().accepts();

  const one = socket.ask("send", { body: "one" });
  const two = socket.ask("send", { body: "two" });
  const [, first, second] = line().sent;
  line().says({ ref: second.ref, ok: true, seq: 2 });
  line().says({ ref: first.ref, ok: false, problem: { code: "conversation_closed", status: 409 } });

  assert.equal((await two).seq, 2);
  await assert.rejects(one, { code: "conversation_closed", status: 409 });
});

test("no reply in time is a lost line: every open question ends with line_lost, and the line comes back", async () => {
  const { socket, clock, heard, line } = stage();
  line().accepts();
  const asked = assert.rejects(socket.ask("send", {}), { code: "line_lost" });

  clock.pass(10_000);
  assert.equal(line().sent.at(-1).op, "ping");
  clock.pass(4000);
  await asked;
  assert.equal(heard.states.at(-1), "waiting");
  clock.pass(1000);

  assert.equal(heard.states.at(-1), "connecting");
});

test("a slow answer is waited for while the line answers, half a minute at most", async () => {
  for (const patience of [19_000, 30_000]) {
    const { socket, clock, heard, line } = stage();
    line().accepts();
    const asked = socket.ask("send", {});
    const [, send] = line().sent;

    clock.pass(10_000);
    line().says({ ref: line().sent.at(-1).ref, ok: true });
    clock.pass(patience - 10_000);
    line().says({ ref: send.ref, ok: true, seq: 7 });

    if (patience < 30_000) assert.equal((await asked).seq, 7);
    else await assert.rejects(asked, { code: "line_lost" });
    assert.equal(heard.states.at(-1), patience < 30_000 ? "live" : "waiting");
  }
});

test("nothing may be asked while the line is down", async () => {
  const { socket } = stage();

  await assert.rejects(socket.ask("send", {}), { code: "line_lost" });
});

test("codes 4500 to 4999 stay away for good", () => {
  for (const code of [4501, 4503, 4505]) {
    const { clock, heard, line, lines } = stage();
    line().accepts();

    line().onclose({ code });
    clock.pass(3_600_000);

    assert.deepEqual([heard.stays, heard.states.at(-1), lines.length], [[code], "stopped", 1]);
  }
});

test("every other end comes back, later and later, never later than 30 s, and never all at once", () => {
  const { clock, line, lines } = stage({ random: () => 0.999 });
  const waits = [];

  for (let times = 0; times < 10; times += 1) {
    const { length } = lines;
    const from = clock.now;
    line().onclose({ code: 1006 });
    while (lines.length === length) clock.pass(50);
    waits.push(clock.now - from);
  }

  assert.ok(waits[0] <= 550 && waits[3] > waits[0] && waits.at(-1) <= 30_050, String(waits));
  const early = stage({ random: () => 0 });
  early.line().onclose({ code: 1006 });
  early.clock.pass(260);
  assert.equal(early.lines.length, 2);
});

test("a draining server is left for the time its bye names, and up to a quarter longer", () => {
  for (const [random, pause] of [[0, 8000], [0.999, 10_000]]) {
    const { clock, line, lines } = stage({ random: () => random });
    line().accepts();

    line().says({ push: "bye", code: 4000, reason: "draining", retry_after_ms: 8000 });
    line().onclose({ code: 4000 });
    clock.pass(pause - 100);
    assert.equal(lines.length, 1);
    clock.pass(200);

    assert.equal(lines.length, 2);
  }
});

test("a bye tells the code where the close frame was lost", () => {
  const { heard, line } = stage();
  line().accepts();

  line().says({ push: "bye", code: 4501, reason: "signed out" });
  line().onclose({ code: 1006 });

  assert.deepEqual(heard.stays, [4501]);
});

test("sixty silent seconds are a lost line; a beat is not silence", () => {
  const { clock, heard, line } = stage();
  line().accepts();

  clock.pass(50_000);
  line().says({ push: "beat", server_time: "" });
  clock.pass(50_000);
  assert.equal(heard.states.at(-1), "live");
  clock.pass(10_500);

  assert.notEqual(heard.states.at(-1), "live");
});

test("a handshake that is refused is told, so that the page can ask why", () => {
  const { clock, heard, line } = stage();

  line().onclose({ code: 1006 });
  clock.pass(1000);
  line().onclose({ code: 1006 });

  assert.deepEqual(heard.refused, [1, 2]);
});

test("what an abandoned socket still says is not heard", () => {
  const { socket, heard, lines } = stage();
  lines[0].accepts();

  socket.lost();
  socket.retryNow();
  lines[0].says({ push: "entry", seq: 1 });
  lines[0].onclose({ code: 4501 });

  assert.deepEqual([heard.pushes, heard.stays, lines.length], [[], [], 2]);
});

test("back from sleep a dead line is found out within seconds", () => {
  const { socket, clock, heard, line } = stage();
  line().accepts();

  socket.check();
  assert.equal(line().sent.at(-1).op, "ping");
  clock.pass(4000);

  assert.equal(heard.states.at(-1), "waiting");
});
