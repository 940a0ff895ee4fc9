/** The page's words: `t(key, {name})` fills the braces, `n` picks `key.one` or `key.other`. The catalogue comes with
 * the page (texts/en.json, shared with the templates), so another language is another file and no other code. */
const page = globalThis.document;
const catalogue = JSON.parse(page?.getElementById("texts")?.textContent ?? "{}");

export const language = page?.documentElement.lang || "en";

export function t(key, values = {}) {
  const many = values.n === 1 ? ".one" : ".other";
  return (catalogue[key] ?? catalogue[key + many] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** What a refusal means for the person: ours where we have words for it, else the server's own sentence. */
export function problemText({ errors, code, detail }) {
  return Object.values(errors ?? {}).flat()[0] ?? catalogue[`problem.${code}`] ?? (detail || t("problem.unknown"));
}
