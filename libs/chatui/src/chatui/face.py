"""Templates, words and static files as one Flask blueprint, addressed by the hash of their content.

- The hash covers every static file, so a page never mixes two versions; what it names may be cached for ever.
- Another version than ours is 404: half an old page is worse than a reload.
- The words of both pages and of the templates come from one catalogue a language.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from flask import Blueprint, Flask, Response, abort, send_from_directory

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_A_YEAR = 31_536_000


def install(app: Flask, url_path: str) -> None:
    """Make the templates renderable in `app` and serve the static files under `url_path` (no trailing slash)."""
    version = content_version(_STATIC)
    texts = catalogue("en")
    face = Blueprint("chatui", __name__, template_folder="templates")
    face.add_url_rule(f"{url_path}/<version>/<path:name>", "static", _sender(version))
    face.add_app_template_global(lambda name: f"{url_path}/{version}/{name}", "face")
    face.add_app_template_global(page_modules, "face_modules")
    face.add_app_template_global(lambda page: page_texts(texts, page), "face_texts")
    face.add_app_template_global(lambda key: texts[key], "say")
    app.register_blueprint(face)


def catalogue(language: str) -> Mapping[str, str]:
    """Every word the pages say in `language`, by key."""
    return cast("Mapping[str, str]", json.loads((_HERE / "texts" / f"{language}.json").read_text("utf-8")))


def page_texts(texts: Mapping[str, str], page: str) -> dict[str, str]:
    """Keep the words a page needs; the patient's page holds not even a word about internal notes."""
    foreign = ("page.", "internal." if page == "portal" else "portal.")
    return {key: words for key, words in texts.items() if not key.startswith(foreign)}


def content_version(folder: Path) -> str:
    """Twelve hex digits that change when any file below `folder` changes its name or content."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def page_modules(page: str) -> list[str]:
    """Name the scripts a page loads first, so that its head asks for all of them at once; `later/` comes on demand."""
    scripts = [*(_STATIC / "js").glob("*.js"), *(_STATIC / "js" / page).glob("*.js")]
    return sorted(path.relative_to(_STATIC).as_posix() for path in scripts)


def _sender(current: str) -> Callable[[str, str], Response]:
    def send(version: str, name: str) -> Response:
        if version != current:
            abort(404)
        response = send_from_directory(_STATIC, name, max_age=_A_YEAR)
        response.cache_control.public = True
        response.cache_control.immutable = True
        return response

    return send
