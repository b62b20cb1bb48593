"""One request as the door has read it: who sent it, from where, when, with which session and form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from starlette.responses import Response

from twostep.core.account import Account
from twostep.core.sign_in.session import Session
from twostep.flows.turn import TurnOpener


class Access(Enum):
    """The session that a page needs. The session's row decides, never a list of paths."""

    OPEN = "open"  # none needed
    HALF = "half"  # a session that still owes the second step
    FULL = "full"
    ENROL = "enrol"  # full, or opened only to enrol


class StepUp(Enum):
    """Whether a page's changes need a fresh proof, and what happens to a form posted too late."""

    NO = "no"
    ASK = "ask"  # asked for on GET; a late POST is kept and carried out afterwards
    ASK_ONLY = "ask_only"  # asked for on GET; a late POST is dropped (it holds a password)


@dataclass(frozen=True, slots=True)
class Visit(TurnOpener):
    """One request; a page carries out use cases with `do` and reads with `read`.

    `path`: as requested; `params`: from the route's pattern; `form`: fields of a POST, where the last
    of several with one name wins.
    `peer`: the address that connected to us, a proxy's or the visitor's own.
    `appearance`: `light` or `dark` where this browser has chosen, or empty.
    `url`: from a page's name and path parts to its path; `find`: from a path to its page.
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
    peer: str = ""
    appearance: str = ""

    @property
    def full_path(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def time_zone(self) -> str:
        """The reader's time zone: chosen, or what the browser says, or the account's default."""
        account, session = self.account, self.session
        if account is not None and account.time_zone_chosen:
            return account.time_zone
        browser_zone = (session.time_zone if session else "") or self.visitor.time_zone
        if browser_zone:
            return browser_zone
        return account.time_zone if account else self.env.settings.default_time_zone

    @property
    def current(self) -> Session:
        """The session, on pages that need one."""
        if self.session is None:
            raise LookupError("this page has no session")
        return self.session

    @property
    def owner(self) -> Account:
        """The session's account, on pages that need a session."""
        if self.account is None:
            raise LookupError("this page has no account")
        return self.account

    def field(self, name: str) -> str:
        """A form field; empty if it is missing."""
        return self.form.get(name, "")

    def with_session(self, session: Session, cookie: str) -> Visit:
        """The same visit after the session was given a new cookie value."""
        visitor = replace(self.visitor, session_token=cookie)
        return replace(self, session=session, visitor=visitor)


Endpoint = Callable[[Visit], Awaitable[Response]]
PathFor = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Page:
    """One route. `name`: what code and templates call it. `path`: below the application's root path;
    it may contain `{name}` parts.

    `phones`: hidden while `policy.phones` is off. `extends`: the request counts as user activity and
    restarts the session's idle time. `signed`: a provider's signature replaces the origin check.
    `raw`: the body is not a form, and the page reads it itself. `probe`: answers under any host name.
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
