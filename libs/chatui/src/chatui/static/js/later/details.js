/** The panel beside a conversation: who takes part, its subject, closing and leaving. */
import { byId, fill, part } from "../dom.js";
import { initials, tone } from "../names.js";
import { t } from "../texts.js";
import { fullTime, listed } from "../when.js";
import { ageAt, ageText, bornText } from "./age.js";
import { showFilesOf } from "./files-panel.js";
import { choosePerson } from "./people-dialog.js";

export class Details {
  constructor(chat) {
    this.chat = chat;
    this.panel = byId("details");
    this.at = Object.fromEntries([...this.panel.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
    const { at } = this;
    at.close.onclick = () => this.toggle();
    this.panel.onkeydown = ({ key }) => {
      if (key === "Escape" && at.rename.hidden) this.toggle();
      else if (key === "Escape") this.#renaming(false);
    };
    at.add.onclick = () => this.#add();
    at.find.onclick = () => chat.find({ conversation: chat.id });
    at.renameButton.onclick = () => this.#renaming(true);
    at.keep.onclick = () => this.#renaming(false);
    at.shut.onclick = () => this.#change({ status: "closed" });
    at.reopen.onclick = () => this.#change({ status: "open" });
    at.leave.onclick = () => this.#remove(chat.myId, t("leave.sure"), t("leave"));
    at.rename.onsubmit = (event) => {
      event.preventDefault();
      const subject = at.field.value.trim();
      if (!subject) return at.field.focus();
      this.#renaming(false);
      return this.#change({ subject });
    };
  }

  toggle() {
    const { panel } = this;
    panel.hidden = !panel.hidden;
    document.body.classList.toggle("with-details", !panel.hidden);
    this.drawn = this.filesOf = null;
    this.draw();
    if (panel.hidden) this.chat.view?.head.details.focus();
    else this.at.close.focus();
    this.chat.draw();
  }

  follow(id) {
    const { rename, renameButton } = this.at;
    if (id !== this.renames) [rename.hidden, renameButton.hidden] = [true, false];
    if (!id && !this.panel.hidden) this.toggle();
    else this.draw();
  }

  draw() {
    const { conversation, myId } = this.chat;
    if (this.panel.hidden || !conversation) return;
    const { id, kind, subject, status, participants, patient, created_at: created } = conversation;
    this.#files(conversation);
    const card = this.chat.patients?.of(conversation);
    const states = participants.map((person) => this.chat.presence?.of(person.id));
    const drawn = JSON.stringify([id, kind, subject, status, participants, card, states]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const arranged = kind !== "direct";
    const closed = status === "closed";
    fill(this.at, { patientLine: Boolean(patient), patient: patient?.name ?? "",
      born: card?.birth_date ? t("patient.born_age", { date: bornText(card.birth_date), age: ageText(ageAt(card.birth_date)) }) : false,
      numbers: card?.identifiers.length ? listed(card.identifiers.map(({ value }) => t("patient.number", { value }))) : false, subjectLine: arranged, subject: subject || "–",
      status: t(closed ? "closed" : "open"), started: fullTime(created), acts: arranged, shut: !closed, reopen: closed });
    this.at.people.replaceChildren(...participants.map((person) => this.#person(person, arranged && person.id !== myId)));
    if (document.activeElement === document.body) this.at.close.focus();
  }

  /** Read again when one comes to another conversation, or when another file may have come to this one. */
  #files({ id, last_entry: entry }) {
    const news = entry?.message?.attachments?.length && entry.seq;
    if (this.filesOf?.id === id && (!news || this.filesOf.news === news)) return;
    this.filesOf = { id, news };
    showFilesOf(this.chat, id, this.at);
  }

  #person({ id, name, kind, role }, removable) {
    const { node, ...at } = part("participant");
    const { patient } = this.chat.conversation;
    const state = id !== this.chat.myId && this.chat.presence?.of(id);
    const is = role === "proxy" && patient ? t("role.proxy", { patient: patient.name }) : t(kind);
    fill(at, { letters: initials(name), name: id === this.chat.myId ? `${name} (${t("you")})` : name,
      about: [is, state && t(`presence.${state}`)].filter(Boolean).join(" · "), remove: removable && kind === "staff", dot: Boolean(state) });
    at.avatar.classList.add(`tone-${tone(name)}`);
    at.dot.className = `presence ${state}`;
    const words = t("remove", { name });
    at.remove.setAttribute("aria-label", words);
    at.remove.onclick = () => this.#remove(id, t("remove.sure", { name }), words);
    return node;
  }

  #keep(call) {
    const { messenger } = this.chat;
    return this.chat.try(() => messenger.keep(call(messenger.api)));
  }

  #change(body) {
    return this.#keep((api) => api.change(this.chat.id, body));
  }

  async #remove(userId, question, word) {
    const { chat } = this;
    if (!(await chat.sure(question, word))) return;
    await this.#keep((api) => api.call("DELETE", `/conversations/${chat.id}/participants/${userId}`));
    if (userId === chat.myId) chat.go(null);
  }

  async #add() {
    const { chat } = this;
    const person = await choosePerson(chat.messenger, chat.conversation.participants.map(({ id }) => id));
    if (person) await this.#keep((api) => api.call("POST", `/conversations/${chat.id}/participants`, { user_id: person.id }));
  }

  #renaming(on) {
    const { rename, renameButton, field } = this.at;
    this.renames = on ? this.chat.id : null;
    rename.hidden = !on;
    renameButton.hidden = on;
    field.value = this.chat.conversation.subject ?? "";
    if (on) field.select();
    else renameButton.focus();
  }
}
