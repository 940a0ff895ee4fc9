/** Making elements: text is always text, never markup. */
const PROPERTIES = new Set(["textContent", "value", "disabled", "hidden", "checked", "entry", "tabIndex"]);

export function make(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

/** A picture of the page's sprite; decoration only, the words stand beside it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const iconButton = (name, label, given = {}) =>
  make("button", { type: "button", "aria-label": label, title: label, ...given, class: `icon-button ${given.class ?? ""}` }, icon(name));

export const unseen = (text) => make("span", { class: "unseen", textContent: text });

/**
 * Make `parent` hold exactly these rows, `{key, stamp, make(), update?(node)}`, touching only what changed,
 * so that focus and selection stay where they are. `held` remembers between calls.
 */
export function show(parent, rows, held) {
  const wanted = new Set(rows.map(({ key }) => key));
  for (const [key, { node }] of held) if (!wanted.has(key)) { node.remove(); held.delete(key); }
  let place = parent.firstChild;
  for (const row of rows) {
    const node = current(row, held);
    if (place && place.parentNode !== parent) place = node;
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
}

function current(row, held) {
  const known = held.get(row.key);
  if (known && known.stamp === row.stamp) return known.node;
  if (known && row.update) {
    row.update(known.node);
    known.stamp = row.stamp;
    return known.node;
  }
  const node = row.make();
  if (known) known.node.replaceWith(node);
  held.set(row.key, { node, stamp: row.stamp });
  return node;
}
