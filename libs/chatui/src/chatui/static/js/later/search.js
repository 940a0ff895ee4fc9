/**
 * Finding messages: words, who wrote them, where, when and with files; and the messages that mention me.
 *
 * - It stands where the list stands, and stays while one reads what it found, until it is closed.
 * - What is found is a link to the message in its surroundings; found words are marked.
 * - An answer to a question that is no longer asked is dropped; what is withdrawn meanwhile is shown no more.
 */
import { asQuery } from "../api.js";
import { fill, make, part, show } from "../dom.js";
import { problemText, t } from "../texts.js";
import { fullTime, shortTime } from "../when.js";
import { pieces } from "./excerpt.js";
import { plain } from "./plain.js";

const PAUSE = 250;
const PAGE = 30;
const STAFF_MOST = 200;
const NARROW = ["from", "conversation_id", "since", "until"];

export class Search {
  held = new Map();
  asked = 0;

  constructor(chat) {
    this.chat = chat;
    this.at = part("search");
    this.node = this.at.node;
    document.querySelector(".side > .account").before(this.node);
    const { at } = this;
    at.leave.onclick = () => this.close();
    at.form.onsubmit = (event) => { event.preventDefault(); this.#ask(); };
    at.words.oninput = () => this.#soon(PAUSE);
    at.again.onclick = () => this.#ask();
    at.more.onclick = () => this.#further();
    this.node.onkeydown = (event) => this.#key(event);
    this.node.onclick = (event) => this.#choose(event);
    at.narrow?.addEventListener("click", () => this.#narrowing(at.filters.hidden));
    at.filters?.addEventListener("input", () => this.#soon(0));
    at.clear?.addEventListener("click", () => { this.#clear(); at.words.focus(); this.#soon(0); });
    chat.messenger.addEventListener("entry", ({ detail: { entry } }) => entry.type === "message.recalled" && this.#withdrawn(entry.message_id));
  }

  get open() {
    return this.node.isConnected && !this.node.hidden;
  }

  /** `mentions`: only what mentions me; `words` and `conversation` are asked for at once. */
  show({ mentions = false, words = "", conversation = "" } = {}) {
    const { at } = this;
    this.back = document.activeElement;
    this.mentions = mentions;
    document.body.classList.add("searching");
    this.node.hidden = false;
    if (document.body.dataset.view === "thread" && !this.node.checkVisibility()) this.chat.go(null);
    fill(at, { title: plain(mentions ? "mentions" : "search_messages"), form: !mentions });
    this.#choices();
    this.#clear();
    at.words.value = words;
    if (conversation) this.#narrowing(true);
    if (conversation) at.conversation_id.value = conversation;
    if (mentions) at.title.focus();
    else at.words.select();
    this.#ask();
  }

  close() {
    this.asked += 1;
    this.node.hidden = true;
    document.body.classList.remove("searching");
    if (this.back?.checkVisibility()) this.back.focus();
    else this.chat.list.focusOn(this.chat.id);
  }

  /** Coming back to the results from what they led to. */
  returns() {
    (this.held.get(this.chosen)?.node.firstElementChild ?? this.at.words).focus();
  }

  /** What is read meanwhile is new no more. */
  draw() {
    if (this.open && this.items) this.#list();
  }

  #query() {
    const { at } = this;
    if (this.mentions) return { mentions: "me" };
    const narrow = at.filters ? Object.fromEntries(NARROW.map((name) => [name, at[name].value])) : {};
    return { q: at.words.value.trim(), ...narrow, since: midnight(narrow.since), until: midnight(narrow.until, 1), has: at.has?.checked ? "file" : "" };
  }

  #soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), ms);
  }

  async #ask() {
    clearTimeout(this.timer);
    const query = this.#query();
    this.#tally(query);
    Object.assign(this, { items: null, cursor: null, chosen: null });
    if (!Object.values(query).some(Boolean)) {
      this.asked += 1;
      return this.#note({ title: t("search_messages.start"), hint: plain("search_messages.start.hint") });
    }
    this.#waits();
    return this.#read(query, []);
  }

  #further() {
    fill(this.at, { more: false });
    return this.#read({ ...this.#query(), cursor: this.cursor }, this.items);
  }

  async #read(query, before) {
    const asked = (this.asked += 1);
    try {
      const page = await this.chat.messenger.ask("GET", `/search${asQuery({ ...query, limit: PAGE })}`);
      if (asked !== this.asked) return;
      Object.assign(this, { items: [...before, ...page.items], cursor: page.next_cursor });
      this.#list();
      if (before.length) this.held.get(keyOf(page.items[0] ?? before.at(-1)))?.node.firstElementChild.focus();
    } catch (problem) {
      if (asked !== this.asked) return;
      if (before.length) this.chat.announce(problemText(problem), true);
      if (before.length) fill(this.at, { more: true });
      else this.#note({ title: t("broken"), hint: problemText(problem), again: true });
    }
  }

  #waits() {
    fill(this.at, { note: false, more: false, bones: true, count: "" });
    show(this.at.results, [], this.held);
  }

  #withdrawn(messageId) {
    const gone = this.items?.filter(({ entry: { message } }) => message.id === messageId) ?? [];
    for (const { entry: { message } } of gone) Object.assign(message, { recalled: true, attachments: [] });
    this.draw();
  }

  #note({ title, hint, again = false, count = "" }) {
    fill(this.at, { note: true, noteTitle: title, hint, again, more: false, bones: false, count });
    show(this.at.results, [], this.held);
  }

  #list() {
    const { items, cursor, mentions } = this;
    const n = items.length;
    const none = mentions ? "mentions.none" : "search_messages.none";
    if (!n) return this.#note({ title: t(none), hint: plain(`${none}.hint`), count: t(none) });
    fill(this.at, { note: false, bones: false, more: Boolean(cursor), count: t(cursor ? "found_more" : "found", { n }) });
    return show(this.at.results, items.map((item) => this.#row(item)), this.held);
  }

  #row(item) {
    const { entry, conversation, excerpt, matches } = item;
    const { chat } = this;
    const { conversation_id: id, stream, seq, actor, message, at } = entry;
    const known = chat.messenger.conversations.get(id) ?? conversation;
    const fresh = actor.id !== chat.myId && (known.read?.[chat.myId]?.[stream] ?? 0) < seq;
    const key = keyOf(item);
    const current = key === this.chosen;
    const text = message.recalled ? t("recalled") : excerpt;
    const update = (node) => {
      const { link, places } = node;
      fill(places, { title: chat.names(known, chat.myId).title, time: shortTime(at), note: stream === "internal", fresh,
        author: t("author_line", { name: actor.id === chat.myId ? t("you") : actor.name }), files: message.attachments?.length > 0 });
      Object.assign(places.time, { dateTime: at, title: fullTime(at) });
      places.excerpt.replaceChildren(...pieces(text, message.recalled ? [] : matches ?? []).map(({ text: words, found }) => (found ? make("mark", { text: words }) : words)));
      link.classList.toggle("unread", fresh);
      if (current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    };
    const create = () => {
      const { node, ...places } = part("found");
      const link = node.firstElementChild;
      link.href = `${document.body.dataset.home}/${id}?at=${stream}.${seq}`;
      Object.assign(link, { entry });
      return Object.assign(node, { link, places });
    };
    return { key, stamp: JSON.stringify([fresh, current, text]), make: create, update };
  }

  #choose(event) {
    const link = event.target.closest("a.found");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const { conversation_id: conversationId, stream, seq } = link.entry;
    event.preventDefault();
    this.chosen = keyOf(link);
    this.#list();
    this.chat.goTo({ conversationId, stream, seq });
  }

  #key(event) {
    if (event.key === "Escape") return event.target === this.at.words && this.at.words.value && this.at.filters?.hidden ? undefined : this.close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const stops = [this.mentions ? this.at.title : this.at.words, ...this.at.results.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    if (!step || at < 0) return undefined;
    event.preventDefault();
    return stops[at + step]?.focus();
  }

  #narrowing(on) {
    this.at.filters.hidden = !on;
    this.at.narrow.setAttribute("aria-expanded", String(on));
    if (!on) return;
    this.at.from.focus();
    this.#everybody();
  }

  /** Say how many filters hold, so that a folded one is not forgotten. */
  #tally(query) {
    const n = [...NARROW, "has"].filter((name) => query[name]).length;
    fill(this.at, { tally: n ? String(n) : false, clear: n > 0 });
    this.at.narrow?.classList.toggle("on", n > 0);
  }

  #clear() {
    for (const name of NARROW) if (this.at[name]) this.at[name].value = "";
    if (this.at.has) this.at.has.checked = false;
    if (this.at.filters) this.#narrowing(false);
  }

  /** Who and where one may ask for, by name: what this device knows. */
  #choices() {
    const { chat, at } = this;
    if (!at.filters) return;
    const held = [...chat.messenger.conversations.items.values()];
    const people = new Map(held.flatMap(({ participants }) => participants).map(({ id, name }) => [id, id === chat.myId ? t("you") : name]));
    offer(at.from, t("anybody"), [...people]);
    offer(at.conversation_id, t("anywhere"), held.map((one) => [one.id, chat.names(one, chat.myId).title]));
    this.people = people;
  }

  /** Whoever narrows may ask for everybody on the staff. */
  async #everybody() {
    const { chat, at, people } = this;
    this.people = null;
    if (!people) return;
    const { items } = await chat.messenger.ask("GET", `/directory${asQuery({ kind: "staff", limit: STAFF_MOST })}`).catch(() => ({ items: [] }));
    offer(at.from, t("anybody"), [...new Map([...items.map(({ id, name }) => [id, name]), ...people])]);
  }
}

function offer(select, any, choices) {
  const { value: chosen } = select;
  const sorted = choices.sort(([, one], [, other]) => one.localeCompare(other));
  select.replaceChildren(new Option(any, ""), ...sorted.map(([value, text]) => new Option(text, value)));
  select.value = chosen;
}

/** The moment a day begins where the person is, or so many days after it. */
function midnight(day, after = 0) {
  const begins = new Date(`${day}T00:00`);
  begins.setDate(begins.getDate() + after);
  return day && Number.isFinite(begins.getTime()) ? begins.toISOString() : "";
}

const keyOf = ({ entry: { conversation_id: id, stream, seq } }) => `${id} ${stream} ${seq}`;
