/** Which names a few letters mean, best first: the name's beginning, then a word's, then anywhere; accents and case aside. */
export const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** `things` as `{title, subtitle}` in the order in which they matter by themselves; that order decides between equals. */
export function ranked(words, things) {
  const wanted = folded(words).split(/\s+/).filter(Boolean);
  const scored = things.map((thing) => ({ thing, score: scoreOf(wanted, folded(thing.title), folded(thing.subtitle ?? "")) }));
  return scored.filter(({ score }) => score > 0).sort((one, other) => other.score - one.score).map(({ thing }) => thing);
}

/** Every word must be found somewhere; 0 when one is not. */
function scoreOf(wanted, title, subtitle) {
  let sum = 1;
  for (const [at, word] of wanted.entries()) {
    const score = (at === 0 && title.startsWith(word) && 8) || (begins(title, word) && 5) || (title.includes(word) && 3) || (begins(subtitle, word) && 2) || (subtitle.includes(word) && 1) || 0;
    if (!score) return 0;
    sum += score;
  }
  return sum;
}

const begins = (text, word) => text.split(/[\s\p{P}]+/u).some((each) => each.startsWith(word));
