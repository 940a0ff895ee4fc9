"""A client of Messages (docs/protocol.md): sign in, call, and keep a live line that misses and repeats nothing.

Stands on `wire` and knows nothing of how the services are made. Refusals are `wire.problems`; whatever is answered is
a plain dict of the shapes in `client.things`. Fields that are not known yet are passed on.
"""

from client.calls import PortalCalls, StaffCalls
from client.line import Line
from client.live import Live, NotAcknowledged, State
from client.lost import LineLost
from client.people import Patient, Staff
from client.sign_in import Password, SignInRefused
from client.tokens import Token, Tokens

__all__ = [
    "Line",
    "LineLost",
    "Live",
    "NotAcknowledged",
    "Password",
    "Patient",
    "PortalCalls",
    "SignInRefused",
    "Staff",
    "StaffCalls",
    "State",
    "Token",
    "Tokens",
]
