"""Templates, words and static files as one Flask blueprint, addressed by the hash of their content.

- The hash covers every static file, so a page never mixes two versions; what it names may be cached for ever.
- Another version than ours is 404: half an old page is worse than a reload.
- The words of both pages and of the templates come from one catalogue a language. Which one: the person's own choice
  (the cookie `language`, which the pages' switch sets), else what the browser prefers, else English.
- Scripts go out as they stand, less comments and idle white space: nothing is built, nothing renamed.
"""

import hashlib
import json
import mimetypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import rjsmin
from flask import Blueprint, Flask, Response, abort, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

LANGUAGES = {"en": "English", "es": "Español"}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})

_HERE = Path(__file__).parent


def install(app: Flask, url_path: str) -> None:
    """Make the templates renderable in `app` and serve the static files under `url_path` (no trailing slash)."""
    files = static_files(_HERE / "static")
    version = content_version(files)
    texts = {language: catalogue(language) for language in LANGUAGES}
    face = Blueprint("chatui", __name__, template_folder="templates")
    face.add_url_rule(f"{url_path}/<version>/<path:name>", "static", _sender(version, files))
    face.add_url_rule(f"{url_path}/worker.js", "worker", _worker(url_path.rpartition("/")[0], files, texts))
    face.add_app_template_global(lambda name: f"{url_path}/{version}/{name}", "face")
    face.add_app_template_global(lambda page: page_modules(files, page), "face_modules")
    face.add_app_template_global(lambda page: page_texts(texts[page_language()], page), "face_texts")
    face.add_app_template_global(lambda key: texts[page_language()][key], "say")
    face.add_app_template_global(page_language)
    face.add_app_template_global(lambda: "rtl" if page_language() in RIGHT_TO_LEFT else "ltr", "page_direction")
    face.add_app_template_global(lambda: LANGUAGES, "page_languages")
    app.register_blueprint(face)


def page_language() -> str:
    """Return the language of this answer: as the person chose, else as their browser prefers, else English."""
    chosen = request.cookies.get("language", "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "en"


def static_files(folder: Path) -> Mapping[str, bytes]:
    """Read every file below `folder`, by its path there, as it goes out."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: lean(content) if name.endswith(".js") else content for name, content in contents.items()}


def lean(script: bytes) -> bytes:
    """Leave out comments and the white space that means nothing; names and order stay."""
    return cast("str", rjsmin.jsmin(script.decode())).encode() + b"\n"


def content_version(files: Mapping[str, bytes]) -> str:
    """Twelve hex digits that change when any file changes its name or content."""
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def page_modules(files: Mapping[str, bytes], page: str) -> list[str]:
    """Name the scripts a page loads first, so that its head asks for all of them at once; `later/` comes on demand."""
    folders = ("js", f"js/{page}")
    return [name for name in files if name.endswith(".js") and name.rpartition("/")[0] in folders]


def catalogue(language: str) -> Mapping[str, str]:
    """Every word the pages say in `language`, by key."""
    return cast("Mapping[str, str]", json.loads((_HERE / "texts" / f"{language}.json").read_text("utf-8")))


def page_texts(texts: Mapping[str, str], page: str) -> dict[str, str]:
    """Keep the words a page needs; the patient's page holds not even a word about internal notes."""
    foreign = ("page.", "internal." if page == "portal" else "portal.")
    return {key: words for key, words in texts.items() if not key.startswith(foreign)}


def _sender(current: str, files: Mapping[str, bytes]) -> Callable[[str, str], Response]:
    def send(version: str, name: str) -> Response:
        if version != current or name not in files:
            abort(404)
        response = Response(files[name], mimetype=_media_type(name))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    return send


def _worker(root: str, files: Mapping[str, bytes], texts: Mapping[str, Mapping[str, str]]) -> Callable[[], Response]:
    """Send the service worker of a plane, under one address for all versions and with its few words before it."""
    home = f"{root}/messages" if root == "/portal" else root

    def send() -> Response:
        said = texts[page_language()]
        words = {"home": home, "root": root, "title": said["app"], "body": said["notice.new"]}
        response = Response(f"const WORDS = {json.dumps(words)};\n".encode() + files["worker.js"])
        response.mimetype = "text/javascript"
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Service-Worker-Allowed"] = root
        return response

    return send


def _media_type(name: str) -> str:
    return "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
