"""People of the demo clinic, signed in."""

import pytest

from tests.support.clinic import Clinic
from tests.support.person import Person


@pytest.fixture
def nora(clinic: Clinic) -> Person:
    """Give Nora, a nurse."""
    return clinic.signs_in("nora@harbor.example")


@pytest.fixture
def dmitri(clinic: Clinic) -> Person:
    """Give Dmitri, a doctor and moderator."""
    return clinic.signs_in("dmitri@harbor.example")


@pytest.fixture
def rosa(clinic: Clinic) -> Person:
    """Give Rosa, a nurse."""
    return clinic.signs_in("rosa@harbor.example")


@pytest.fixture
def ada(clinic: Clinic) -> Person:
    """Give Ada, a patient."""
    return clinic.signs_in("ada@patients.example")
