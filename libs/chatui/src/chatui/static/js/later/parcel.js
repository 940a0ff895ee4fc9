/** A message with all it carries: as it is shown until it is stored, and as the server is asked to store it. Pure. */
const NAMES_MOST = 1000;

/** What a message says where nothing was typed: the names of its files. */
export const namesLine = (attachments) => attachments.map(({ name }) => name).join(", ").slice(0, NAMES_MOST);

/** `shown` is what its bubble shows beside the text, `asked` what goes to the server with it. */
export function parcel({ body, attachments, mentions, urgent, ask, seen }) {
  const shown = {};
  const asked = {};
  if (attachments.length) Object.assign(shown, { attachments });
  if (attachments.length) Object.assign(asked, { attachment_ids: attachments.map(({ id }) => id) });
  if (mentions.length) [shown, asked].forEach((one) => Object.assign(one, { mentions }));
  if (urgent) [shown, asked].forEach((one) => Object.assign(one, { priority: "urgent" }));
  if (ask) Object.assign(shown, { acknowledgement: { asked: true, by: [] } });
  if (ask) Object.assign(asked, { ask_acknowledgement: true });
  if (seen !== null) Object.assign(asked, { seen_seq: seen });
  return { body: body || namesLine(attachments), shown, asked };
}

/**
 * How far the author has read, where it matters: a patient is answered by who knows what they wrote last, so the server
 * refuses an answer that crosses a newer message. Among colleagues talk goes on. `atEnd`: all that is here was in view.
 */
export function seenSeq(messenger, id, stream, atEnd) {
  const { kind, read } = messenger.conversations.get(id) ?? {};
  if (!messenger.internal || kind !== "patient" || stream !== "shared") return null;
  const mine = read?.[messenger.me.user.id]?.shared ?? 0;
  return Math.max(mine, (atEnd && messenger.timelines.get(id)?.last("shared")) || 0);
}
