"""The doors of files: bytes in and out, in pieces.

POST   /attachments                    the bytes; what they are called in `X-File-Name`   -> 201 Attachment
GET    /attachments/<id>?size=         the bytes, or a part of them (RFC 9110 section 14)
DELETE /attachments/<id>               204
GET    /conversations/<id>/files       {items, next_cursor}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Request, Response, request
from marshmallow import Schema
from werkzeug.datastructures import ContentRange
from werkzeug.http import is_resource_modified, parse_range_header

from conversations.files.kinds import KINDS
from conversations.service.filing import Fetched, FilePage, Filing
from conversations.web.keys import Keys
from servicekit.doors import json_response
from wire.bodies import AttachmentQuery, FilesQuery
from wire.files import LARGEST, NAME, unpacked
from wire.problems import Invalid

PIECE = 64 * 1024
SANDBOX = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
"""Of a file that is opened by itself: nothing in it runs, loads or sends anything.

A PDF as well: the browser's own viewer shows it all the same (docs/decisions/0018-files-pass-whole.md)."""


def file_doors(keys: Keys, filing: Filing) -> Blueprint:
    """Return the doors."""
    inside = Blueprint("files", __name__)

    @inside.post("/attachments")
    def upload() -> Response:
        claims = keys.caller(request)
        name = request.headers.get(NAME)
        if name is None:
            raise Invalid(errors={"file": ["Must have a name."]})
        # One more than is taken, so that whoever counts the pieces sees that it is too much.
        request.max_content_length = LARGEST + PIECE
        return json_response(filing.take(claims, unpacked(name), _pieces(request)), 201)

    @inside.get("/attachments/<uuid:attachment_id>")
    def fetch(attachment_id: UUID) -> Response:
        claims, query = keys.caller(request), _query(AttachmentQuery())
        return _answer(filing.fetch(claims, str(attachment_id), thumbnail=query["size"] == "thumbnail"))

    @inside.delete("/attachments/<uuid:attachment_id>")
    def remove(attachment_id: UUID) -> Response:
        filing.remove(keys.caller(request), str(attachment_id))
        return Response(status=204)

    @inside.get("/conversations/<uuid:conversation_id>/files")
    def files(conversation_id: UUID) -> Response:
        claims, query = keys.caller(request), _query(FilesQuery())
        return json_response(filing.files(claims, str(conversation_id), FilePage(**query)))

    return inside


def _query(schema: Schema) -> dict[str, Any]:
    loaded: dict[str, Any] = schema.load(request.args.to_dict())
    return loaded


def _pieces(call: Request) -> Iterator[bytes]:
    while piece := call.stream.read(PIECE):
        yield piece


def _answer(found: Fetched) -> Response:
    etag = f'"{found.version}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": _disposition(found),
        "Accept-Ranges": "none" if found.size is None else "bytes",
    }
    if not is_resource_modified(request.environ, etag=etag, ignore_if_range=True):
        return Response(status=304, headers=headers)
    part = _part(found, etag)
    if part is None:
        length = {} if found.size is None else {"Content-Length": str(found.size)}
        return Response(found.pieces(), headers=headers | length, content_type=found.media_type)
    first, end = part
    headers["Content-Range"] = str(ContentRange("bytes", first, end, found.size))
    headers["Content-Length"] = str(end - first)
    return Response(found.pieces(first, end - 1), 206, headers, content_type=found.media_type)


def _part(found: Fetched, etag: str) -> tuple[int, int] | None:
    """Return the part that is asked for, its end not included; None for all of it, as anything odd is answered."""
    if_range = request.headers.get("If-Range")
    if found.size is None or (if_range is not None and if_range != etag):
        return None
    asked = parse_range_header(request.headers.get("Range"))
    return None if asked is None else asked.range_for_length(found.size)


def _disposition(found: Fetched) -> str:
    """Say how to take it, and its name twice (RFC 6266 section 4.3, RFC 8187)."""
    shown = found.thumbnail or KINDS[found.media_type].shown
    name = found.file.name
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in name)
    return f"{'inline' if shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
