"""The REST doors of patients (protocol.md section 4, marked P): let conversations decide, show what a patient may see.

Every call is made as the caller, with their own token; every answer goes through the presenter, refusals included.
"""

from typing import Any
from uuid import UUID

from flask import Response, request

from gatekit.addresses import PORTAL
from gatekit.api import Calls, caller
from gatekit.callers import Callers
from gatekit.conversations import Conversations
from gatekit.examples import examples_of
from gatekit.files import Files
from gatekit.filing import declare_file_calls
from gatekit.me import Limits, me
from gatekit.notices import PushDoor, push_calls
from gatekit.own import Own, own_calls
from gatekit.sending import Posting
from portal_gateway import bodies
from portal_gateway.presenter import Presenter
from servicekit.doors import json_response, problem_response
from wire.bodies import EditMessage, ListQuery, OpenPortalConversation, PortalMe, SearchQuery
from wire.claims import Plane
from wire.problems import Conflict, ConversationClosed, NotFound, Stale


def calls(  # noqa: C901 - a list of doors, none branches, and what they lead to
    callers: Callers,
    conversations: Conversations,
    files: Files,
    posting: Posting,
    limits: Limits,
    present: Presenter,
    push: PushDoor,
) -> Calls:
    """Return the calls of patients."""
    doors = Calls(
        PORTAL,
        callers,
        description="Messages for patients: the conversations they, or the patient they stand for, take part in.",
        examples=examples_of(Plane.PORTAL),
        problem=bodies.ProblemBody,
    )
    ask = conversations.ask
    declare_file_calls(
        doors, conversations, files, page=bodies.FilePage, show=present.attachment, show_page=present.files
    )

    @doors.call("GET", "/me", gives=PortalMe)
    def who_am_i() -> Response:
        """Who is signed in, for whom they may write, and how much is unread."""
        told = ask(caller(), "GET", "/me").body  # a conversations of the release before names no patients
        return json_response(me(caller().claims, told, limits) | {"patients": told.get("patients", [])})

    @doors.call("GET", "/conversations", asks=ListQuery, gives=bodies.ConversationPage)
    def list_conversations(query: dict[str, Any]) -> Response:
        """List conversations, newest activity first."""
        answer = ask(caller(), "GET", "/conversations", query=query)
        return json_response(present.conversations(answer.body))

    @doors.call(
        "POST",
        "/conversations",
        takes=OpenPortalConversation,
        gives=bodies.Conversation,
        status=201,
        also=200,
        refuses=(Conflict,),
    )
    def open_conversation(body: dict[str, Any]) -> Response:
        """Write to the care team; the same client id again brings the same conversation back with 200."""
        posting.count(caller())
        answer = ask(caller(), "POST", "/conversations", body=body)
        return json_response(present.conversation(answer.body), answer.status)

    @doors.call("GET", "/conversations/<uuid:conversation_id>", gives=bodies.Conversation)
    def show_conversation(conversation_id: UUID) -> Response:
        """Show one conversation."""
        return json_response(present.conversation(ask(caller(), "GET", f"/conversations/{conversation_id}").body))

    @doors.call(
        "GET", "/conversations/<uuid:conversation_id>/timeline", asks=bodies.TimelineQuery, gives=bodies.Timeline
    )
    def read_timeline(query: dict[str, Any], conversation_id: UUID) -> Response:
        """Read a conversation's entries, oldest first; without `before` and `after` the newest page."""
        answer = ask(caller(), "GET", f"/conversations/{conversation_id}/timeline", query=query)
        return json_response(present.timeline(answer.body))

    @doors.call(
        "POST",
        "/conversations/<uuid:conversation_id>/messages",
        takes=bodies.PostMessage,
        gives=bodies.Entry,
        status=201,
        also=200,
        refuses=(
            Conflict,
            Stale,
            ConversationClosed,
        ),
    )
    def post_message(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Post a message; the same client id again brings the first result back with 200."""
        answer = posting.post(caller(), str(conversation_id), body)
        return json_response(present.entry(answer.body), answer.status)

    @doors.call(
        "PATCH",
        "/messages/<uuid:message_id>",
        takes=EditMessage,
        gives=bodies.Entry,
        refuses=(
            Conflict,
            ConversationClosed,
        ),
    )
    def edit_message(body: dict[str, Any], message_id: UUID) -> Response:
        """Edit one's own message; what it said before stays on the record."""
        return json_response(present.entry(ask(caller(), "PATCH", f"/messages/{message_id}", body=body).body))

    @doors.call(
        "DELETE",
        "/messages/<uuid:message_id>",
        gives=bodies.Entry,
        refuses=(
            Conflict,
            ConversationClosed,
        ),
    )
    def recall_message(message_id: UUID) -> Response:
        """Recall one's own message."""
        return json_response(present.entry(ask(caller(), "DELETE", f"/messages/{message_id}").body))

    @doors.call("POST", "/messages/<uuid:message_id>/acknowledgement", gives=bodies.Entry, refuses=(Conflict,))
    def acknowledge_message(message_id: UUID) -> Response:
        """Acknowledge a message that asks for it; saying it again brings the first entry back."""
        return json_response(present.entry(ask(caller(), "POST", f"/messages/{message_id}/acknowledgement").body))

    @doors.call("PUT", "/conversations/<uuid:conversation_id>/read", takes=bodies.MarkRead, gives=None, status=204)
    def mark_read(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Say how far one has read; never moves back."""
        conversations.mark_read(caller(), conversation_id=str(conversation_id), **body)
        return Response(status=204)

    @doors.call("GET", "/search", asks=SearchQuery, gives=bodies.FoundPage, refuses=(NotFound,))
    def search(query: dict[str, Any]) -> Response:  # noqa: ARG001 - read as it came, once it is known to be good
        """Find messages, newest first: by words, person, conversation, day, or what is with them."""
        answer = ask(caller(), "GET", "/search", query=request.args.to_dict())
        return json_response(present.found(answer.body))

    own_calls(doors, conversations, Own(unread=bodies.MarkUnread, draft=bodies.KeepDraft, drafts=bodies.Drafts))
    push_calls(doors, conversations, push)

    def stale(problem: Stale) -> Response:
        shown = (present.entry(entry) for entry in problem.entries)
        return problem_response(Stale(problem.detail, entries=[entry for entry in shown if entry is not None]))

    doors.register_error_handler(Stale, stale)
    return doors
