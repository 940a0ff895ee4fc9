/**
 * What a message's text holds besides words: addresses, names of people, emoji. Pure; message-rich.js draws it.
 *
 * - An address is http or https, names a host and no user, and ends before the punctuation of its sentence.
 * - Whatever is found, the pieces put together are the text.
 */
const ADDRESS = /(?:https?:\/\/|www\.)[^\s<>"“”«»\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TAIL = /[.,;:!?'’*_~…]+$/u;
const CLOSING = { ")": "(", "]": "[", "}": "{" };
const EMOJI = "(?:\\p{RI}\\p{RI}|(?![©®™])\\p{Extended_Pictographic}(?:\\uFE0F|\\p{EMod}|\\u200D\\p{Extended_Pictographic}|[\\u{E0020}-\\u{E007F}])*|[0-9#*]\\uFE0F?\\u20E3)";
const FEW_EMOJI = new RegExp(`^(?:${EMOJI}\\s?){1,3}$`, "u");

const FOLDS_OVER = { chars: 1000, lines: 18 };
const FOLDS_TO = { chars: 600, lines: 10 };

/** `body` as a list of `{text}`, `{text, href, host}` and `{text, person}`; `people` `{id, name}` are those mentioned. */
export function pieces(body, people = []) {
  const found = [];
  let from = 0;
  for (const { 0: typed, index } of body.matchAll(ADDRESS)) {
    const text = trimmed(typed);
    const url = /[\p{L}\p{N}_@]/u.test(body[index - 1] ?? " ") ? null : addressOf(text);
    if (!url) continue;
    found.push(...named(body.slice(from, index), people), { text, href: url.href, host: url.host });
    from = index + text.length;
  }
  return [...found, ...named(body.slice(from), people)];
}

/** One to three emoji and nothing else. */
export const fewEmoji = (body) => FEW_EMOJI.test(body.trim());

/** The first part of a long text, cut between words, or null where nothing worth hiding remains. */
export function folded(body) {
  const lines = body.split("\n");
  if (body.length <= FOLDS_OVER.chars && lines.length <= FOLDS_OVER.lines) return null;
  const start = lines.slice(0, FOLDS_TO.lines).join("\n");
  if (start.length <= FOLDS_TO.chars) return start.trimEnd();
  const cut = start.slice(0, FOLDS_TO.chars);
  const gap = cut.search(/\s\S*$/u);
  return (gap > FOLDS_TO.chars / 2 ? cut.slice(0, gap) : cut).replace(/[\ud800-\udbff]$/u, "").trimEnd();
}

/** A closing bracket belongs to the address only if it was opened there. */
function trimmed(typed) {
  let text = typed;
  for (let shorter = text; ; text = shorter) {
    const opening = CLOSING[text.at(-1)];
    const count = (char) => text.split(char).length;
    if (opening && count(text.at(-1)) > count(opening)) shorter = text.slice(0, -1);
    else shorter = text.replace(TAIL, "");
    if (shorter === text) return text;
  }
}

function addressOf(text) {
  const given = /^www\./iu.test(text) ? `https://${text}` : text;
  const url = URL.canParse(given) ? new URL(given) : null;
  const good = url && /^https?:$/.test(url.protocol) && /[^.]\.[^.]|^localhost$|^\[/.test(url.hostname) && !url.username && !url.password;
  return good ? url : null;
}

function named(text, people) {
  const person = people.map((one) => ({ one, at: placeOf(one.name, text) })).filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at || other.one.name.length - one.one.name.length)[0];
  if (!person) return text ? [{ text }] : [];
  const to = person.at + person.one.name.length + 1;
  return [...(person.at ? [{ text: text.slice(0, person.at) }] : []), { text: text.slice(person.at, to), person: person.one.id },
    ...named(text.slice(to), people)];
}

/** Where "@" and the whole name stand, or -1. */
function placeOf(name, text) {
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1))
    if (!/[\p{L}\p{N}]/u.test(text[at + name.length + 1] ?? "")) return at;
  return -1;
}
