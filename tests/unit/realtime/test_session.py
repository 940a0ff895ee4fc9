"""Who sits at a socket, and how the next token is had."""

import pytest

from realtime.session import Credentials, Session
from tests.unit.realtime.stage import DMITRI, Stage, claims
from wire.claims import Plane
from wire.problems import Invalid, PermissionRequired, Unauthenticated


@pytest.fixture
def stage() -> Stage:
    """Give the parts."""
    return Stage()


def bearer(stage: Stage) -> Session:
    """Return a program's session."""
    return stage.opens().session


def test_a_fresh_token_of_the_same_session_is_taken(stage: Stage) -> None:
    """And from then on it goes along."""
    session = bearer(stage)
    stage.known["second"] = claims(issued_s=500)

    taken = session.take("second")

    assert taken.expires_at == claims(issued_s=500).expires_at
    assert session.access_token == "second"


@pytest.mark.parametrize(
    ("shown", "refusal"),
    [
        (claims(DMITRI), Invalid),
        (claims(plane=Plane.PORTAL), PermissionRequired),
        (None, Unauthenticated),
    ],
)
def test_no_other_token_is_taken(stage: Stage, shown: object, refusal: type[Exception]) -> None:
    """Another person's, another plane's, or none at all; the present one stays."""
    session = bearer(stage)
    if shown is not None:
        stage.known["second"] = shown  # type: ignore[assignment] # claims, as the parameters show

    with pytest.raises(refusal):
        session.take("second")

    assert session.access_token == "first"


def test_a_browsers_socket_takes_no_token_from_its_page(stage: Stage) -> None:
    """It renews through its gateway, and pages hold no tokens."""
    session = stage.opens(renew=lambda: Credentials(claims=claims(), access_token="second")).session
    stage.known["second"] = claims()

    with pytest.raises(Invalid):
        session.take("second")


def test_a_browsers_token_is_renewed_before_its_end(stage: Stage) -> None:
    """A minute or two ahead, and never so early that it would go round and round."""
    session = stage.opens(renew=lambda: Credentials(claims=claims(issued_s=540), access_token="second")).session
    at_first = session.renewal_due()
    stage.clock.turns(541)
    late = session.renewal_due()

    session.renew()

    assert (at_first, late) == (False, True)
    assert session.access_token == "second"
    assert not session.renewal_due()


def test_a_token_of_seconds_is_not_renewed_at_once(stage: Stage) -> None:
    """Short-lived tokens live most of their time."""
    session = stage.opens(claims(lives_s=20), renew=lambda: Credentials(claims=claims(), access_token="second")).session
    stage.clock.turns(10)

    assert not session.renewal_due()


def test_nobody_sees_a_token_in_a_log() -> None:
    """Not even by accident."""
    shown = repr(Credentials(claims=claims(), access_token="very-secret"))

    assert "very-secret" not in shown
    assert "Nora" not in shown
