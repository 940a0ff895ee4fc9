"""The hand-written reading of a batch's items takes and refuses what the schema of a message does."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from conversations.service.posting import Draft
from conversations.web.drafts import read_draft
from conversations.web.keys import Keys
from servicekit.tokens import Verifier
from wire.bodies import PostMessage
from wire.claims import Claims, Plane, ServiceClaims
from wire.ids import OrganisationId, SessionId, UserId, new_id

CLAIMS = Claims(
    user_id=UserId(new_id()),
    session_id=SessionId(new_id()),
    token_id="t",
    organisation_id=OrganisationId(new_id()),
    name="Nora",
    plane=Plane.STAFF,
    permissions=frozenset(),
    patients=(),
    client_id="staff-gateway",
    issued_at=0,
    expires_at=1,
)


class Anybody(Verifier):
    """Takes every token for Nora's."""

    def __init__(self) -> None:
        """Need no keys."""

    def user(self, token: str, plane: Plane | None = None) -> Claims:
        del token, plane
        return CLAIMS

    def service(self, token: str | None, allowed: object) -> ServiceClaims:
        del token, allowed
        raise AssertionError("reading a draft asks for its author only, never for a service")


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
IDS = st.builds(new_id)


def field(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mostly good values."""
    return st.one_of(good, good, good, ODD)


ITEMS = st.fixed_dictionaries(
    {"client_message_id": field(IDS), "body": field(st.text(max_size=20))},
    optional={
        "stream": field(st.sampled_from(["shared", "internal"])),
        "reply_to": field(st.one_of(st.none(), IDS)),
        "mentions": field(st.lists(IDS, max_size=3)),
        "priority": field(st.sampled_from(["normal", "urgent"])),
        "ask_acknowledgement": st.one_of(st.booleans(), st.lists(st.none())),
        "seen_seq": field(st.one_of(st.none(), st.integers(0, 10))),
        "attachment_ids": st.just([]),
    },
)


@given(ITEMS)
@settings(max_examples=400, deadline=None)
def test_items_are_read_as_the_schema_reads_them(item: dict[str, Any]) -> None:
    """The same are refused, naming the same fields; the same values come out."""
    try:
        expected, wrong = PostMessage().load(item), set()
    except ValidationError as refused:
        expected, wrong = {}, set(refused.normalized_messages())  # type: ignore[no-untyped-call] # marshmallow left it untyped

    read = read_draft(Keys(Anybody()), Plane.STAFF, {**item, "token": "t", "conversation_id": new_id()})

    if not isinstance(read, Draft):
        # A gateway has put nulls where nobody chose: taken for what is not there.
        allowed = {name for name in ("mentions",) if item.get(name, "") is None}
        assert set(read.as_dict()["errors"]) == wrong - allowed
        return
    for name in ("client_message_id", "body", "stream", "reply_to", "priority", "ask_acknowledgement", "seen_seq"):
        if name in expected:
            assert getattr(read, name) == expected[name]
    assert wrong <= {"mentions"}
