"""A ward whose whole story is made up: what is stored, what was heard, what was acknowledged, in values only."""

from tests.chaos.breaches import Breach
from tests.chaos.checker import check
from tests.chaos.histories import (
    EDITED,
    INTERNAL,
    JOINED,
    LEFT,
    POSTED,
    RECALLED,
    SHARED,
    Amendment,
    Announced,
    CaughtUp,
    Event,
    Heard,
    History,
    Move,
    Post,
    Record,
    Removed,
    StreamKey,
    Verdict,
)
from tests.chaos.stored import Member, Stored, StoredEntry, StoredMessage

WARD, OTHER = "ward", "other"
NORA, DMITRI, ROSA, ADA = "nora", "dmitri", "rosa", "ada"


class Ward:
    """A conversation of Nora, Dmitri and Ada that everybody heard from its third entry on, told entry by entry."""

    def __init__(self) -> None:
        self.record = Record()
        self.entries: dict[StreamKey, list[StoredEntry]] = {
            (WARD, SHARED): [],
            (WARD, INTERNAL): [],
            (OTHER, SHARED): [],
        }
        self.messages: list[StoredMessage] = []
        self.present = {NORA: True, DMITRI: True, ADA: True}
        self.waiting = 0
        self.logs = {
            user: History(client=f"{user}-1", user=user, plane="portal" if user == ADA else "staff")
            for user in (NORA, DMITRI, ADA)
        }
        self.record.histories += self.logs.values()
        for number in (1, 2):
            self.says(NORA, f"before {number}", heard_by=())
        for user in self.logs:
            self.notes(user, CaughtUp(tick=self.record.tick(), heads=self.heads(user)))

    def heads(self, user: str) -> dict[StreamKey, int]:
        streams = (SHARED,) if user == ADA else (SHARED, INTERNAL)
        return {(WARD, stream): len(self.entries[WARD, stream]) for stream in streams}

    def notes(self, user: str, event: Event) -> None:
        self.logs[user].events.append(event)

    def says(
        self, author: str, body: str, *, stream: str = SHARED, heard_by: tuple[str, ...] | None = None
    ) -> tuple[Post, StoredEntry]:
        """Post something that is acknowledged, stored and heard by everybody who may."""
        post = Post(
            client=f"{author}-1",
            author=author,
            conversation=WARD,
            stream=stream,
            client_message_id=f"key of {body}",
            body=body,
            issued=self.record.tick(),
            issued_at=0.0,
            verdict=Verdict.ACKNOWLEDGED,
            message_id=f"id of {body}",
        )
        self.record.posts.append(post)
        entry = self.stores(
            POSTED, author, stream=stream, message=post.message_id, body=body, client_message_id=post.client_message_id
        )
        post.seq = entry.seq
        self.messages.append(
            StoredMessage(
                id=post.message_id,
                conversation=WARD,
                stream=stream,
                seq=entry.seq,
                author=author,
                client_message_id=post.client_message_id,
                body=body,
                recalled=False,
            )
        )
        self.tells(entry, stream=stream, to=heard_by)
        post.answered = self.record.tick()
        return post, entry

    def amends(self, post: Post, body: str | None) -> Amendment:
        """Edit or recall a message, heard by everybody who may."""
        kind = RECALLED if body is None else EDITED
        entry = self.stores(kind, post.author, stream=post.stream, message=post.message_id, body=body or "")
        wish = Amendment(
            client=post.client,
            author=post.author,
            conversation=WARD,
            stream=post.stream,
            message_id=post.message_id,
            body=body,
            issued=self.record.tick(),
            issued_at=0.0,
            verdict=Verdict.ACKNOWLEDGED,
            seq=entry.seq,
        )
        self.record.amendments.append(wish)
        self.tells(entry, stream=post.stream)
        return wish

    def moves(self, user: str, *, joins: bool) -> Move:
        """Let somebody in or out, as the service tells it."""
        move = Move(
            client="nora-1",
            author=NORA,
            conversation=WARD,
            user=user,
            joins=joins,
            issued=self.record.tick(),
            issued_at=0.0,
            verdict=Verdict.ACKNOWLEDGED,
        )
        self.record.moves.append(move)
        heads = self.heads(user)
        self.present[user] = joins
        if user not in self.logs:
            self.logs[user] = History(client=f"{user}-1", user=user, plane="staff")
            self.record.histories.append(self.logs[user])
        if joins:
            self.notes(user, Announced(tick=self.record.tick(), conversation=WARD, heads=heads))
        else:
            self.notes(user, Removed(tick=self.record.tick(), conversation=WARD))
        self.tells(self.stores(JOINED if joins else LEFT, NORA, user=user))
        move.answered = self.record.tick()
        return move

    def stores(self, kind: str, actor: str, *, stream: str = SHARED, **more: str) -> StoredEntry:
        rows = self.entries[WARD, stream]
        rows.append(StoredEntry(seq=len(rows) + 1, type=kind, actor=actor, **more))
        return rows[-1]

    def tells(self, entry: StoredEntry, *, stream: str = SHARED, to: tuple[str, ...] | None = None) -> None:
        may = [user for user, present in self.present.items() if present and (stream == SHARED or user != ADA)]
        for user in may if to is None else to:
            self.hears(user, entry, stream=stream)

    def hears(self, user: str, entry: StoredEntry, *, stream: str = SHARED, body: str | None = None) -> None:
        self.notes(
            user,
            Heard(
                tick=self.record.tick(),
                at=0.0,
                conversation=WARD,
                stream=stream,
                seq=entry.seq,
                type=entry.type,
                actor=entry.actor,
                message=entry.message,
                user=entry.user,
                body=entry.body if body is None else body,
            ),
        )

    def stored(self) -> Stored:
        return Stored(
            entries={key: tuple(rows) for key, rows in self.entries.items()},
            heads={key: len(rows) for key, rows in self.entries.items()},
            members={WARD: tuple(Member(user=user, present=present) for user, present in self.present.items())},
            messages=tuple(self.messages),
            waiting=self.waiting,
        )

    def breaches(self) -> list[Breach]:
        return check(self.record, self.stored())
