"""The list of public doors, so that every one can be tried with the wrong key; and the key of the inside ones."""

from dataclasses import dataclass, field

import httpx

from tests.support.clinic import AUTH, STAFF, Clinic
from tests.support.person import JSON, new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One call of protocol.md section 4, with a body that is right in itself."""

    method: str
    path: str
    body: JSON | None = field(default=None, repr=False)
    portal: bool = False
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


CONVERSATION = "00000000-0000-7000-8000-00000000c0de"
MESSAGE = "00000000-0000-7000-8000-0000000000ed"
FILE = "00000000-0000-7000-8000-00000000f11e"
SOMEBODY = "00000000-0000-7000-8000-00000000beef"


def said(text: str = "Hello") -> JSON:
    """Return a message's least body."""
    return {"client_message_id": new_id(), "body": text}


def service_token(clinic: Clinic, gateway: str = STAFF) -> str:
    """Return what a gateway shows at the inside doors of conversations."""
    answer = httpx.post(
        clinic.origin_of(AUTH) + "/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(gateway, clinic.programs[gateway].environ["GATEWAY_SECRET"]),
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["access_token"])


DOORS = [
    Door(method="GET", path="/me", portal=True),
    Door(method="GET", path="/conversations", portal=True),
    Door(method="POST", path="/conversations", body={"kind": "direct", "participant_ids": [SOMEBODY]}, portal=True),
    Door(method="GET", path="/conversations/{conversation}", portal=True, about="conversation"),
    Door(method="PATCH", path="/conversations/{conversation}", body={"subject": "Mine"}, about="conversation"),
    Door(method="GET", path="/conversations/{conversation}/timeline", portal=True, about="conversation"),
    Door(
        method="POST",
        path="/conversations/{conversation}/messages",
        body=said(),
        portal=True,
        about="conversation",
    ),
    Door(
        method="PUT",
        path="/conversations/{conversation}/read",
        body={"stream": "shared", "seq": 1},
        portal=True,
        about="conversation",
    ),
    Door(
        method="POST",
        path="/conversations/{conversation}/participants",
        body={"user_id": SOMEBODY},
        about="conversation",
    ),
    Door(method="DELETE", path=f"/conversations/{{conversation}}/participants/{SOMEBODY}", about="conversation"),
    Door(method="PATCH", path="/messages/{message}", body={"body": "Changed"}, portal=True, about="message"),
    Door(method="DELETE", path="/messages/{message}", portal=True, about="message"),
    Door(method="GET", path="/messages/{message}/history", about="message"),
    Door(method="POST", path="/messages/{message}/acknowledgement", portal=True, about="message"),
    Door(method="GET", path="/messages/{message}/receipts", about="message"),
    Door(method="POST", path="/messages/{message}/reminder", about="message"),
    Door(
        method="POST",
        path="/messages/{message}/forward",
        body={"conversation_id": CONVERSATION, "client_message_id": SOMEBODY, "confirmed": True},
        about="message",
    ),
    Door(method="GET", path="/conversations/{conversation}/patient", about="conversation"),
    Door(method="GET", path="/preferences", portal=True),
    Door(
        method="PUT",
        path="/conversations/{conversation}/preferences",
        body={"pinned": True},
        portal=True,
        about="conversation",
    ),
    Door(
        method="PUT",
        path="/conversations/{conversation}/unread",
        body={"stream": "shared", "seq": 1},
        portal=True,
        about="conversation",
    ),
    Door(method="GET", path="/drafts", portal=True),
    Door(
        method="PUT",
        path="/conversations/{conversation}/draft",
        body={"body": "I was"},
        portal=True,
        about="conversation",
    ),
    Door(method="GET", path="/search?q=between", portal=True),
    Door(method="GET", path="/search?q=between&conversation_id={conversation}", portal=True, about="conversation"),
    Door(method="GET", path="/directory"),
    Door(method="GET", path="/conversations/{conversation}/files", portal=True, about="conversation"),
    Door(method="GET", path="/push", portal=True),
    Door(method="PUT", path="/push/subscription", body={"endpoint": "https://push.harbor.example/x"}, portal=True),
    Door(method="DELETE", path="/push/subscription", body={"endpoint": "https://push.harbor.example/x"}, portal=True),
    Door(method="POST", path="/attachments", portal=True),
    Door(method="GET", path=f"/attachments/{FILE}", portal=True),
    Door(method="DELETE", path=f"/attachments/{FILE}", portal=True),
]
