"""Conversations alone, behind its inside doors: real storage, real tokens, a stand-in only for auth's HTTP.

house = Inside(url)
nora = house.staff("Nora", Permission.PATIENT_SEND)
conversation = nora.opens("direct", participant_ids=[dmitri.id]).json
nora.posts(conversation["id"], "Hello")
"""

import io
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import orjson
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select
from werkzeug.test import TestResponse

from conversations.app import compose
from conversations.files.s3 import Place
from conversations.settings import Settings
from conversations.store import directory, fence
from conversations.tables import METADATA
from servicekit.clock import utc_now
from servicekit.database import engine, transaction, upgrade
from servicekit.inprocess import InProcessExchange
from wire.changes import Account
from wire.files import NAME, packed
from wire.ids import OrganisationId, PatientId, UserId, new_id
from wire.permissions import Permission

ORIGIN = "http://localhost:8080"
KEY = ECKey.generate_key("P-256", {"kid": "test"})
LIVES = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a door said."""

    status: int
    json: Any


@dataclass(slots=True, kw_only=True)
class Somebody:
    """A person with a token, and what they do."""

    house: "Inside"
    id: str
    org: str
    name: str
    plane: str
    permissions: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    session: str = field(default_factory=new_id)
    _token: str = ""

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.house.token_for(self)
        return self._token

    def asks(self, method: str, path: str, body: object = None, **query: object) -> Answer:
        headers = self.house.service(self.plane) | {"X-User-Token": self.token}
        return self.house.call(method, path, body, headers=headers, query=query)

    def uploads(self, content: bytes | Iterable[bytes], name: str = "letter.txt") -> Answer:
        headers = self.house.service(self.plane) | {"X-User-Token": self.token, NAME: packed(name)}
        return self.house.gives("/attachments", content, headers)

    def fetches(self, attachment_id: str, *, size: str = "full", **headers: str) -> TestResponse:
        """Return the door's whole answer, bytes, headers and all."""
        keys = self.house.service(self.plane) | {"X-User-Token": self.token}
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        client: FlaskClient = self.house.composed.wsgi.test_client()
        return client.get(f"/attachments/{attachment_id}", query_string={"size": size}, headers=keys | asked)

    def opens(
        self, kind: str, first: str | None = None, client_message_id: str | None = None, **wish: object
    ) -> Answer:
        if first is not None:
            wish["first_message"] = {"client_message_id": client_message_id or new_id(), "body": first}
        return self.asks("POST", "/conversations", wish if self.plane == "portal" else {"kind": kind, **wish})

    def item(self, conversation_id: str, body: str, **more: object) -> dict[str, Any]:
        return {
            "token": self.token,
            "conversation_id": conversation_id,
            "stream": "shared",
            "client_message_id": new_id(),
            "body": body,
        } | more

    def posts(self, conversation_id: str, body: str, **more: object) -> dict[str, Any]:
        """Return `{"status", "entry"}` or `{"problem"}`."""
        return self.house.sends([self.item(conversation_id, body, **more)], self.plane)[0]

    def reads(self, conversation_id: str, seq: int, *, stream: str = "shared", kind: str = "read") -> dict[str, Any]:
        mark = {
            "token": self.token,
            "kind": kind,
            "conversation_id": conversation_id,
            "stream": stream,
            "seq": seq,
        }
        results: list[dict[str, Any]] = self.house.call(
            "POST", "/marks", {"items": [mark]}, headers=self.house.service(self.plane)
        ).json["results"]
        return results[0]

    def sees(self, conversation_id: str) -> dict[str, Any]:
        seen: dict[str, Any] = self.asks("GET", f"/conversations/{conversation_id}").json
        return seen

    def lists(self, **query: object) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.asks("GET", "/conversations", **query).json["items"]
        return items

    def timeline(self, conversation_id: str, **query: object) -> dict[str, Any]:
        page: dict[str, Any] = self.asks("GET", f"/conversations/{conversation_id}/timeline", **query).json
        return page

    def catches_up(self, positions: Mapping[str, Any], unlisted: str = "head") -> dict[str, Any]:
        answer: dict[str, Any] = self.asks("POST", "/catch-up", {"positions": positions, "unlisted": unlisted}).json
        return answer


class Inside:
    """The service over one database, with one organisation to begin with; `owner_url` sees all rows."""

    def __init__(
        self,
        url: str,
        *,
        owner_url: str | None = None,
        migrate: bool = True,
        files: Place | None = None,
        clamd: tuple[str, int] | None = None,
    ) -> None:
        self.owner = engine(owner_url or url)
        if migrate:
            upgrade(self.owner, "conversations")
        self.storage = Path(mkdtemp(prefix="messages-files-"))
        settings = Settings(
            public_origin=ORIGIN,
            database_url=url,
            auth_url="http://auth",
            client_secret="s" * 16,
            files=files or self.storage,
            log_level="ERROR",
            clamd=clamd,
        )
        self.exchange = InProcessExchange()
        self.composed = compose(settings, exchange=self.exchange, transports={"auth": httpx.MockTransport(self._auth)})
        self.org = new_id()
        self._services = {plane: self._service_token(f"{plane}-gateway") for plane in ("staff", "portal")}

    # ---- people

    def staff(self, name: str, *permissions: str, org: str | None = None, known: bool = True) -> Somebody:
        somebody = Somebody(
            house=self,
            id=new_id(),
            org=org or self.org,
            name=name,
            plane="staff",
            permissions=(Permission.VIEW, *permissions),
        )
        if known:
            self.tells_of(somebody)
        return somebody

    def patient(self, name: str, *patients: str, org: str | None = None) -> Somebody:
        somebody = Somebody(house=self, id=new_id(), org=org or self.org, name=name, plane="portal", patients=patients)
        self.tells_of(somebody)
        return somebody

    def tells_of(self, somebody: Somebody, *, position: int = 1, active: bool = True) -> None:
        """Write somebody into the directory as auth's feed would."""
        account = Account(
            id=UserId(somebody.id),
            org=OrganisationId(somebody.org),
            org_name="Harbor Clinic",
            kind="staff" if somebody.plane == "staff" else "patient",
            name=somebody.name,
            title=None,
            active=active,
            permissions=somebody.permissions,
            patients=tuple(PatientId(one) for one in somebody.patients),
        )
        with transaction(self.owner) as connection:
            fence.enter(connection, somebody.org)
            directory.put_account(connection, account, position=position)

    def patient_record(self, name: str, *carers: Somebody, org: str | None = None) -> str:
        """Store a patient and who cares for them; returns the patient's id."""
        patient_id, org = new_id(), org or self.org
        with transaction(self.owner) as connection:
            fence.enter(connection, org)
            directory.put_organisation(connection, org, "Harbor Clinic")
            directory.put_patient(
                connection, patient_id=patient_id, org=org, name=name, birth_date=date(1950, 2, 3), identifiers=()
            )
            directory.put_care_team(connection, org=org, patient_id=patient_id, staff_ids=[one.id for one in carers])
        return patient_id

    # ---- doors

    def sends(self, items: Sequence[Any], plane: str = "staff") -> list[dict[str, Any]]:
        answer = self.call("POST", "/sends", {"items": list(items)}, headers=self.service(plane))
        assert answer.status == 200, answer
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    def service(self, plane: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._services[plane]}"}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        client: FlaskClient = self.composed.wsgi.test_client()
        content = None if body is None else orjson.dumps(body)
        answer = client.open(
            path,
            method=method,
            data=content,
            headers=dict(headers or {}),
            query_string=dict(query or {}),
            content_type="application/json" if content is not None else None,
        )
        return Answer(status=answer.status_code, json=orjson.loads(answer.data) if answer.data else None)

    def gives(self, path: str, content: bytes | Iterable[bytes], headers: Mapping[str, str]) -> Answer:
        """Send bytes as they are; an iterable without telling how many come."""
        client: FlaskClient = self.composed.wsgi.test_client()
        if isinstance(content, bytes):
            answer = client.post(path, data=content, headers=dict(headers))
        else:
            told = {"wsgi.input": _Pieces(content), "wsgi.input_terminated": True}
            answer = client.post(path, headers=dict(headers), environ_overrides=told)
        return Answer(status=answer.status_code, json=orjson.loads(answer.data) if answer.data else None)

    # ---- what is stored

    def rows(self, table: str, org: str | None = None) -> list[dict[str, Any]]:
        """Return a table's rows of one organisation, oldest first where that is known."""
        found = METADATA.tables[table]
        query = select(found)
        if "id" in found.c:
            query = query.order_by(found.c.id)
        with transaction(self.owner) as connection:
            fence.enter(connection, org or self.org)
            return [dict(row) for row in connection.execute(query).mappings()]

    def events(self, plane: str = "staff") -> list[dict[str, Any]]:
        """Return what waits for the relay on one plane, in order."""
        return [orjson.loads(row[plane]) for row in self.rows("outbox") if row[plane] is not None]

    def ends(self) -> None:
        self.composed.background.stop(2)
        self.composed.wsgi.extensions["database"].dispose()
        self.owner.dispose()
        shutil.rmtree(self.storage, ignore_errors=True)

    # ---- tokens

    def token_for(self, somebody: Somebody, **claims: object) -> str:
        now = int(time.time())
        payload = {
            "iss": f"{ORIGIN}/auth",
            "sub": somebody.id,
            "sid": somebody.session,
            "jti": new_id(),
            "iat": now,
            "exp": now + LIVES,
            "client_id": f"{somebody.plane}-gateway",
            "aud": somebody.plane,
            "org": somebody.org,
            "name": f"{somebody.name} (as the token says)",
        }
        payload |= {"permissions": somebody.permissions} if somebody.plane == "staff" else {}
        payload |= {"patients": somebody.patients} if somebody.plane == "portal" else {}
        return _signed(payload | claims)

    def _service_token(self, client_id: str) -> str:
        now = int(time.time())
        return _signed(
            {
                "iss": f"{ORIGIN}/auth",
                "aud": "services",
                "sub": client_id,
                "client_id": client_id,
                "iat": now,
                "exp": now + LIVES,
            }
        )

    def _auth(self, call: httpx.Request) -> httpx.Response:
        if call.url.path == "/auth/jwks.json":
            return httpx.Response(200, json=KeySet([KEY]).as_dict(private=False))
        if call.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "service", "expires_in": 600})
        return httpx.Response(200, json={"items": [], "position": 0, "next": None, "now": utc_now().isoformat()})


class _Pieces(io.RawIOBase):
    """A body that comes in pieces, each of them smaller than what is asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:  # noqa: ANN401 - any writable buffer
        piece = next(self._pieces, b"")
        room[: len(piece)] = piece
        return len(piece)


def _signed(payload: Mapping[str, Any]) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "test"}
    return jwt.encode(header, dict(payload), KEY, algorithms=["ES256"])
