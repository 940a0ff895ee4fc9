/**
 * What was written and is not yet acknowledged, kept on this device so that a reload loses none of it.
 *
 * - Each item keeps its client_message_id through every repeat: sent twice, it is still one message.
 * - Items of one conversation go one after another, in the order they were written; conversations do not wait for
 *   each other. A failed item steps aside and waits for the person's decision.
 */
import { keysOf, parsed } from "./drafts.js";

export class Outbox {
  constructor(storage, owner) {
    this.storage = storage;
    this.prefix = `messages.outbox.${owner}.`;
    this.items = new Map();
    for (const key of keysOf(storage, this.prefix)) {
      const item = parsed(storage.getItem(key));
      if (item) this.items.set(item.client_message_id, { ...item, state: item.state === "failed" ? "failed" : "queued" });
    }
  }

  all() {
    return [...this.items.values()].sort((a, b) => (a.client_message_id < b.client_message_id ? -1 : 1));
  }

  of(conversationId) {
    return this.all().filter((item) => item.conversation_id === conversationId);
  }

  add(item) {
    this.#keep({ ...item, state: "queued", problem: null });
  }

  /** The next item of each conversation that has none under way. */
  ready() {
    const busy = new Set(this.all().filter(({ state }) => state === "sending").map((item) => item.conversation_id));
    return this.all().filter(({ state, conversation_id: id }) => state === "queued" && !busy.has(id) && busy.add(id));
  }

  sending(clientId) {
    this.#change(clientId, { state: "sending", problem: null });
  }

  /** Not known to be stored: it goes again, under the same id. */
  again(clientId) {
    this.#change(clientId, { state: "queued", problem: null });
  }

  failed(clientId, problem) {
    this.#change(clientId, { state: "failed", problem: { code: problem.code, detail: problem.detail } });
  }

  /** Acknowledged: the text is safe with the server; it shows here until its entry is heard. */
  sent(clientId) {
    const item = this.items.get(clientId);
    if (!item) return;
    this.storage.removeItem(this.prefix + clientId);
    this.items.set(clientId, { ...item, state: "sent" });
  }

  remove(clientId) {
    this.storage.removeItem(this.prefix + clientId);
    return this.items.delete(clientId);
  }

  /** The line is gone: whatever was under way is no longer known to have arrived. */
  lineLost() {
    for (const item of this.all()) if (item.state === "sending") this.again(item.client_message_id);
  }

  get unsent() {
    return this.all().filter(({ state }) => state !== "sent").length;
  }

  clear() {
    for (const item of this.all()) this.remove(item.client_message_id);
  }

  #change(clientId, changes) {
    const item = this.items.get(clientId);
    if (item) this.#keep({ ...item, ...changes });
  }

  #keep(item) {
    this.items.set(item.client_message_id, item);
    this.storage.setItem(this.prefix + item.client_message_id, JSON.stringify(item));
  }
}
