/**
 * This page's service worker (static/worker.js): there only where somebody chose notices or reading without a line.
 *
 * - Where the clinic has keys for it, notices also reach a browser whose page is closed.
 * - On signing out nothing of this person stays in it, and this browser is told no more.
 */
const { api, home, worker } = document.body.dataset;
const LATE_MS = 3000;

/** Where this device keeps what a person chose: `{notices, sound, keep}`. */
export const settingsKey = (userId) => `messages.settings.${userId}`;

export class Worker {
  static possible = "serviceWorker" in navigator && isSecureContext;

  constructor(messenger) {
    this.messenger = messenger;
  }

  /** Do as the person chose: `{notices, keep}`. */
  async follow({ notices, keep }) {
    if (!Worker.possible) return;
    const there = await navigator.serviceWorker.getRegistration(home);
    if (!notices && !keep) return void (there && (await this.#leave(there)));
    const registration = await navigator.serviceWorker.register(worker, { scope: home.replace(/\/messages$/, "") });
    await navigator.serviceWorker.ready;
    await this.#say(registration, keep ? `keep ${this.messenger.me.user.id}` : "forget");
    if (notices) await this.#subscribe(registration).catch(() => {});
    else await this.#unsubscribe(registration);
  }

  /** Show a notice that outlives the page; false where no worker can. */
  async notify(title, what) {
    const there = Worker.possible && (await navigator.serviceWorker.getRegistration(home));
    if (there?.active) await there.showNotification(title, what);
    return Boolean(there?.active);
  }

  /** Signing out, or signed out elsewhere: nothing is kept, and nobody is told here. It holds nobody up for long. */
  async forget() {
    if (!Worker.possible) return;
    const there = await navigator.serviceWorker.getRegistration(home);
    const late = new Promise((resolve) => { setTimeout(resolve, LATE_MS); });
    if (there) await Promise.race([this.#leave(there), late]).catch(() => {});
  }

  /** First of all what was kept goes: the push service may be slow to answer. */
  async #leave(registration) {
    await this.#say(registration, "forget");
    await this.#unsubscribe(registration);
    await registration.unregister();
  }

  async #subscribe({ pushManager }) {
    const { public_key: key } = await this.messenger.ask("GET", "/push");
    if (!key || !pushManager) return;
    const { endpoint } = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    await this.messenger.ask("PUT", "/push/subscription", { endpoint });
  }

  async #unsubscribe({ pushManager }) {
    const subscription = await pushManager?.getSubscription();
    if (!subscription) return;
    const { endpoint } = subscription;
    await subscription.unsubscribe();
    await fetch(`${api}/push/subscription`, { method: "DELETE", keepalive: true, body: JSON.stringify({ endpoint }),
      headers: { "Content-Type": "application/json" } }).catch(() => {});
  }

  /** Tell it, and wait until it is done. */
  #say({ active }, words) {
    if (!active) return undefined;
    const { port1, port2 } = new MessageChannel();
    active.postMessage(words, [port2]);
    return new Promise((resolve) => { port1.onmessage = resolve; setTimeout(resolve, 1000); });
  }
}
