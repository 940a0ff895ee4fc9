"""Every door, tried with the wrong key: refused with a problem that has its code, and nothing told or done."""

import re
from contextlib import suppress

import httpx
import pytest

from client import LineLost, SignInRefused
from tests.support.clinic import AUTH, CONVERSATIONS, PORTAL, STAFF, Clinic
from tests.support.doors import CONVERSATION, DOORS, MESSAGE, Door, said
from tests.support.forger import forgeries
from tests.support.live import Line
from tests.support.person import Person, Refused, new_id

PLANES = {"staff": "nora@harbor.example", "portal": "ada@patients.example"}


def knocks(person: Person, door: Door, *, conversation: str = CONVERSATION, message: str = MESSAGE) -> httpx.Response:
    """Try a door as this person."""
    path = door.path.format(conversation=conversation, message=message)
    return person.raw(door.method, path, json=door.body) if door.body else person.raw(door.method, path)


def is_problem(response: httpx.Response, status: int, code: str) -> bool:
    """Tell whether a response is the problem it should be (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    problem = response.json()
    assert {"type", "title", "status", "detail", "code"} <= set(problem)
    assert problem["status"] == status
    assert problem["code"] == code
    return True


def open_to(plane: str) -> list[Door]:
    """Return the doors of a plane."""
    return [door for door in DOORS if plane == "staff" or door.portal]


@pytest.mark.parametrize("plane", PLANES)
def test_the_list_of_doors_is_whole(clinic: Clinic, plane: str) -> None:
    """What the plane's OpenAPI document names is tried below, and nothing else is open."""
    root = Person(clinic.origin, PLANES[plane]).root
    document = httpx.get(f"{clinic.origin}{root}/api/openapi.json", trust_env=False).json()
    documented = {
        (method.upper(), re.sub(r"{[^}]*}", "*", path.removeprefix(f"{root}/api")))
        for path, calls in document["paths"].items()
        for method in calls
        if method != "parameters"
    }

    tried = {
        (door.method, re.sub(r"{[^}]*}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", door.path.partition("?")[0]))
        for door in open_to(plane)
    }

    assert documented == tried


@pytest.mark.parametrize("plane", PLANES)
def test_without_a_token_every_door_is_shut(clinic: Clinic, plane: str) -> None:
    """No Authorization header, no cookie: 401 at each call, and at the live socket's handshake."""
    nobody = Person(clinic.origin, PLANES[plane])

    for door in open_to(plane):
        assert is_problem(knocks(nobody, door), 401, "unauthenticated")
    with pytest.raises(Refused) as refused:
        nobody.opens_line(headers={})
    assert refused.value.status == 401


@pytest.mark.parametrize("plane", PLANES)
def test_no_forged_token_opens_anything(clinic: Clinic, plane: str) -> None:
    """Expired, foreign, tampered, unsigned, of another issuer or kind: 401 over REST and at the handshake."""
    person = clinic.signs_in(PLANES[plane])

    for name, token in forgeries(clinic, person.access_token).items():
        forged = Person(clinic.origin, PLANES[plane])
        forged.access_token = token
        answer = forged.raw("GET", "/me")
        assert (name, answer.status_code) == (name, 401)
        with pytest.raises(Refused) as refused:
            forged.opens_line()
        assert (name, refused.value.status) == (name, 401)


@pytest.mark.parametrize(("plane", "other"), [("staff", "portal"), ("portal", "staff")])
def test_a_token_of_the_other_plane_opens_nothing(clinic: Clinic, plane: str, other: str) -> None:
    """A patient's token at staff's doors and staff's at the patients': 401 everywhere."""
    person = clinic.signs_in(PLANES[other])
    intruder = Person(clinic.origin, PLANES[plane])
    intruder.access_token = person.access_token

    for door in open_to(plane):
        assert is_problem(knocks(intruder, door), 401, "unauthenticated")
    with pytest.raises(Refused) as refused:
        intruder.opens_line()
    assert refused.value.status == 401


def test_staff_without_the_permission_meet_403(clinic: Clinic) -> None:
    """Otto may not use messaging: `permission_required` at each call and at the handshake."""
    otto = clinic.signs_in("otto@harbor.example")

    for door in open_to("staff"):
        assert is_problem(knocks(otto, door), 403, "permission_required")
    with pytest.raises(Refused) as refused:
        otto.opens_line()
    assert refused.value.status == 403


@pytest.mark.parametrize("email", ["rosa@harbor.example", "hana@hilltop.example"])
def test_a_stranger_learns_nothing_of_a_conversation(clinic: Clinic, email: str) -> None:
    """Neither a colleague outside it nor another organisation can tell it from one that does not exist."""
    nora, dmitri, stranger = clinic.signs_in(PLANES["staff"]), clinic.signs_in("dmitri@harbor.example"), None
    stranger = clinic.signs_in(email)
    conversation = nora.opens_conversation_with(dmitri)
    message = nora.sends(conversation, f"Between us {new_id()}")["message"]["id"]
    head = nora.conversation(conversation)["heads"]["shared"]

    for door in (each for each in open_to("staff") if each.about):
        real = knocks(stranger, door, conversation=conversation, message=message)
        made_up = knocks(stranger, door, conversation=new_id(), message=new_id())
        assert is_problem(real, 404, "not_found")
        assert {**real.json(), "detail": ""} == {**made_up.json(), "detail": ""}
        assert real.json()["detail"] == made_up.json()["detail"]
    assert nora.conversation(conversation)["heads"]["shared"] == head
    assert conversation not in {each["id"] for each in stranger.lists()}


def test_one_patient_learns_nothing_of_another(clinic: Clinic) -> None:
    """Ada's conversation does not exist for Maria, over REST and over the socket."""
    ada, maria = clinic.signs_in("ada@patients.example"), clinic.signs_in("maria@patients.example")
    conversation = ada.writes_to_care_team(f"Private {new_id()}", "Only for my nurses")
    message = ada.timeline(conversation)["items"][-1]["message"]["id"]

    for door in (each for each in open_to("portal") if each.about):
        assert is_problem(knocks(maria, door, conversation=conversation, message=message), 404, "not_found")
    with maria.device() as phone, ada.device() as hers:
        typing = {"stream": "shared", "active": True}
        for op, fields in {"send": said(), "read": {"stream": "shared", "seq": 1}, "typing": typing}.items():
            reply = phone.the_line.asks(op, conversation_id=conversation, **fields)
            assert (op, reply["ok"], reply.get("problem", {}).get("code")) == (op, False, "not_found")
        ada.sends(conversation, "Still private")
        hers.hears("Still private")
        assert hers.the_line.pushes("typing") == []


def test_staffs_own_doors_are_not_there_for_patients(clinic: Clinic) -> None:
    """Neither reminding, forwarding, receipts, history nor the directory, though they take part in the conversation."""
    nora, ada = clinic.signs_in(PLANES["staff"]), clinic.signs_in(PLANES["portal"])
    conversation = ada.writes_to_care_team(f"Only mine {new_id()}", "Who has read this?")
    message = nora.sends(conversation, "We have", ask_acknowledgement=True)["message"]["id"]
    before = nora.reads_everything(conversation)

    for door in (each for each in DOORS if not each.portal):
        answer = knocks(ada, door, conversation=conversation, message=message)
        status = 405 if door.path == "/conversations/{conversation}" else 404
        assert (str(door), answer.status_code) == (str(door), status)
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert nora.reads_everything(conversation) == before


def test_a_stranger_resumes_nothing(clinic: Clinic) -> None:
    """Naming somebody else's conversation in `resume` brings no entry of it and no head."""
    nora, rosa = clinic.signs_in(PLANES["staff"]), clinic.signs_in("rosa@harbor.example")
    conversation = nora.opens_conversation_with(clinic.signs_in("dmitri@harbor.example"))
    nora.sends(conversation, f"Not for Rosa {new_id()}")

    with rosa.opens_line() as line:
        line.asks("hello", resume={conversation: {"shared": 0, "internal": 0}})
        heads = line.hears("caught_up")["heads"]
        pushed = line.pushes("entry") + line.pushes("reset")

    assert conversation not in heads
    assert pushed == []


@pytest.mark.parametrize("plane", PLANES)
def test_a_foreign_origin_is_refused_at_the_handshake(clinic: Clinic, plane: str) -> None:
    """A page of another site cannot open the socket, even with a good token."""
    person = clinic.signs_in(PLANES[plane])

    for origin in ("https://evil.example", "null", clinic.origin + ".evil.example"):
        with pytest.raises(Refused) as refused:
            person.opens_line(headers={**person.bearer, "Origin": origin})
        assert refused.value.status == 403
    with person.opens_line(headers={**person.bearer, "Origin": clinic.origin}) as line:
        assert line.asks("hello")["ok"]


def test_the_socket_speaks_one_subprotocol(clinic: Clinic) -> None:
    """The server chooses messages.v1."""
    nora = clinic.signs_in(PLANES["staff"])

    with nora.opens_line() as line:
        assert line.subprotocol == "messages.v1"


def test_a_wrong_password_and_an_unknown_person_look_the_same(clinic: Clinic) -> None:
    """Neither the error nor its description tells whether the account exists."""
    answers = []
    for email in ("nora@harbor.example", "nobody@harbor.example"):
        with pytest.raises(SignInRefused) as refused:
            Person(clinic.origin, email, password="wrong").signs_in()
        answers.append((refused.value.error, refused.value.detail))
    clinic.signs_in("nora@harbor.example")

    assert answers[0] == answers[1]
    assert answers[0][0] == "invalid_grant"


def test_a_used_refresh_token_ends_the_session(clinic: Clinic) -> None:
    """Refresh tokens rotate; the second use of one is a theft, and ends the session it came from."""
    nora = clinic.signs_in(PLANES["staff"])
    stolen = nora.refresh_token
    nora.renews_token()
    thief = Person(clinic.origin, PLANES["staff"])
    thief.refresh_token = stolen

    with pytest.raises(SignInRefused) as refused:
        thief.renews_token()
    with pytest.raises(SignInRefused) as ended:
        nora.renews_token()

    assert (refused.value.error, ended.value.error) == ("invalid_grant", "invalid_grant")


def test_inside_doors_are_not_reachable_from_outside(clinic: Clinic) -> None:
    """Neither the edge nor a person's token opens what services keep between themselves."""
    nora = clinic.signs_in(PLANES["staff"])

    outside = [nora.http.get(path, headers=nora.bearer) for path in ("/inside/changes", "/livez", "/metrics", "/sends")]
    inside = [
        nora.http.get(clinic.origin_of(AUTH) + "/inside/changes", headers=nora.bearer),
        nora.http.get(clinic.origin_of(AUTH) + "/inside/accounts", headers=nora.bearer),
        nora.http.get(clinic.origin_of(CONVERSATIONS) + "/conversations", headers=nora.bearer),
        nora.http.post(clinic.origin_of(CONVERSATIONS) + "/sends", headers=nora.bearer, json={"items": []}),
        nora.http.get(
            clinic.origin_of(CONVERSATIONS) + "/me", headers={**nora.bearer, "X-User-Token": nora.access_token}
        ),
    ]

    assert {each.status_code for each in outside} == {404}
    assert {each.status_code for each in inside} <= {401, 403}


def test_administration_is_for_administrators(clinic: Clinic) -> None:
    """Nora may not list accounts; Olga may, and sees her own organisation's only."""
    nora, olga = clinic.signs_in(PLANES["staff"]), clinic.signs_in("olga@harbor.example")

    refused = nora.http.get("/auth/api/users", headers=nora.bearer)
    seen = olga.http.get("/auth/api/users", headers=olga.bearer)

    assert is_problem(refused, 403, "permission_required")
    assert seen.status_code == 200
    assert "hana@hilltop.example" not in seen.text
    assert "nora@harbor.example" in seen.text


def test_each_service_says_that_it_is_ready(clinic: Clinic) -> None:
    """livez, readyz and metrics answer on the services' own ports."""
    for name in (AUTH, CONVERSATIONS, STAFF, PORTAL):
        for path in ("/livez", "/readyz", "/metrics"):
            assert httpx.get(clinic.origin_of(name) + path, trust_env=False).status_code == 200


def test_a_flood_is_slowed_down(clinic: Clinic) -> None:
    """More sends than a user may do in a minute: 429 with Retry-After, over REST and the socket alike."""
    with clinic.replica(STAFF, SENDS_PER_MINUTE="3") as strict:
        nora = clinic.signs_in(PLANES["staff"], at=strict)
        conversation = nora.opens_conversation_with(clinic.signs_in("dmitri@harbor.example"))
        answers = [nora.raw("POST", f"/conversations/{conversation}/messages", json=said()) for _ in range(4)]
        with nora.device() as screen:
            reply = screen.the_line.asks("send", conversation_id=conversation, **said())

    assert [each.status_code for each in answers] == [201, 201, 201, 429]
    assert answers[3].json()["code"] == "rate_limited"
    assert int(answers[3].headers["Retry-After"]) >= 1
    assert (reply["ok"], reply["problem"]["code"]) == (False, "rate_limited")


def test_one_socket_too_many_closes(clinic: Clinic) -> None:
    """Above the number of sockets a user may have, one is closed with 4009."""
    with clinic.replica(STAFF, SOCKETS_PER_USER="2") as strict:
        nora = clinic.signs_in(PLANES["staff"], at=strict)
        lines: list[Line] = []
        for _ in range(3):
            line = nora.opens_line()
            with suppress(LineLost):
                line.says("hello")
            lines.append(line)
        codes = [line.close_code for line in lines if _ends(line)]
        for line in lines:
            line.close()

    assert codes == [4009]


def _ends(line: Line) -> bool:
    try:
        line.waits_for_end(within_s=2)
    except TimeoutError:
        return False
    return True
