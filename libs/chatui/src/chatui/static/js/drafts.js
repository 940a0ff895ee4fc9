/**
 * Typed but unsent text, one draft a conversation, kept on this device under its owner's id.
 *
 * - A reload, a lost line or an ended session loses nothing; `clear()` at sign-out leaves nothing behind.
 * - Where the browser keeps no storage, drafts live as long as the page.
 */
export class Drafts {
  constructor(storage, owner, now = () => Date.now()) {
    this.storage = storage;
    this.prefix = `messages.draft.${owner}.`;
    this.now = now;
    this.#forgetOld();
  }

  get(conversationId) {
    return parsed(this.storage.getItem(this.prefix + conversationId)) ?? { text: "", stream: "shared" };
  }

  put(conversationId, draft) {
    if (!draft.text.trim() && !draft.subject) return this.storage.removeItem(this.prefix + conversationId);
    return this.storage.setItem(this.prefix + conversationId, JSON.stringify({ ...draft, at: this.now() }));
  }

  clear() {
    keysOf(this.storage, this.prefix).forEach((key) => this.storage.removeItem(key));
  }

  /** Nobody comes back to a draft of last month, and the device may not be theirs alone. */
  #forgetOld() {
    for (const key of keysOf(this.storage, "messages.draft.")) {
      const draft = parsed(this.storage.getItem(key));
      if (!draft || this.now() - draft.at > DAYS_KEPT * 86_400_000) this.storage.removeItem(key);
    }
  }
}

const DAYS_KEPT = 14;

export function keysOf(storage, prefix) {
  return Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key?.startsWith(prefix));
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The browser's storage, or one of our own where it is full, blocked or absent. */
export function safeStorage(real) {
  const kept = new Map();
  const attempt = (act, otherwise) => {
    try {
      return act();
    } catch {
      return otherwise();
    }
  };
  return {
    get length() {
      return attempt(() => real.length, () => 0) + kept.size;
    },
    key(index) {
      const stored = attempt(() => real.length, () => 0);
      return index < stored ? real.key(index) : [...kept.keys()][index - stored];
    },
    getItem: (key) => kept.get(key) ?? attempt(() => real.getItem(key), () => null),
    setItem: (key, value) => attempt(() => { real.setItem(key, value); kept.delete(key); }, () => kept.set(key, value)),
    removeItem: (key) => { kept.delete(key); attempt(() => real.removeItem(key), () => null); },
  };
}
