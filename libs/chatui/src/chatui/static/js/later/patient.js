/**
 * Who the patient of a conversation is, in plain sight: name, birth date and age, record numbers, and who writes for them.
 *
 * Asked for once a conversation and kept while the page lives: a wrong patient is noticed before a word is written.
 */
import { fill, make, part } from "../dom.js";
import { firstName } from "../names.js";
import { t } from "../texts.js";
import { listed } from "../when.js";
import { ageAt, ageText, bornText } from "./age.js";

export class PatientCard {
  known = new Map();

  constructor(chat) {
    this.chat = chat;
  }

  /** Stand below this head, for this conversation, unless it has no patient; a name that the head's `title` says is not said twice. */
  show(head, conversation, title) {
    if (conversation.kind !== "patient" || !conversation.patient) return;
    if (this.head !== head) Object.assign(this, { head, at: part("patient"), drawn: null });
    if (!this.at.node.isConnected) head.after(this.at.node);
    this.#draw(conversation, title);
  }

  /** What is known of the patient, or null so far; asking is done here. */
  of({ id, patient }) {
    if (!patient) return null;
    if (!this.known.has(id)) {
      this.known.set(id, null);
      this.chat.messenger.ask("GET", `/conversations/${id}/patient`).then((found) => this.known.set(id, found), () => this.known.delete(id)).then(() => this.chat.draw());
    }
    return this.known.get(id);
  }

  #draw(conversation, title) {
    const { patient, participants } = conversation;
    const found = this.of(conversation);
    const proxies = participants.filter(({ role }) => role === "proxy").map(({ name }) => name);
    const drawn = JSON.stringify([found, proxies, patient, title]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const { birth_date: born, identifiers = [], name = patient.name } = found ?? {};
    this.at.node.setAttribute("aria-label", t("patient.card", { name }));
    fill(this.at, { name: name !== title && name, born: born ? t("patient.born", { date: bornText(born) }) : false, age: born ? ageText(ageAt(born)) : false,
      numbers: identifiers.length > 0, proxy: proxies.length > 0 && t("patient.proxy", { name: listed(proxies), patient: firstName(name) }) });
    this.at.numbers.replaceChildren(...identifiers.map(({ system, value }) => make("span", { title: system, text: t("patient.number", { value }) })));
  }
}
