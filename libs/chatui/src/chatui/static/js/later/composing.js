/**
 * What a message can carry beside its text: files, mentions, urgency, a question to confirm; and how long it may be.
 *
 * `Composing` belongs to one composer. The files on their way belong to their conversation: they go on, and a message
 * that waits for them goes out, also while the person looks at another one.
 */
import { emit, fill } from "../dom.js";
import { t } from "../texts.js";
import { DraftsElsewhere } from "./drafts-elsewhere.js";
import { FileTray, takeDrops } from "./file-tray.js";
import { mentioned } from "./mentions.js";
import { NameOffers } from "./name-offers.js";
import { parcel, seenSeq } from "./parcel.js";
import { carrier, MOST, Tray } from "./uploads.js";

const TELL_BELOW = 500;
/** The server forgets after a day what was brought and not sent. */
const KEPT_MS = 23 * 3_600_000;
const trays = new Map();
let elsewhere = null;

export class Composing {
  constructor(composer) {
    const { chat, id, places, field, draft } = composer;
    const { messenger } = chat;
    const tray = trayOf(messenger, id, draft?.at > Date.now() - KEPT_MS ? draft.files : []);
    Object.assign(this, { composer, chat, id, messenger, places, field, tray });
    this.chips = new FileTray({ tray, list: places.tray, removed: () => { composer.keep(); field.focus(); } });
    if (places.offers) this.names = new NameOffers({ field, list: places.offers, people: () => this.#people(), say: (text) => this.#say(text) });
    places.tools.inert = false;
    for (const input of [places.pick, places.camera]) input.onchange = () => { this.#add([...input.files]); input.value = ""; };
    for (const box of this.#boxes()) box.onchange = () => this.#say(this.#tell());
    places.wait.querySelector("button").onclick = () => this.#unhold();
    field.addEventListener("paste", (event) => this.#pasted(event));
    takeDrops(composer.parentElement, { open: () => composer.isConnected && places.form.isConnected, add: (files) => this.#add(files),
      refuse: () => chat.announce(t("files.folder"), true) });
    this.#hear();
    elsewhere ??= new DraftsElsewhere(messenger);
    this.#draw();
    // What the field was given may have gone out by itself while this was on its way.
    if (draft?.text === field.value) composer.take(messenger.drafts.get(id));
    if (field === document.activeElement) this.names?.offer();
  }

  /** Something to send though nothing is typed. */
  get full() {
    return this.tray.items.length > 0;
  }

  /** What a draft keeps of the files: those the server has. */
  get files() {
    return this.tray.attachments;
  }

  /** What the message takes along; the composer starts anew. */
  give(body) {
    const { composer, messenger, id, tray } = this;
    const seen = seenSeq(messenger, id, composer.stream, this.#thread.stick);
    const message = parcel({ body, attachments: tray.take(), seen, ...this.#choices(body) });
    for (const box of this.#boxes()) box.checked = false;
    return message;
  }

  /** True when it cannot go yet: files are still on their way, or one of them did not get there. */
  holds(message) {
    const { tray } = this;
    if (tray.troubled) this.#say(t("files.trouble"));
    if (tray.troubled || !tray.busy) return tray.troubled;
    tray.waiting = { ...message, ...this.#choices(message.body) };
    this.#draw();
    return true;
  }

  measure() {
    const { composer, places, field, tray } = this;
    const left = composer.limit - [...field.value.trim()].length;
    fill(places, { left: left < TELL_BELOW ? t(left < 0 ? "over" : "left", { n: Math.abs(left) }) : "" });
    places.left.classList.toggle("over", left < 0);
    places.send.disabled = left < 0 || Boolean(tray.waiting);
    places.tools.hidden = Boolean(composer.about?.edit);
    places.tray.hidden = places.tools.hidden || !this.full;
    this.#tell();
    if (CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  /** A key for the offered names, or in an empty field for what one wrote last; true when it was one. */
  key(event) {
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    const last = key === "ArrowUp" && !(this.field.value || this.composer.about || shiftKey || altKey || ctrlKey || metaKey);
    const taken = this.names?.key(event) || (last && this.#editLast());
    if (taken) event.preventDefault();
    return taken;
  }

  #hear() {
    const { composer, messenger, tray, id } = this;
    const heard = [[tray, "change", () => this.#draw()], [tray, "settled", () => this.#settled()],
      [messenger, "draft", ({ detail }) => detail === id && composer.take(messenger.drafts.get(id))]];
    const leaving = new AbortController();
    const here = (act) => (event) => (composer.isConnected ? act(event) : leaving.abort());
    for (const [from, name, act] of heard) from.addEventListener(name, here(act), { signal: leaving.signal });
  }

  #draw() {
    const { places, tray, chips, field } = this;
    chips.draw();
    fill(places, { wait: Boolean(tray.waiting) });
    field.readOnly = Boolean(tray.waiting);
    this.measure();
    const news = chips.news();
    if (news) this.#say(news);
  }

  #add(files) {
    if (!files.length) return;
    if (this.tray.waiting) return void this.#say(t("files.waiting"));
    const over = this.tray.add(files);
    if (over) this.chat.announce(t("files.too_many", { n: MOST }), true);
    else if (!this.tray.troubled) this.#say(t("files.added", { n: files.length }));
    this.field.focus();
  }

  #pasted(event) {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    this.#add(files);
  }

  /** Nothing is under way any more: what was kept for tomorrow changes, and a message that waited goes. */
  #settled() {
    const { tray, composer } = this;
    composer.keep();
    if (!tray.waiting) return;
    tray.waiting = null;
    this.#draw();
    if (tray.troubled) this.chat.announce(t("files.trouble"), true);
    else composer.send();
  }

  #unhold() {
    this.tray.waiting = null;
    this.#draw();
    this.field.focus();
  }

  get #thread() {
    return this.composer.parentElement.querySelector("message-thread");
  }

  /** Nothing while one's last message is still on its way: an earlier one is not meant. */
  #editLast() {
    const row = this.#thread.rows.findLast(({ own, entry }) => own && (!entry || (entry.message && !entry.message.recalled)));
    if (row?.entry) emit(this.#thread, "act", { act: "edit", row });
    return Boolean(row?.entry);
  }

  #boxes = () => [this.places.urgent, this.places.ask].filter(Boolean);

  #choices(body) {
    const { urgent, ask } = this.places;
    return { mentions: this.names ? mentioned(body, this.#people()) : [], urgent: urgent?.checked, ask: ask?.checked };
  }

  /** Patients need no mention: they read whatever is written to them. */
  #people() {
    const { user } = this.messenger.me;
    return (this.composer.people ?? []).filter(({ id, kind }) => kind === "staff" && id !== user.id);
  }

  /** Say before it is sent what the switches will do. */
  #tell() {
    const { composer, places } = this;
    const { name, stream, people = [], about } = composer;
    const whom = stream !== "internal" && people.some(({ kind }) => kind === "patient") ? "patient" : "staff";
    const told = about?.edit ? [] : [places.urgent?.checked && t(`urgent.${whom}`, { name }), places.ask?.checked && t(`ask.${whom}`, { name })];
    fill(places, { tell: told.filter(Boolean).join(" ") });
    composer.classList.toggle("pressing", Boolean(told[0]));
    return told.filter(Boolean).join(" ");
  }

  #say(text) {
    fill(this.places, { told: text });
  }
}

/** The files of a conversation that are to be sent, whichever way one came to it. */
function trayOf(messenger, id, kept = []) {
  if (trays.has(id)) return trays.get(id);
  const { api } = messenger;
  const release = ({ id: attachmentId }) => api.call("DELETE", `/attachments/${attachmentId}`).catch(() => {});
  const tray = new Tray({ carry: carrier(api.root), release, bytes: messenger.me.limits.attachment_bytes });
  trays.set(id, tray);
  tray.adopt(kept);
  messenger.addEventListener("line", () => messenger.socket.state === "live" && tray.resume());
  addEventListener("offline", () => tray.cut());
  tray.addEventListener("settled", () => setTimeout(() => goAlone(messenger, id, tray)));
  tray.addEventListener("change", warn);
  return tray;
}

/** Nobody looks at this conversation any more: what waited for its files goes by itself. */
function goAlone(messenger, id, tray) {
  const { waiting } = tray;
  if (!waiting || tray.busy || tray.troubled) return;
  tray.waiting = null;
  const { stream, reply } = waiting;
  messenger.send(id, { stream, reply, ...parcel({ ...waiting, attachments: tray.take(), seen: seenSeq(messenger, id, stream, false) }) });
  messenger.drafts.put(id, { text: "", stream });
  messenger.dispatchEvent(new CustomEvent("draft", { detail: id }));
}

/** Leaving the page would cut what is under way: the browser asks first. */
function warn() {
  globalThis.onbeforeunload = [...trays.values()].some(({ busy }) => busy) ? (event) => event.preventDefault() : null;
}
