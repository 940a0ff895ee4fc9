"""The token a client shows: one for everybody, fresh in time, and used to its end while the issuer is away."""

from dataclasses import dataclass, field

import pytest

from client import SignInRefused, Token, Tokens
from wire.problems import Problem, Unavailable

LIFE_S = 600.0


@dataclass
class Issuer:
    """Gives numbered tokens that live ten minutes, by a clock the test moves."""

    now: float = 1_000.0
    given: list[Token] = field(default_factory=list)
    trouble: Problem | None = None

    def __call__(self) -> Token:
        if self.trouble is not None:
            raise self.trouble
        self.given.append(Token(access_token=f"token {len(self.given) + 1}", expires_at=self.now + LIFE_S))
        return self.given[-1]


@pytest.fixture
def issuer() -> Issuer:
    """Give an issuer."""
    return Issuer()


@pytest.fixture
def tokens(issuer: Issuer) -> Tokens:
    """Give the tokens of one session."""
    return Tokens(issuer, clock=lambda: issuer.now)


def test_one_token_is_shown_until_a_minute_before_its_end(issuer: Issuer, tokens: Tokens) -> None:
    """Asked a hundred times, had once; then the next."""
    shown = {tokens.current().access_token for _ in range(100)}
    issuer.now += LIFE_S - 61
    shown.add(tokens.current().access_token)
    issuer.now += 2

    assert shown == {"token 1"}
    assert tokens.current().access_token == "token 2"


def test_it_is_told_when_the_next_one_is_due(issuer: Issuer, tokens: Tokens) -> None:
    """So that a live line can renew it in time."""
    tokens.current()
    issuer.now += 100

    assert tokens.due_in_s() == LIFE_S - 60 - 100


def test_while_the_issuer_is_away_the_present_token_serves_to_its_end(issuer: Issuer, tokens: Tokens) -> None:
    """And not a second longer."""
    tokens.current()
    issuer.trouble = Unavailable()
    issuer.now += LIFE_S - 1
    assert tokens.current().access_token == "token 1"

    issuer.now += 1
    with pytest.raises(Unavailable):
        tokens.current()


def test_who_was_signed_out_is_told_so_and_not_shown_an_old_token(issuer: Issuer, tokens: Tokens) -> None:
    """A refusal is no absence."""
    tokens.current()
    issuer.trouble = SignInRefused("invalid_grant")
    issuer.now += LIFE_S - 30

    with pytest.raises(SignInRefused):
        tokens.current()


def test_a_refused_token_is_replaced_once_for_all_who_met_the_refusal(issuer: Issuer, tokens: Tokens) -> None:
    """Ten calls that were refused with the same token do not fetch ten."""
    refused = tokens.current()

    replaced = {tokens.after(refused).access_token for _ in range(10)}

    assert replaced == {"token 2"}
    assert len(issuer.given) == 2


def test_a_token_never_shows_in_a_log(tokens: Tokens) -> None:
    """Its repr is without it."""
    assert "token 1" not in repr(tokens.current())
