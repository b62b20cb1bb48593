"""When the help desk is open: written as `Mon-Fri 09:00-17:00; Sat 10:00-12:00`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(
    r"\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*"
)
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Opening:
    """Open on this day of the week (0 is Monday), from and until these minutes of the day."""

    weekday: int
    opens: int
    closes: int


def read_hours(text: str) -> tuple[Opening, ...]:
    """Read opening hours, parted by semicolons or commas.

    Raises ValueError, with the part that cannot be read.
    """
    hours: list[Opening] = []
    for part in re.split("[;,]", text):
        match = _PART.fullmatch(part.lower())
        if match is None or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
            raise ValueError(f"{part.strip()!r}: write hours like Mon-Fri 09:00-17:00")
        opens = int(match[3]) * 60 + int(match[4])
        closes = int(match[5]) * 60 + int(match[6])
        if int(match[4]) > 59 or int(match[6]) > 59 or not opens < closes <= _MINUTES_A_DAY:
            raise ValueError(f"{part.strip()!r}: the end comes after the beginning, on one day")
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        days = range(first, first + (last - first) % 7 + 1)
        hours += [Opening(day % 7, opens, closes) for day in days]
    return tuple(hours)


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
