"""Language and time zone."""

from __future__ import annotations

from collections.abc import Container

from starlette.responses import Response

from twostep import i18n, names
from twostep.core.refusal import Refused
from twostep.flows.account import profile
from twostep.names import TimeZone
from twostep.web.frame.frame import page, redirect_with_flash
from twostep.web.visit import Visit


LONGEST = 64


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
    likely = dict.fromkeys((names.newest_zone(visit.time_zone), i18n.UTC))
    return page(
        visit,
        "profile.html",
        refused=refused,
        likely_zones=tuple(_describe(visit, zone) for zone in likely),
        zones=_areas(visit, likely),
        chosen_language=language,
        chosen_zone=names.newest_zone(time_zone),
        zone_is_set=visit.owner.time_zone_chosen or bool(visit.current.time_zone),
    )


def _areas(visit: Visit, likely: Container[str]) -> dict[str, list[TimeZone]]:
    """All other zones, by city, in the parts of the world."""
    areas: dict[str, list[TimeZone]] = {}
    for zone in names.time_zones():
        if zone not in likely:
            area = names.area_name(zone, visit.language)
            areas.setdefault(area, []).append(_describe(visit, zone))
    return {
        area: sorted(areas[area], key=lambda row: names.sort_key(row.city))
        for area in sorted(areas, key=names.sort_key)
    }


def _describe(visit: Visit, zone: str) -> TimeZone:
    return names.describe_zone(zone, visit.language, now=visit.now)
