"""What a screen reader makes of a page: the accessibility tree Chromium hands it, and what live regions announce.

`listens` begins to note announcements, `heard` returns them. A region that is read as a whole (status, alert) is noted
whenever something in it is written, were it the same again; of the log, what is added to it while it is live. Nothing
is noted of what is hidden. `rests` waits until a log says what is new.
"""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.support.ports import wait_until
from tests.support.screen import PATIENCE_MS, PATIENCE_S

NAMED_BY_ATTRIBUTE = {"article", "log", "region", "navigation", "main", "search", "group", "radiogroup", "dialog"}
CONTROLS = {"button", "link", "radio", "checkbox", "textbox", "searchbox", "image", "switch"}

LISTENS = """() => {
  const LIVE = "[aria-live], [role=log], [role=status], [role=alert]";
  const manner = (region) => region.getAttribute("aria-live")
    ?? { alert: "assertive", status: "polite", log: "polite" }[region.getAttribute("role")];
  const spoken = (node) => {
    const { parentElement: parent, nodeType: type } = node;
    if (type === Node.TEXT_NODE) return getComputedStyle(parent).visibility === "hidden" ? "" : node.data;
    if (type !== Node.ELEMENT_NODE || node.getAttribute("aria-hidden") === "true") return "";
    const { display, visibility } = getComputedStyle(node);
    if (display === "none" || !node.checkVisibility()) return "";
    if (node.hasAttribute("aria-label") && visibility !== "hidden") return ` ${node.getAttribute("aria-label")} `;
    const inside = [...node.childNodes].map(spoken).join("");
    return display === "inline" ? inside : ` ${inside} `;
  };
  const words = (node) => spoken(node).replace(/\\s+/g, " ").trim();
  const said = new WeakMap();
  window.heard = [];
  for (const region of document.querySelectorAll(LIVE)) said.set(region, words(region));
  const hear = (how, text) => text && window.heard.push({ how, text });
  new MutationObserver((records) => {
    const all = records.flatMap(({ addedNodes }) => [...addedNodes]);
    const added = new Set(all.filter((node) => node.nodeType === Node.ELEMENT_NODE && node.isConnected));
    for (const node of added) {
      const region = node.parentElement?.closest(LIVE);
      if (region?.getAttribute("role") !== "log" || manner(region) === "off") continue;
      if (![...added].some((other) => other !== node && other.contains(node))) hear(manner(region), words(node));
    }
    for (const region of document.querySelectorAll(LIVE)) {
      if (region.getAttribute("role") === "log" || manner(region) === "off") continue;
      const text = words(region);
      const anew = records.some(({ type, target }) => type !== "attributes" && region.contains(target));
      if (anew || text !== said.get(region)) hear(manner(region), text);
      said.set(region, text);
    }
  }).observe(document.body,
    { subtree: true, childList: true, characterData: true, attributeFilter: ["hidden", "class"] });
}"""

# A page of history that is still to come would silence the log again: it counts as at rest when nothing in it moves.
RESTS = """(log, within) => new Promise((resolve, reject) => {
  let calm = null;
  const moved = () => {
    clearTimeout(calm);
    if (log.getAttribute("aria-live") !== "off") calm = setTimeout(resolve, 1000);
  };
  setTimeout(() => reject(new Error("the log did not come to rest")), within);
  new MutationObserver(moved).observe(log, { subtree: true, childList: true, attributeFilter: ["aria-live"] });
  log.addEventListener("scroll", moved);
  moved();
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One node of the accessibility tree: what it is, what it is called, and all that is read of it."""

    role: str
    name: str
    description: str
    says: str


def things(page: Page, *roles: str) -> list[Thing]:
    """Return what is in the page's accessibility tree in reading order, of these roles only where any are named."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    known = {node["nodeId"]: node for node in nodes}
    ordered: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        ordered.append(node)
        for child in node.get("childIds", []):
            if child in known:
                walk(known[child])

    walk(nodes[0])
    shown = [node for node in ordered if not node.get("ignored") and (not roles or _of(node, "role") in roles)]
    return [
        Thing(
            role=_of(node, "role"),
            name=_of(node, "name"),
            description=_of(node, "description"),
            says=" ".join(" ".join(_said(node, known)).split()),
        )
        for node in shown
    ]


def articles(page: Page) -> list[str]:
    """Return all that is read of each message, its own name included."""
    return [each.says for each in things(page, "article")]


def listens(page: Page) -> None:
    """Note from now on what the page announces."""
    page.evaluate(LISTENS)


def heard(page: Page, how: str = "") -> list[str]:
    """Return what was announced since, in order; only what was said "polite" or "assertive" where asked."""
    return [each["text"] for each in page.evaluate("window.heard") if how in ("", each["how"])]


def hears(page: Page, text: str, how: str = "") -> None:
    """Wait until something with this text was announced."""
    wait_until(lambda: any(text in each for each in heard(page, how)), within_s=PATIENCE_S, what=f"hearing {text!r}")


def rests(page: Page) -> None:
    """Wait until the log announces what is new, and has moved in no way for a second."""
    page.get_by_role("log").evaluate(RESTS, PATIENCE_MS)


def _of(node: dict[str, Any], what: str) -> str:
    return str(node.get(what, {}).get("value", ""))


def _said(node: dict[str, Any], known: dict[str, dict[str, Any]]) -> list[str]:
    role, name = _of(node, "role"), _of(node, "name")
    if not node.get("ignored"):
        if role == "StaticText":
            return [name]
        if role in CONTROLS:
            return [f"[{name}]"]
    own = [name] if name and role in NAMED_BY_ATTRIBUTE and not node.get("ignored") else []
    return own + [text for child in node.get("childIds", []) if child in known for text in _said(known[child], known)]
