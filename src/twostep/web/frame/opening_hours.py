"""When the help desk opens next."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from twostep.config.kinds import Opening


def opens_at(hours: tuple[Opening, ...], *, now: int, zone: str) -> int | None:
    """When the help desk opens next, in Unix seconds; None if it is open now.

    `hours`: not empty; they are meant in `zone`, an IANA name.
    """
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    today = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    starts: list[int] = []
    for days in range(8):
        day = today + timedelta(days=days)
        for opening in hours:
            if opening.weekday != day.weekday():
                continue
            begin, end = (
                int((day + timedelta(minutes=minutes)).replace(tzinfo=ZoneInfo(zone)).timestamp())
                for minutes in (opening.opens, opening.closes)
            )
            if begin <= now < end:
                return None
            starts.append(begin)
    return min(start for start in starts if start > now)
