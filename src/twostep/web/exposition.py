"""Prometheus's text format (version 0.0.4), written by hand: families of numbers with labels.

Source: Prometheus, "Exposition formats".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from twostep.core import event
from twostep.core.event import Outcome
from twostep.flows.counters import Counters, Histogram
from twostep.flows.env import Env
from twostep.flows.figures import Figures, view_figures
from twostep.flows.unavailable import StoreUnavailable


MEDIA_TYPE = "text/plain; version=0.0.4"
_SECOND_STEPS = {
    event.CODE_ACCEPTED: "code",
    event.CODE_REFUSED: "code",
    event.RECOVERY_CODE_USED: "backup_code",
    event.PASSKEY_ACCEPTED: "passkey",
    event.PASSKEY_REFUSED: "passkey",
}
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers under one name. `samples`: by labels; none at all is the number itself."""

    name: str
    kind: Literal["counter", "gauge"]
    says: str
    samples: Mapping[Labels, float]


async def write_metrics(env: Env, *, now: int) -> str:
    """Write everything; without the database what it knows is left out and `up` says so."""
    try:
        figures: Figures | None = await env.store.read(view_figures, env, now=now)
    except StoreUnavailable:
        figures = None
    lines = [line for family in _of_process(env) for line in _lines(family)]
    lines += _histogram_lines(env.counters.commits)
    up = Family(
        "database_up", "gauge", "Whether the database can be read.", _one(figures is not None)
    )
    lines += _lines(up)
    if figures is not None:
        lines += [line for family in _of_database(figures, now=now) for line in _lines(family)]
    return "\n".join(lines) + "\n"


def _of_process(env: Env) -> Iterator[Family]:
    counters, hashes = env.counters, env.hashes
    by_class: dict[Labels, float] = {_label(status=f"{n}xx"): 0 for n in range(2, 6)}
    for status, count in counters.answers.items():
        key = _label(status=f"{status // 100}xx")
        by_class[key] = by_class.get(key, 0) + count
    yield Family("requests_total", "counter", "Requests answered, by class of status.", by_class)
    yield Family(
        "throttled_total", "counter", "Requests answered 429: too many tries.",
        _one(counters.answers[429]),
    )  # fmt: skip
    yield Family(
        "sign_ins_total",
        "counter",
        "Sign-ins completed, and passwords refused for names that exist.",
        _sign_ins(counters),
    )
    yield Family(
        "second_steps_total", "counter", "Codes and passkeys, by kind and outcome.",
        _second_steps(counters),
    )  # fmt: skip
    yield Family(
        "events_total", "counter", "Events of the audit trail, by kind and outcome.",
        {_label(event=kind, outcome=how): count for (kind, how), count in counters.events.items()},
    )  # fmt: skip
    lanes = (("stranger", False), ("known", True))
    yield Family(
        "hash_places", "gauge", "Places for password checks, by lane.",
        {_label(lane=lane): hashes.places for lane, _ in lanes},
    )  # fmt: skip
    yield Family(
        "hash_places_taken", "gauge", "Places for password checks that are taken, by lane.",
        {_label(lane=lane): hashes.taken(known=known) for lane, known in lanes},
    )  # fmt: skip
    yield Family(
        "hash_refused_total", "counter", "Password checks refused because every place was taken.",
        _one(hashes.refused),
    )  # fmt: skip
    yield Family(
        "commit_failures_total", "counter", "Transactions that did not commit.",
        _one(counters.failed_commits),
    )  # fmt: skip


def _of_database(figures: Figures, *, now: int) -> Iterator[Family]:
    yield Family(
        "outbox_messages", "gauge",
        "Messages made in the last 24 hours and all that wait, by channel and state.",
        {_label(channel=channel, state=state): count
         for (channel, state), count in figures.messages.items()},
    )  # fmt: skip
    yield Family(
        "outbox_oldest_waiting_seconds", "gauge", "Age of the oldest message that waits.",
        {_label(channel=channel): max(0, now - figures.waiting_since.get(channel, now))
         for channel in ("call", "email", "sms")},
    )  # fmt: skip
    yield Family(
        "alarms", "gauge", "Alarms of the last 24 hours, by event.",
        {_label(event=kind): count for kind, count in figures.alarms.items()},
    )  # fmt: skip
    yield Family(
        "budget_used", "gauge", "Texts and calls of this UTC hour and day.",
        {_label(span=span): used for span, (used, _) in figures.budgets.items()},
    )  # fmt: skip
    yield Family(
        "budget_limit", "gauge", "How many texts and calls an hour and a day may have.",
        {_label(span=span): limit for span, (_, limit) in figures.budgets.items()},
    )  # fmt: skip
    yield Family(
        "channel_down", "gauge", "Whether every provider of texts or of calls is passed by.",
        {_label(channel=name): float(name in figures.troubled) for name in ("call", "sms")},
    )  # fmt: skip
    yield Family(
        "provider_passed_by", "gauge", "Providers that are passed by because they kept failing.",
        {_label(provider=name): 1 for name in figures.passed_by},
    )  # fmt: skip


def _sign_ins(counters: Counters) -> dict[Labels, float]:
    seen = counters.events
    return {
        _label(outcome="completed"): seen[event.SIGN_IN_COMPLETED, Outcome.OK],
        _label(outcome="refused"): seen[event.PASSWORD_REFUSED, Outcome.REFUSED],
        _label(outcome="throttled"): seen[event.PASSWORD_REFUSED, Outcome.THROTTLED],
    }


def _second_steps(counters: Counters) -> dict[Labels, float]:
    found: dict[Labels, float] = {}
    for (kind, outcome), count in counters.events.items():
        if kind in _SECOND_STEPS:
            key = _label(kind=_SECOND_STEPS[kind], outcome=outcome)
            found[key] = found.get(key, 0) + count
    return found


def _label(**labels: str) -> Labels:
    return tuple(labels.items())


def _one(value: float) -> dict[Labels, float]:
    return {(): float(value)}


def _head(name: str, kind: str, says: str) -> list[str]:
    return [f"# HELP twostep_{name} {says}", f"# TYPE twostep_{name} {kind}"]


def _lines(family: Family) -> list[str]:
    samples = [
        f"twostep_{family.name}{_braces(labels)} {value:g}"
        for labels, value in sorted(family.samples.items())
    ]
    return [*_head(family.name, family.kind, family.says), *samples]


def _braces(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _histogram_lines(histogram: Histogram) -> list[str]:
    name, total = "commit_seconds", 0
    lines = _head(name, "histogram", "From a change's queuing to its commit.")
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound is None else f"{bound:g}"
        lines.append(f'twostep_{name}_bucket{{le="{le}"}} {total}')
    return [
        *lines, f"twostep_{name}_sum {histogram.seconds:.6f}", f"twostep_{name}_count {total}"
    ]  # fmt: skip
