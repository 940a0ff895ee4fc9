/**
 * Conversations from further down the list than what is held: page by page as one scrolls, and at once those that are
 * pinned, to stand on top, or silenced, so as not to count in the title.
 */
export class Further {
  asked = new Set();

  constructor(messenger) {
    this.messenger = messenger;
    messenger.addEventListener("change", () => this.hold());
    this.hold();
  }

  async more() {
    const { messenger } = this;
    const { cursor } = messenger;
    if (!cursor) return;
    messenger.cursor = null;
    messenger.cursor = (await messenger.page({ cursor }).catch(() => ({ next_cursor: cursor }))).next_cursor;
    messenger.dispatchEvent(new CustomEvent("change"));
  }

  /** Fetch, each once, what matters wherever it stands. */
  hold() {
    const { messenger, asked } = this;
    if (!messenger.listed) return;
    for (const id of wanted(messenger.conversations).filter((one) => !asked.has(one))) {
      asked.add(id);
      messenger.ask("GET", `/conversations/${id}`).then((found) => messenger.keepAll([found]), () => {});
    }
  }
}

/** Ids of those that are pinned or silenced, not archived, and not held. */
export function wanted({ preferences, get }) {
  const matters = ({ pinned, notify, archived }) => !archived && (pinned || notify === "none");
  return [...preferences].filter(([id, one]) => matters(one) && !get(id)).map(([id]) => id);
}
