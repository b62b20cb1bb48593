"""The account's activity, as a page and as a CSV file to download."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from twostep.flows.account.activity import NEWEST, Activity, each_page, list_activity
from twostep.flows.account.acts import whole_acts
from twostep.web.frame.frame import page
from twostep.web.frame.rows import act_rows, file_name
from twostep.web.pages.account.csv_cell import safe_cell, utc
from twostep.web.visit import Visit
from twostep.web.words.events import FILTERS, activity_filters, activity_sentence


ROWS = 50
BEYOND = 20  # read to complete the last act
ROWS_AT_ONCE = 200
YEAR_SECONDS = 365 * 86_400
COLUMNS = ("time", "event", "what", "outcome", "by", "browser", "network")


async def show(visit: Visit) -> Response:
    """GET /settings/activity. `only`: a filter; `before`: the event number an older page ends at."""
    only = visit.query.get("only", "")
    if only not in {value for value, _ in FILTERS}:
        only = ""
    typed = visit.query.get("before", "")
    before = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 16 else NEWEST
    entries = await visit.read_aside(
        list_activity,
        visit.owner.id,
        limit=ROWS + BEYOND,
        before_seq=before,
        since=visit.now - YEAR_SECONDS,
        group=only,
    )
    acts, next_seq = whole_acts(entries, limit=ROWS)
    older = None if next_seq is None else _url(visit, only, str(next_seq))
    return page(
        visit,
        "activity.html",
        activity=act_rows(visit, acts),
        only=only,
        filters=activity_filters(language=visit.language),
        older_url=older,
        newer_url=None if before == NEWEST else _url(visit, only, ""),
    )


async def download(visit: Visit) -> Response:
    """GET /settings/activity.csv: every event of twelve months, in UTC."""
    since = visit.now - YEAR_SECONDS
    pages = each_page(visit, visit.owner.id, since=since, limit=ROWS_AT_ONCE)
    name = file_name(visit, "activity", visit.now, "csv")
    return StreamingResponse(
        _table(pages, visit.language),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        },
    )


def _url(visit: Visit, only: str, before: str) -> str:
    path = visit.url("account.activity")
    query = {name: value for name, value in (("only", only), ("before", before)) if value}
    return f"{path}?{urlencode(query)}" if query else path


async def _table(pages: AsyncIterator[list[Activity]], language: str) -> AsyncIterator[str]:
    """The rows, a few hundred at a time, so that a long history does not block other requests."""
    yield _lines([COLUMNS])
    async for entries in pages:
        yield _lines(_cells(entry, language) for entry in entries)
        await asyncio.sleep(0)


def _cells(entry: Activity, language: str) -> tuple[str, ...]:
    sentence = activity_sentence(entry.event, entry.data, language=language)
    return (
        *(utc(entry.at), entry.event, sentence, entry.outcome),
        *(entry.actor, entry.browser, entry.network),
    )


def _lines(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return out.getvalue()
