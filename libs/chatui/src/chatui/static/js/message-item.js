/**
 * One message: bubble, author, time, marks, and what may be done with it. Emits `act` with `{act, row, item}`.
 *
 * Who wrote it and who sees it stands in every message, for a screen reader where the eye needs it no more.
 *
 * What a plain line does not need (links, mentions, quotes, files, acknowledgement, folding) is drawn by later/message-rich.js,
 * loaded with the first message that asks for it; `redress` then says that this one may be drawn again.
 */
import { draw, emit, fill, part } from "./dom.js";
import { initials, tone } from "./names.js";
import { t } from "./texts.js";
import { clockTime, fullTime } from "./when.js";

const MARKS = { queued: "clock", waiting: "clock", sending: "clock", sent: "tick", delivered: "ticks", read: "eye" };
const RICH = /:\/\/|www\.|@|[\p{Extended_Pictographic}\p{RI}]|(?:\n[^\n]*){18}/iu;
const LONG = 1000;
let rich = null;
let coming = null;

/** Have at hand what is not plain, before it comes: drawn in two steps, it would be read out twice. */
export const readies = () => (coming ??= import("./later/message-rich.js").then((module) => { rich = module; }));

export function messageItem(thread) {
  const { node, ...places } = part("message");
  Object.assign(node, { places, thread });
  node.onclick = ({ target }) => node.say(target.closest("[data-act]")?.dataset.act);
  return node;
}

class MessageItem extends HTMLElement {
  /** `row` of rows.js with `mark`, `problem`, `seen`, `acts`, `named` (say who wrote it), `answered` and `people`. */
  show(row) {
    this.row = row;
    const { entry, item, own, mark, first, named, at, acts, answered } = row;
    const { places } = this;
    const note = row.stream === "internal";
    const name = own ? t("you") : entry.actor.name;
    const message = entry?.message ?? item;
    const { recalled, body } = message;
    const urgent = !recalled && message.priority === "urgent";
    const state = t(`state.${mark}`);
    fill(places, {
      avatar: named && initials(name),
      note,
      author: name,
      urgent,
      quote: !recalled && answered && true,
      excerpt: message.reply_to?.excerpt ?? message.quoted,
      body: recalled ? t("recalled") : body,
      edited: !recalled && message.edited_at && true,
      time: clockTime(at),
      mark: own && MARKS[mark] && true,
      state,
      acts: acts.length > 0,
      reply: acts.includes("reply"),
      failure: Boolean(row.problem),
      again: t(item?.problem?.code === "stale" ? "send_anyway" : "try_again"),
      problem: row.problem,
      seen: row.seen,
    });
    Object.assign(places.time, { dateTime: at, title: fullTime(at) });
    places.avatar.className = `avatar small tone-${tone(name)}`;
    places.mark.className = `mark ${mark}`;
    places.mark.title = state;
    if (MARKS[mark]) draw(places.picture, MARKS[mark]);
    places.author.classList.toggle("unseen", !first || !named);
    places.note?.classList.toggle("unseen", !first);
    this.className = ["message", own && "own", note && "note", first && "first", row.last && "last", recalled && "recalled",
      urgent && "pressing", row.problem && "failed", MARKS[mark] === "clock" && "waiting"].filter(Boolean).join(" ");
    if (this.rich || answered || RICH.test(body) || body.length > LONG || message.attachments?.length || message.forwarded || message.acknowledgement?.asked) this.#enrich(message);
  }

  #enrich(message) {
    this.rich = true;
    if (rich) return rich.enrich(this, message);
    return readies().then(() => emit(this, "redress"), () => { coming = null; });
  }

  say(act) {
    if (act) emit(this, "act", { act, row: this.row, item: this });
  }
}

customElements.define("message-item", MessageItem);
