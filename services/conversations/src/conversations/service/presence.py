"""Whether staff are there: passed on at once to the colleagues of one conversation, stored nowhere.

* Only a member tells of themselves, and only staff hear it: a patient neither tells nor learns who is there.
* In large conversations it is nobody's business, as marks are not.
* The teller is in the audience too: a gateway that has them elsewhere, more awake, says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conversations import audit
from conversations.model import Action, Audience, Parcel, StateType
from conversations.policy import require_entrance, require_member, require_staff
from conversations.service.desk import Desk, again_after_a_lost_race
from conversations.service.fleeting import Fleeting
from conversations.service.ledger import parcel_of
from conversations.service.marking import HEARD_AT_MOST
from conversations.service.shapes import Shape
from conversations.store import conversations as store
from conversations.store import fence
from servicekit.database import transaction
from wire.claims import Claims
from wire.problems import Problem

Numbered = list[tuple[int, "Present"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Whether somebody is there; `asks` when they would like to know of the others."""

    claims: Claims
    conversation_id: str
    state: str
    asks: bool


class Presence:
    """Passes on who is there."""

    def __init__(self, desk: Desk, fleeting: Fleeting) -> None:
        self._desk = desk
        self._fleeting = fleeting

    def tell(self, told: Sequence[Present]) -> list[Shape]:
        """Return `{"ok": true}` or `{"problem"}` for each, in order; what may be told is told soon or never."""
        groups: defaultdict[str, Numbered] = defaultdict(list)
        for place, one in enumerate(told):
            groups[one.claims.organisation_id].append((place, one))
        results: list[Shape] = [{"ok": True} for _ in told]
        for org, group in groups.items():
            refused, parcels = again_after_a_lost_race(lambda org=org, group=group: self._decide(org, group))  # type: ignore[misc] # mypy cannot see a lambda's defaults
            self._fleeting.tell(parcels)
            for place, refusal in refused.items():
                results[place] = {"problem": refusal.as_dict()}
        return results

    def _decide(self, org: str, group: Numbered) -> tuple[Mapping[int, Problem], Sequence[tuple[str, Parcel]]]:
        refused: dict[int, Problem] = {}
        parcels: list[tuple[str, Parcel]] = []
        with transaction(self._desk.engine) as connection:
            fence.enter(connection, org)
            standings = store.standings(connection, org, {one.conversation_id for _, one in group})
            audiences = store.audiences(connection, standings)
            for place, one in group:
                audience = audiences.get(one.conversation_id, Audience())
                try:
                    require_entrance(one.claims)
                    require_staff(one.claims)
                    require_member(one.claims, standings.get(one.conversation_id), audience)
                except Problem as refusal:
                    refused[place] = refusal
                else:
                    parcels += self._parcels(one, audience)
            audit.write(connection, [self._refusal(dict(group)[place], each.code) for place, each in refused.items()])
        return refused, parcels

    def _parcels(self, one: Present, audience: Audience) -> list[tuple[str, Parcel]]:
        if len(audience) > HEARD_AT_MOST:
            return []
        body = {
            "conversation_id": one.conversation_id,
            "user_id": one.claims.user_id,
            "state": one.state,
            "asks": one.asks,
        }
        event_id = self._desk.new_id()
        colleagues = Audience(staff=audience.staff)
        parcel = parcel_of(event_id, one.claims.organisation_id, StateType.PRESENCE, body, colleagues)
        return [] if parcel is None else [(event_id, parcel)]

    def _refusal(self, one: Present, code: str) -> audit.Record:
        return audit.Record(
            claims=one.claims,
            at=self._desk.now(),
            action=Action.PRESENCE_TOLD,
            refused=code,
            conversation_id=one.conversation_id,
        )
