"""The calls about files (protocol.md section 4), the same on both planes but for what each is shown."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Response, request
from marshmallow import Schema

from gatekit.api import Calls, caller
from gatekit.conversations import Conversations
from gatekit.files import Brought, Files
from gatekit.headers import ASK_FIRST
from servicekit.doors import json_response
from wire.bodies import Attachment, AttachmentQuery, FilesQuery

Show = Callable[[Any], Any]


def declare_file_calls(
    doors: Calls, conversations: Conversations, files: Files, *, page: type[Schema], show: Show, show_page: Show
) -> None:
    """Declare them; `show` and `show_page` present an attachment and a page of them."""

    @doors.call("POST", "/attachments", gives=Attachment, status=201, takes_file=True)
    def upload() -> Response:
        """Upload a file, the form's field `file`; it is seen by nobody else until it is posted with a message."""
        answer = files.upload(caller(), request)
        return json_response(show(answer.body), answer.status)

    @doors.call("GET", "/attachments/<uuid:attachment_id>", asks=AttachmentQuery, gives=None, gives_file=True)
    def fetch(query: dict[str, Any], attachment_id: UUID) -> Response:
        """Fetch a file, or its thumbnail: pictures and PDF to be shown, all else as a download."""
        return _passed_on(files.fetch(caller(), str(attachment_id), query["size"], request))

    @doors.call("DELETE", "/attachments/<uuid:attachment_id>", gives=None, status=204)
    def remove(attachment_id: UUID) -> Response:
        """Remove a file of one's own that was not posted."""
        conversations.ask(caller(), "DELETE", f"/attachments/{attachment_id}")
        return Response(status=204)

    @doors.call("GET", "/conversations/<uuid:conversation_id>/files", asks=FilesQuery, gives=page)
    def list_files(query: dict[str, Any], conversation_id: UUID) -> Response:
        """List a conversation's files, newest first."""
        answer = conversations.ask(caller(), "GET", f"/conversations/{conversation_id}/files", query=query)
        return json_response(show_page(answer.body))


def _passed_on(brought: Brought) -> Response:
    response = Response(brought.pieces(), brought.status, headers=dict(brought.headers))
    response.headers["Cache-Control"] = ASK_FIRST
    response.call_on_close(brought.content.close)
    return response
