"""What is sealed comes out as it went in, for its own purpose; nothing else comes out at all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.sealing import Seal

SEAL = Seal("a secret that seals every cookie", "staff_session")
VALUES = st.dictionaries(st.text(max_size=20), st.text(max_size=50) | st.integers(-(2**53), 2**53), max_size=5)


@settings(deadline=None)
@given(value=VALUES)
def test_a_value_survives_its_seal_and_no_other(value: dict[str, str | int]) -> None:
    """Another purpose, or another secret, opens nothing."""
    sealed = SEAL.close(value)

    assert SEAL.open(sealed) == value
    assert Seal("a secret that seals every cookie", "portal_session").open(sealed) is None
    assert Seal("another secret, as long as the first", "staff_session").open(sealed) is None


@settings(deadline=None)
@given(text=st.text() | st.from_regex(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2,4}", fullmatch=True))
def test_no_text_opens_by_chance_or_breaks_anything(text: str) -> None:
    """Whatever a browser sends."""
    assert SEAL.open(text) is None


@settings(deadline=None)
@given(value=VALUES, data=st.data())
def test_one_changed_character_is_enough(value: dict[str, str | int], data: st.DataObject) -> None:
    """Wherever it is, apart from bits that base64 does not use."""
    sealed = SEAL.close(value)
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = "A" if sealed[place] != "A" else "Q"

    opened = SEAL.open(sealed[:place] + other + sealed[place + 1 :])

    assert opened is None or opened == value


def test_a_key_that_another_header_names_is_not_used() -> None:
    """Only `dir` with A256GCM: the header of a token chooses nothing."""
    for header in ("eyJhbGciOiJub25lIn0", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhHQ00ifQ", "eyJ6aXAiOiJERUYifQ"):
        assert SEAL.open(f"{header}..aaaaaaaaaaaaaaaa.bbbb.cccccccccccccccccccccc") is None
