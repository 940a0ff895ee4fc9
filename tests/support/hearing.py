"""What a person before a screen is promised of what others say: soon, all of it, in order, each once."""

import time

from tests.support.person import Device, Person, new_id


def heard_after(author: Device, listener: Device, conversation: str) -> float:
    """Send a message, and return the seconds from its acknowledgement to its being heard."""
    text = f"do you hear me {new_id()}"
    author.sends(conversation, text)
    acknowledged = time.monotonic()
    listener.hears(text)
    return time.monotonic() - acknowledged


def whole(screen: Device, reader: Person, conversation: str) -> None:
    """Hold a screen's log against the database: to the head, in order, each entry once, on the line it began with."""
    stored = reader.reads_everything(conversation)
    screen.catches_up_to((conversation, "shared"), stored[-1]["seq"])
    heard = screen.log[(conversation, "shared")]
    assert screen.breaches == []
    assert [entry["seq"] for entry in heard] == list(range(heard[0]["seq"], stored[-1]["seq"] + 1))
    assert not screen.the_line.ended
