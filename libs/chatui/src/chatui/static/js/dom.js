/** Markup comes from the page's templates, words from its catalogue; what people wrote goes in as text, never as markup. */
export const byId = (id) => document.getElementById(id);

/** A copy of a template and its places: `{node, <data-at>: element, …}`. */
export function part(name) {
  const node = document.importNode(byId(`part-${name}`).content, true).firstElementChild;
  return { node, ...Object.fromEntries([...node.querySelectorAll("[data-at]")].map((place) => [place.dataset.at, place])) };
}

/** Say what there is to say at each place; `true` shows what it holds, null takes the place out of the page. */
export function fill(places, values) {
  for (const [name, value] of Object.entries(values)) {
    const place = places[name];
    if (!place) continue;
    stand(place, Boolean(value) || value === "");
    if (value && value !== true && place.textContent !== String(value)) place.textContent = value;
    if (value === "") place.textContent = "";
  }
}

const marks = new WeakMap();

/** In the page or out of it: what nobody may see is not there. The focus is never lost with it. */
function stand(place, here) {
  const mark = marks.get(place) ?? new Comment();
  marks.set(place, mark);
  place.hidden = false;
  if (here && mark.parentNode) mark.replaceWith(place);
  if (here || !place.parentNode) return;
  const near = place.contains(document.activeElement) && place.parentNode.closest("[tabindex]");
  place.replaceWith(mark);
  if (near) near.focus();
}

export const draw = (use, name) => use.setAttribute("href", `#icon-${name}`);

/** Make an element; names with "on" are listeners, `text` is its text. */
export function make(tag, { text, ...given } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given))
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value || value === 0) node.setAttribute(name, value === true ? "" : value);
  node.append(...(text ? [text] : []), ...children.filter(Boolean));
  return node;
}

/**
 * Make `parent` hold exactly these rows, `{key, stamp, make(), update(node)}`, touching only what changed,
 * so that focus and selection stay where they are. `held` remembers between calls.
 */
export function show(parent, rows, held) {
  const wanted = new Set(rows.map(({ key }) => key));
  for (const [key, { node }] of held)
    if (!wanted.has(key) && held.delete(key)) node.remove();
  let place = parent.firstChild;
  for (const { key, stamp, make: create, update } of rows) {
    const known = held.get(key) ?? { node: create() };
    if (known.stamp !== stamp) update?.(known.node);
    held.set(key, { node: known.node, stamp });
    if (known.node === place) place = place.nextSibling;
    else parent.insertBefore(known.node, place);
  }
}

export const emit = (node, name, detail) => node.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
