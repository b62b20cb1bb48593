"""Metric families of this process: name, kind, labels and help text. No label identifies a person or
contains a phone number, and each has few values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.flows.counters import Counters
from twostep.flows.env import Env


# Keyed by the label's value, or by a tuple of values if there are several labels.
Samples = Mapping[Any, float]

_SECOND_STEPS = {
    event.CODE_ACCEPTED: "code",
    event.CODE_REFUSED: "code",
    event.RECOVERY_CODE_USED: "backup_code",
    event.PASSKEY_ACCEPTED: "passkey",
    event.PASSKEY_REFUSED: "passkey",
}
_LANES = {"stranger": False, "known": True}
_CLOSED = {
    "slow_head": "slow_headers",
    "slow_body": "slow_body",
    "slow_linger": "unread_body",
    "slow_stalled": "answer_not_taken",
    "slow_closing": "answer_not_taken",
    "dropped": "for_another",
    "turned_away": "no_place",
    "too_much": "too_much",
    "no_http": "no_http",
}


def counter(name: str, help_text: str, value: float | Samples, *labels: str) -> Metric:
    """A number that only grows during the process's lifetime."""
    return _filled(CounterMetricFamily(name, help_text, labels=labels), value)


def gauge(name: str, help_text: str, value: float | Samples, *labels: str) -> Metric:
    """A number that goes up and down."""
    return _filled(GaugeMetricFamily(name, help_text, labels=labels), value)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, value: float | Samples) -> Metric:
    samples = value if isinstance(value, Mapping) else {(): value}
    for key, number in sorted(samples.items()):
        family.add_metric((key,) if isinstance(key, str) else key, number)
    return family


def of_server(env: Env) -> Iterator[Metric]:
    """Requests, connections, hashes and commits of this process."""
    counters = env.counters
    yield from _of_requests(counters)
    yield gauge(
        "twostep_connections", "Open connections on the main port.", counters.connections["open"]
    )
    yield gauge(
        "twostep_connections_limit",
        "Most connections the main port accepts.",
        env.settings.server.connections,
    )
    yield counter(
        "twostep_connections_ended_total",
        "Connections the server closed early, by reason.",
        _closed(counters),
        "reason",
    )
    yield from _of_hashes(env)
    yield from _of_store(env)


def _of_requests(counters: Counters) -> Iterator[Metric]:
    yield counter(
        "twostep_requests_total",
        "Requests answered, by status class.",
        _by_class(counters),
        "status",
    )
    yield counter(
        "twostep_throttled_total",
        "Requests answered with 429: too many tries.",
        counters.answers[429],
    )
    yield counter(
        "twostep_unavailable_total",
        "Requests answered with 503: overload or no database.",
        counters.answers[503],
    )
    yield counter(
        "twostep_sign_ins_total",
        "Sign-ins completed, and passwords refused.",
        _sign_ins(counters),
        "outcome",
    )
    yield counter(
        "twostep_second_steps_total",
        "Codes and passkeys, by kind and outcome.",
        _second_steps(counters),
        "kind",
        "outcome",
    )
    yield counter(
        "twostep_passkeys_total",
        "Passkey answers, by outcome; counted_back: possibly a copied passkey.",
        _passkeys(counters),
        "outcome",
    )
    yield counter(
        "twostep_events_total",
        "Events of the audit trail, by kind and outcome.",
        counters.events,
        "event",
        "outcome",
    )


def _of_hashes(env: Env) -> Iterator[Metric]:
    hashes = env.hashes
    yield gauge(
        "twostep_hash_threads", "Password checks that can run at the same time.", hashes.threads
    )
    yield gauge(
        "twostep_hash_places",
        "Places for password checks, by lane.",
        dict.fromkeys(_LANES, hashes.places),
        "lane",
    )
    yield gauge(
        "twostep_hash_places_taken",
        "Taken places for password checks, by lane.",
        {lane: hashes.taken(known=known) for lane, known in _LANES.items()},
        "lane",
    )
    yield counter(
        "twostep_hash_refused_total",
        "Password checks refused because every place was taken.",
        hashes.refused,
    )


def _of_store(env: Env) -> Iterator[Metric]:
    pressure = env.store.pressure()
    yield gauge(
        "twostep_database_connections",
        "Connections to the database, by state.",
        {"in_use": pressure.in_use, "idle": pressure.idle},
        "state",
    )
    yield gauge(
        "twostep_database_connections_limit",
        "Most connections this process opens to the database.",
        pressure.limit,
    )
    yield gauge(
        "twostep_database_waiting",
        "Reads and changes waiting for the database.",
        pressure.waiting,
    )
    yield from _of_commits(env.counters)
    yield counter(
        "twostep_commit_failures_total",
        "Transactions that did not commit.",
        env.counters.failed_commits,
    )
    yield counter(
        "twostep_checkpoint_file_failures_total",
        "Failed attempts to append to audit_checkpoint_file.",
        env.counters.failed_checkpoint_files,
    )
    yield counter(
        "twostep_audit_foreign_ends_total",
        "Ends of audit chains that no checkpoint signs, because Twostep did not write them.",
        env.counters.foreign_ends,
    )


def _of_commits(counters: Counters) -> Iterator[Metric]:
    for metric in counters.commits.collect():
        # process_start_time_seconds already says when it was created.
        metric.samples = [
            sample for sample in metric.samples if not sample.name.endswith("_created")
        ]
        yield metric


def of_process(counters: Counters) -> Iterator[Metric]:
    """Memory, CPU time and open files; empty on systems that do not report them."""
    for metric in counters.process.collect():
        if metric.name != "process_virtual_memory_bytes":  # address space is not memory use
            yield metric


def _by_class(counters: Counters) -> Samples:
    classes = {f"{first}xx": 0 for first in range(2, 6)}
    for status, count in counters.answers.items():
        key = f"{status // 100}xx"
        classes[key] = classes.get(key, 0) + count
    return classes


def _sign_ins(counters: Counters) -> Samples:
    events = counters.events
    return {
        "completed": events[event.SIGN_IN_COMPLETED, Outcome.OK],
        "refused": events[event.PASSWORD_REFUSED, Outcome.REFUSED],
        "throttled": events[event.PASSWORD_REFUSED, Outcome.THROTTLED],
    }


def _second_steps(counters: Counters) -> Samples:
    steps: dict[tuple[str, str], int] = {}
    for (kind, outcome), count in counters.events.items():
        if kind in _SECOND_STEPS:
            key = (_SECOND_STEPS[kind], outcome)
            steps[key] = steps.get(key, 0) + count
    return steps


def _passkeys(counters: Counters) -> Samples:
    names = {
        event.PASSKEY_ACCEPTED: "accepted",
        event.PASSKEY_REFUSED: "refused",
        event.PASSKEY_COUNTED_BACK: "counted_back",
    }
    answers = dict.fromkeys(names.values(), 0)
    for (kind, _), count in counters.events.items():
        if kind in names:
            answers[names[kind]] += count
    return answers


def _closed(counters: Counters) -> Samples:
    reasons = dict.fromkeys(_CLOSED.values(), 0)
    for key, reason in _CLOSED.items():
        reasons[reason] += counters.connections[key]
    return reasons
