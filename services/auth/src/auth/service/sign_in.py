"""The sign-in page's side: passwords and remembered browsers."""

from dataclasses import replace

from auth import policy, store
from auth.model import Account, Browser, Reason
from auth.seals import digest, stamp
from auth.service.ground import Ground, announce, end_session, unchanged
from servicekit.database import transaction
from servicekit.log import get_logger
from wire.changes import Change
from wire.claims import Plane

log = get_logger()


class SignIn:
    """The sign-in page's side: passwords and remembered browsers."""

    def __init__(self, ground: Ground) -> None:
        self._on = ground

    def check(self, email: str, password: str, plane: Plane) -> Account | None:
        """Return the account when the password is right, it may enter and is not locked; None for all else alike."""
        address = _spelling(email)
        found = self._find(address)
        account = found if found and policy.may_enter(found, plane) else None
        right = self._on.passwords.matches(account.password_hash if account else None, password)
        accepted = self._count(address, right=right)
        log.info("sign_in.checked", accepted=bool(account and accepted), user=found.id if found else None, plane=plane)
        return self._with_todays_hash(account, password) if account and accepted else None

    def remember(self, account: Account) -> tuple[Browser, str] | None:
        """Open a browser's sign-in; return it with the value of its cookie, None when they may no longer enter."""
        cookie = self._on.tokens()
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="share")
            now = self._on.clock()
            if current is None or not unchanged(current, account):
                return None
            browser = Browser(
                id=self._on.ids(),
                account_id=account.id,
                plane=account.plane,
                signed_in_at=now,
                expires_at=now + policy.SESSION_LIFE,
                ended_at=None,
            )
            store.add_browser(connection, browser, digest(cookie))
        return browser, cookie

    def remembered(self, cookie: str, plane: Plane) -> tuple[Account, Browser] | None:
        """Return who signed in with this browser and still is."""
        with transaction(self._on.engine) as connection:
            browser = store.browser_by_cookie(connection, digest(cookie))
            account = store.account(connection, browser.account_id) if browser else None
            if browser is None or account is None:
                return None
            return (account, browser) if policy.remembers(browser, account, plane, self._on.clock()) else None

    def forget(self, cookie: str, plane: Plane) -> None:
        """End a browser's sign-in and every session opened through it."""
        with transaction(self._on.engine) as connection:
            browser = store.browser_by_cookie(connection, digest(cookie))
            if browser is None or browser.plane is not plane:
                return
            store.end_browser(connection, browser.id, self._on.clock())
            ended: list[Change] = []
            for session in store.sessions_of_browser(connection, browser.id):
                ended += end_session(self._on, connection, session.id, Reason.SIGNED_OUT)
        announce(self._on, ended)

    def _find(self, address: str) -> Account | None:
        with transaction(self._on.engine) as connection:
            return store.account_by_email(connection, address)

    def _count(self, address: str, *, right: bool) -> bool:
        """Count a wrong password, forget the count after a right one; False while the address is locked.

        Asked after the hash was computed, so that of many guesses made at once only the first few are answered.
        """
        seal = stamp(self._on.failures_key, address)
        with transaction(self._on.engine) as connection:
            now = self._on.clock()
            failures = store.failures_of(connection, seal, now)
            if policy.is_locked(failures, now):
                return False
            counted = replace(failures, count=0, locked_until=None) if right else policy.after_failure(failures, now)
            store.set_failures(connection, seal, counted, now)
        return right

    def _with_todays_hash(self, account: Account, password: str) -> Account:
        """Store the password again, at today's costs, where it was hashed at other ones."""
        if account.password_hash is None or not self._on.passwords.outdated(account.password_hash):
            return account
        renewed = self._on.passwords.hash(password)
        with transaction(self._on.engine) as connection:
            current = store.account(connection, account.id, lock="change")
            if current is None or not unchanged(current, account):
                return account
            store.change_account(connection, replace(current, password_hash=renewed))
        return replace(account, password_hash=renewed)


def _spelling(email: str) -> str:
    """Return the address as it is stored; what is no address becomes a text that is nobody's and safe to ask for."""
    try:
        return policy.clean_email(email)
    except ValueError:
        return digest(email)
