/**
 * Where one writes: Enter sends, Shift+Enter breaks the line, the field grows, the text is kept as a draft.
 *
 * Emits `send` `{body, stream, reply, shown, asked}`, `edit` `{entry, body}`, `draft` `{text, stream, files}`, `writing`
 * `{active, stream}` and `reopen`. It never clears a text that nobody took.
 * Files, mentions, urgency and the count of characters are later/composing.js, loaded as the conversation is entered.
 */
import { draw, emit, fill, part } from "./dom.js";
import { t } from "./texts.js";

/** `chat` is for what comes later. */
export function messageComposer(chat) {
  const { node, ...places } = part("composer");
  return Object.assign(node, { chat, id: chat.id, places, field: places.field });
}

class MessageComposer extends HTMLElement {
  connectedCallback() {
    const { form, modes, cancel, reopen } = this.places;
    form.onsubmit = (event) => { event.preventDefault(); this.send(); };
    if (modes) modes.onchange = ({ target }) => { this.stream = target.value; this.dress(); this.keep(); };
    cancel.onclick = () => this.turn(null);
    reopen.onclick = () => emit(this, "reopen");
    this.field.onkeydown = (event) => this.#key(event);
    this.field.oninput = () => { this.more?.measure(); this.keep(); this.#writing(this.field.value.trim() !== ""); };
    this.field.onblur = () => this.#writing(false);
    this.addEventListener("focusin", () => this.#extend());
    this.#extend();
  }

  /** Ready for a conversation; `internal` offers internal notes, `closed` `{reason, reopen}` takes the field away. */
  show({ name, limit, draft, internal, closed, hint, people }) {
    Object.assign(this, { name, limit, internal, people });
    if (draft) this.take(draft);
    fill(this.places, { form: !closed, notice: Boolean(closed || hint), reason: hint ?? "", reopen: false, ...closed });
    this.dress();
  }

  /** Write on where a draft was left, here or on another device; not over what is edited or about to go. */
  take(draft) {
    if (this.about?.edit || this.field.readOnly) return;
    Object.assign(this, { draft, stream: this.internal ? draft.stream : "shared" }).field.value = draft.text;
    this.dress();
  }

  /** Turn to a message, `{reply}` or `{edit}` with a `title`, or back to what was there before. */
  turn(about, text = about?.edit?.message.body) {
    if (this.about?.edit) Object.assign(this, { stream: this.about.stream }).field.value = this.about.text;
    this.about = about && { ...about, text: this.field.value, stream: this.stream };
    const entry = about?.reply ?? about?.edit;
    if (entry && this.internal) this.stream = entry.stream;
    if (text) this.field.value = text;
    this.field.focus();
    this.dress();
  }

  dress() {
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
    this.more?.measure();
  }

  send() {
    const { about, stream, field, more } = this;
    const { edit, reply } = about ?? {};
    const body = field.value.trim().normalize("NFC");
    const message = { body, stream, reply };
    if (!(body || (!edit && more?.full)) || [...body].length > this.limit) return field.focus();
    if (!edit && more?.holds(message)) return undefined;
    this.turn(null);
    if (!edit) field.value = "";
    if (edit) emit(this, "edit", { entry: edit, body, about });
    else emit(this, "send", { ...message, ...more?.give(body) });
    this.keep();
    this.#writing(false);
    return this.more?.measure();
  }

  keep() {
    if (!this.about?.edit) emit(this, "draft", { text: this.field.value, stream: this.stream, files: (this.more ?? this.draft)?.files });
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, isComposing } = event;
    if (isComposing || this.more?.key(event)) return;
    if (key === "Escape" && this.about) this.turn(null);
    if (key !== "Enter" || shiftKey || (matchMedia("(pointer: coarse)").matches && !ctrlKey && !metaKey)) return;
    event.preventDefault();
    this.send();
  }

  async #extend() {
    this.loading ??= import("./later/composing.js").catch(() => { this.loading = null; });
    const later = await this.loading;
    if (!later || this.more || !this.isConnected) return;
    this.more = new later.Composing(this);
    this.dress();
  }

  #writing(active) {
    if (active || this.told) emit(this, "writing", { active, stream: this.stream });
    this.told = active;
  }
}

customElements.define("message-composer", MessageComposer);
