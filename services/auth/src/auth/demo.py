"""The demo clinic's people (protocol.md section 7): made where DEMO is on, and never changed once they are there."""

from auth.administration import Administration, NewAccount
from auth.model import Kind, Organisation
from wire import demo
from wire.ids import OrganisationId
from wire.permissions import Permission
from wire.problems import Conflict

ORGANISATIONS = (
    Organisation(id=demo.HARBOR, name="Harbor Clinic"),
    Organisation(id=demo.HILLTOP, name="Hilltop Practice"),
)

_INBOX = (Permission.VIEW, Permission.PATIENT_VIEW, Permission.PATIENT_SEND)
_NURSE = (Permission.VIEW, Permission.CREATE_GROUP, Permission.PATIENT_VIEW, Permission.PATIENT_SEND)
_ADMINISTRATOR = (
    Permission.VIEW,
    Permission.MANAGE_SETTINGS,
    Permission.USERS_MANAGE,
    Permission.PORTAL_MANAGE,
)


def _staff(
    user_id: str, org: OrganisationId, email: str, name: str, title: str, permissions: tuple[Permission, ...]
) -> NewAccount:
    return NewAccount(
        id=user_id,
        org=org,
        kind=Kind.STAFF,
        email=email,
        name=name,
        title=title,
        password=demo.PASSWORD,
        permissions=tuple(str(one) for one in permissions),
    )


def _patient(user_id: str, org: OrganisationId, email: str, name: str, patients: tuple[str, ...]) -> NewAccount:
    return NewAccount(
        id=user_id, org=org, kind=Kind.PATIENT, email=email, name=name, password=demo.PASSWORD, patients=patients
    )


PEOPLE = (
    _staff(demo.NORA, demo.HARBOR, "nora@harbor.example", "Nora Lindqvist", "Nurse", _NURSE),
    _staff(
        demo.DMITRI,
        demo.HARBOR,
        "dmitri@harbor.example",
        "Dmitri Volkov",
        "Doctor",
        (*_NURSE, Permission.MODERATE),
    ),
    _staff(demo.ROSA, demo.HARBOR, "rosa@harbor.example", "Rosa Delgado", "Receptionist", _INBOX),
    _staff(demo.OTTO, demo.HARBOR, "otto@harbor.example", "Otto Brandt", "Billing", ()),
    _staff(demo.OLGA, demo.HARBOR, "olga@harbor.example", "Olga Petrenko", "Administrator", _ADMINISTRATOR),
    _staff(demo.HANA, demo.HILLTOP, "hana@hilltop.example", "Hana Sato", "Doctor", _INBOX),
    _patient(demo.ADA, demo.HARBOR, "ada@patients.example", "Ada Moreno", (demo.PATIENT_ADA,)),
    _patient(demo.MARIA, demo.HARBOR, "maria@patients.example", "Maria Rossi", (demo.PATIENT_MARIA, demo.PATIENT_LEO)),
    _patient(demo.PIA, demo.HILLTOP, "pia@patients.example", "Pia Lange", (demo.PATIENT_PIA,)),
)


def addresses(kind: Kind) -> tuple[str, ...]:
    """Return the demo's e-mail addresses, for the sign-in page to show."""
    return tuple(person.email for person in PEOPLE if person.kind is kind)


def seed(administration: Administration) -> int:
    """Make the demo's organisations and people who are not there yet; return how many were made."""
    for organisation in ORGANISATIONS:
        administration.add_organisation(organisation)
    return sum(_made(administration, person) for person in PEOPLE)


def _made(administration: Administration, person: NewAccount) -> bool:
    try:
        administration.create(person)
    except Conflict:
        return False
    return True
