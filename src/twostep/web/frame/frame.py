"""The frame around every page, and the responses that all page modules use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from twostep import i18n
from twostep.core.account import Role
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.web import view
from twostep.web.frame.opening_hours import opens_at
from twostep.web.frame.passkey_signal import signal_url
from twostep.web.frame.render import render
from twostep.web.visit import Access, Visit
from twostep.web.words.flash import flash_notice, set_flash
from twostep.web.words.refusals import field_error
from twostep.web.words.refusals_with_values import PromptKind, Reader


SEE_OTHER = 303

# Routes that only the demo adds.
_DEMO_PAGES = ("demo.phone", "demo.beside")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a page's form asks for. `field`: where a refusal is shown if its reason names no field;
    `entry`: the name of the app's entry, if a refusal may mention it."""

    kind: PromptKind = "app"
    field: str | None = None
    entry: str = ""


_DEFAULT_PROMPT = Prompt()


def reader(visit: Visit, prompt: Prompt = _DEFAULT_PROMPT) -> Reader:
    """Whose language and clock a sentence is for; `prompt`: what the page asked for."""
    return Reader(
        language=visit.language,
        time_zone=visit.time_zone,
        now=visit.now,
        entry=prompt.entry,
        prompt=prompt.kind,
    )


def page(
    visit: Visit,
    template: str,
    *,
    status: int = 200,
    refused: Refused | None = None,
    prompt: Prompt = _DEFAULT_PROMPT,
    banner: view.StatusBox | None = None,
    **context: Any,
) -> Response:
    """Render a page; `refused` becomes its error summary. `context`: the template's variables."""
    errors: tuple[view.FieldError, ...] = ()
    if refused is not None:
        errors = (field_error(refused, reader(visit, prompt), field=prompt.field),)
        status = refused_status(refused) if status == 200 else status
    html = render(
        template,
        language=visit.language,
        time_zone=visit.time_zone,
        url=visit.url,
        frame=frame(visit, banner=banner),
        errors=errors,
        status=status,
        **context,
    )
    response = HTMLResponse(html, status)
    response.headers["cache-control"] = "no-store"
    if refused is not None and status in {429, 503}:
        set_retry_after(response, refused, now=visit.now)
    return response


def _opens_at(visit: Visit) -> int | None:
    settings = visit.env.settings
    if not settings.help_desk_open:
        return None
    zone = settings.default_time_zone
    return opens_at(settings.help_desk_open, now=visit.now, zone=zone)


def refused_status(refused: Refused) -> int:
    """The status code of a refused form."""
    match refused.reason:
        case Reason.NOT_FOUND:
            return 404
        case Reason.THROTTLED | Reason.SEND_TOO_SOON | Reason.SEND_LIMIT:
            return 429
        case Reason.BUSY:
            return 503
        case _:
            return 422


def set_retry_after(response: Response, refused: Refused, *, now: int) -> None:
    """Set Retry-After, in whole seconds."""
    response.headers["retry-after"] = str(max(1, (refused.retry_at or now + 1) - now))


def see_other(location: str) -> Response:
    """The redirect after a form was accepted."""
    response = RedirectResponse(location, SEE_OTHER)
    response.headers["cache-control"] = "no-store"
    return response


async def redirect_with_flash(visit: Visit, name: str, key: str, detail: str = "") -> Response:
    """Redirect to the page called `name`, which shows the flash message `key` once."""
    await set_flash(visit, key, detail)
    return see_other(visit.url(name))


def frame(visit: Visit, *, banner: view.StatusBox | None = None) -> view.Frame:
    """The frame around a page of this visit."""
    settings = visit.env.settings
    language = i18n.language(visit.language)
    is_full = visit.session is not None and visit.session.level is Level.FULL
    enrols = visit.session is not None and visit.session.level is Level.ENROL
    flash = visit.session.flash if visit.session else ""
    return view.Frame(
        panel_name=settings.panel_name,
        public_host=visit.env.public_host,
        language=language.code,
        direction=language.direction,
        languages=tuple(
            view.LanguageChoice(choice.code, choice.endonym, choice.direction)
            for choice in i18n.languages()
        ),
        full_path=_reload_path(visit),
        now=visit.now,
        support=view.Support(
            email=settings.support_email or None,
            phone=settings.support_phone or None,
            hours=settings.support_hours or None,
            opens_at=_opens_at(visit),
        ),
        stage=0 if visit.session is None else 2 if is_full else 1,
        account=(
            view.AccountMenu(
                visit.account.name,
                visit.account.two_step,
                is_operator=visit.account.role is Role.OPERATOR,
            )
            if visit.account and is_full
            else None
        ),
        logo_url=visit.url("static.logo") if _has_logo(settings.panel_logo) else None,
        demo_accounts=visit.env.demo_accounts,
        demo_urls=tuple(visit.url(page) for page in _DEMO_PAGES if visit.env.demo_accounts),
        flash=flash_notice(flash, visit.language, visit.url),
        banner=banner,
        idle_seconds=visit.env.limits.idle_seconds if is_full else None,
        signal_url=signal_url(visit),
        required_by=_required_by(visit) if enrols else "",
        may_only_enrol=enrols,
        appearance=visit.appearance,
    )


def _reload_path(visit: Visit) -> str:
    """Where this page can be opened again: its own address, or above one that only takes forms."""
    match = visit.find(visit.path)
    if match is None or match[0].get is not None:
        return visit.full_path
    if match[0].access is Access.HALF:
        return visit.url("sign_in.code")
    for above in map(str, PurePosixPath(visit.path).parents):
        match = visit.find(above)
        if match is not None and match[0].get is not None:
            return above
    return visit.url("account.dashboard")


def _has_logo(path: Path | None) -> bool:
    """Whether there is a logo to show: a missing file would be a broken picture on every page."""
    return path is not None and os.access(path, os.R_OK)


def _required_by(visit: Visit) -> str:
    """Whose policy requires two-step sign-in; empty after a reset or a recovery."""
    settings = visit.env.settings
    if visit.owner.must_enroll or visit.owner.two_step:
        return ""
    return settings.organisation or settings.panel_name
