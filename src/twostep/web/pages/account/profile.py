"""Language and time zone."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.account import profile
from twostep.web.frame.frame import page, redirect_with_flash
from twostep.web.visit import Visit


LONGEST = 64
_AREAS = (
    "Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/",
    "Indian/", "Pacific/",
)  # fmt: skip


async def show(visit: Visit) -> Response:
    """GET /settings/profile."""
    return _form(visit, None, language=visit.language, time_zone=visit.time_zone)


async def submit(visit: Visit) -> Response:
    """POST /settings/profile; the response is already in the new language."""
    language = visit.field("language")[:LONGEST]
    time_zone = visit.field("time_zone")[:LONGEST]
    answer = await visit.do(
        profile.save_profile, visit.current, language=language, time_zone=time_zone
    )
    if isinstance(answer, Refused):
        return _form(visit, answer, language=language, time_zone=time_zone)
    return await redirect_with_flash(visit, "account.profile", "profile_saved")


def _form(visit: Visit, refused: Refused | None, *, language: str, time_zone: str) -> Response:
    zones = time_zones()
    current = visit.time_zone
    return page(
        visit,
        "profile.html",
        refused=refused,
        zones=zones if current in zones else (current, *zones),
        chosen_language=language,
        chosen_zone=time_zone,
        zone_is_set=visit.owner.time_zone_chosen or bool(visit.current.time_zone),
    )


@cache
def time_zones() -> tuple[str, ...]:
    """UTC and the zones of places; deprecated names of whole countries are left out."""
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.startswith(_AREAS)))
