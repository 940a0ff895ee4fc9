/** The patient's page: their conversations, and a new message to the care team. */
import { Chat } from "../chat.js";
import { t, whyNot } from "../texts.js";
import { portalNames } from "./titles.js";

const chat = new Chat({ names: portalNames, internal: false, empty: "portal.empty", hooks: { head, composer, seen } });
chat.start();

/** Everything that was ever attached here, in one place. */
function head({ files }) {
  files.onclick = async () => (await import("../later/files-panel.js")).openFilesOf(chat);
}

function composer({ can_reply: { allowed, reason }, status }) {
  const closed = allowed ? null : { reason: whyNot(reason) };
  return { name: t("portal.to_team"), internal: false, closed, hint: status === "closed" ? t("portal.closed") : null };
}

/** Under one's last message, in plain words: did they get it? */
function seen({ mark }) {
  return { sent: t("portal.sent"), delivered: t("portal.sent"), read: t("portal.seen") }[mark];
}
