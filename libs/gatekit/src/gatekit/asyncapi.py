"""The live socket's AsyncAPI 3.0 document, made from the schemas its frames are read by and held to.

Promises: every op with its reply and every push is in it, each with the golden sample as its example, as far as this
plane's schemas document it; nothing of the other plane is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from gatekit.addresses import Addresses
from gatekit.shapes import sieve
from wire import samples
from wire.frames import BEAT_EVERY, HELLO_WITHIN, MAX_FRAME, SILENCE, SUBPROTOCOL, CloseCode

Schemas = Mapping[str, type[Schema]]
CHANNEL: Final = "#/channels/live"
_SCHEMAS: Final = "#/components/schemas/"
_MESSAGES: Final = "#/components/messages/"
_SECURITY: Final = [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("bearer", "session")]
_CLOSED: Final = {
    CloseCode.DRAINING: "the server is being restarted: come back after `retry_after_ms`",
    CloseCode.TOKEN_ENDED: "the access token ended: come back with a fresh one",
    CloseCode.TOO_SLOW: "too slow: come back, and resume",
    CloseCode.TOO_MANY_SOCKETS: "too many sockets of one person: come back later",
    CloseCode.SIGNED_OUT: "signed out or revoked: stay away",
    CloseCode.PERMISSION_LOST: "the permission is lost: stay away",
    CloseCode.PROTOCOL_ERROR: "the protocol was broken: stay away",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a plane's socket says and understands: each op, its reply, each push, and the refusal, by their schemas."""

    ops: Schemas
    replies: Schemas
    pushes: Schemas
    refused: type[Schema]


class LiveDocument:
    """The document of one plane's socket."""

    def __init__(self, addresses: Addresses, spoken: Spoken, *, title: str) -> None:
        self._addresses = addresses
        self._spoken = spoken
        self._title = title
        self._samples = samples.load("frames")

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document as it is served."""
        messages = dict(self._messages())
        return {
            "asyncapi": "3.0.0",
            "info": {"title": f"{self._title}: the live socket", "version": "1", "description": _about()},
            "defaultContentType": "application/json",
            "channels": {
                "live": {
                    "address": self._addresses.live,
                    "title": "The live socket",
                    "description": _closed(),
                    "messages": {name: {"$ref": _MESSAGES + name} for name in messages},
                    "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                }
            },
            "operations": dict(self._operations()),
            "components": {
                "schemas": self._schemas(),
                "messages": messages,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "session": {
                        "type": "httpApiKey",
                        "in": "cookie",
                        "name": f"{self._addresses.plane}_session",
                    },
                },
            },
        }

    def _operations(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for op, schema in self._spoken.ops.items():
            yield (
                op,
                {
                    "action": "receive",
                    "summary": _sentence(schema),
                    "channel": {"$ref": CHANNEL},
                    "security": _SECURITY,
                    "messages": [_in_channel(op)],
                    "reply": {
                        "channel": {"$ref": CHANNEL},
                        "messages": [_in_channel(f"{op}.reply"), _in_channel("refused")],
                    },
                },
            )
        for push, schema in self._spoken.pushes.items():
            yield (
                f"push.{push}",
                {
                    "action": "send",
                    "summary": _sentence(schema),
                    "channel": {"$ref": CHANNEL},
                    "security": _SECURITY,
                    "messages": [_in_channel(f"push.{push}")],
                },
            )

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for op, schema in self._spoken.ops.items():
            yield op, self._message(op, schema, {"op": {"const": op}}, f"client.{op}")
            reply = self._spoken.replies[op]
            yield f"{op}.reply", self._message(f"{op}.reply", reply, {"ok": {"const": True}}, f"reply.{op}")
        yield "refused", self._message("refused", self._spoken.refused, {"ok": {"const": False}}, "reply.refused")
        for push, schema in self._spoken.pushes.items():
            yield f"push.{push}", self._message(f"push.{push}", schema, {"push": {"const": push}}, f"push.{push}")

    def _message(
        self, name: str, schema: type[Schema], told_apart_by: Mapping[str, Any], sample: str
    ) -> dict[str, Any]:
        return {
            "name": name,
            "summary": _sentence(schema),
            "contentType": "application/json",
            "payload": {"allOf": [{"$ref": _SCHEMAS + schema.__name__}, {"properties": dict(told_apart_by)}]},
            "examples": [{"name": sample, "payload": sieve(schema)(self._samples[sample])}],
        }

    def _schemas(self) -> dict[str, Any]:
        spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[MarshmallowPlugin()])
        spoken = self._spoken
        every = {*spoken.ops.values(), *spoken.replies.values(), *spoken.pushes.values(), spoken.refused}
        for schema in sorted(every, key=lambda each: each.__name__):
            if schema.__name__ not in spec.components.schemas:
                spec.components.schema(schema.__name__, schema=schema)
        schemas: dict[str, Any] = spec.to_dict()["components"]["schemas"]
        return schemas


def _in_channel(message: str) -> dict[str, str]:
    return {"$ref": f"{CHANNEL}/messages/{message}"}


def _sentence(schema: type[Schema]) -> str:
    """Return the first line a schema says of itself."""
    return (schema.__doc__ or "").strip().splitlines()[0]


def _about() -> str:
    return (
        f"One WebSocket of the subprotocol `{SUBPROTOCOL}`; text frames, one JSON object each, a client's of at most "
        f"{MAX_FRAME // 1_024} KiB. A client's frame carries `op` and a `ref` of its choosing, and gets exactly one "
        f"reply with that `ref`. `hello` comes first, within {HELLO_WITHIN:g} s. The server sends a `beat` every "
        f"{BEAT_EVERY:g} s; who hears nothing for {SILENCE:g} s lets go and comes back."
    )


def _closed() -> str:
    told = "; ".join(f"{code.value} {why}" for code, why in _CLOSED.items())
    return (
        "Refused before the handshake, as a problem: 401 without a good token, 403 without the permission or from a "
        f"foreign `Origin`, 503 while stopping. Closed with: {told}. Codes 4000 to 4499 come back, 4500 to 4999 stay "
        "away."
    )
