/**
 * Where one writes: Enter sends, Shift+Enter breaks the line, the field grows, the text is kept as a draft.
 *
 * Emits `send` `{body, stream, reply}`, `edit` `{entry, body}`, `draft` `{text, stream}`, `writing` `{active, stream}`
 * and `reopen`. It never clears a text that nobody took.
 */
import { draw, emit, fill, part } from "./dom.js";
import { t } from "./texts.js";

const TELL_BELOW = 500;

export function messageComposer() {
  const { node, ...places } = part("composer");
  return Object.assign(node, { places, field: places.field });
}

class MessageComposer extends HTMLElement {
  connectedCallback() {
    const { form, modes, cancel, reopen } = this.places;
    form.onsubmit = (event) => { event.preventDefault(); this.#send(); };
    if (modes) modes.onchange = ({ target }) => { this.stream = target.value; this.#dress(); this.#keep(); };
    cancel.onclick = () => this.turn(null);
    reopen.onclick = () => emit(this, "reopen");
    this.field.onkeydown = (event) => this.#key(event);
    this.field.oninput = () => { this.#measure(); this.#keep(); this.#writing(this.field.value.trim() !== ""); };
    this.field.onblur = () => this.#writing(false);
  }

  /** Ready for a conversation; `internal` offers internal notes, `closed` `{reason, reopen}` takes the field away. */
  show({ name, limit, draft, internal, closed, hint }) {
    Object.assign(this, { name, limit, internal });
    if (draft) Object.assign(this, { about: null, stream: internal ? draft.stream : "shared" }).field.value = draft.text;
    this.places.form.hidden = Boolean(closed);
    fill(this.places, { notice: Boolean(closed || hint), reason: hint ?? "", reopen: false, ...closed });
    this.#dress();
  }

  /** Turn to a message, `{reply}` or `{edit}` with a `title`, or back to what was there before. */
  turn(about, text = about?.edit?.message.body) {
    if (this.about?.edit) Object.assign(this, { stream: this.about.stream }).field.value = this.about.text;
    this.about = about && { ...about, text: this.field.value, stream: this.stream };
    const entry = about?.reply ?? about?.edit;
    if (entry && this.internal) this.stream = entry.stream;
    if (text) this.field.value = text;
    this.field.focus();
    this.#dress();
  }

  #dress() {
    const { about, places, name } = this;
    const note = this.stream === "internal";
    const prompt = note ? t("internal.compose") : t("compose.to", { name });
    this.classList.toggle("note", note);
    fill(places, { modes: this.internal && !about?.edit, shared: t("mode.shared", { name }), context: Boolean(about),
      about: about?.title ?? "", quote: about?.reply?.message.body ?? "", word: t(about?.edit ? "save" : note ? "internal.send" : "send") });
    if (this.internal) places.modes.querySelector(`[value=${this.stream}]`).checked = true;
    draw(places.picture, note ? "lock" : "send");
    this.field.placeholder = prompt;
    this.field.setAttribute("aria-label", prompt);
    this.#measure();
  }

  #key(event) {
    if (event.key === "Escape" && this.about) this.turn(null);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const body = this.field.value.trim().normalize("NFC");
    if (!body || [...body].length > this.limit) return this.field.focus();
    const { about, stream } = this;
    const { edit, reply } = about ?? {};
    this.turn(null);
    if (!edit) this.field.value = "";
    if (edit) emit(this, "edit", { entry: edit, body, about });
    else emit(this, "send", { body, stream, reply });
    this.#keep();
    this.#writing(false);
    return this.#measure();
  }

  #keep() {
    if (!this.about?.edit) emit(this, "draft", { text: this.field.value, stream: this.stream });
  }

  #writing(active) {
    if (active || this.told) emit(this, "writing", { active, stream: this.stream });
    this.told = active;
  }

  #measure() {
    const left = this.limit - [...this.field.value.trim()].length;
    fill(this.places, { left: left < TELL_BELOW ? t(left < 0 ? "over" : "left", { n: Math.abs(left) }) : "" });
    this.places.left.classList.toggle("over", left < 0);
    this.places.send.disabled = left < 0;
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}

customElements.define("message-composer", MessageComposer);
