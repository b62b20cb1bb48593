"""One request, read at the door: who, from where, when, with which session and form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from starlette.responses import Response

from twostep.core.account import Account
from twostep.core.sign_in.session import Session
from twostep.flows.turn import TurnOpener


class Access(Enum):
    """What a page asks of the session. The session's row decides, never a list of addresses."""

    OPEN = "open"  # none needed
    HALF = "half"  # the second step
    FULL = "full"  # a full session
    ENROL = "enrol"  # a full session, or one that may only enrol


class StepUp(Enum):
    """Whether a page's changes need a fresh proof, and what becomes of a form that comes too late."""

    NO = "no"
    ASK = "ask"  # asked at GET; a late POST is kept and carried out afterwards
    ASK_ONLY = "ask_only"  # asked at GET; a late POST is not kept (it holds a password)


@dataclass(frozen=True, slots=True)
class Visit(TurnOpener):
    """One request; a page carries out use cases with `do` and reads with `read`.

    `path`: as asked for; `params`: from the route's pattern; `form`: fields of a POST, the last of
    equal names.
    `url`: the path of a page, by its name and the parts of its path; `find`: the page of a path.
    """

    url: PathFor = field(repr=False)
    find: Callable[[str], tuple[Page, Mapping[str, str]] | None] = field(repr=False)
    path: str = field(repr=False)
    query_string: str = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    language: str
    session: Session | None
    account: Account | None
    body: bytes = field(default=b"", repr=False)

    @property
    def here(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def time_zone(self) -> str:
        """The reader's time zone."""
        if self.account is not None:
            return self.account.time_zone
        return self.env.settings.default_time_zone

    @property
    def current(self) -> Session:
        """The session, on pages whose access asks for one."""
        if self.session is None:
            raise LookupError("this page has no session")
        return self.session

    @property
    def owner(self) -> Account:
        """The session's account, on pages whose access asks for one."""
        if self.account is None:
            raise LookupError("this page has no account")
        return self.account

    def field(self, name: str) -> str:
        """A form field, empty when it is missing."""
        return self.form.get(name, "")

    def with_session(self, session: Session, cookie: str) -> Visit:
        """The same visit after the session got a new cookie value."""
        visitor = replace(self.visitor, session_token=cookie)
        return replace(self, session=session, visitor=visitor)


Endpoint = Callable[[Visit], Awaitable[Response]]
PathFor = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Page:
    """One route. `name`: what code and templates call it. `path`: below the application's root path;
    it may hold `{name}` parts.

    `phones`: gone while `policy.phones` is off. `extends`: the request counts as the person's own, so
    the session's idle time begins anew. `signed`: a provider's signature stands in for the origin.
    `raw`: the page reads the body itself; it is no plain form. `probe`: asked under any host name.
    `at_origin`: a standard fixes the path, so it ignores the root path.
    """

    name: str
    path: str
    get: Endpoint | None = None
    post: Endpoint | None = None
    access: Access = Access.FULL
    step_up: StepUp = StepUp.NO
    phones: bool = False
    extends: bool = True
    signed: bool = False
    raw: bool = False
    probe: bool = False
    at_origin: bool = False
