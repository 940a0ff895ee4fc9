/** One line across the page while the live line is down; silent while all is well. Says `retry`. */
import { icon, make } from "./dom.js";
import { t } from "./texts.js";

const FIRST_CONNECT_MAY_TAKE = 1500;

class ConnectionState extends HTMLElement {
  connectedCallback() {
    this.words = make("span", { role: "status" });
    this.button = make("button", { type: "button", class: "link", onclick: () => this.#act() });
    this.bar = make("div", { class: "line-state", hidden: true }, icon("caution"), this.words, this.button);
    this.append(this.bar);
    this.since = Date.now();
  }

  show(state) {
    clearTimeout(this.timer);
    if (state === "live") this.lived = true;
    const first = !this.lived && state === "connecting";
    if (first && Date.now() - this.since < FIRST_CONNECT_MAY_TAKE) {
      this.timer = setTimeout(() => this.show(state), FIRST_CONNECT_MAY_TAKE);
      return;
    }
    this.bar.hidden = state === "live";
    const text = state === "live" ? "" : t(state === "stopped" ? "stopped" : first ? "connecting" : "reconnecting");
    if (this.words.textContent !== text) this.words.textContent = text;
    this.stopped = state === "stopped";
    this.button.hidden = first;
    this.button.textContent = t(this.stopped ? "reload" : "try_now");
  }

  #act() {
    if (this.stopped) location.reload();
    else this.dispatchEvent(new Event("retry"));
  }
}

customElements.define("connection-state", ConnectionState);
