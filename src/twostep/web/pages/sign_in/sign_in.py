"""The first step: sign in, sign out, and the language of people who are signed out."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.hash_pool import RETRY_AFTER_SECONDS, Overloaded
from twostep.flows.sign_in import sessions
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.first_step import sign_in
from twostep.i18n import translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.door.enrolment import enrolment_url_after
from twostep.web.door.origin import safe_next
from twostep.web.frame.frame import Prompt, page, reader, see_other
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in.landing import landing
from twostep.web.visit import Visit
from twostep.web.words.banners import cookie_blocked
from twostep.web.words.refusals import sentence


LONGEST_IDENTIFIER = 320
LONGEST_PASSWORD = 4096


async def show(visit: Visit) -> Response:
    """GET /sign-in. Redirects if already signed in."""
    if visit.session is not None and visit.session.level is Level.FULL:
        return see_other(safe_next(visit, visit.query.get("next", "")))
    return form(visit, None, next_path=visit.query.get("next", ""))


def form(visit: Visit, refused: Refused | None, *, next_path: str, username: str = "") -> Response:
    """The page of the first step."""
    # Neither field is marked: which of the two was wrong is nobody's business.
    of_page = (Reason.SIGN_IN_WRONG, Reason.PASSKEY_REFUSED, Reason.PASSKEY_CHANGED, Reason.BUSY)
    no_field = dict.fromkeys(of_page)
    of_password = dict.fromkeys((Reason.PASSWORD_RETIRED, Reason.PASSWORD_EMPTY), "password")
    fields = {**of_password, **no_field}
    is_blocked = cookies.BLOCKED in visit.query_string.split("&") and not visit.cookies
    return page(
        visit,
        "sign_in.html",
        refused=refused,
        prompt=Prompt(field=fields.get(refused.reason, "username") if refused else None),
        username=username,
        next=_hidden_next(visit, next_path),
        notice=cookie_blocked(language=visit.language) if is_blocked else None,
    )


async def submit(visit: Visit) -> Response:
    """POST /sign-in."""
    identifier = visit.field("username")[:LONGEST_IDENTIFIER].strip()
    next_path = safe_next(visit, visit.field("next"))
    if not identifier:
        answer: SignedIn | Refused = Refused(Reason.USER_NAME_EMPTY)
    elif not visit.field("password"):
        answer = Refused(Reason.PASSWORD_EMPTY)
    else:
        answer = await _sign_in(visit, identifier, next_path=next_path)
    if isinstance(answer, Refused):
        if answer.reason is Reason.THROTTLED:
            return throttled(visit, answer, what="password", back_url=visit.url("sign_in"))
        if answer.reason is Reason.BROWSER_UNPROVEN:
            return _unproven(visit, answer, username=identifier)
        return form(visit, answer, next_path=visit.field("next"), username=identifier)
    target = _next_page(visit, answer, next_path)
    response = see_other(landing(visit, answer, target))
    cookies.set_signed_in(response, visit.env, answer)
    return response


def _unproven(visit: Visit, refused: Refused, *, username: str) -> Response:
    """Too many wrong passwords in a row: what still works, the same for known and unknown names."""
    words = translator(visit.language)
    query = urlencode({"username": username})
    return page(
        visit,
        "message.html",
        status=429,
        title=words.gettext("Sign in with a link"),
        kind="warn",
        sentences=(
            sentence(refused, reader(visit)),
            words.gettext(
                "Your account is safe. Browsers in which you have signed in before work as usual, and so do passkeys."
            ),
        ),
        link=view.Link(
            f"{visit.url('recovery.forgot')}?{query}", words.gettext("E-mail me a link")
        ),
    )


async def _sign_in(visit: Visit, identifier: str, *, next_path: str) -> SignedIn | Refused:
    try:
        return await visit.do(
            sign_in,
            identifier=identifier,
            typed=visit.field("password")[:LONGEST_PASSWORD],
            next_path=next_path,
        )
    except Overloaded:  # show the form again as typed, without the password
        return Refused(Reason.BUSY, retry_at=visit.now + RETRY_AFTER_SECONDS)


def _next_page(visit: Visit, answer: SignedIn, next_path: str) -> str:
    match answer.session.level:
        case Level.HALF:
            return visit.url("sign_in.code")
        case Level.ENROL:
            return enrolment_url_after(visit, answer)
        case Level.FULL:
            return next_path


def _hidden_next(visit: Visit, typed: str) -> str:
    path = safe_next(visit, typed)
    return "" if path == visit.url("account.dashboard") else path


async def sign_out(visit: Visit) -> Response:
    """POST /sign-out: ends the session, even a half session."""
    if visit.session is not None:
        await visit.do(sessions.sign_out, visit.session)
    response = see_other(visit.url("sign_in"))
    cookies.expire_session(response, visit.env)
    response.headers["clear-site-data"] = '"storage"'
    return response
