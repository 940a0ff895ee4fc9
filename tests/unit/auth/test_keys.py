"""Signing keys: published before they sign, kept until their last token ended, sealed at rest."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from auth.keys import SigningKeys
from auth.preparation import signing_keys
from servicekit.database import DatabaseError, engine, transaction
from tests.support.ports import wait_until
from tests.unit.auth.desk import Desk, TestClock, body, settings
from wire.problems import Unavailable

AT_ONCE = 8


@pytest.fixture
def ring(desk: Desk) -> SigningKeys:
    """Give the key ring that `desk` signs with, as the command line opens it."""
    return signing_keys(engine(desk.settings.database_url), desk.settings.secret, clock=desk.clock)


def published(desk: Desk) -> list[str]:
    """Return the ids of the published keys."""
    return [key["kid"] for key in body(desk.http.get("/auth/jwks.json"))["keys"]]


def signer(desk: Desk) -> str:
    """Return the id of the key that signs now."""
    from joserfc.jws import extract_compact  # noqa: PLC0415 - only here

    return str(extract_compact(desk.service_token().encode()).headers()["kid"])


def test_a_new_key_is_published_ten_minutes_before_it_signs(desk: Desk, ring: SigningKeys) -> None:
    """Every verifier has fetched it before it meets its first signature."""
    old = signer(desk)
    new = ring.rotate()
    desk.clock.passes(minutes=9, seconds=59)

    before = published(desk), signer(desk)
    desk.clock.passes(seconds=6)
    after = published(desk), signer(desk)

    assert before == ([old, new], old)
    assert after == ([old, new], new)


def test_the_old_key_stays_until_its_last_token_ended(desk: Desk, ring: SigningKeys) -> None:
    """A token signed in its last second is good for all its ten minutes; then the key goes."""
    old = signer(desk)
    new = ring.rotate()
    desk.clock.passes(minutes=9, seconds=59)
    token = desk.signed_in("nora@harbor.example")["access_token"]
    desk.clock.passes(minutes=9, seconds=59)

    claims = desk.claims(token)
    desk.clock.passes(minutes=1, seconds=10)

    assert claims["name"] == "Nora Lindqvist"
    assert (published(desk), signer(desk)) == ([new], new)
    assert old != new


def test_a_leaked_key_is_replaced_at_once(desk: Desk, ring: SigningKeys) -> None:
    """Its tokens are worth nothing from that moment."""
    token = desk.signed_in("nora@harbor.example")["access_token"]
    new = ring.rotate(compromised=True)
    desk.clock.passes(seconds=6)

    answer = desk.http.get("/auth/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert (published(desk), signer(desk)) == ([new], new)


def test_a_key_is_replaced_by_itself_when_it_is_old(desk: Desk, ring: SigningKeys) -> None:
    """After thirty days, once, however many processes look."""
    other = signing_keys(engine(desk.settings.database_url), desk.settings.secret, clock=desk.clock)
    early = ring.rotate_when_old()
    desk.clock.passes(days=30)

    made = [ring.rotate_when_old(), other.rotate_when_old(), ring.rotate_when_old()]

    assert early is None
    assert made[0] in published(desk)
    assert made[1:] == [None, None]


def test_two_rotations_in_a_row_leave_one_signer(desk: Desk, ring: SigningKeys) -> None:
    """Somebody pressed twice: the newest signs in the end, and there is a signer at every moment."""
    ring.rotate()
    desk.clock.passes(minutes=1)
    newest = ring.rotate()
    signers = []
    for _ in range(30):
        desk.clock.passes(minutes=1)
        signers.append(signer(desk))
        assert signers[-1] in published(desk)

    assert signers[-1] == newest
    assert published(desk) == [newest]


def test_while_the_database_hangs_one_waits_and_the_others_go_on(desk: Desk, ring: SigningKeys) -> None:
    """Signing, checking and publishing by what was read a moment ago; the one who reads keeps nobody else."""
    before = ring.signing().kid
    desk.clock.passes(seconds=6)

    with ThreadPoolExecutor(AT_ONCE) as callers:
        with _hanging(desk):
            asked = [callers.submit(lambda: ring.signing().kid) for _ in range(AT_ONCE)]
            wait_until(lambda: _done(asked) == AT_ONCE - 1, within_s=5, what="all but one having their key")
        kids = {one.result() for one in asked}

    assert kids == {before}


def test_what_was_read_is_good_for_a_minute_and_no_longer(desk: Desk, ring: SigningKeys) -> None:
    """A key may have been taken away meanwhile: others may keep the published set for as long, and nobody for more."""
    before = ring.public()
    with _away(desk):
        desk.clock.passes(seconds=59)
        meanwhile = ring.public()
        desk.clock.passes(seconds=2)
        with pytest.raises(OperationalError):
            ring.public()
        with pytest.raises(Unavailable):
            ring.signing()
    desk.clock.passes(seconds=2)

    assert meanwhile == before
    assert ring.public() == before


def test_who_has_no_keys_hears_at_once_that_they_cannot_be_read(desk: Desk, ring: SigningKeys) -> None:
    """Once it is known; again and again one of them sees whether they can."""
    with _away(desk), pytest.raises(OperationalError):
        ring.public()
    with _hanging(desk), pytest.raises(Unavailable):
        ring.public()
    desk.clock.passes(seconds=2)

    with ThreadPoolExecutor(AT_ONCE) as callers:
        with _hanging(desk):
            asked = [callers.submit(ring.public) for _ in range(AT_ONCE)]
            wait_until(lambda: _done(asked) == AT_ONCE - 1, within_s=5, what="all but one knowing")
        told = [one.exception() for one in asked]

    assert sorted(type(each).__name__ for each in told) == ["NoneType"] + ["Unavailable"] * (AT_ONCE - 1)


def test_only_public_halves_are_published(desk: Desk) -> None:
    """Kind, curve, point, name and use; never `d`."""
    keys: list[dict[str, Any]] = body(desk.http.get("/auth/jwks.json"))["keys"]

    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in keys)


def test_private_halves_rest_sealed(desk: Desk) -> None:
    """The database holds neither the private number nor anything that shows it."""
    database = engine(desk.settings.database_url)
    private = signing_keys(database, desk.settings.secret, clock=desk.clock).signing().as_dict(private=True)

    with transaction(database) as connection:
        sealed, public = connection.execute(text("SELECT sealed, public FROM signing_keys")).one()

    assert str(private["d"]) not in sealed + public
    assert sealed.count(".") == 4
    database.dispose()


def test_another_secret_cannot_open_them_and_one_sentence_says_so(desk: Desk) -> None:
    """AUTH_SECRET was changed: no traceback, the reason."""
    database = engine(desk.settings.database_url)
    strange = signing_keys(database, "another secret of at least thirty-two characters", clock=desk.clock)

    with pytest.raises(DatabaseError, match="AUTH_SECRET does not open the stored signing keys"):
        strange.signing()
    database.dispose()


def test_a_replaced_secret_is_mended_by_a_rotation_that_ends_all_other_keys(
    desk: Desk, new_desk: Callable[..., Desk]
) -> None:
    """Until then the service says what it lacks; afterwards people sign in again."""
    desk.service_token()
    other = "another secret of at least thirty-two characters"
    changed = new_desk(secret=other)
    before = changed.http.get("/readyz")
    rotating = engine(desk.settings.database_url)
    signing_keys(rotating, other, clock=desk.clock).rotate(compromised=True)
    changed.clock.passes(seconds=6)

    after = changed.http.get("/readyz")

    assert (before.status_code, body(before)["missing"]) == (503, ["signing keys", "broker"])
    assert after.status_code == 200
    assert changed.signed_in("nora@harbor.example")
    rotating.dispose()


def test_the_first_key_is_made_when_it_is_needed(tmp_path: Path, new_desk: Callable[..., Desk]) -> None:
    """A fresh database signs at once."""
    from servicekit.database import upgrade  # noqa: PLC0415 - only here

    fresh = settings(tmp_path / "fresh.db", demo=False)
    database = engine(fresh.database_url)
    upgrade(database, "auth")

    kid = signing_keys(database, fresh.secret, clock=TestClock()).signing().kid

    assert kid
    assert new_desk(database_url=fresh.database_url).service_token()
    database.dispose()


@contextmanager
def _hanging(desk: Desk) -> Iterator[None]:
    """Let nobody else at the database, so that who reads it waits."""
    held = engine(desk.settings.database_url)
    with transaction(held):
        yield
    held.dispose()


@contextmanager
def _away(desk: Desk) -> Iterator[None]:
    """Have every reading of the keys fail at once."""
    owner = engine(desk.settings.database_url)
    with transaction(owner) as connection:
        connection.execute(text("ALTER TABLE signing_keys RENAME TO elsewhere"))
    try:
        yield
    finally:
        with transaction(owner) as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO signing_keys"))
        owner.dispose()


def _done(asked: list[Future[Any]]) -> int:
    return sum(one.done() for one in asked)
