"""Every query of auth, each on a connection whose transaction the caller holds.

Locks are taken in one order: account, then session, then the counter of changes. On SQLite a transaction is the lock.
The position of a change is taken under the counter's row lock and kept to the commit, so positions have no holes and
follow the order of the commits: whoever reads position n has been able to read all before it.
"""

from auth.store.log import add_change, changes_after, changes_since, head, next_position
from auth.store.people import (
    account,
    account_by_email,
    accounts_of,
    add_account,
    add_organisation,
    all_accounts,
    change_account,
    failures_of,
    organisation,
    set_failures,
)
from auth.store.sessions import (
    add_browser,
    add_code,
    add_refresh_token,
    add_session,
    browser,
    browser_by_cookie,
    code,
    end_all_of,
    end_browser,
    end_session,
    refresh_token,
    session,
    sessions_of_browser,
    touch_session,
    use_code,
    use_refresh_token,
)
from auth.store.signing import add_key, end_keys, keys, lock_keys
from auth.store.sweeping import sweep

__all__ = [
    "account",
    "account_by_email",
    "accounts_of",
    "add_account",
    "add_browser",
    "add_change",
    "add_code",
    "add_key",
    "add_organisation",
    "add_refresh_token",
    "add_session",
    "all_accounts",
    "browser",
    "browser_by_cookie",
    "change_account",
    "changes_after",
    "changes_since",
    "code",
    "end_all_of",
    "end_browser",
    "end_keys",
    "end_session",
    "failures_of",
    "head",
    "keys",
    "lock_keys",
    "next_position",
    "organisation",
    "refresh_token",
    "session",
    "sessions_of_browser",
    "set_failures",
    "sweep",
    "touch_session",
    "use_code",
    "use_refresh_token",
]
