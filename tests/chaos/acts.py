"""What people do while things break: a cast, conversations of every kind, and a light, steady, random load.

Chance comes from the seed and the client's name, so what each client wants is the same in every run of a seed; when it
gets its way depends on the machine.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.clients import Client
from tests.chaos.ears import SECRET
from tests.chaos.histories import INTERNAL, SHARED, Post, Verdict
from tests.chaos.sessions import LineLost
from wire import demo

CAST = (
    ("nora-1", "nora@harbor.example", demo.NORA),
    ("nora-2", "nora@harbor.example", demo.NORA),
    ("dmitri-1", "dmitri@harbor.example", demo.DMITRI),
    ("rosa-1", "rosa@harbor.example", demo.ROSA),
    ("olga-1", "olga@harbor.example", demo.OLGA),
    ("hana-1", "hana@hilltop.example", demo.HANA),
    ("ada-1", "ada@patients.example", demo.ADA),
    ("ada-2", "ada@patients.example", demo.ADA),
    ("maria-1", "maria@patients.example", demo.MARIA),
    ("pia-1", "pia@patients.example", demo.PIA),
)
PATIENTS = (demo.ADA_AND_HER_TEAM, demo.MARIA_FOR_LEO, demo.HANA_AND_PIA)
BURST = 4


@dataclass(slots=True, kw_only=True)
class Scene:
    """Who may be where: the conversations of a run, and who is moved in and out of which by whom."""

    places: dict[str, list[str]]
    """By user: the conversations they may be in."""
    stewards: dict[str, list[tuple[str, str]]]
    """By client: the conversations, and whom it moves in and out there. Nobody else moves them."""
    last_words: dict[str, list[tuple[str, str]]]
    """By client: the streams in which it says the last word."""
    teams: dict[str, list[str]]
    """By client: whom it opens conversations with."""
    clients: dict[str, Client]
    inside: dict[tuple[str, str], bool] = field(default_factory=dict)


async def set_scene(clients: dict[str, Client]) -> Scene:
    """Open the groups of this run beside the demo's own conversations."""
    nora, dmitri = clients["nora-1"], clients["dmitri-1"]
    tea = await nora.opens(kind="group", subject="Chaos: tea round", participant_ids=[demo.DMITRI, demo.ROSA])
    rota = await dmitri.opens(kind="group", subject="Chaos: rota", participant_ids=[demo.NORA, demo.ROSA, demo.OLGA])
    quiet = await nora.opens(kind="group", subject="Chaos: quiet", participant_ids=[demo.DMITRI, demo.OLGA])
    groups = [tea["id"], rota["id"]]
    harbor = [demo.NORA_AND_DMITRI, *groups, demo.ADA_AND_HER_TEAM]
    return Scene(
        places={
            demo.NORA: [*harbor, quiet["id"]],
            demo.DMITRI: [*harbor, demo.MARIA_FOR_LEO],
            demo.ROSA: [*groups, demo.ADA_AND_HER_TEAM],
            demo.OLGA: [rota["id"], tea["id"]],
            demo.HANA: [demo.HANA_AND_PIA],
            demo.ADA: [demo.ADA_AND_HER_TEAM],
            demo.MARIA: [demo.MARIA_FOR_LEO],
            demo.PIA: [demo.HANA_AND_PIA],
        },
        stewards={
            "nora-1": [(tea["id"], demo.ROSA), (tea["id"], demo.OLGA)],
            "dmitri-1": [(rota["id"], demo.OLGA), (demo.ADA_AND_HER_TEAM, demo.ROSA)],
        },
        last_words={
            "nora-1": [
                *((place, SHARED) for place in (demo.NORA_AND_DMITRI, tea["id"], quiet["id"], demo.ADA_AND_HER_TEAM)),
                (demo.ADA_AND_HER_TEAM, INTERNAL),
            ],
            "dmitri-1": [(rota["id"], SHARED), (demo.MARIA_FOR_LEO, SHARED), (demo.MARIA_FOR_LEO, INTERNAL)],
            "hana-1": [(demo.HANA_AND_PIA, SHARED), (demo.HANA_AND_PIA, INTERNAL)],
        },
        teams={
            "nora-1": [demo.DMITRI, demo.ROSA],
            "dmitri-1": [demo.NORA, demo.OLGA],
            "ada-1": [demo.NORA, demo.DMITRI],
        },
        clients=clients,
        inside={(tea["id"], demo.ROSA): True, (rota["id"], demo.OLGA): True},
    )


class Player:
    """One client's part: it does one thing after the other, with pauses around `pause_s`."""

    def __init__(self, client: Client, scene: Scene, *, pause_s: float, chance: Random) -> None:
        self._client = client
        self._scene = scene
        self._pause_s = pause_s
        self._chance = chance
        self._said = 0
        self._acts: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (70, self._posts),
            (5, self._posts_a_burst),
            (4, self._posts_impatiently),
            (8, self._edits),
            (4, self._recalls),
            (8, self._reads),
            (3, self._types),
        ]
        if client.name in scene.stewards:
            self._acts += [(8, self._moves_somebody), (1, self._renames), (1, self._closes_and_reopens)]
        if client.name in scene.teams:
            self._acts.append((1, self._opens))

    async def plays(self, over: asyncio.Event) -> None:
        """Act until it is over; what was begun is finished."""
        while not over.is_set():
            weights = [weight for weight, _ in self._acts]
            (act,) = self._chance.choices([act for _, act in self._acts], weights)
            await act()
            await _either(over, self._chance.expovariate(1 / self._pause_s))

    async def says_a_last_word(self) -> None:
        """Post once into every stream that is ours to end: nothing comes after it that could heal a loss."""
        for place in self._scene.last_words.get(self._client.name, ()):
            await self._posts_in(*place)

    async def _posts(self) -> None:
        await self._posts_in(*self._somewhere())

    async def _posts_a_burst(self) -> None:
        place = self._somewhere()
        await asyncio.gather(*(self._posts_in(*place) for _ in range(BURST)))

    async def _posts_impatiently(self) -> None:
        await self._posts_in(*self._somewhere(), impatient=True)

    async def _posts_in(self, conversation: str, stream: str, *, impatient: bool = False) -> Post:
        self._said += 1
        secret = SECRET if stream == INTERNAL else ""
        return await self._client.posts(
            conversation, stream, f"{self._client.name} says {self._said}{secret}", impatient=impatient
        )

    async def _edits(self) -> None:
        post = self._one_of_mine()
        if post is not None:
            self._said += 1
            secret = SECRET if post.stream == INTERNAL else ""
            await self._client.amends(post, f"{self._client.name} rather says {self._said}{secret}")

    async def _recalls(self) -> None:
        post = self._one_of_mine()
        if post is not None:
            self._client.posted.remove(post)
            await self._client.amends(post, None)

    async def _reads(self) -> None:
        if self._client.held:
            (conversation, stream), seq = self._chance.choice(list(self._client.held.items()))
            await self._tries("read", conversation_id=conversation, stream=stream, seq=seq)

    async def _types(self) -> None:
        conversation, stream = self._somewhere()
        await self._tries("typing", conversation_id=conversation, stream=stream, active=True)

    async def _tries(self, op: str, **fields: object) -> None:
        try:
            await self._client.line.asks(op, **fields)
        except LineLost:
            return  # a state: the next one says it again

    async def _moves_somebody(self) -> None:
        place = self._chance.choice(self._scene.stewards[self._client.name])
        joins = not self._scene.inside.get(place, False)
        mover = self._client
        if not joins and self._chance.random() < 0.3:
            # Some leave by themselves; the steward waits, so that nobody else moves them meanwhile.
            mover = next(each for each in self._scene.clients.values() if each.user == place[1])
        move = await mover.moves(*place, joins=joins)
        if move.verdict is Verdict.ACKNOWLEDGED:
            self._scene.inside[place] = joins

    async def _opens(self) -> None:
        self._said += 1
        mine, team = self._client, self._scene.teams[self._client.name]
        wanted: dict[str, object] = {"subject": f"Chaos: {mine.name} {self._said}"}
        if mine.plane == "staff":
            wanted |= {"kind": "group", "participant_ids": team}
        post = await mine.opens_with(f"{mine.name} says {self._said}", **wanted)
        if post.verdict is Verdict.ACKNOWLEDGED:
            for user in (mine.user, *team):
                self._scene.places[user].append(post.conversation)

    async def _renames(self) -> None:
        self._said += 1
        conversation, _ = self._chance.choice(self._scene.stewards[self._client.name])
        await self._client.changes(conversation, subject=f"Chaos: {self._client.name} {self._said}")

    async def _closes_and_reopens(self) -> None:
        conversation, _ = self._chance.choice(self._scene.stewards[self._client.name])
        for status in ("closed", "open"):
            await self._client.changes(conversation, status=status)

    def _somewhere(self) -> tuple[str, str]:
        conversation = self._chance.choice(self._scene.places[self._client.user])
        internal = conversation in PATIENTS and self._client.plane == "staff" and self._chance.random() < 0.3
        return conversation, INTERNAL if internal else SHARED

    def _one_of_mine(self) -> Post | None:
        recent = self._client.posted[-20:]
        return self._chance.choice(recent) if recent else None


async def _either(over: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return
