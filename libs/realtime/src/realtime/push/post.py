"""One notice on its way to one browser: an empty POST to the address the browser gave (RFC 8030 section 5).

Promises: nothing is in it but that something is new, so nothing need be encrypted and nothing can be read; the address
that is called is the one that was judged (`services`); nothing is followed elsewhere, no proxy of the environment is
asked; it takes a bounded time, and what failed on the way is tried again a few times, as the service says.
"""

import email.utils
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from enum import StrEnum
from typing import Any, Final

import httpcore
import httpx

from realtime.push.services import Address, Endpoint, PushServices, Refused
from servicekit.clock import Clock
from servicekit.log import get_logger
from servicekit.vapid import Vapid

KEPT_S: Final = 24 * 3600
"""How long a push service keeps a notice for a device that is away."""
ATTEMPTS: Final = 3
PAUSES_S: Final = (1.0, 5.0)
LONGEST_PAUSE_S: Final = 30.0
CONNECT_WITHIN_S: Final = 5.0
ANSWER_WITHIN_S: Final = 10.0
CONNECTIONS: Final = 32
READ_AT_MOST: Final = 64 * 1024

log = get_logger()


class Outcome(StrEnum):
    """What came of a notice."""

    TAKEN = "taken"
    GONE = "gone"
    """The browser took its address back: it is never called again."""
    REFUSED = "refused"
    """Not called, or the service wants no such notice: our key, our list, or its own rules."""
    FAILED = "failed"
    """The service did not answer as it should, each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That something is new, for one browser."""

    endpoint: str = field(repr=False)
    urgent: bool

    @property
    def headers(self) -> dict[str, str]:
        """How long to keep it, how soon to bring it, and which waiting one it replaces (RFC 8030 section 5.2-5.4)."""
        urgency, topic = ("high", "urgent") if self.urgent else ("normal", "new")
        return {"TTL": str(KEPT_S), "Urgency": urgency, "Topic": topic, "Content-Length": "0"}


class PushPost:
    """Takes notices to the push services; safe to share between greenlets."""

    def __init__(
        self,
        vapid: Vapid,
        services: PushServices,
        *,
        clock: Clock,
        sleep: Callable[[float], object],
    ) -> None:
        """Nothing connects before the first notice; `sleep` waits between attempts."""
        self._vapid = vapid
        self._services = services
        self._clock = clock
        self._sleep = sleep
        self._pool: httpcore.ConnectionPool | None = None

    def send(self, notice: Notice) -> Outcome:
        """Bring one notice to its service; never raises for what the outside does."""
        try:
            endpoint = self._services.judge(notice.endpoint)
        except Refused:
            return Outcome.REFUSED
        headers = {"Host": _authority(endpoint), **notice.headers, **self._vapid.header(endpoint.origin)}
        for attempt in range(ATTEMPTS):
            outcome, pause = self._once(notice.endpoint, endpoint, headers, attempt)
            if outcome is not None:
                return outcome
            if attempt + 1 < ATTEMPTS:
                self._sleep(min(LONGEST_PAUSE_S, pause))
        return Outcome.FAILED

    def close(self) -> None:
        """Let go of the connections."""
        if self._pool is not None:
            self._pool.close()

    def _once(
        self, address: str, endpoint: Endpoint, headers: Mapping[str, str], attempt: int
    ) -> tuple[Outcome | None, float]:
        pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
        try:
            status, retry_after = self._post(address, headers)
        except Refused:
            log.warning("push.refused", service=endpoint.host, reason="not a public address")
            return Outcome.REFUSED, 0.0
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as away:
            log.info("push.failed", service=endpoint.host, reason=type(away).__name__, attempt=attempt)
            return None, pause
        outcome = _outcome(status)
        if outcome is None or outcome is Outcome.REFUSED:
            log.warning("push.not_taken", service=endpoint.host, status=status, attempt=attempt)
        return outcome, self._seconds(retry_after, pause)

    def _post(self, address: str, headers: Mapping[str, str]) -> tuple[int, str]:
        timeout = {"connect": CONNECT_WITHIN_S, "read": ANSWER_WITHIN_S, "write": ANSWER_WITHIN_S}
        with self._connections().stream(
            "POST",
            address,
            headers=list(headers.items()),
            extensions={"timeout": {**timeout, "pool": ANSWER_WITHIN_S}},
        ) as answer:
            read = 0
            for part in answer.iter_stream():
                read += len(part)
                if read > READ_AT_MOST:
                    break
            said = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
            return answer.status, said.get(b"retry-after", "")

    def _connections(self) -> httpcore.ConnectionPool:
        if self._pool is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=_tls(),
                max_connections=CONNECTIONS,
                keepalive_expiry=30,
                network_backend=_Guarded(self._services),
            )
        return self._pool

    def _seconds(self, retry_after: str, otherwise: float) -> float:
        """Read Retry-After: seconds, or a date (RFC 9110 section 10.2.3)."""
        if retry_after.isdigit():
            return float(retry_after)
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            return otherwise
        return max(otherwise, (moment.replace(tzinfo=moment.tzinfo or UTC) - self._clock()).total_seconds())


class _Guarded(httpcore.SyncBackend):
    """Connects to the addresses that were judged, by number; TLS still asks for the name."""

    def __init__(self, services: PushServices) -> None:
        self._services = services

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        authority = host if port == 443 else f"{host}:{port}"  # noqa: PLR2004 - https
        addresses = self._services.addresses(self._services.judge(f"https://{authority}/"))
        return self._first(addresses, timeout, local_address, socket_options)

    def _first(
        self,
        addresses: list[Address],
        timeout: float | None,
        local_address: str | None,
        socket_options: Iterable[Any] | None,
    ) -> httpcore.NetworkStream:
        failed: Exception = OSError("no address")
        for address, port in addresses[:4]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as away:
                failed = away
        raise failed


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _authority(endpoint: Endpoint) -> str:
    return endpoint.origin.removeprefix("https://")


def _outcome(status: int) -> Outcome | None:
    """Return what an answer means; None when it is worth another try."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
        return Outcome.TAKEN
    if status in {404, 410}:
        return Outcome.GONE
    return None if status == 429 or status >= 500 else Outcome.REFUSED  # noqa: PLR2004 - RFC 8030 section 8.4
