/**
 * The page's words: `t(key, {name})` fills the braces; `n` picks the form its language counts by, `key.one` … `key.other`.
 * The catalogue comes with the page (texts/<language>.json, shared with the templates), so another language is another
 * file and no other code. Dates and numbers go by the region the browser names for that language, if it names one.
 */
const page = globalThis.document;
const catalogue = JSON.parse(page?.getElementById("texts")?.textContent ?? "{}");

export const language = page?.documentElement.lang || "en";
export const locale = (globalThis.navigator?.languages ?? []).find((tag) => tag.split("-")[0] === language) ?? language;

const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(locale);

export function t(key, values = {}) {
  const { n } = values;
  const words = catalogue[key] ?? catalogue[`${key}.${plural.select(n)}`] ?? catalogue[`${key}.other`] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => (name === "n" ? number.format(n) : values[name] ?? ""));
}

/** What a refusal means for the person: in words of ours where we have them; only English knows the server's own. */
export function problemText({ errors, code, detail }) {
  const told = language === "en" ? Object.values(errors ?? {}).flat()[0] : "";
  return told || catalogue[`problem.${code}`] || (language === "en" && detail) || t("problem.unknown");
}

/** Why one may not write here. The server says it in English. */
export const whyNot = (reason) => (language === "en" && reason) || t("cannot_reply");
