/**
 * Typed but unsent text, one draft a conversation, kept on this device under its owner's id, with the files that are
 * already with the server. later/drafts-elsewhere.js brings the text to one's other devices; it hears of each `put`.
 *
 * - A reload, a lost line or an ended session loses nothing; `clear()` at sign-out leaves nothing behind.
 * - Nobody comes back to a draft of last month, and the device may not be theirs alone: old ones go.
 */
const KEPT_MS = 14 * 86_400_000;

export class Drafts {
  constructor(storage, owner, now = Date.now) {
    Object.assign(this, { storage, now, prefix: `messages.draft.${owner}.` });
    for (const key of keysOf(storage, "messages.draft."))
      if (!(now() - parsed(storage.getItem(key))?.at < KEPT_MS)) storage.removeItem(key);
  }

  get = (id) => parsed(this.storage.getItem(this.prefix + id)) ?? { text: "", stream: "shared" };

  put(id, draft) {
    this.lay(id, { ...draft, at: this.now() });
    this.changed?.(id);
  }

  lay(id, draft) {
    if (draft.text.trim() || draft.subject || draft.files?.length) keep(this.storage, this.prefix + id, draft);
    else this.storage.removeItem(this.prefix + id);
  }

  clear = () => keysOf(this.storage, this.prefix).forEach((key) => this.storage.removeItem(key));
}

export const keysOf = (storage, prefix) =>
  Array.from({ length: storage.length }, (_, at) => storage.key(at)).filter((key) => key.startsWith(prefix));

export function parsed(text) {
  try {
    return JSON.parse(text ?? null);
  } catch {
    return null;
  }
}

/** Storage may be full; what is written then lasts as long as the page. */
export function keep(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    storage.removeItem(key);
  }
}

/** The browser's storage; where there is none (then there are no cookies and no session either), nothing is kept. */
export function safeStorage(real) {
  try {
    real.setItem("messages.probe", "");
    real.removeItem("messages.probe");
    return real;
  } catch {
    return { length: 0, key() {}, getItem() {}, setItem() {}, removeItem() {} };
  }
}
