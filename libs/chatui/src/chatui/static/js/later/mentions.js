/**
 * Naming somebody in a message: "@" and a few letters of a name. Pure; composing.js shows it.
 *
 * Whether somebody is named is read from the text itself, so that a name taken out, or a draft from yesterday, tells the truth.
 */
const LONGEST = 40;

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** What is being typed after an "@" that starts a word, up to the caret: `{from, typed}`, or null. */
export function naming(text, caret) {
  const before = text.slice(0, caret);
  const from = before.lastIndexOf("@");
  const typed = before.slice(from + 1);
  const starts = from === 0 || /[\s("“¿¡[]/u.test(before[from - 1] ?? "x");
  return from >= 0 && starts && typed.length <= LONGEST && !/\n|^\s/.test(typed) ? { from, typed } : null;
}

/** Those of `people` whose name, or a word of it, begins like this. */
export function fitting(people, typed) {
  const wanted = plain(typed);
  return people.filter(({ name }) => plain(name).startsWith(wanted) || plain(name).split(/\s+/).some((word) => word.startsWith(wanted)));
}

/** The text with the name in place of what was typed, and where one writes on. */
export function named(text, caret, from, name) {
  const before = `${text.slice(0, from)}@${name} `;
  return { text: before + text.slice(caret).replace(/^ /, ""), caret: before.length };
}

/** Ids of those whose whole name stands in the text after an "@". */
export function mentioned(text, people) {
  const stands = (name) => text.split(`@${name}`).slice(1).some((rest) => !/^[\p{L}\p{N}]/u.test(rest));
  return people.filter(({ name }) => stands(name)).map(({ id }) => id);
}
