/** One line across the page while the live line is down; silent while all is well. Emits `retry`. */
import { emit, fill } from "./dom.js";
import { t } from "./texts.js";

class ConnectionState extends HTMLElement {
  connectedCallback() {
    [this.bar, this.words, this.button] = ["div", "span", "button"].map((name) => this.querySelector(name));
    this.button.onclick = () => (this.stopped ? location.reload() : emit(this, "retry"));
  }

  show(state) {
    this.stopped = state === "stopped";
    this.lived ||= state !== "connecting";
    this.bar.hidden = state === "live" || !this.lived;
    fill(this, { words: this.bar.hidden ? "" : t(this.stopped ? "stopped" : "reconnecting"), button: t(this.stopped ? "reload" : "try_now") });
  }
}

customElements.define("connection-state", ConnectionState);
