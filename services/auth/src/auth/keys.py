"""The keys that sign tokens: made here, sealed at rest, published before they sign and until their last token ended.

- A new key is published `PUBLISH_AHEAD` before its first signature, so every verifier has fetched it by then.
- The key before it stays published until the last token it signed has ended.
- While the database hangs or is away, what was read is good for `GOOD_FOR`, and one caller at a time waits for it.
- The private half leaves the database only sealed (JWE, A256GCM) under a key derived from AUTH_SECRET.
"""

import json
import threading
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from auth import store
from auth.model import StoredKey
from auth.seals import derive
from servicekit.clock import Clock
from servicekit.database import DatabaseError, transaction
from wire.ids import Ids
from wire.problems import Unavailable

ALGORITHM = "ES256"
TOKEN_LIFE = timedelta(minutes=10)
PUBLISH_AHEAD = timedelta(minutes=10)
LINGER = TOKEN_LIFE + timedelta(minutes=1)
"""How long a replaced key stays published after its last signature: a token's life and the clocks' difference."""

ROTATE_AFTER = timedelta(days=30)
REREAD_AFTER = timedelta(seconds=5)
GOOD_FOR = timedelta(minutes=1)
"""How old what was read may be while it cannot be read anew: as long as others may keep the published set.

A key that was replaced is published for a token's life and as much more; one that leaked is trusted for that longer."""

TRY_AGAIN_AFTER = timedelta(seconds=1)
_SEALED = {"alg": "dir", "enc": "A256GCM"}


class SigningKeys:
    """The key ring. Several processes share it through the database and read it again every few seconds."""

    def __init__(self, engine: Engine, *, secret: str, clock: Clock, ids: Ids) -> None:
        self._engine = engine
        self._seal = OctKey.import_key(derive(secret, "signing keys at rest"))
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()
        self._stored: list[StoredKey] = []
        self._opened: dict[str, ECKey] = {}
        self._read_at: datetime | None = None
        self._failed_at: datetime | None = None
        """When reading failed; None once it succeeded."""

    def public(self) -> dict[str, Any]:
        """Return the published key set (RFC 7517): public halves only."""
        now = self._clock()
        return {"keys": [json.loads(key.public) for key in self._ring(now) if _published(key, now)]}

    def verifying(self) -> KeySet:
        """Return the keys whose signatures still count."""
        return KeySet([ECKey.import_key(key) for key in self.public()["keys"]])

    def signing(self) -> ECKey:
        """Return the key that signs now, the newest whose time has come; DatabaseError when it cannot be opened."""
        now = self._clock()
        newest = max((key for key in self._ring(now) if _signs(key, now)), key=lambda key: key.signs_from)
        if newest.kid not in self._opened:
            self._opened = {newest.kid: self._open(newest)}
        return self._opened[newest.kid]

    def rotate(self, *, compromised: bool = False) -> str:
        """Make the next key and return its id. With `compromised` it signs at once and all others end now."""
        now = self._clock()
        with transaction(self._engine) as connection:
            store.lock_keys(connection)
            kid = self._replace(connection, now, compromised=compromised)
        self._forget()
        return kid

    def rotate_when_old(self) -> str | None:
        """Make the next key when the newest is older than `ROTATE_AFTER`; several processes make only one."""
        now = self._clock()
        with transaction(self._engine) as connection:
            store.lock_keys(connection)
            newest = max((key.created_at for key in store.keys(connection)), default=now)
            if newest + ROTATE_AFTER > now:
                return None
            kid = self._replace(connection, now, compromised=False)
        self._forget()
        return kid

    def _ring(self, now: datetime) -> list[StoredKey]:
        if self._read_within(REREAD_AFTER, now):
            return self._stored
        answered_at_once = self._read_within(GOOD_FOR, now) or self._failed_at is not None
        if self._lock.acquire(blocking=not answered_at_once):
            try:
                self._read_again(now)
            finally:
                self._lock.release()
        if not self._read_within(GOOD_FOR, self._clock()):
            raise Unavailable
        return self._stored

    def _read_within(self, time: timedelta, now: datetime) -> bool:
        read_at = self._read_at
        return read_at is not None and now - read_at <= time

    def _read_again(self, now: datetime) -> None:
        """Read unless somebody just has, or just could not; a failure is everybody's for a moment."""
        failed_lately = self._failed_at is not None and now - self._failed_at < TRY_AGAIN_AFTER
        if failed_lately or self._read_within(REREAD_AFTER, now):
            return
        try:
            self._stored, self._read_at, self._failed_at = self._read(now), now, None
        except SQLAlchemyError:
            self._failed_at = self._clock()
            if not self._read_within(GOOD_FOR, self._failed_at):
                raise

    def _read(self, now: datetime) -> list[StoredKey]:
        with transaction(self._engine) as connection:
            stored = store.keys(connection)
            if any(_signs(key, now) for key in stored):
                return stored
            store.lock_keys(connection)
            stored = store.keys(connection)
            if not any(_signs(key, now) for key in stored):
                stored.append(self._make(connection, now, signs_from=now))
            return stored

    def _replace(self, connection: Connection, now: datetime, *, compromised: bool) -> str:
        older = [key for key in store.keys(connection) if _published(key, now)]
        signs_from = now if compromised or not older else now + PUBLISH_AHEAD
        made = self._make(connection, now, signs_from=signs_from)
        lasting = [key.kid for key in older if compromised or key.ends_at is None]
        store.end_keys(connection, lasting, now if compromised else signs_from + LINGER)
        return made.kid

    def _make(self, connection: Connection, now: datetime, *, signs_from: datetime) -> StoredKey:
        kid = self._ids()
        private = ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": ALGORITHM})
        sealed = jwe.encrypt_compact(_SEALED, json.dumps(private.as_dict(private=True)), self._seal)
        public = json.dumps(private.as_dict(private=False))
        made = StoredKey(kid=kid, public=public, sealed=sealed, created_at=now, signs_from=signs_from, ends_at=None)
        store.add_key(connection, made)
        return made

    def _open(self, key: StoredKey) -> ECKey:
        try:
            opened = jwe.decrypt_compact(key.sealed, self._seal).plaintext
        except (JoseError, ValueError) as refused:
            raise DatabaseError(
                "AUTH_SECRET does not open the stored signing keys: it is not the one they were sealed with."
            ) from refused
        return ECKey.import_key(json.loads(opened or b"{}"))

    def _forget(self) -> None:
        with self._lock:
            self._read_at = None


def _published(key: StoredKey, now: datetime) -> bool:
    return key.ends_at is None or now < key.ends_at


def _signs(key: StoredKey, now: datetime) -> bool:
    return _published(key, now) and key.signs_from <= now
