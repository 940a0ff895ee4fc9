/** What may be done with one message, and doing it; what staff alone may do comes in modules of its own. */
import { firstName } from "../names.js";
import { t } from "../texts.js";

/** The acts a person is offered, in the order of the menu's own template. */
export function actsOf({ messenger, conversation: { status } }, { acts, own, entry }) {
  const { internal: staff } = messenger;
  const { recalled, edited_at: edited } = entry.message;
  const moderates = own || messenger.can("pf.messaging.moderate");
  if (recalled) return messenger.sees({ own }) ? ["history"] : [];
  return [acts.includes("reply") && "reply", "copy", ...(staff ? ["forward", "link", "receipts", edited && "history"] : []),
    own && status === "open" && "edit", moderates && "recall"].filter(Boolean);
}

/** Do what was chosen; refusals rise to whoever asked. */
export async function act(view, name, row, item) {
  const { chat, messenger, composer, id } = view;
  const { entry, own } = row;
  const message = entry?.message ?? row.item;
  const copies = async (text, said) => { await navigator.clipboard.writeText(text); chat.announce(t(said)); };
  const does = {
    menu: async () => (await import("./message-menu.js")).openMenu(item, actsOf(view, row)),
    reply: () => composer.turn({ reply: entry, title: t("replying", { name: own ? t("you") : firstName(entry.actor.name) }) }),
    original: () => toOriginal(view, message.reply_to, row),
    copy: () => copies(message.body, "copied"),
    link: () => copies(location.origin + chat.addressOf(id, `?at=${entry.stream}.${entry.seq}`), "link.copied"),
    edit: () => composer.turn({ edit: entry, title: t("editing") }),
    recall: async () => await chat.sure(t("recall.sure"), t("recall")) && messenger.act("DELETE", message.id),
    acknowledge: () => messenger.act("POST", `${message.id}/acknowledgement`),
    history: async () => (await import("./history.js")).showHistory(view, entry),
    receipts: async () => (await import("./receipts.js")).showReceipts(view, entry),
    forward: async () => (await import("./forward.js")).forward(view, entry),
  };
  await does[name]();
}

function toOriginal(view, answered, row) {
  const { place } = view.source.changes.get(answered.id ?? answered) ?? {};
  const { stream, key, entry } = row;
  const seq = answered.seq ?? place?.seq;
  return seq && view.goTo({ stream, seq }, entry && { key, stream, seq: entry.seq });
}
