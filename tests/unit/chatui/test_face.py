"""The face keeps its promises: one version, no inline code, every word in the catalogue, small scripts."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import playwright
import pytest
from flask import Flask, render_template

import chatui
from chatui.face import LANGUAGES, catalogue, content_version, lean, page_modules, static_files

FOLDER = Path(chatui.__file__).parent
FILES = static_files(FOLDER / "static")
SCRIPTS = sorted((FOLDER / "static").rglob("*.js"))
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
NODE = Path(playwright.__file__).parent / "driver" / "node"
PROBLEMS = ("permission_required", "not_found", "sign_in_failed", "signed_out", "unavailable", "never_heard_of")


@pytest.fixture
def app() -> Flask:
    """Return a gateway that has nothing but the face."""
    app = Flask("a gateway")
    chatui.install(app, "/messaging/static")
    return app


def rendered(app: Flask, name: str, **values: str) -> str:
    """Render a template as a gateway does."""
    with app.test_request_context():
        return render_template(name, **values)


def places_in(words: str) -> list[str]:
    """List what a text leaves open to be filled in."""
    return sorted(re.findall(r"{\w+}", words))


def test_everything_a_page_names_is_served_and_may_be_kept_for_ever(app: Flask) -> None:
    """Each address in the page answers 200, immutable, with a type a browser takes under nosniff."""
    page = rendered(app, "chatui/staff.html")
    named = set(re.findall(r'(?:href|src)="(/messaging/static/[^"]+)"', page))

    answers = {address: app.test_client().get(address) for address in named}

    assert len(named) > 15
    assert {answer.status_code for answer in answers.values()} == {200}
    assert all("immutable" in answer.headers["Cache-Control"] for answer in answers.values())
    assert {answer.mimetype for answer in answers.values()} == {"text/javascript", "text/css", "image/svg+xml"}


def test_another_version_is_not_served(app: Flask) -> None:
    """A page of yesterday gets 404 and never half of today's scripts."""
    answer = app.test_client().get("/messaging/static/000000000000/js/dom.js")

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["../face.py", "..%2fface.py", "css", "css/", "js/nothing.js"])
def test_nothing_but_the_static_files_is_served(app: Flask, name: str) -> None:
    """Whatever climbs out of the folder, or names no file, is 404."""
    answer = app.test_client().get(f"/messaging/static/{content_version(FILES)}/{name}")

    assert answer.status_code == 404


def test_the_version_changes_with_any_content_and_any_name() -> None:
    """Two sets of files share a version only if they are the same."""
    sets: list[Mapping[str, bytes]] = [
        {"a": b"x"},
        {"a": b"y"},
        {"b": b"x"},
        {"a": b"x", "b": b""},
        {"a": b"", "b": b"x"},
    ]

    versions = {content_version(files) for files in sets}

    assert len(versions) == len(sets)


@pytest.mark.parametrize("name", ["chatui/staff.html", "chatui/portal.html"])
def test_the_pages_hold_nothing_inline_and_nothing_from_elsewhere(app: Flask, name: str) -> None:
    """Strict CSP holds: no style attribute or element, no script without src (but data), no event attribute."""
    page = rendered(app, name)

    assert re.findall(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", page) == []


def test_the_patients_page_holds_not_a_word_about_internal_notes(app: Flask) -> None:
    """Neither markup nor catalogue of the portal tells that there is an internal stream."""
    assert "internal" not in rendered(app, "chatui/portal.html").lower()
    assert "internal note" in rendered(app, "chatui/staff.html").lower()


@pytest.mark.parametrize("plane", ["staff", "portal"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_has_a_page_with_a_way_on(app: Flask, plane: str, problem: str) -> None:
    """A heading says what happened, one button leads on, also for a problem nobody foresaw."""
    page = rendered(app, "chatui/problem.html", plane=plane, problem=problem)

    assert len(re.findall(r"<h1>[^<]+</h1>", page)) == 1
    assert len(re.findall(r'class="button primary"', page)) == 1


def test_who_lacks_access_reads_who_they_are_and_may_change_it(app: Flask) -> None:
    """The 403 page names the account, escaped, and signs out by POST."""
    page = rendered(app, "chatui/problem.html", plane="staff", problem="permission_required", signed_in_as="Otto <b>")

    assert "Otto &lt;b&gt;" in page
    assert '<form method="post" action="/messaging/logout">' in page


@pytest.mark.parametrize("page", ["staff", "portal"])
def test_the_scripts_of_a_page_stay_small(page: str) -> None:
    """Everything a page loads at its start is under 60,000 bytes, unpacked."""
    assert sum(len(FILES[name]) for name in page_modules(FILES, page)) < 60_000


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_says_all_that_english_says(language: str) -> None:
    """The catalogues hold the same keys, with the same places to fill in, and nothing is left empty."""
    english, words = catalogue("en"), catalogue(language)

    assert list(words) == list(english)
    assert {key for key in words if places_in(words[key]) != places_in(english[key])} == set()
    assert all(text.strip() for text in words.values())


def test_a_page_speaks_the_language_chosen_else_the_browsers_else_english(app: Flask) -> None:
    """The switch's cookie wins over Accept-Language; a language we do not have is English."""
    told = {
        "chosen": app.test_request_context(headers={"Cookie": "language=es", "Accept-Language": "en"}),
        "preferred": app.test_request_context(headers={"Accept-Language": "fr;q=0.9, es-MX;q=0.8"}),
        "neither": app.test_request_context(headers={"Cookie": "language=../x", "Accept-Language": "fr"}),
    }

    spoken = {}
    for name, context in told.items():
        with context:
            page = render_template("chatui/portal.html")
            spoken[name] = (re.findall(r'<html lang="(\w+)" dir="(\w+)"', page), "Sus mensajes" in page)

    assert spoken == {
        "chosen": ([("es", "ltr")], True),
        "preferred": ([("es", "ltr")], True),
        "neither": ([("en", "ltr")], False),
    }


def test_every_word_in_use_is_in_the_catalogue() -> None:
    """No key is asked for that the catalogue does not hold, alone or counted."""
    words = catalogue("en")
    asked = {key for path in SCRIPTS for key in re.findall(r'\bt\("([a-z_.]+)"', path.read_text())}
    asked |= {key for path in TEMPLATES for key in re.findall(r"""say\(["']([a-z_.]+)["']\)""", path.read_text())}

    missing = {key for key in asked if key not in words and not {f"{key}.one", f"{key}.other"} <= words.keys()}

    assert len(asked) > 80
    assert missing == set()


def test_lean_scripts_still_parse(tmp_path: Path) -> None:
    """What goes out is JavaScript, without comments and idle white space; what is quoted stays as it is."""
    for name, content in FILES.items():
        if name.endswith(".js"):
            (tmp_path / name.replace("/", "-").replace(".js", ".mjs")).write_bytes(content)

    for script in tmp_path.iterdir():
        subprocess.run([NODE, "--check", script], check=True, timeout=20)

    assert (
        lean(b"/** One.\n * Two. */\n  a(1, `b  ${ c }`);\n\n  // b\nc = /x  y/;\n") == b"a(1,`b  ${ c }`);c=/x  y/;\n"
    )


def test_styles_know_where_lines_begin_and_not_what_is_left() -> None:
    """Ready for languages that run from the right; what is centred, or turns pages, may name a side."""
    one = r"[^\s;]+"
    sided = re.compile(
        r"(?:margin|padding|border|inset)-(?:left|right)\b"
        r"|(?<![\w-])(?:left|right|float|text-align): ?(?:left|right|\d)"
        rf"|(?<![\w-])(?:margin|padding|inset): {one} (?P<right>{one}) {one} (?!(?P=right);){one};"
    )
    values = re.compile(r"\([^()]*\)")  # of calc() and the like: they hold spaces
    styles = {name: text.decode() for name, text in FILES.items() if name.endswith(".css")}

    rules = [rule for text in styles.values() for rule in values.sub("", values.sub("", text)).split("}")]
    lines = [rule for rule in rules if sided.search(rule)]

    assert styles
    assert [rule for rule in lines if not re.search(r"\.turn|\.jump\.above", rule)] == []
