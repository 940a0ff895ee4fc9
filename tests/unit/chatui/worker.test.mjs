import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCRIPT = readFileSync(new URL("../../../libs/chatui/src/chatui/static/worker.js", import.meta.url), "utf8");
const HOME = "/messaging";

/** A browser's worker with these pages open: what it shows, tells pages and opens is noted. */
function browser({ pages = [] } = {}) {
  const hears = {};
  const [notices, opened, told] = [[], [], []];
  const windows = pages.map(({ path, focused }) => ({ url: `https://clinic.example${path}`, focused, focus() { this.focused = true; }, postMessage: (data) => told.push(data) }));
  const self = {
    addEventListener: (name, act) => { hears[name] = act; },
    clients: { matchAll: async () => windows, openWindow: async (address) => opened.push(address) },
    registration: {
      getNotifications: async ({ tag }) => notices.filter((one) => one.tag === tag),
      async showNotification(title, given) {
        notices.splice(0, notices.length, ...notices.filter(({ tag }) => tag !== given.tag), { title, ...given });
      },
    },
  };
  runInNewContext(SCRIPT, { self, URL, WORDS: { home: HOME, root: HOME, title: "Messages", body: "Something new" } });
  const happens = async (name, event = {}) => {
    let done;
    hears[name]({ waitUntil: (promise) => { done = promise; }, ...event });
    await done;
  };
  const click = () => happens("notificationclick", { notification: { data: notices[0].data, close() {} } });
  return { notices, opened, told, windows, happens, click };
}

test("a push tells of something new, and nothing of it, unless somebody looks", async () => {
  const [alone, looks] = [browser(), browser({ pages: [{ path: HOME, focused: true }] })];

  for (const one of [alone, looks]) await one.happens("push");

  assert.deepEqual(alone.notices.map(({ title, body, data }) => ({ title, body, data })), [{ title: "Messages", body: "Something new", data: HOME }]);
  assert.deepEqual(looks.notices, []);
});

test("a push that follows a page's own notice leads where that led", async () => {
  const one = browser({ pages: [{ path: `${HOME}/other`, focused: false }] });
  one.notices.push({ tag: "new", data: `${HOME}/ward` });

  await one.happens("push");
  await one.click();

  assert.equal(one.notices.length, 1);
  assert.deepEqual(one.told, [`${HOME}/ward`]);
  assert.equal(one.windows[0].focused, true);
});

test("without a page the notice opens one", async () => {
  const one = browser();

  await one.happens("push");
  await one.click();

  assert.deepEqual(one.opened, [HOME]);
});
