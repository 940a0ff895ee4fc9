"""Passwords at rest: argon2id, salted, checked without telling how long it took whom."""

import time

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from auth.passwords import MEMORY_KIB, Passwords


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    """Give the real thing."""
    return Passwords()


def test_a_hash_is_argon2id_and_never_the_same_twice(passwords: Passwords) -> None:
    """Two people with one password have two hashes."""
    one, two = passwords.hash("the same words"), passwords.hash("the same words")

    made = extract_parameters(one)
    assert (made.type, made.memory_cost) == (Type.ID, MEMORY_KIB)
    assert one != two
    assert passwords.matches(one, "the same words")
    assert not passwords.matches(one, "other words")


def test_composed_and_decomposed_letters_are_the_same_password(passwords: Passwords) -> None:
    """Two keyboards, one password (RFC 8265)."""
    stored = passwords.hash("caf\u00e9 caf\u00e9 caf\u00e9")

    assert passwords.matches(stored, "cafe\u0301 cafe\u0301 cafe\u0301")


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$broken"])
def test_no_hash_or_a_broken_one_matches_nothing(passwords: Passwords, stored: str | None) -> None:
    """Not even the password of the decoy."""
    assert not passwords.matches(stored, "nobody has this password")
    assert not passwords.matches(stored, "")


def test_the_work_is_done_for_nobody_too() -> None:
    """An unknown person costs one hash, like a known one."""
    done = []

    def offload(work: object) -> str | bool:
        done.append(work)
        return work()  # type: ignore[operator, no-any-return] # the hash

    passwords = Passwords(offload)
    passwords.matches(None, "whatever")

    assert len(done) == 1


def test_nobodys_password_costs_the_processor_as_much_as_somebodys(passwords: Passwords) -> None:
    """Measured in work, not on the clock: a decoy that could not be read would cost next to nothing."""
    stored = passwords.hash("somebody's words")

    somebody = min(_work(passwords, stored) for _ in range(3))
    nobody = min(_work(passwords, None) for _ in range(3))

    assert somebody / 2 < nobody < somebody * 2


def test_the_decoy_is_a_hash_like_any_other(passwords: Passwords) -> None:
    """With another form or other costs, time would tell who is unknown."""
    decoy = passwords._decoy  # noqa: SLF001 - what never leaves it is what matters here

    assert extract_parameters(decoy) == extract_parameters(passwords.hash("words"))


def test_an_old_hash_is_told_apart(passwords: Passwords) -> None:
    """So that it is made anew at the next sign-in."""
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("words")

    assert passwords.outdated(old)
    assert not passwords.outdated(passwords.hash("words"))


def _work(passwords: Passwords, stored: str | None) -> float:
    began = time.process_time()
    passwords.matches(stored, "other words")
    return time.process_time() - began
