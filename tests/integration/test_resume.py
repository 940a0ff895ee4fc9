"""A lost line costs nothing: what was missed comes first, in order, each entry once."""

import threading

from tests.support.clinic import STAFF, Clinic
from tests.support.person import Device, Person, new_id


def everything(screen: Device, person: Person, conversation: str) -> None:
    """Hold a screen's log against the database: from its first entry to the head, the same and in order."""
    heard = screen.log[(conversation, "shared")]
    stored = person.reads_everything(conversation)
    assert screen.breaches == []
    assert [entry["seq"] for entry in heard] == [entry["seq"] for entry in stored][-len(heard) :]
    assert [entry["type"] for entry in heard] == [entry["type"] for entry in stored][-len(heard) :]


def test_what_was_missed_comes_first_and_once(nora: Person, dmitri: Person) -> None:
    """Entries sent while the line was lost arrive after hello, in order, before caught_up."""
    conversation = nora.opens_conversation_with(dmitri)
    screen = dmitri.device()
    nora.sends(conversation, f"before {new_id()}")
    last = nora.sends(conversation, f"held {new_id()}")["seq"]
    screen.catches_up_to((conversation, "shared"), last)
    screen.drops()
    missed = [nora.sends(conversation, f"missed {number} {new_id()}")["seq"] for number in range(5)]

    screen.connects()
    line = screen.the_line
    kinds = [(frame["push"], frame.get("seq")) for frame in line.heard if frame.get("push") in {"entry", "caught_up"}]
    nora.sends(conversation, "after")
    screen.hears("after")
    screen.closes()

    assert kinds[: len(missed) + 1] == [*(("entry", seq) for seq in missed), ("caught_up", None)]
    everything(screen, nora, conversation)


def test_lines_that_drop_again_and_again_under_traffic_miss_and_repeat_nothing(nora: Person, dmitri: Person) -> None:
    """Twelve drops while a colleague keeps writing: the log is the database's order."""
    conversation = nora.opens_conversation_with(dmitri)
    screen = dmitri.device()
    done = threading.Event()

    def talks() -> None:
        with nora.device() as hers:
            for number in range(120):
                hers.sends(conversation, f"steady {number} {new_id()}")
        done.set()

    talking = threading.Thread(target=talks)
    talking.start()
    for _ in range(12):
        screen.drops()
        screen.connects()
        done.wait(0.05)
    talking.join(60)
    screen.catches_up_to((conversation, "shared"), nora.conversation(conversation)["heads"]["shared"])
    screen.closes()

    assert done.is_set()
    everything(screen, nora, conversation)


def test_any_replica_serves_a_resume(clinic: Clinic, nora: Person, dmitri: Person) -> None:
    """A second gateway process, that never saw the line, gives what was missed."""
    conversation = nora.opens_conversation_with(dmitri)
    screen = dmitri.device()
    screen.catches_up_to((conversation, "shared"), nora.sends(conversation, f"one {new_id()}")["seq"])
    screen.drops()
    missed = nora.sends(conversation, f"two {new_id()}")

    with clinic.replica(STAFF) as name:
        dmitri.origin = clinic.origin_of(name)
        screen.connects()
        text = f"three {new_id()}"
        nora.sends(conversation, text)
        screen.hears(text)
        screen.closes()

    assert missed["message"]["body"] in screen.bodies(conversation)
    everything(screen, nora, conversation)


def test_a_conversation_left_out_of_resume_starts_at_its_head(nora: Person, dmitri: Person) -> None:
    """A client that holds nothing hears nothing old, and is told the heads."""
    conversation = nora.opens_conversation_with(dmitri)
    head = nora.sends(conversation, f"old {new_id()}")["seq"]

    with dmitri.device() as screen:
        caught_up = screen.the_line.pushes("caught_up")[0]
        old = screen.the_line.pushes("entry")
        screen.the_line.asks("ping")

    assert caught_up["heads"][conversation]["shared"] == head
    assert old == []


def test_more_than_a_thousand_behind_is_a_reset(nora: Person, dmitri: Person) -> None:
    """A client too far behind is told to read the timeline, and goes on live from the head."""
    conversation = nora.opens_group(f"Busy {new_id()}", dmitri)
    with nora.device() as hers:
        refs = [
            hers.the_line.says(
                "send", conversation_id=conversation, client_message_id=new_id(), body=f"Number {number}"
            )
            for number in range(1_010)
        ]
        for ref in refs:
            hers.the_line.waits_for(lambda frame, ref=ref: frame.get("ref") == ref, "an acknowledgement")  # type: ignore[misc]
    head = nora.conversation(conversation)["heads"]["shared"]

    with dmitri.opens_line() as line:
        line.asks("hello", resume={conversation: {"shared": 1}})
        line.hears("caught_up")
        reset = line.hears("reset", conversation_id=conversation, stream="shared")
        text = f"live {new_id()}"
        nora.sends(conversation, text)
        live = line.waits_for(lambda frame: frame.get("message", {}).get("body") == text, text)
        entries = [frame["seq"] for frame in line.pushes("entry") if frame["conversation_id"] == conversation]

    assert reset["head"] == head
    assert entries == [live["seq"]]


def test_a_renewed_token_keeps_the_line(nora: Person) -> None:
    """The op `token` takes a fresh token of the same session and says until when it lasts."""
    with nora.device() as screen:
        nora.renews_token()

        reply = screen.the_line.asks("token", access_token=nora.access_token)
        ping = screen.the_line.asks("ping")

    assert reply["ok"]
    assert reply["expires_at"].endswith("Z")
    assert ping["server_time"].endswith("Z")
