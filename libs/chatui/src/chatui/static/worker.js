/**
 * What works while no page is open, or no line is there: notices without content, and reading what was read last.
 *
 * - A push says that there is something new, in words that came with this script; nothing of a message is in it.
 * - Only while the person has chosen so ("keep"), pages, their files and the newest answers of a few reading calls are
 *   kept, and shown when the network does not answer; everything is forgotten on signing out, and when a session ended.
 */
const KEPT = "messages-kept";
const { home, root, title, body } = WORDS;
const CALLS = /\/api\/(me|preferences|drafts|conversations(\?limit=50|\/[\w-]+(\/timeline\?stream=\w+&limit=50)?)?)$/;
const ANSWERS_MOST = 120;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil((async () => {
  const open = await self.clients.matchAll({ type: "window" });
  if (open.some(({ focused }) => focused)) return;
  // A page out of sight may have said so already, and knows where.
  const [told] = await self.registration.getNotifications({ tag: "new" });
  await self.registration.showNotification(title, { body, tag: "new", data: told?.data ?? home });
})()));

self.addEventListener("notificationclick", (event) => {
  const address = event.notification.data;
  event.notification.close();
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    const page = pages.find(({ url }) => new URL(url).pathname.startsWith(home));
    if (address !== home) page?.postMessage(address);
    return page ? page.focus() : self.clients.openWindow(address);
  })());
});

self.addEventListener("message", ({ data, ports: [port] }) => {
  const done = data.startsWith("keep") ? keepFor(data) : self.caches.delete(KEPT);
  done.then(() => port?.postMessage("done"));
});

self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  const { origin, pathname, search } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin || !pathname.startsWith(root)) return;
  const page = mode === "navigate" && (pathname === home || pathname.startsWith(`${home}/`)) && !pathname.includes("/api/");
  const file = pathname.startsWith(`${root}/static/`);
  if (page || file || CALLS.test(pathname + search)) event.respondWith(answer(event.request, page ? new Request(home) : event.request));
});

/** The network's answer; the one kept under `key` when there is none. */
async function answer(request, key) {
  const kept = (await self.caches.has(KEPT)) && (await self.caches.open(KEPT));
  try {
    const given = await fetch(request);
    if (kept && [401, 403].includes(given.status)) await self.caches.delete(KEPT);
    else if (kept && given.status === 404) await drop(kept, given.url);
    else if (kept && given.ok && !given.redirected) await keep(kept, key, given.clone());
    return given;
  } catch (lost) {
    const found = kept && (await kept.match(key, { ignoreVary: true }));
    if (found) return found;
    throw lost;
  }
}

/** Somebody else may have used this browser, and never have signed out: what was kept for them goes first. */
async function keepFor(whom) {
  const place = `${home}/kept`;
  const before = await (await self.caches.open(KEPT)).match(place);
  if ((await before?.text()) !== whom) await self.caches.delete(KEPT);
  await (await self.caches.open(KEPT)).put(place, new Response(whom));
}

/** What is there no more for this person, and all that was asked about it. */
async function drop(kept, url) {
  const all = await kept.keys();
  await Promise.all(all.filter((one) => one.url.startsWith(url.replace(/\/timeline\?.*/, ""))).map((one) => kept.delete(one)));
}

async function keep(kept, key, given) {
  await kept.put(key, given);
  const answers = (await kept.keys()).filter(({ url }) => url.includes("/api/"));
  await Promise.all(answers.slice(0, Math.max(0, answers.length - ANSWERS_MOST)).map((old) => kept.delete(old)));
}
