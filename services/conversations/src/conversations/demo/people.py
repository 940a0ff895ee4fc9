"""Who is in the demo clinic (protocol.md section 7); auth seeds the same people with their sign-ins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from wire import demo
from wire.changes import Account
from wire.claims import Claims, Plane
from wire.ids import OrganisationId, PatientId, SessionId, UserId
from wire.permissions import Permission

NAMES = {demo.HARBOR: "Harbor Clinic", demo.HILLTOP: "Hilltop Practice"}

_INBOX = (Permission.VIEW, Permission.PATIENT_VIEW, Permission.PATIENT_SEND)
_NURSE = (*_INBOX, Permission.CREATE_GROUP)
_ADMINISTRATOR = (Permission.VIEW, Permission.MANAGE_SETTINGS, Permission.USERS_MANAGE, Permission.PORTAL_MANAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient's record and the staff who care for them."""

    id: PatientId
    org: OrganisationId
    name: str = field(repr=False)
    born: date = field(repr=False)
    number: str
    care_team: tuple[UserId, ...]


def _staff(user_id: UserId, org: OrganisationId, name: str, title: str, permissions: Sequence[Permission]) -> Account:
    return Account(
        id=user_id,
        org=org,
        org_name=NAMES[org],
        kind="staff",
        name=name,
        title=title,
        active=True,
        permissions=tuple(str(one) for one in permissions),
        patients=(),
    )


def _patient(user_id: UserId, org: OrganisationId, name: str, *patients: PatientId) -> Account:
    return Account(
        id=user_id,
        org=org,
        org_name=NAMES[org],
        kind="patient",
        name=name,
        title=None,
        active=True,
        permissions=(),
        patients=patients,
    )


ACCOUNTS = (
    _staff(demo.NORA, demo.HARBOR, "Nora Lindqvist", "Nurse", _NURSE),
    _staff(demo.DMITRI, demo.HARBOR, "Dmitri Volkov", "Doctor", (*_NURSE, Permission.MODERATE)),
    _staff(demo.ROSA, demo.HARBOR, "Rosa Delgado", "Receptionist", _INBOX),
    _staff(demo.OTTO, demo.HARBOR, "Otto Brandt", "Billing", ()),
    _staff(demo.OLGA, demo.HARBOR, "Olga Petrenko", "Administrator", _ADMINISTRATOR),
    _staff(demo.HANA, demo.HILLTOP, "Hana Sato", "Doctor", _INBOX),
    _patient(demo.ADA, demo.HARBOR, "Ada Moreno", demo.PATIENT_ADA),
    _patient(demo.MARIA, demo.HARBOR, "Maria Rossi", demo.PATIENT_MARIA, demo.PATIENT_LEO),
    _patient(demo.PIA, demo.HILLTOP, "Pia Lange", demo.PATIENT_PIA),
)

PATIENTS = (
    Patient(
        id=demo.PATIENT_ADA,
        org=demo.HARBOR,
        name="Ada Moreno",
        born=date(1951, 4, 18),
        number="H-10442",
        care_team=(demo.NORA, demo.DMITRI),
    ),
    Patient(
        id=demo.PATIENT_MARIA,
        org=demo.HARBOR,
        name="Maria Rossi",
        born=date(1988, 9, 2),
        number="H-10518",
        care_team=(demo.NORA, demo.DMITRI),
    ),
    Patient(
        id=demo.PATIENT_LEO,
        org=demo.HARBOR,
        name="Leo Rossi",
        born=date(2019, 6, 27),
        number="H-10519",
        care_team=(demo.DMITRI,),
    ),
    Patient(
        id=demo.PATIENT_PIA,
        org=demo.HILLTOP,
        name="Pia Lange",
        born=date(1996, 1, 30),
        number="T-2071",
        care_team=(demo.HANA,),
    ),
)


def claims_of(user_id: UserId) -> Claims:
    """Return what a token of this person says; their messages are seeded in their own name."""
    account = next(each for each in ACCOUNTS if each.id == user_id)
    staff = account.kind == "staff"
    return Claims(
        user_id=account.id,
        session_id=SessionId("demo"),
        token_id="demo",  # noqa: S106 - no token, only the place of its id
        organisation_id=account.org,
        name=account.name,
        plane=Plane.STAFF if staff else Plane.PORTAL,
        permissions=frozenset(account.permissions),
        patients=account.patients,
        client_id="demo",
        issued_at=0,
        expires_at=0,
    )
