import assert from "node:assert/strict";
import { test } from "node:test";
import { fewEmoji, folded, pieces } from "../../../libs/chatui/src/chatui/static/js/later/message-text.js";

const people = [{ id: "nora", name: "Nora Lindqvist" }, { id: "dan", name: "Dan" }, { id: "dana", name: "Dan Aro" }];
const links = (body) => pieces(body).filter(({ href }) => href).map(({ text, href }) => [text, href]);
const names = (body) => pieces(body, people).filter(({ person }) => person).map(({ text, person }) => [text, person]);

test("an address ends before the punctuation of its sentence", () => {
  const cases = {
    "See https://who.int/a.": "https://who.int/a",
    "(https://who.int/a)": "https://who.int/a",
    "https://en.example.org/Fever_(disease)": "https://en.example.org/Fever_(disease)",
    "Is it https://who.int/a?": "https://who.int/a",
    "“https://who.int/a?b=1&c=2#d”, he said": "https://who.int/a?b=1&c=2#d",
    "https://who.int/a…": "https://who.int/a",
    "first https://who.int\nsecond": "https://who.int",
    "HTTPS://WHO.int/A!": "HTTPS://WHO.int/A",
  };

  for (const [body, text] of Object.entries(cases)) assert.deepEqual(links(body).map(([shown]) => shown), [text], body);
});

test("what begins with www is an address under https", () => {
  assert.deepEqual(links("www.example.org/a"), [["www.example.org/a", "https://www.example.org/a"]]);
});

test("nothing but http and https to a named host becomes an address", () => {
  const bodies = ["javascript:alert(1)", "javascript://example.org/%0aalert(1)", "data:text/html,<b>", "file:///etc/passwd", "ftp://example.org",
    "https://", "https://-", "http://.", "https://bank.example@evil.example/", "https://user:pass@evil.example", "xhttps://example.org", "me@www.example.org",
    "https://exam\u202eple.org".slice(0, 12)];

  for (const body of bodies) assert.deepEqual(links(body), [], body);
});

test("the host of an address in other letters is told as it is", () => {
  const [{ host }] = pieces("https://аpple.example/");

  assert.match(host, /^xn--/);
});

test("whatever is found, the pieces put together are the text", () => {
  const parts = ["https://who.int/a_(b).", "@Dan Aro", "@Dan", "www.x.org", "<b>", "(", ")", "👍🏽", " ", "\n", "@", "a", "https://", "]", "\u202e"];
  let seed = 7;
  const next = (n) => (seed = (seed * 48271) % 2147483647) % n;

  for (let round = 0; round < 2000; round += 1) {
    const body = Array.from({ length: next(12) }, () => parts[next(parts.length)]).join("");
    assert.equal(pieces(body, people).map(({ text }) => text).join(""), body);
  }
});

test("a name counts only whole, after an @, and the longer name wins", () => {
  assert.deepEqual(names("@Nora Lindqvist, ask @Dan Aro and @Dan."), [["@Nora Lindqvist", "nora"], ["@Dan Aro", "dana"], ["@Dan", "dan"]]);
  assert.deepEqual(names("@Danish, Nora Lindqvist, @nora"), []);
});

test("an address is never cut by a name", () => {
  assert.deepEqual(pieces("https://x.org/@Dan", people).map(({ text }) => text), ["https://x.org/@Dan"]);
});

test("one to three emoji and nothing else are few", () => {
  for (const body of ["👍", "👍🏽", "👨‍👩‍👧‍👦", "🇪🇸", "❤️", "1️⃣", "👍 🙏", " 🎉🎉🎉 "]) assert.equal(fewEmoji(body), true, body);
  for (const body of ["", "a", "👍 ok", "🎉🎉🎉🎉", "12", "©", "#"]) assert.equal(fewEmoji(body), false, body);
});

test("a long text folds between words or lines, a short one never", () => {
  const words = "word ".repeat(400);
  const lines = "line\n".repeat(40);
  const start = folded(words);

  assert.ok(words.startsWith(start) && start.length <= 600 && start.endsWith("word"));
  assert.equal(folded(lines).split("\n").length, 10);
  assert.equal(folded("x".repeat(1000)), null);
  assert.equal(folded("x".repeat(5000)).length, 600);
  assert.ok(!/[\ud800-\udbff]$/.test(folded("😀".repeat(900))));
});
