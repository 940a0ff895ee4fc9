"""What can be wrong with a run, and how places are named when it is."""

from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.histories import Amendment, Heard, Post, StreamKey


class Kind(StrEnum):
    """What a breach is a breach of."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    LEAKED = "leaked"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One thing that is not as promised, in ids and numbers."""

    kind: Kind
    what: str


def name_of(key: StreamKey) -> str:
    """Name a stream."""
    return f"{key[0]}/{key[1]}"


def place_of(heard: Heard) -> str:
    """Name the place of an entry that was heard."""
    return f"{heard.conversation}/{heard.stream} {heard.seq}"


def post_of(post: Post) -> str:
    """Name a post."""
    return f"{post.client}'s {post.client_message_id} in {post.conversation}/{post.stream}"


def amendment_of(wish: Amendment) -> str:
    """Name an edit or a recall."""
    word = "recall" if wish.body is None else "edit"
    return f"{wish.client}'s {word} of {wish.message_id} in {wish.conversation}/{wish.stream}"
