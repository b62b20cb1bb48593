"""Backup codes: create, show once, check, replace."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from twostep.core.methods.recovery_codes import CODES_IN_SET, format_code
from twostep.core.refusal import Reason, Refused
from twostep.flows.methods.backup_codes import (
    CodesView,
    keep_codes,
    make_codes,
    prove_codes,
    view_codes,
)
from twostep.i18n import format_instant, translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.door.origin import safe_next
from twostep.web.frame import problem
from twostep.web.frame.frame import Prompt, page, redirect_with_flash, see_other
from twostep.web.frame.rows import file_name
from twostep.web.frame.throttled import throttled
from twostep.web.visit import Visit
from twostep.web.words.paused import What


PAGE = "methods.codes"
LONGEST_CODE = 10_000


async def show(visit: Visit) -> Response:
    """GET /settings/security/codes."""
    if not visit.owner.two_step:
        return see_other(visit.url("account.security"))
    return await _form(visit, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/codes: check `proof` that they were saved; without it, make a new set.

    `replaces`: the set that the form was shown for; where it is another by now, nothing is made.
    """
    if "proof" in visit.form:
        return await _prove(visit)
    replaces = visit.form.get("replaces")
    made = await visit.do(make_codes, visit.current, replaces=replaces)
    if isinstance(made, Refused) and made.reason is not Reason.CHANGED:
        return await _refuse(visit, made, what="made")
    return see_other(visit.url(PAGE))


async def show_check(visit: Visit) -> Response:
    """GET /settings/security/codes/check: do you still have them? `next`: where to continue."""
    codes = await visit.read(view_codes, visit.current)
    if not codes.left or codes.proved_at is None:
        return see_other(visit.url(PAGE))
    return page(
        visit,
        "codes_check.html",
        left=codes.left,
        total=codes.total,
        checked_at=codes.proved_at,
        next=safe_next(visit, visit.query.get("next", "")),
    )


async def submit_check(visit: Visit) -> Response:
    """POST /settings/security/codes/check: "Yes, I have them"."""
    answer = await visit.do(keep_codes, visit.current)
    if isinstance(answer, Refused):
        return see_other(visit.url(PAGE))
    return see_other(safe_next(visit, visit.field("next")))


async def _prove(visit: Visit) -> Response:
    answer = await visit.do(prove_codes, visit.current, typed=visit.field("proof")[:LONGEST_CODE])
    if isinstance(answer, Refused):
        return await _refuse(visit, answer)
    return await redirect_with_flash(visit, "account.security", "codes_saved")


async def _refuse(visit: Visit, refused: Refused, *, what: What = "backup") -> Response:
    match refused.reason:
        case Reason.NOT_FOUND:
            return problem.not_found(visit)
        case Reason.STEP_ENDED | Reason.PASSWORD_RETIRED:
            response = see_other(visit.url("sign_in"))
            cookies.expire_session(response, visit.env)
            return response
        case Reason.THROTTLED:
            return throttled(visit, refused, what=what, back_url=visit.url(PAGE))
    return await _form(visit, refused)


async def _form(visit: Visit, refused: Refused | None) -> Response:
    codes = await visit.read(view_codes, visit.current)
    has_set = codes.total > 0
    return page(
        visit,
        "codes.html",
        refused=refused,
        prompt=Prompt(
            "proof", "proof" if refused and refused.reason is not Reason.CHANGED else None
        ),
        set_id=codes.set_id,
        sheet=_sheet(visit, codes) if codes.shown else None,
        checking=bool(codes.shown) and ("check" in visit.query or "proof" in visit.form),
        left=codes.left if has_set else None,
        total=codes.total or CODES_IN_SET,
        made_at=codes.made_at,
        saved=codes.proved_at is not None,
        forced=has_set and codes.left == 0,
        user_name=visit.owner.name,
        step="",
    )


def _sheet(visit: Visit, codes: CodesView) -> view.CodeSheet:
    made_at = codes.made_at or visit.now
    formatted = tuple(format_code(code) for code in codes.shown)
    text = "\n".join(_lines(visit, formatted, made_at))
    return view.CodeSheet(
        formatted,
        visit.env.site_url,
        made_at,
        codes.shown_until,
        f"data:text/plain;charset=utf-8,{quote(text)}",
        file_name(visit, "backup-codes", made_at, "txt"),
    )


def _lines(visit: Visit, codes: tuple[str, ...], made_at: int) -> list[str]:
    """The text file: site, user name, date, and the numbered codes."""
    _ = translator(visit.language).gettext
    day = format_instant(made_at, language=visit.language, time_zone=visit.time_zone, style="date")
    return [
        f"{visit.env.settings.panel_name} – {_('backup codes')}",
        f"{_('Sign in at:')} {visit.env.site_url}",
        f"{_('Username:')} {visit.owner.name}",
        _("Created on %(day)s") % {"day": day},
        "",
        *(f"{number:>2}. {code}" for number, code in enumerate(codes, start=1)),
        "",
        _(
            "Each code works once. Cross it out when used. Lost this paper? Sign in and choose Replace codes."
        ),
        "",
    ]
