/**
 * Where one writes: Enter sends, Shift+Enter breaks the line, the field grows, the text is kept as a draft.
 *
 * Says `send` `{body, stream, reply}`, `edit` `{entry, body}`, `draft` `{text, stream}`, `writing` `{active, stream}`,
 * and `reopen`. It never clears a text that nobody took.
 */
import { icon, iconButton, make } from "./dom.js";
import { t } from "./texts.js";

const TELL_BELOW = 500;

class MessageComposer extends HTMLElement {
  connectedCallback() {
    if (this.field) return;
    this.field = make("textarea", { id: "composer", rows: "1", "aria-describedby": "composer-keys composer-left",
      autocomplete: "off", enterkeyhint: "enter", dir: "auto" });
    this.left = make("p", { id: "composer-left", class: "left", role: "status" });
    this.context = make("div", { class: "context", hidden: true });
    this.modes = make("div", { class: "modes", role: "radiogroup", "aria-label": t("mode"), hidden: true });
    this.button = make("button", { type: "submit", class: "button primary send" });
    this.form = make("form", { class: "composer" }, this.modes, this.context,
      make("div", { class: "field-line" }, this.field, this.button),
      make("p", { id: "composer-keys", class: "keys", textContent: t("keys") }), this.left);
    this.notice = make("div", { class: "composer-notice", hidden: true });
    this.append(this.form, this.notice);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#send(); });
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("input", () => { this.#measure(); this.#keep(); this.#writing(this.field.value.trim() !== ""); });
    this.field.addEventListener("blur", () => this.#writing(false));
  }

  /** Made ready for a conversation; `internal` offers the internal note, `notice` `{text, reopen}` replaces the field. */
  show({ name, limit, draft, internal, notice, hint }) {
    Object.assign(this, { name, limit, internal });
    if (draft) {
      this.about = null;
      this.field.value = draft.text;
      this.stream = internal ? draft.stream : "shared";
    }
    this.form.hidden = Boolean(notice);
    this.notice.hidden = !notice && !hint;
    this.notice.replaceChildren(...(notice || hint ? [make("p", { textContent: (notice ?? hint).text })] : []),
      ...(notice?.reopen ? [make("button", { type: "button", class: "button", textContent: t("reopen"),
        onclick: () => this.#say("reopen") })] : []));
    this.#dress();
    this.#measure();
  }

  replyTo(entry, author) {
    this.about = { reply: entry, title: t("replying", { name: author }), text: entry.message.body };
    if (this.internal) this.stream = entry.stream;
    this.#dress();
    this.field.focus();
  }

  edit(entry) {
    this.about = { edit: entry, title: t("editing"), text: "", before: this.field.value };
    this.field.value = entry.message.body;
    this.stream = entry.stream;
    this.#dress();
    this.#measure();
    this.field.focus();
  }

  /** Back to what was there before replying or editing. */
  cancel() {
    if (this.about?.edit) this.field.value = this.about.before;
    this.about = null;
    this.#dress();
    this.#measure();
    this.field.focus();
  }

  #dress() {
    const note = this.stream === "internal";
    const editing = Boolean(this.about?.edit);
    this.classList.toggle("note", note);
    this.modes.hidden = !this.internal || editing;
    this.modes.replaceChildren(...(this.internal ? ["shared", "internal"].map((stream) => this.#mode(stream)) : []));
    this.field.setAttribute("aria-label", note ? t("compose.note") : t("compose.to", { name: this.name }));
    this.field.placeholder = note ? t("compose.note") : t("compose.to", { name: this.name });
    const word = editing ? t("save") : note ? t("send.note") : t("send");
    this.button.replaceChildren(icon(note && !editing ? "lock" : "send"), make("span", { textContent: word }));
    this.context.hidden = !this.about;
    this.context.replaceChildren(...(this.about ? [
      make("p", {}, make("strong", { textContent: this.about.title }), make("span", { dir: "auto", textContent: this.about.text })),
      iconButton("close", t("cancel"), { onclick: () => this.cancel() })] : []));
  }

  #mode(stream) {
    const chosen = this.stream === stream;
    return make("label", { class: `mode ${stream}` },
      make("input", { type: "radio", name: "stream", value: stream, checked: chosen, onchange: () => {
        this.stream = stream;
        this.#dress();
        this.#keep();
        this.modes.querySelector(":checked").focus();
      } }),
      icon(stream === "internal" ? "lock" : "patient"),
      make("span", { textContent: stream === "internal" ? t("mode.internal") : t("mode.shared", { name: this.name }) }));
  }

  #key(event) {
    if (event.key === "Escape" && this.about) return this.cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return undefined;
    if (matchMedia("(pointer: coarse)").matches) return undefined;
    event.preventDefault();
    return this.#send();
  }

  #send() {
    const body = this.field.value.trim().normalize("NFC");
    if (!body || [...body].length > this.limit) return this.field.focus();
    const { edit, reply, before } = this.about ?? {};
    this.about = null;
    this.field.value = edit ? before : "";
    if (edit) this.#say("edit", { entry: edit, body });
    else this.#say("send", { body, stream: this.stream, reply });
    this.#keep();
    this.#writing(false);
    this.#dress();
    this.#measure();
    return this.field.focus();
  }

  #keep() {
    if (!this.about?.edit) this.#say("draft", { text: this.field.value, stream: this.stream });
  }

  #writing(active) {
    if (active || this.told) this.#say("writing", { active, stream: this.stream });
    this.told = active;
  }

  #measure() {
    const left = this.limit - [...this.field.value.trim()].length;
    const close = left < TELL_BELOW;
    this.left.textContent = close ? t(left < 0 ? "over" : "left", { n: Math.abs(left) }) : "";
    this.left.classList.toggle("over", left < 0);
    this.button.disabled = left < 0;
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("message-composer", MessageComposer);
