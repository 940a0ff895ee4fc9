"""The REST calls of protocol.md section 4, each with the name of what it does.

Promises: a refusal is its Problem; a token that was refused is replaced once, and the call repeated, which is safe
because a refused call did nothing; what may be repeated without harm (reads, and whatever carries a client id) is
repeated while the service is away, for `patience_s`; nothing else ever is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from random import random
from typing import Any, Final, Unpack, cast

import httpx

from client.coming_back import ComingBack
from client.line import bearer
from client.lost import LineLost
from client.things import (
    Conversation,
    ConversationPage,
    DirectoryPerson,
    Entry,
    Filter,
    KeptDraft,
    Me,
    Patient,
    PersonKind,
    Preference,
    Receipt,
    Said,
    Stream,
    Timeline,
    Version,
    Wished,
)
from client.tokens import Tokens
from wire.ids import new_id
from wire.problems import MEDIA_TYPE, RateLimited, Unauthenticated, Unavailable, problem_from_dict

Query = Mapping[str, str | int | bool | None]
PATIENCE_S: Final = 10.0
_READS: Final = frozenset({"GET", "PUT"})
_PAGE: Final = 200


class Calls:
    """What staff and patients both may call."""

    def __init__(self, http: httpx.Client, api: str, tokens: Tokens, *, patience_s: float = PATIENCE_S) -> None:
        """`http` has the clinic's origin as its base address, `api` is this plane's path below it."""
        self._http = http
        self._api = api
        self._tokens = tokens
        self._patience_s = patience_s

    def call(
        self, method: str, path: str, *, query: Query | None = None, body: object = None, repeat: bool = False
    ) -> Any:  # noqa: ANN401 - any JSON
        """Make any call of this plane; returns its body (None for 204), raises its Problem or LineLost."""
        if not (repeat or method in _READS):
            return self._with_good_token(method, path, query, body)
        return self._repeated(lambda: self._with_good_token(method, path, query, body))

    def me(self) -> Me:
        """Return who is signed in."""
        return cast("Me", self.call("GET", "/me"))

    def conversations(self, *, filter: Filter = "all", q: str = "") -> Iterator[Conversation]:  # noqa: A002 - the protocol's word
        """Yield one's conversations, newest activity first, page by page."""
        cursor: str | None = None
        while True:
            query = {"filter": filter, "q": q, "cursor": cursor, "limit": _PAGE}
            page: ConversationPage = self.call("GET", "/conversations", query=query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def conversation(self, conversation_id: str) -> Conversation:
        """Return one conversation."""
        return cast("Conversation", self.call("GET", f"/conversations/{conversation_id}"))

    def timeline(
        self,
        conversation_id: str,
        *,
        stream: Stream = "shared",
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Timeline:
        """Return a page of a stream: the newest, or the one before or after a seq."""
        query = {"stream": stream, "before": before, "after": after, "limit": limit}
        return cast("Timeline", self.call("GET", f"/conversations/{conversation_id}/timeline", query=query))

    def entries(self, conversation_id: str, *, stream: Stream = "shared", after: int = 0) -> Iterator[Entry]:
        """Yield the entries of a stream after a seq, oldest first, page by page."""
        while True:
            page = self.timeline(conversation_id, stream=stream, after=after, limit=_PAGE)
            yield from page["items"]
            if not page["has_more"]:
                return
            after = page["items"][-1]["seq"]

    def post(
        self, conversation_id: str, body: str, *, client_message_id: str | None = None, **more: Unpack[Said]
    ) -> Entry:
        """Post a message once, however often it has to be said; returns its entry."""
        said = {"client_message_id": client_message_id or new_id(), "body": body, **more}
        return cast("Entry", self.call("POST", f"/conversations/{conversation_id}/messages", body=said, repeat=True))

    def edit(self, message_id: str, body: str) -> Entry:
        """Change what one's own message says."""
        return cast("Entry", self.call("PATCH", f"/messages/{message_id}", body={"body": body}))

    def recall(self, message_id: str) -> Entry:
        """Take a message back."""
        return cast("Entry", self.call("DELETE", f"/messages/{message_id}"))

    def acknowledge(self, message_id: str) -> Entry:
        """Give the acknowledgement a message asks for; saying it again changes nothing."""
        return cast("Entry", self.call("POST", f"/messages/{message_id}/acknowledgement", repeat=True))

    def mark_read(self, conversation_id: str, seq: int, *, stream: Stream = "shared") -> None:
        """Say how far one has read; never moves back."""
        self.call("PUT", f"/conversations/{conversation_id}/read", body={"stream": stream, "seq": seq})

    def mark_unread(self, conversation_id: str, seq: int, *, stream: Stream = "shared") -> None:
        """Keep everything from an entry on unread, until one next reads there."""
        self.call("PUT", f"/conversations/{conversation_id}/unread", body={"stream": stream, "seq": seq})

    def preferences(self) -> list[Preference]:
        """Return what one prefers where it is not what everybody begins with."""
        return cast("list[Preference]", self.call("GET", "/preferences")["items"])

    def prefer(self, conversation_id: str, **wished: Unpack[Wished]) -> Preference:
        """Pin, silence or put away a conversation, for oneself."""
        return cast("Preference", self.call("PUT", f"/conversations/{conversation_id}/preferences", body=wished))

    def drafts(self) -> list[KeptDraft]:
        """Return what one was writing, the newest first."""
        return cast("list[KeptDraft]", self.call("GET", "/drafts")["items"])

    def keep_draft(self, conversation_id: str, body: str, *, stream: Stream = "shared") -> None:
        """Keep what one is writing; an empty body forgets it."""
        self.call("PUT", f"/conversations/{conversation_id}/draft", body={"stream": stream, "body": body})

    def _with_good_token(self, method: str, path: str, query: Query | None, body: object) -> Any:  # noqa: ANN401 - any JSON
        token = self._tokens.current()
        try:
            return self._once(method, path, query, body, token.access_token)
        except Unauthenticated:
            fresh = self._tokens.after(token)
            if fresh == token:
                raise
        return self._once(method, path, query, body, fresh.access_token)

    def _once(self, method: str, path: str, query: Query | None, body: object, access_token: str) -> Any:  # noqa: ANN401 - any JSON
        try:
            answer = self._http.request(
                method,
                self._api + path,
                params={name: value for name, value in (query or {}).items() if value not in (None, "")},
                headers=bearer(access_token),
                json=body,
            )
        except httpx.ConnectError as away:
            raise Unavailable("The service cannot be reached.") from away
        except httpx.HTTPError as lost:
            raise LineLost(f"no answer to {method} {path}") from lost
        return _told(answer)

    def _repeated(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON
        coming_back = ComingBack(random)
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return call()
            except (Unavailable, LineLost, RateLimited) as trouble:
                pause_s = coming_back.pause_s(asked_s=trouble.retry_after if isinstance(trouble, RateLimited) else 0)
                if pause_s is None or time.monotonic() + pause_s > until:
                    raise
            time.sleep(pause_s)


class StaffCalls(Calls):
    """What staff may call."""

    def open_direct(self, user_id: str) -> Conversation:
        """Open the conversation with a colleague, or find it."""
        return self._opened(repeat=True, kind="direct", participant_ids=[user_id])

    def open_group(self, subject: str, user_ids: list[str]) -> Conversation:
        """Open a group; needs pf.messaging.create_group."""
        return self._opened(kind="group", subject=subject, participant_ids=user_ids)

    def open_patient(
        self, patient_id: str, subject: str, body: str, *, client_message_id: str | None = None
    ) -> Conversation:
        """Open a conversation with a patient by its first message, once, however often it has to be said."""
        first = {"client_message_id": client_message_id or new_id(), "body": body}
        return self._opened(repeat=True, kind="patient", patient_id=patient_id, subject=subject, first_message=first)

    def rename(self, conversation_id: str, subject: str) -> Conversation:
        """Give a conversation another subject."""
        return self._changed(conversation_id, subject=subject)

    def close(self, conversation_id: str) -> Conversation:
        """Close a conversation: nothing can be posted until it is reopened."""
        return self._changed(conversation_id, status="closed")

    def reopen(self, conversation_id: str) -> Conversation:
        """Open a closed conversation again."""
        return self._changed(conversation_id, status="open")

    def add(self, conversation_id: str, user_id: str) -> Conversation:
        """Let somebody take part."""
        path = f"/conversations/{conversation_id}/participants"
        return cast("Conversation", self.call("POST", path, body={"user_id": user_id}))

    def remove(self, conversation_id: str, user_id: str) -> Conversation:
        """Let somebody no longer take part; one may remove oneself."""
        return cast("Conversation", self.call("DELETE", f"/conversations/{conversation_id}/participants/{user_id}"))

    def history(self, message_id: str) -> list[Version]:
        """Return what a message said before, oldest first."""
        return cast("list[Version]", self.call("GET", f"/messages/{message_id}/history")["items"])

    def receipts(self, message_id: str) -> list[Receipt]:
        """Return who got a message, read it and acknowledged it, with the times."""
        return cast("list[Receipt]", self.call("GET", f"/messages/{message_id}/receipts")["items"])

    def remind(self, message_id: str) -> list[str]:
        """Remind those who have not acknowledged a message; returns who they are."""
        return cast("list[str]", self.call("POST", f"/messages/{message_id}/reminder")["reminded"])

    def forward(
        self,
        message_id: str,
        conversation_id: str,
        *,
        stream: Stream = "shared",
        confirmed: bool = False,
        client_message_id: str | None = None,
    ) -> Entry:
        """Forward a message, once; where a patient reads it only when `confirmed`."""
        said = {
            "conversation_id": conversation_id,
            "client_message_id": client_message_id or new_id(),
            "stream": stream,
            "confirmed": confirmed,
        }
        return cast("Entry", self.call("POST", f"/messages/{message_id}/forward", body=said, repeat=True))

    def patient(self, conversation_id: str) -> Patient:
        """Return who the patient of a conversation is."""
        return cast("Patient", self.call("GET", f"/conversations/{conversation_id}/patient"))

    def directory(self, q: str = "", *, kind: PersonKind | None = None, limit: int = 50) -> list[DirectoryPerson]:
        """Return people one may write to."""
        query = {"q": q, "kind": kind, "limit": limit}
        return cast("list[DirectoryPerson]", self.call("GET", "/directory", query=query)["items"])

    def _opened(self, *, repeat: bool = False, **body: object) -> Conversation:
        return cast("Conversation", self.call("POST", "/conversations", body=body, repeat=repeat))

    def _changed(self, conversation_id: str, **body: str) -> Conversation:
        return cast("Conversation", self.call("PATCH", f"/conversations/{conversation_id}", body=body))


class PortalCalls(Calls):
    """What patients may call."""

    def write(
        self, subject: str, body: str, *, patient_id: str | None = None, client_message_id: str | None = None
    ) -> Conversation:
        """Write to the care team of a patient (one's own by default), once, however often it has to be said."""
        first = {"client_message_id": client_message_id or new_id(), "body": body}
        said = {
            "subject": subject,
            "first_message": first,
            **({} if patient_id is None else {"patient_id": patient_id}),
        }
        return cast("Conversation", self.call("POST", "/conversations", body=said, repeat=True))


def _told(answer: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    if answer.is_success:
        return answer.json() if answer.content else None
    told: dict[str, Any] = {"status": answer.status_code}
    if answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
        told |= answer.json()
    elif answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        told["code"] = "unavailable"
    raise problem_from_dict(told)
