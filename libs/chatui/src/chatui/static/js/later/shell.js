/**
 * What a page does around its conversations once it runs: notices without content, the picture of its tab, settings,
 * the list of keys, and agreeing with the other tabs of this browser.
 *
 * Loaded when everything a person waits for is there; what is chosen here is this device's, for this person; reading
 * without a line until they sign out. Of the tabs of a browser one tells of a message, and none while somebody looks at any of them.
 */
import { unreadOf } from "../conversations.js";
import { byId } from "../dom.js";
import { parsed } from "../drafts.js";
import { t } from "../texts.js";
import { badgeText, isWorthTelling } from "./notice-rule.js";
import { returns } from "./travel.js";
import { settingsKey, Worker } from "./worker.js";

const FETCHED_MS = 10_000;
const TOLD_MS = 3000;
const ANSWERS_MS = 4000;
/** Longer than a send is under way, or waits, in a tab that is still there. */
const LEFT_MS = 90_000;
const SIZE = 64;

export function beginShell(chat) {
  return new Shell(chat);
}

class Shell {
  constructor(chat) {
    const { messenger } = chat;
    Object.assign(this, { chat, messenger, icon: document.querySelector("link[rel=icon]"), shown: "" });
    this.plain = this.icon.href;
    this.key = settingsKey(chat.myId);
    this.lockName = `messages.front.${chat.myId}`;
    this.chosen = parsed(messenger.storage.getItem(this.key)) ?? {};
    this.worker = new Worker(messenger);
    messenger.addEventListener("entry", ({ detail }) => detail.fresh && this.#tell(detail.entry));
    messenger.addEventListener("change", () => this.#badge());
    addEventListener("storage", (event) => this.#heardFromTab(event));
    addEventListener("keydown", (event) => this.#key(event));
    for (const [target, name] of [[globalThis, "focus"], [globalThis, "blur"], [document, "visibilitychange"]]) target.addEventListener(name, () => this.#stand());
    navigator.serviceWorker?.addEventListener("message", ({ data }) => chat.go(decodeURIComponent(data.split("/").at(-1))));
    this.worker.follow(this.chosen);
    this.#stand();
    this.#badge();
  }

  /** Let the other tabs know whether somebody looks at this one: by a lock, which is gone with the tab, however it ends. */
  #stand() {
    const { chat } = this;
    const inFront = !document.hidden && document.hasFocus();
    if (inFront === this.front) return;
    this.front = inFront;
    this.turnAway?.();
    const looks = new Promise((resolve) => { this.turnAway = resolve; });
    if (inFront) navigator.locks?.request(this.lockName, { mode: "shared" }, () => looks);
    if (inFront && chat.absent) this.#returns();
    chat.absent ||= !inFront;
  }

  /** Somebody looks again: what the line missed comes first, then they are taken to where the new begins, if there is any. */
  async #returns() {
    const { chat, messenger, messenger: { socket, heads } } = this;
    const turn = (this.turn = {});
    if (!(await socket.ask("ping", {}, ANSWERS_MS).catch(() => false))) await until(messenger, () => messenger.heads !== heads);
    await Promise.race([until(messenger, () => this.#whole()), new Promise((resolve) => { setTimeout(resolve, ANSWERS_MS); })]);
    if (turn !== this.turn || !this.front) return;
    chat.paint();
    chat.absent = false;
    if (chat.view && !chat.aside && unreadOf(chat.conversation ?? {})) returns(chat.view);
    chat.readIt();
  }

  /** Whether the open conversation holds all that is known to be there, or cannot. */
  #whole() {
    const { id, messenger: { timelines, missing } } = this.chat;
    const timeline = timelines.get(id);
    return !timeline || missing.has(id) || (timeline.loaded && !timeline.hole());
  }

  /** Say that there is something new, and nothing of it; only to somebody who looks elsewhere. */
  async #tell(entry) {
    const { chat, messenger } = this;
    const { conversation_id: id, stream, seq } = entry;
    const { notify } = messenger.conversations.preferenceOf(id);
    if (!isWorthTelling({ entry, myId: chat.myId, notify, inFront: chat.inFront })) return;
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    if (held.some(({ name }) => name === this.lockName)) return;
    const say = async (lock) => {
      if (!lock) return;
      this.#notify(id);
      await new Promise((resolve) => { setTimeout(resolve, TOLD_MS); });
    };
    if (navigator.locks) await navigator.locks.request(`messages.told ${chat.myId} ${id} ${stream} ${seq}`, { ifAvailable: true }, say);
    else await say(true);
  }

  /** By the service worker where there is one: phones know no other way. */
  async #notify(id) {
    const { chat, chosen: { notices, sound } } = this;
    if (sound) this.#sound();
    if (!notices || globalThis.Notification?.permission !== "granted") return;
    const [title, what] = [t("app"), { body: t("notice.new"), tag: "new", silent: !sound, data: chat.addressOf(id) }];
    if (await this.worker.notify(title, what)) return;
    const notice = new Notification(title, what);
    notice.onclick = () => { window.focus(); notice.close(); chat.go(id); };
  }

  /** Two soft tones, made here: no file, nothing to load. */
  #sound() {
    this.audio ??= new AudioContext();
    const { audio } = this;
    for (const [at, pitch] of [[0, 660], [0.14, 880]]) {
      const [tone, gain] = [audio.createOscillator(), audio.createGain()];
      const begins = audio.currentTime + at;
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.06, begins);
      gain.gain.exponentialRampToValueAtTime(0.0001, begins + 0.25);
      tone.connect(gain).connect(audio.destination);
      tone.start(begins);
      tone.stop(begins + 0.25);
    }
  }

  /** The number of unread messages on the tab's picture. */
  #badge() {
    const words = badgeText(this.messenger.conversations.unreadTotal(true));
    if (words === this.shown) return;
    this.shown = words;
    if (!words) return void (this.icon.href = this.plain);
    const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#0b6b62";
    pen.roundRect(0, 4, SIZE, SIZE - 8, 18);
    pen.fill();
    pen.fillStyle = "#fff";
    pen.font = `700 ${words.length > 1 ? 34 : 42}px system-ui, sans-serif`;
    Object.assign(pen, { textAlign: "center", textBaseline: "middle" });
    pen.fillText(words, SIZE / 2, SIZE / 2 + 3);
    canvas.toBlob((picture) => {
      if (words !== this.shown) return;
      const { drawn } = this;
      setTimeout(() => URL.revokeObjectURL(drawn), FETCHED_MS); // the browser may be fetching it still
      this.icon.type = "image/png";
      this.icon.href = this.drawn = URL.createObjectURL(picture);
    });
  }

  /** Another tab of this browser sent something, or gave up on it: what waits is the same in all of them. */
  #heardFromTab({ key, newValue }) {
    const { outbox } = this.messenger;
    if (key === this.key) this.chosen = parsed(newValue) ?? {};
    if (!key?.startsWith(outbox.prefix)) return;
    const item = parsed(newValue);
    const clientId = key.slice(outbox.prefix.length);
    if (item) outbox.items.set(clientId, item);
    else outbox.items.delete(clientId);
    // A tab that was closed over it sends nothing more: then it goes from here, under the same id.
    const left = () => item && item.state !== "failed" && outbox.items.get(clientId) === item;
    setTimeout(() => left() && this.messenger.retry(clientId), LEFT_MS);
    this.chat.draw();
  }

  #key(event) {
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "?" || writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#keys();
  }

  #keys() {
    const dialog = byId("keys");
    if (!dialog.open) dialog.showModal();
  }

  settings() {
    const dialog = byId("settings");
    const form = dialog.querySelector("form");
    const { notices, sound, keep } = form.elements;
    const allowed = globalThis.Notification?.permission;
    notices.disabled = allowed === undefined || allowed === "denied";
    byId("notices-blocked").hidden = !notices.disabled;
    keep.disabled = !Worker.possible;
    notices.checked = Boolean(this.chosen.notices) && allowed === "granted";
    sound.checked = Boolean(this.chosen.sound);
    keep.checked = Boolean(this.chosen.keep);
    form.onchange = ({ target }) => this.#choose(target);
    const keys = dialog.querySelector("[data-act=keys]");
    if (keys) keys.onclick = () => { dialog.close(); this.#keys(); };
    dialog.onclose = () => byId("settings-button").focus();
    dialog.showModal();
  }

  async #choose(field) {
    if (field.name === "language") {
      document.cookie = `language=${field.value}; path=/; max-age=31536000; samesite=lax`;
      return location.reload();
    }
    if (field.name === "notices" && field.checked) field.checked = (await Notification.requestPermission()) === "granted";
    byId("notices-blocked").hidden = globalThis.Notification?.permission !== "denied";
    this.chosen = { ...this.chosen, [field.name]: field.checked };
    this.messenger.storage.setItem(this.key, JSON.stringify(this.chosen));
    if (field.name === "sound" && field.checked) this.#sound();
    return this.worker.follow(this.chosen);
  }
}

/** Resolves once this holds of these conversations. */
function until(messenger, holds) {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      messenger.removeEventListener("change", look);
      resolve();
    };
    messenger.addEventListener("change", look);
    look();
  });
}
