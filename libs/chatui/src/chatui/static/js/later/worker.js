/**
 * This page's service worker (static/worker.js): there only where somebody chose notices or reading without a line.
 *
 * - Where the clinic has keys for it, notices also reach a browser whose page is closed.
 * - On signing out nothing of this person stays in it, and this browser is told no more.
 */
const { api, home, worker } = document.body.dataset;

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
    await this.#say(registration, keep ? "keep" : "forget");
    if (notices) await this.#subscribe(registration).catch(() => {});
    else await this.#unsubscribe(registration);
  }

  /** Signing out: nothing is kept, and nobody is told here. */
  async forget() {
    if (!Worker.possible) return;
    const there = await navigator.serviceWorker.getRegistration(home);
    if (there) await this.#leave(there);
  }

  async #leave(registration) {
    await this.#unsubscribe(registration);
    await this.#say(registration, "forget");
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
