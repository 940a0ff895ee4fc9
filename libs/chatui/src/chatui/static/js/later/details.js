/** The panel beside a conversation: who takes part, its subject, closing and leaving. */
import { icon, iconButton, make } from "../dom.js";
import { initials, tone } from "../names.js";
import { t } from "../texts.js";
import { fullTime } from "../when.js";
import { choosePerson } from "./people-dialog.js";

export class Details {
  constructor(chat) {
    this.chat = chat;
    this.panel = document.getElementById("details");
    this.body = this.panel.querySelector(".details-body");
    this.panel.querySelector("[data-act=close]").addEventListener("click", () => this.toggle());
    this.panel.addEventListener("keydown", ({ key }) => key === "Escape" && this.toggle());
  }

  toggle() {
    this.panel.hidden = !this.panel.hidden;
    document.body.classList.toggle("with-details", !this.panel.hidden);
    this.drawn = null;
    this.draw();
    if (this.panel.hidden) document.querySelector("[data-act=details]")?.focus();
    else this.panel.querySelector("button").focus();
    this.chat.draw("thread");
  }

  follow(id) {
    if (!id && !this.panel.hidden) this.toggle();
    this.draw();
  }

  draw() {
    const { conversation } = this.chat;
    if (this.panel.hidden || !conversation) return;
    const { kind, subject, status, participants, patient, id } = conversation;
    const drawn = JSON.stringify([kind, subject, status, participants, id]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.body.replaceChildren(...[
      make("dl", { class: "facts" },
        patient && [make("dt", { textContent: t("patient") }), make("dd", { dir: "auto", textContent: patient.name })],
        kind !== "direct" && [make("dt", { textContent: t("subject") }), make("dd", {}, make("span", { dir: "auto", textContent: subject || "–" }))],
        make("dt", { textContent: t("status") }), make("dd", { textContent: t(status === "closed" ? "closed" : "open") }),
        make("dt", { textContent: t("started", { when: "" }).trim() }), make("dd", { textContent: fullTime(conversation.created_at) })),
      make("h3", { textContent: t("people") }),
      make("ul", { class: "people" }, participants.map((person) => this.#person(person, conversation))),
      ...this.#acts(conversation),
    ]);
    if (!this.panel.contains(document.activeElement) && document.activeElement === document.body) this.panel.querySelector("button").focus();
  }

  #person({ id, name, kind, role }, conversation) {
    const { chat } = this;
    const removable = conversation.kind !== "direct" && kind === "staff" && id !== chat.myId;
    return make("li", { class: "person" },
      make("span", { class: `avatar small tone-${tone(name)}`, "aria-hidden": "true", textContent: initials(name) }),
      make("span", { class: "row-main" },
        make("span", { class: "row-title", dir: "auto", textContent: id === chat.myId ? `${name} (${t("you")})` : name }),
        make("span", { class: "row-sub", textContent: kind === "patient" ? t("patient") : role ?? t("staff") })),
      removable && iconButton("close", t("remove", { name }), { onclick: async () => await chat.sure(t("remove.sure", { name }), t("remove", { name }))
        && chat.try(() => chat.messenger.removeParticipant(conversation.id, id)) }));
  }

  #acts(conversation) {
    const { kind, id, status } = conversation;
    if (kind === "direct") return [];
    const { chat } = this;
    const { messenger } = chat;
    const act = (text, picture, run) => make("button", { type: "button", class: "button wide quiet", onclick: run }, icon(picture), text);
    return [make("div", { class: "details-acts" },
      act(t("add_person"), "add", async () => {
        const person = await choosePerson(messenger, conversation.participants.map((one) => one.id));
        if (person) chat.try(() => messenger.addParticipant(id, person.id));
      }),
      act(t("rename"), "write", (event) => this.#rename(event.currentTarget, conversation)),
      status === "closed"
        ? act(t("reopen_conversation"), "tick", () => chat.try(() => messenger.change(id, { status: "open" })))
        : act(t("close_conversation"), "tick", () => chat.try(() => messenger.change(id, { status: "closed" }))),
      act(t("leave"), "out", async () => await chat.sure(t("leave.sure"), t("leave"))
        && chat.try(() => messenger.removeParticipant(id, chat.myId))))];
  }

  #rename(button, { id, subject }) {
    const field = make("input", { value: subject ?? "", maxlength: 200, "aria-label": t("subject") });
    const done = () => { form.replaceWith(button); button.focus(); };
    const form = make("form", { class: "rename", onsubmit: (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!name) return field.focus();
      done();
      return this.chat.try(() => this.chat.messenger.change(id, { subject: name }));
    } }, field, make("div", { class: "actions" }, make("button", { type: "button", class: "button quiet", textContent: t("cancel"), onclick: done }),
      make("button", { class: "button primary", textContent: t("save") })));
    form.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); done(); } });
    button.replaceWith(form);
    field.select();
  }
}
