"""The use cases of signing in and staying signed in.

- A wrong password, an unknown address and a locked one do the same work and get the same answer.
- What was decided about a person is decided under the lock of their account, with the clock read after the lock was
  taken: whoever is deactivated in the same moment gets no token that outlives it.
- Refusals that leave a trace (a reused token) are committed before they are told.
"""

from auth.service.ground import Announce, Ground, record_user
from auth.service.sessions import CodeRequest, Sessions
from auth.service.sign_in import SignIn

__all__ = ["Announce", "CodeRequest", "Ground", "Sessions", "SignIn", "record_user"]
