"""The client of this repository against the real system: its README's example, coming back, renewing, staying away.

That it loses nothing while processes are killed and replaced is shown by `test_kills` and `test_rolling`.
"""

import re
import time
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from client import Live, NotAcknowledged, Patient, Staff, State, Token, Tokens
from client.line import Frame
from client.people import live_url
from tests.support.clinic import ROOT, Clinic
from tests.support.person import DEMO_PASSWORD, new_id
from tests.support.ports import wait_until
from wire.problems import Conflict, NotFound, Unauthenticated

README = ROOT / "libs" / "client" / "README.md"
NORA, DMITRI, ADA = "nora@harbor.example", "dmitri@harbor.example", "ada@patients.example"


def direct(origin: str) -> httpx.Client:
    """Return what calls the clinic without a proxy of this machine's environment, and keeps nothing open."""
    return httpx.Client(base_url=origin, timeout=10, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@pytest.fixture
def nora(clinic: Clinic) -> Iterator[Staff]:
    """Give Nora, as a program would sign her in."""
    with Staff(clinic.origin, NORA, DEMO_PASSWORD, http=direct(clinic.origin)) as signed_in:
        yield signed_in


@pytest.fixture
def dmitri(clinic: Clinic) -> Iterator[Staff]:
    """Give Dmitri, likewise."""
    with Staff(clinic.origin, DMITRI, DEMO_PASSWORD, http=direct(clinic.origin)) as signed_in:
        yield signed_in


@pytest.fixture
def ada(clinic: Clinic) -> Iterator[Patient]:
    """Give Ada, on the patients' plane."""
    with Patient(clinic.origin, ADA, DEMO_PASSWORD, http=direct(clinic.origin)) as signed_in:
        yield signed_in


def test_the_example_of_the_readme_runs(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word as it is printed, in fifteen lines."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    example = found[1]
    names: dict[str, object] = {}

    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own README
    ask_dmitri = names["ask_dmitri"]
    assert callable(ask_dmitri)
    heard = ask_dmitri(clinic.origin, DEMO_PASSWORD)

    assert heard == "Is Leo back from X-ray?"
    assert len([line for line in example.split("def ")[1].splitlines() if line.strip()]) <= 15


def test_a_second_run_hears_exactly_what_was_said_since_the_first(nora: Staff, ada: Patient) -> None:
    """A program that keeps `held` misses nothing between two runs, and hears nothing again."""
    conversation = ada.write(f"Between runs {new_id()}", "First")["id"]
    with nora.live(proxy=False) as first:
        sent = first.wait().send(conversation, "Second")
        wait_until(
            lambda: first.held.get(conversation, {}).get("shared") == sent["seq"], within_s=10, what="her own message"
        )
        held = first.held
    missed = [ada.post(conversation, f"While away {number}") for number in range(3)]

    heard: list[Frame] = []
    with nora.live(proxy=False, hear=heard.append, held=held) as second:
        second.wait()
        wait_until(lambda: any(push["push"] == "caught_up" for push in heard), within_s=10, what="having caught up")

    entries = [push for push in heard if push["push"] == "entry" and push["conversation_id"] == conversation]
    assert [entry["seq"] for entry in entries] == [entry["seq"] for entry in missed]


def test_a_line_renews_its_token_before_the_end_and_stays_up(clinic: Clinic, nora: Staff) -> None:
    """On the same socket, by op `token`; the source is asked once for each token."""
    asked = count(1)

    def soon_over() -> Token:
        number, token = next(asked), nora.tokens.current()
        return Token(access_token=token.access_token, expires_at=time.time() + (2 if number == 1 else 600))

    frames: list[tuple[str, Frame]] = []
    with Live(
        live_url(clinic.origin, "/messaging"),
        Tokens(soon_over),
        watch=lambda direction, frame: frames.append((direction, frame)),
        proxy=False,
    ) as line:
        line.wait()
        nora.tokens.after(nora.tokens.current())
        wait_until(lambda: any(frame.get("op") == "token" for _, frame in frames), within_s=10, what="a fresh token")
        ref = next(frame["ref"] for _, frame in frames if frame.get("op") == "token")
        wait_until(
            lambda: any(way == "in" and frame.get("ref") == ref and frame["ok"] for way, frame in frames),
            within_s=10,
            what="its reply",
        )
        line.ping()

    assert [frame["op"] for way, frame in frames if way == "out"].count("hello") == 1


def test_a_refused_token_is_replaced_once_without_a_word(clinic: Clinic, nora: Staff) -> None:
    """A call made with a token that was taken back is made again with the next one."""
    bad = Token(access_token="not.a.token", expires_at=time.time() + 600)
    given = iter([bad, nora.tokens.current()])
    patient = Staff(clinic.origin, NORA, DEMO_PASSWORD, http=direct(clinic.origin))
    patient.tokens._source = lambda: next(given)  # noqa: SLF001 - a source that gives a bad token first

    assert patient.me()["user"]["name"].startswith("Nora")
    with pytest.raises(StopIteration):
        next(given)


def test_a_line_that_is_signed_out_stays_away_and_says_why(nora: Staff) -> None:
    """4501: no attempt to come back; whoever sends is told so at once."""
    conversation = next(iter(nora.conversations()))["id"]
    line = nora.live(proxy=False)
    with line:
        line.wait()
        nora.sign_out()
        line.wait(State.STOPPED)
        with pytest.raises(Unauthenticated):
            line.send(conversation, "Too late")

    assert isinstance(line.ended, Unauthenticated)


def test_a_message_is_one_however_often_it_is_sent(nora: Staff, dmitri: Staff) -> None:
    """Under one client id: over the line, over REST, again; with other words it is a conflict."""
    conversation, key = nora.open_direct(dmitri.me()["user"]["id"])["id"], new_id()
    with nora.live(proxy=False) as line:
        line.wait()
        sent = line.send(conversation, "Once", client_message_id=key)
        again = line.send(conversation, "Once", client_message_id=key)
        posted = nora.post(conversation, "Once", client_message_id=key)
        with pytest.raises(Conflict):
            line.send(conversation, "Twice", client_message_id=key)

    assert sent["seq"] == again["seq"] == posted["seq"]


def test_what_was_not_acknowledged_is_told_with_its_client_id(nora: Staff) -> None:
    """On a line that never opens a send ends in time, and can be repeated under the same id."""
    line, key = nora.live(proxy=False), new_id()

    with pytest.raises(NotAcknowledged) as unknown:
        line.send(new_id(), "Anybody there?", client_message_id=key, within_s=0.5)

    assert unknown.value.client_message_id == key


def test_every_verb_of_the_client_reaches_its_door(nora: Staff, dmitri: Staff, ada: Patient) -> None:
    """A conversation from its opening to its closing, by both planes' calls alone."""
    who = dmitri.me()["user"]["id"]
    group = nora.open_group(f"Verbs {new_id()}", [who])["id"]
    entry = nora.post(group, "Hello", priority="urgent")
    message = entry["message"]["id"]

    nora.edit(message, "Hello all")
    versions = dmitri.history(message)
    nora.rename(group, "Verbs, renamed")
    dmitri.mark_read(group, entry["seq"])
    dmitri.close(group)
    dmitri.reopen(group)
    nora.recall(message)
    nora.remove(group, who)
    with pytest.raises(NotFound):
        dmitri.conversation(group)
    nora.add(group, who)
    written = ada.write("Verbs", "Good morning")
    replied = ada.post(written["id"], "Are you there?")

    assert [version["body"] for version in versions] == ["Hello"]
    types = [each["type"] for each in dmitri.entries(group)]
    assert types[-1] == "participant.joined"
    assert "message.recalled" in types
    assert ada.timeline(written["id"])["items"][-1] == replied
