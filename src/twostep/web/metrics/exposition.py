"""All metrics, in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA_TYPE
from prometheus_client import Metric, generate_latest

from twostep.core.outage import StoreUnavailable
from twostep.flows.env import NOBODY, Env
from twostep.flows.operate.figures import Figures, view_figures
from twostep.flows.turn import TurnOpener
from twostep.web.metrics.families import gauge, of_process, of_server
from twostep.web.metrics.families_of_database import of_database
from twostep.web.metrics.families_of_delivery import of_delivery


__all__ = ["MEDIA_TYPE", "write_metrics"]


async def write_metrics(env: Env, *, now: int) -> str:
    """All metrics as text. If the database is down, its metrics are left out and `database_up` is 0."""
    try:
        figures: Figures | None = await TurnOpener(env, NOBODY, now).do(view_figures)
    except StoreUnavailable:
        figures = None
    return generate_latest(_Scrape(env, figures, now)).decode()


@dataclass(frozen=True, slots=True)
class _Scrape:
    """A collector for one response; the database's figures have been read before."""

    env: Env
    figures: Figures | None
    now: int

    def collect(self) -> Iterator[Metric]:
        yield from of_server(self.env)
        yield from of_process(self.env.counters)
        is_up = self.figures is not None
        yield gauge("twostep_database_up", "Whether the database can be read.", is_up)
        if self.figures is not None:
            yield from of_database(self.env, self.figures, now=self.now)
            yield from of_delivery(self.figures)
