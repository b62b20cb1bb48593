"""Prometheus's text format (version 0.0.4), written by hand: families of numbers with labels.

Source: Prometheus, "Exposition formats".
"""

from __future__ import annotations

from collections.abc import Iterator

from twostep.core.outage import StoreUnavailable
from twostep.flows.env import NOBODY, Env
from twostep.flows.operate.figures import Figures, view_figures
from twostep.flows.turn import TurnOpener
from twostep.web.metrics.families import Family, Labels, of_database, of_process, of_server
from twostep.web.metrics.families_of_delivery import of_delivery


MEDIA_TYPE = "text/plain; version=0.0.4"


async def write_metrics(env: Env, *, now: int) -> str:
    """Write everything; without the database what it knows is left out and `up` says so."""
    try:
        figures: Figures | None = await TurnOpener(env, NOBODY, now).do(view_figures)
    except StoreUnavailable:
        figures = None
    lines = [line for family in _families(env, figures, now=now) for line in _lines(family)]
    return "\n".join(lines) + "\n"


def _families(env: Env, figures: Figures | None, *, now: int) -> Iterator[Family]:
    yield from of_server(env)
    yield from of_process(now=now)
    up = float(figures is not None)
    yield Family(
        "twostep_database_up", "gauge", "Whether the database can be read.", {(): up}
    )  # fmt: skip
    if figures is not None:
        yield from of_database(env, figures, now=now)
        yield from of_delivery(figures)


def _lines(family: Family) -> Iterator[str]:
    name = family.name
    yield f"# HELP {name} {family.says}"
    yield f"# TYPE {name} {family.kind}"
    if family.histogram is None:
        for labels, value in sorted(family.samples.items()):
            yield f"{name}{_braces(labels)} {_number(value)}"
        return
    total = 0
    for bound, count in zip((*family.histogram.bounds, None), family.histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound is None else f"{bound:g}"
        yield f'{name}_bucket{{le="{le}"}} {total}'
    yield f"{name}_sum {family.histogram.seconds:.6f}"
    yield f"{name}_count {total}"


def _number(value: float) -> str:
    """Every digit: a counter that is rounded seems to stand still."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _braces(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
