"""The kinds of id that cross a process, all UUIDv7 in their text form.

A UUIDv7 begins with its time of making in milliseconds (RFC 9562 section 5.7), so ids made later sort later.
"""

import re
from collections.abc import Callable
from typing import NewType

import uuid_utils

UserId = NewType("UserId", str)
OrganisationId = NewType("OrganisationId", str)
ConversationId = NewType("ConversationId", str)
MessageId = NewType("MessageId", str)
SessionId = NewType("SessionId", str)
PatientId = NewType("PatientId", str)

Ids = Callable[[], str]
"""Where new ids come from: passed in, so that a test may count instead."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def new_id() -> str:
    """Return a fresh UUIDv7, lower-case with dashes."""
    return str(uuid_utils.uuid7())


def is_id(text: object) -> bool:
    """Tell whether `text` is a UUID in the one spelling that crosses a process: 36 lower-case characters."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None
