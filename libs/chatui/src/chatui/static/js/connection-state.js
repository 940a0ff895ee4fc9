/** One line across the page while the live line is down; silent while all is well. Emits `retry`. */
import { emit } from "./dom.js";
import { t } from "./texts.js";

const FIRST_MAY_TAKE = 1500;

class ConnectionState extends HTMLElement {
  connectedCallback() {
    [this.bar, this.words, this.button] = ["div", "span", "button"].map((name) => this.querySelector(name));
    this.button.onclick = () => (this.state === "stopped" ? location.reload() : emit(this, "retry"));
    this.since = Date.now();
  }

  show(state) {
    clearTimeout(this.timer);
    this.state = state;
    this.lived ||= state !== "connecting";
    if (!this.lived && Date.now() - this.since < FIRST_MAY_TAKE) return void (this.timer = setTimeout(() => this.show(state), FIRST_MAY_TAKE));
    const text = state === "live" ? "" : t(state === "stopped" ? "stopped" : this.lived ? "reconnecting" : "connecting");
    if (this.words.textContent !== text) this.words.textContent = text;
    this.button.textContent = t(state === "stopped" ? "reload" : "try_now");
    this.bar.hidden = !text;
    return undefined;
  }
}

customElements.define("connection-state", ConnectionState);
