/** One message: bubble, author, time, marks, and what may be done with it. Emits `act` with `{act, row}`. */
import { draw, emit, fill, part } from "./dom.js";
import { initials, tone } from "./names.js";
import { t } from "./texts.js";
import { clockTime, fullTime } from "./when.js";

const MARKS = { queued: "clock", sending: "clock", sent: "tick", delivered: "ticks", read: "ticks" };

export function messageItem() {
  const { node, ...places } = part("message");
  node.places = places;
  places.more.onclick = () => node.openMenu();
  places.failure.onclick = ({ target }) => target.dataset.act && node.say(target.dataset.act);
  return node;
}

class MessageItem extends HTMLElement {
  /** `row` of rows.js with `mark`, `problem`, `seen`, `acts` and `named` (say who wrote it). */
  show(row) {
    this.row = row;
    const { entry, item, own, mark, first, named, at } = row;
    const { places } = this;
    const note = row.stream === "internal";
    const name = own ? t("you") : entry.actor.name;
    const message = entry?.message ?? item;
    const { recalled, body } = message;
    fill(places, {
      avatar: named && initials(name),
      note: first && note,
      author: first && named && name,
      urgent: !recalled && message.priority === "urgent",
      quote: !recalled && (message.reply_to?.excerpt ?? message.quoted),
      body: recalled ? t("recalled") : body,
      edited: !recalled && message.edited_at && true,
      time: clockTime(at),
      mark: own && MARKS[mark] && true,
      state: t(`state.${mark}`),
      more: row.acts.length > 0,
      failure: mark === "failed",
      again: t(item?.problem?.code === "stale" ? "send_anyway" : "try_again"),
      problem: row.problem,
      seen: row.seen,
    });
    Object.assign(places.time, { dateTime: at, title: fullTime(at) });
    places.avatar.className = `avatar small tone-${tone(name)}`;
    places.mark.className = `mark ${mark}`;
    if (MARKS[mark]) draw(places.picture, MARKS[mark]);
    this.setAttribute("aria-label", [name, clockTime(at), note && t("internal.note")].filter(Boolean).join(", "));
    this.className = ["message", own && "own", note && "note", first && "first", row.last && "last", recalled && "recalled",
      mark === "failed" && mark, MARKS[mark] === "clock" && "waiting"].filter(Boolean).join(" ");
  }

  say(act) {
    emit(this, "act", { act, row: this.row });
  }

  async openMenu() {
    const { openMenu } = await import("./later/message-menu.js");
    openMenu(this);
  }
}

customElements.define("message-item", MessageItem);
