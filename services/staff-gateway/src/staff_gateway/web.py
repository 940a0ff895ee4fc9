"""The REST doors of staff (protocol.md section 4): read the call, let conversations decide, answer as it did.

Every call is made as the caller, with their own token; sends go through the same queue as the socket's.
"""

from typing import Any
from uuid import UUID

from flask import Response, request

from gatekit.addresses import STAFF
from gatekit.api import Calls, caller
from gatekit.callers import Callers
from gatekit.conversations import Answer, Conversations
from gatekit.examples import examples_of
from gatekit.files import Files
from gatekit.filing import declare_file_calls
from gatekit.me import Limits, me
from gatekit.notices import PushDoor, push_calls
from gatekit.own import Own, own_calls
from gatekit.sending import Posting
from servicekit.doors import json_response
from wire import bodies
from wire.claims import Plane
from wire.problems import Conflict, ConversationClosed, NotFound, Stale


def calls(  # noqa: C901 - a list of doors, none branches
    callers: Callers, conversations: Conversations, files: Files, posting: Posting, limits: Limits, push: PushDoor
) -> Calls:
    """Return the calls of staff."""
    doors = Calls(
        STAFF,
        callers,
        description="Messages for staff: every conversation they take part in.",
        examples=examples_of(Plane.STAFF),
    )
    ask = conversations.ask
    declare_file_calls(
        doors, conversations, files, page=bodies.FilePage, show=lambda shown: shown, show_page=lambda page: page
    )

    @doors.call("GET", "/me", gives=bodies.Me)
    def who_am_i() -> Response:
        """Who is signed in, what they may do, and how much is unread."""
        return json_response(me(caller().claims, ask(caller(), "GET", "/me").body, limits))

    @doors.call("GET", "/conversations", asks=bodies.ListQuery, gives=bodies.ConversationPage)
    def list_conversations(query: dict[str, Any]) -> Response:
        """List conversations, newest activity first."""
        return _shown(ask(caller(), "GET", "/conversations", query=query))

    @doors.call(
        "POST",
        "/conversations",
        takes=bodies.OpenConversation,
        gives=bodies.Conversation,
        status=201,
        also=200,
        refuses=(Conflict,),
    )
    def open_conversation(body: dict[str, Any]) -> Response:
        """Open a conversation; a direct one that exists comes back with 200."""
        if body.get("first_message"):
            posting.count(caller())
        return _shown(ask(caller(), "POST", "/conversations", body=body))

    @doors.call("GET", "/conversations/<uuid:conversation_id>", gives=bodies.Conversation)
    def show_conversation(conversation_id: UUID) -> Response:
        """Show one conversation."""
        return _shown(ask(caller(), "GET", f"/conversations/{conversation_id}"))

    @doors.call(
        "PATCH",
        "/conversations/<uuid:conversation_id>",
        takes=bodies.ChangeConversation,
        gives=bodies.Conversation,
        refuses=(Conflict,),
    )
    def change_conversation(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Rename, close or reopen a conversation."""
        return _shown(ask(caller(), "PATCH", f"/conversations/{conversation_id}", body=body))

    @doors.call(
        "GET", "/conversations/<uuid:conversation_id>/timeline", asks=bodies.TimelineQuery, gives=bodies.Timeline
    )
    def read_timeline(query: dict[str, Any], conversation_id: UUID) -> Response:
        """Read a stream's entries, oldest first; without `before` and `after` the newest page."""
        return _shown(ask(caller(), "GET", f"/conversations/{conversation_id}/timeline", query=query))

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
        return _shown(posting.post(caller(), str(conversation_id), body))

    @doors.call(
        "PATCH",
        "/messages/<uuid:message_id>",
        takes=bodies.EditMessage,
        gives=bodies.Entry,
        refuses=(
            Conflict,
            ConversationClosed,
        ),
    )
    def edit_message(body: dict[str, Any], message_id: UUID) -> Response:
        """Edit one's own message; what it said before stays on the record."""
        return _shown(ask(caller(), "PATCH", f"/messages/{message_id}", body=body))

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
        """Recall one's own message, or as a moderator anyone's."""
        return _shown(ask(caller(), "DELETE", f"/messages/{message_id}"))

    @doors.call("POST", "/messages/<uuid:message_id>/acknowledgement", gives=bodies.Entry, refuses=(Conflict,))
    def acknowledge_message(message_id: UUID) -> Response:
        """Acknowledge a message that asks for it; saying it again brings the first entry back."""
        return _shown(ask(caller(), "POST", f"/messages/{message_id}/acknowledgement"))

    @doors.call("GET", "/messages/<uuid:message_id>/history", gives=bodies.History)
    def message_history(message_id: UUID) -> Response:
        """Show what a message said before."""
        return _shown(ask(caller(), "GET", f"/messages/{message_id}/history"))

    @doors.call("PUT", "/conversations/<uuid:conversation_id>/read", takes=bodies.MarkRead, gives=None, status=204)
    def mark_read(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Say how far one has read; never moves back."""
        conversations.mark_read(caller(), conversation_id=str(conversation_id), **body)
        return Response(status=204)

    @doors.call(
        "POST",
        "/conversations/<uuid:conversation_id>/participants",
        takes=bodies.AddParticipant,
        gives=bodies.Conversation,
        refuses=(Conflict,),
    )
    def add_participant(body: dict[str, Any], conversation_id: UUID) -> Response:
        """Let somebody take part."""
        return _shown(ask(caller(), "POST", f"/conversations/{conversation_id}/participants", body=body))

    @doors.call(
        "DELETE",
        "/conversations/<uuid:conversation_id>/participants/<uuid:user_id>",
        gives=bodies.Conversation,
        refuses=(Conflict,),
    )
    def remove_participant(conversation_id: UUID, user_id: UUID) -> Response:
        """Let somebody no longer take part; one may remove oneself."""
        return _shown(ask(caller(), "DELETE", f"/conversations/{conversation_id}/participants/{user_id}"))

    @doors.call("GET", "/directory", asks=bodies.DirectoryQuery, gives=bodies.Directory)
    def directory(query: dict[str, Any]) -> Response:
        """Find people one may write to."""
        return _shown(ask(caller(), "GET", "/directory", query=query))

    @doors.call("GET", "/messages/<uuid:message_id>/receipts", gives=bodies.Receipts)
    def message_receipts(message_id: UUID) -> Response:
        """Tell who got a message, who read it and who acknowledged it, with the times."""
        return _shown(ask(caller(), "GET", f"/messages/{message_id}/receipts"))

    @doors.call("POST", "/messages/<uuid:message_id>/reminder", gives=bodies.Reminded, refuses=(Conflict,))
    def remind(message_id: UUID) -> Response:
        """Remind those who have not acknowledged a message; at most once in five minutes."""
        return _shown(ask(caller(), "POST", f"/messages/{message_id}/reminder"))

    @doors.call(
        "POST",
        "/messages/<uuid:message_id>/forward",
        takes=bodies.ForwardMessage,
        gives=bodies.Entry,
        status=201,
        also=200,
        refuses=(Conflict, ConversationClosed),
    )
    def forward_message(body: dict[str, Any], message_id: UUID) -> Response:
        """Forward a message into another conversation; to where a patient reads it only when `confirmed`."""
        posting.count(caller())
        return _shown(ask(caller(), "POST", f"/messages/{message_id}/forward", body=body))

    @doors.call("GET", "/conversations/<uuid:conversation_id>/patient", gives=bodies.Patient)
    def show_patient(conversation_id: UUID) -> Response:
        """Show who the patient of a conversation is: name, birth date, identifiers."""
        return _shown(ask(caller(), "GET", f"/conversations/{conversation_id}/patient"))

    @doors.call("GET", "/search", asks=bodies.SearchQuery, gives=bodies.FoundPage, refuses=(NotFound,))
    def search(query: dict[str, Any]) -> Response:  # noqa: ARG001 - read as it came, once it is known to be good
        """Find messages, newest first: by words, person, conversation, day, or what is with them."""
        return _shown(ask(caller(), "GET", "/search", query=request.args.to_dict()))

    own_calls(doors, conversations, Own(unread=bodies.MarkUnread, draft=bodies.KeepDraft, drafts=bodies.Drafts))
    push_calls(doors, conversations, push)
    return doors


def _shown(answer: Answer) -> Response:
    return json_response(answer.body, answer.status)
