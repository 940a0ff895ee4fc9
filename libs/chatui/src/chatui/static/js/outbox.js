/**
 * What was written and is not yet acknowledged, kept on this device so that a reload loses none of it.
 *
 * - Each item keeps its client_message_id through every repeat: sent twice, it is still one message.
 * - Items of one conversation go one after another, in the order they were written; conversations do not wait for
 *   each other. A failed item steps aside and waits for the person's decision; a late one goes on by itself.
 */
import { keep, keysOf, parsed } from "./drafts.js";

export class Outbox {
  constructor(storage, owner) {
    Object.assign(this, { storage, prefix: `messages.outbox.${owner}.`, items: new Map() });
    for (const key of keysOf(storage, this.prefix)) {
      const item = parsed(storage.getItem(key));
      if (item) this.items.set(item.client_message_id, item.state === "failed" ? item : { ...item, state: "queued" });
    }
  }

  all() {
    return [...this.items.values()].sort((one, other) => (one.client_message_id < other.client_message_id ? -1 : 1));
  }

  of = (conversationId) => this.all().filter((item) => item.conversation_id === conversationId);

  /** Whether something of this conversation was not sent, or could not be for long. */
  stuck = (conversationId) => this.of(conversationId).some(isStuck);

  add = (item) => this.#keep({ ...item, state: "queued" });

  /** The next item of each conversation that has none under way. */
  ready() {
    const busy = new Set(this.all().filter(({ state }) => ["sending", "waiting"].includes(state)).map((item) => item.conversation_id));
    return this.all().filter(({ state, conversation_id: id }) => state === "queued" && !busy.has(id) && busy.add(id));
  }

  sending = (clientId) => this.#change(clientId, { state: "sending", problem: null });

  /** Not known to be stored: it goes again, under the same id. */
  again = (clientId, more) => this.#change(clientId, { state: "queued", problem: null, ...more });

  /** The server cannot take it now; `late` if it was written long ago. It goes again in a while, before those written later. */
  waits = (clientId) => this.#change(clientId, { state: "waiting", late: Date.now() - new Date(this.items.get(clientId)?.at) > 10_000 });

  /** That while is over; what went another way meanwhile does not go again. */
  waited = (clientId) => this.items.get(clientId)?.state === "waiting" && this.again(clientId);

  /** The person wants it to go. Refused as stale, they have seen what came in between: it asks no more. */
  anyway(clientId) {
    const { asked, problem } = this.items.get(clientId) ?? {};
    this.again(clientId, problem?.code === "stale" && { asked: { ...asked, seen_seq: null } });
  }

  failed = (clientId, { code, detail }) => this.#change(clientId, { state: "failed", late: false, problem: { code, detail } });

  /** Acknowledged: the text is safe with the server; it shows here until its entry is heard. */
  sent(clientId) {
    const item = this.items.get(clientId);
    this.storage.removeItem(this.prefix + clientId);
    if (item) this.items.set(clientId, { ...item, state: "sent", late: false });
  }

  remove(clientId) {
    this.storage.removeItem(this.prefix + clientId);
    this.items.delete(clientId);
  }

  /** The line is gone: whatever was under way is no longer known to have arrived. */
  lineLost() {
    for (const { state, client_message_id: id } of this.all()) if (state === "sending") this.again(id);
  }

  #change(clientId, changes) {
    const item = this.items.get(clientId);
    if (item) this.#keep({ ...item, ...changes });
  }

  #keep(item) {
    this.items.set(item.client_message_id, item);
    keep(this.storage, this.prefix + item.client_message_id, item);
  }
}

export const isStuck = ({ state, late }) => state === "failed" || late;
