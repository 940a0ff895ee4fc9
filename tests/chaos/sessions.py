"""A person's session: their token, and calls of the REST part with it."""

from dataclasses import dataclass

import httpx

from tests.chaos.ears import JSON

ANSWER_S = 8.0
"""How long a client waits for an answer before it repeats."""


class LineLost(Exception):
    """No answer came: what became of the question is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the system is, for one plane."""

    auth: str
    rest: str
    live: str


class Session:
    """One sign-in after the other, as tokens end or are refused."""

    def __init__(self, doors: Doors, plane: str, email: str, password: str) -> None:
        self._doors = doors
        self._form = {
            "grant_type": "password",
            "client_id": "messages-cli",
            "audience": plane,
            "username": email,
            "password": password,
        }
        self._http = httpx.AsyncClient(
            base_url=doors.rest,
            timeout=ANSWER_S,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._token = ""

    async def bearer(self) -> dict[str, str]:
        """Return the header every call carries, signing in first where there is no token; raises httpx.HTTPError."""
        if not self._token:
            answer = await self._http.post(f"{self._doors.auth}/auth/token", data=self._form)
            self._token = answer.raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def forgets_token(self) -> None:
        """Sign in anew before the next call."""
        self._token = ""

    async def calls(self, method: str, path: str, body: object = None) -> JSON:
        """Call and return the answer, or the problem, in the shape of the live socket's replies; LineLost when none."""
        try:
            answer = await self._http.request(method, path, json=body, headers=await self.bearer())
        except httpx.HTTPError:
            raise LineLost from None
        if answer.is_success:
            return {"ok": True, **(answer.json() if answer.content else {})}
        try:
            problem: JSON = answer.json()
        except ValueError:
            problem = {"code": "unavailable" if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else "odd"}
        if problem.get("code") == "unauthenticated":
            self.forgets_token()
        return {"ok": False, "problem": problem}

    async def closes(self) -> None:
        await self._http.aclose()
