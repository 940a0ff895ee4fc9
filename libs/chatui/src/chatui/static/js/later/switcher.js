/**
 * Going somewhere by a few letters: conversations, where one was last coming first, and people to begin one with.
 *
 * What this device holds shows at once; what the server finds comes in below it and never moves what is chosen.
 */
import { asQuery } from "../api.js";
import { byId, fill, part, show } from "../dom.js";
import { initials, tone } from "../names.js";
import { problemText, t } from "../texts.js";
import { ranked } from "./ranking.js";

const PAUSE = 150;
const MOST = 9;

export class Switcher {
  held = new Map();
  people = [];

  constructor(chat) {
    this.chat = chat;
    this.dialog = byId("switcher");
    [this.field, this.list] = [byId("switcher-words"), byId("switcher-list")];
    this.said = this.dialog.querySelector("[role=status]");
    this.field.oninput = () => this.#typed();
    this.field.onkeydown = (event) => this.#key(event);
    this.list.onclick = ({ target }) => this.#take(target.closest("[role=option]")?.id);
    this.list.onmousemove = ({ target }) => this.#mark(target.closest("[role=option]")?.id ?? this.marked);
    this.dialog.onclick = ({ target }) => target === this.dialog && this.dialog.close();
  }

  open() {
    if (this.dialog.open) return;
    this.field.value = "";
    this.people = [];
    this.dialog.showModal();
    this.#typed();
  }

  #typed() {
    this.marked = null;
    this.#draw();
    clearTimeout(this.timer);
    const words = this.field.value.trim();
    if (words) this.timer = setTimeout(() => this.#find(words), PAUSE);
    else this.people = [];
  }

  async #find(words) {
    const { messenger } = this.chat;
    const directory = messenger.ask("GET", `/directory${asQuery({ q: words, kind: "staff", limit: MOST })}`);
    const [people] = await Promise.all([directory, messenger.page({ q: words, limit: MOST })]).catch((problem) => {
      this.said.textContent = problemText(problem);
      return [{ items: [] }];
    });
    if (words !== this.field.value.trim()) return;
    this.people = people.items;
    this.#draw();
  }

  /** What may be chosen: conversations first, then people one has no direct conversation with. */
  #things() {
    const { chat, people } = this;
    const { messenger, myId } = chat;
    const { conversations, timelines } = messenger;
    const visited = [...timelines.keys()].reverse();
    const order = [...new Set([...visited, ...conversations.sorted().map(({ id }) => id)])].filter((id) => id !== chat.id);
    const known = order.flatMap((id) => conversations.get(id) ?? []);
    const direct = new Set(known.concat(conversations.get(chat.id) ?? []).filter(({ kind }) => kind === "direct").flatMap(({ participants }) => participants.map(({ id }) => id)));
    return [
      ...known.map((item) => ({ id: item.id, kind: item.kind, ...chat.names(item, myId), about: t(`kind.${item.kind}`) })),
      ...people.filter(({ id }) => id !== myId && !direct.has(id)).map(({ id, name, title }) => ({ id, kind: "person", title: name, subtitle: title ?? "", person: name, about: t("switcher.begin") })),
    ];
  }

  #draw() {
    const words = this.field.value.trim();
    this.things = new Map(ranked(words, this.#things()).slice(0, MOST).map((thing) => [`to-${thing.id}`, thing]));
    show(this.list, [...this.things].map(([id, thing]) => ({ key: id, stamp: JSON.stringify(thing), make: () => option(id, thing), update: (node) => dress(node, thing) })), this.held);
    const n = this.things.size;
    fill(this.dialog.places ??= { none: byId("switcher-none") }, { none: !n && t("switcher.none") });
    this.said.textContent = n ? t("switcher.found", { n }) : t("switcher.none");
    this.field.setAttribute("aria-expanded", String(n > 0));
    this.#mark(this.things.has(this.marked) ? this.marked : [...this.things.keys()][0]);
  }

  #mark(id) {
    this.marked = id;
    for (const [key, { node }] of this.held) node.setAttribute("aria-selected", String(key === id));
    if (id) this.field.setAttribute("aria-activedescendant", id);
    else this.field.removeAttribute("aria-activedescendant");
    this.held.get(id)?.node.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const ids = [...this.things.keys()];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") this.#take(this.marked);
    else if (step && ids.length) this.#mark(ids[(ids.indexOf(this.marked) + step + ids.length) % ids.length]);
    else return;
    event.preventDefault();
  }

  async #take(id) {
    const thing = this.things.get(id);
    if (!thing) return;
    const { chat } = this;
    const { messenger } = chat;
    this.dialog.close();
    if (thing.kind !== "person") return void chat.go(thing.id);
    const conversation = await chat.try(() => messenger.keep(messenger.api.create({ kind: "direct", participant_ids: [thing.id] })));
    if (conversation) chat.go(conversation.id);
  }
}

function option(id, thing) {
  const { node, ...places } = part("switch");
  node.id = id;
  return Object.assign(dress(node, thing, places), { places });
}

function dress(node, { title, subtitle, person, kind, about }, places = node.places) {
  fill(places, { title, sub: subtitle || false, about, letters: person && initials(person), several: !person });
  places.avatar.className = `avatar small kind-${kind} tone-${tone(person ?? title)}`;
  return node;
}
