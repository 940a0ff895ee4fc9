/** A text in pieces, `{text, found}`. Places are counted in characters as the server counts them, not in UTF-16 units. */
export function pieces(text, matches) {
  const characters = [...text];
  const cut = (from, to, found) => ({ text: characters.slice(from, to).join(""), found });
  const cuts = [];
  let at = 0;
  for (const [start, end] of [...matches].sort(([one], [other]) => one - other)) {
    if (end <= Math.max(at, start)) continue;
    cuts.push(cut(at, start, false), cut(Math.max(at, start), end, true));
    at = end;
  }
  return [...cuts, cut(at, characters.length, false)].filter((piece) => piece.text);
}
