/**
 * Who has a message, who has read it, and who has confirmed it, each with the time; and reminding those who have not.
 * The dialog stands in the page; this fills it, and fills it again while it is open and something changed.
 */
import { byId, fill, make, part } from "../dom.js";
import { initials, tone } from "../names.js";
import { problemText, t } from "../texts.js";
import { fullTime, listed } from "../when.js";

const dialog = byId("receipts");
const places = Object.fromEntries([...dialog.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place]));
const STEPS = [["acknowledged_at", "receipts.confirmed", "check"], ["read_at", "state.read", "eye"], ["delivered_at", "state.delivered", "ticks"]];

export async function showReceipts(view, entry) {
  const { messenger } = view;
  const { message, actor } = entry;
  const { asked } = message.acknowledgement;
  const path = `/messages/${message.id}`;
  const read = async () => draw((await messenger.ask("GET", `${path}/receipts`)).items, asked);
  await read();
  const mayRemind = asked && (actor.id === view.myId || messenger.can("pf.messaging.moderate"));
  fill(places, { said: "", acts: mayRemind && places.people.querySelector(".waits") && true });
  places.remind.onclick = () => remind(messenger, path);
  const again = ({ detail: { entry: heard } }) => heard.message_id === message.id && read();
  messenger.addEventListener("entry", again);
  dialog.onclose = () => messenger.removeEventListener("entry", again);
  dialog.showModal();
}

function draw(items, asked) {
  const order = ({ acknowledged_at: confirmed, read_at: read, delivered_at: delivered }) => [confirmed, read, delivered, true].findIndex(Boolean);
  const confirmed = items.filter((one) => one.acknowledged_at).length;
  fill(places, { title: t(asked ? "receipts.asked" : "receipts"), count: asked && t("confirmed.count", { n: confirmed, total: items.length }), none: !items.length });
  places.people.replaceChildren(...[...items].sort((one, other) => order(one) - order(other)).map((one) => line(one, asked)));
}

function line({ user, ...times }, asked) {
  const { node, ...at } = part("receipt");
  fill(at, { letters: initials(user.name), name: user.name });
  at.letters.classList.add(`tone-${tone(user.name)}`);
  const reached = STEPS.filter(([name]) => times[name]);
  at.steps.replaceChildren(...reached.map(([name, word]) => make("li", {}, make("span", { text: t(word) }), " ",
    make("time", { datetime: times[name], text: fullTime(times[name]) }))), ...(reached.length ? [] : [make("li", { text: t("receipts.none") })]));
  const waits = asked && !times.acknowledged_at;
  node.classList.toggle("waits", waits);
  Object.assign(node.dataset, { id: user.id, name: user.name });
  fill(at, { waiting: waits, picture: !waits && reached.length > 0 });
  if (reached.length) at.use.setAttribute("href", `#icon-${reached[0][2]}`);
  return node;
}

async function remind(messenger, path) {
  places.remind.disabled = true;
  try {
    const { reminded } = await messenger.ask("POST", `${path}/reminder`);
    const names = [...places.people.children].filter((node) => reminded.includes(node.dataset.id)).map((node) => node.dataset.name);
    fill(places, { said: reminded.length ? t("reminded", { names: listed(names) }) : t("reminded.nobody") });
  } catch (problem) {
    fill(places, { said: problem.code === "rate_limited" ? t("reminded.already") : problemText(problem) });
  }
  places.remind.disabled = false;
}
