"""Every family of numbers under `/metrics`: name, kind, labels and meaning. No label names a person or
holds a number, and each has few values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.flows.counters import Counters, Histogram
from twostep.flows.env import Env
from twostep.flows.operate.figures import Figures
from twostep.web.metrics.process import read_process


Labels = tuple[tuple[str, str], ...]
Samples = Mapping[Labels, float]

_SECOND_STEPS = {
    event.CODE_ACCEPTED: "code",
    event.CODE_REFUSED: "code",
    event.RECOVERY_CODE_USED: "backup_code",
    event.PASSKEY_ACCEPTED: "passkey",
    event.PASSKEY_REFUSED: "passkey",
}
_LANES = {"stranger": False, "known": True}
_ENDED = {
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


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers under one name. `samples`: by labels; none at all is the number itself."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    samples: Samples
    histogram: Histogram | None = None


def of_server(env: Env) -> Iterator[Family]:
    """What this process did and does."""
    counters = env.counters
    yield from _of_requests(counters)
    yield Family(
        "twostep_connections", "gauge", "Open connections of the main port.",
        _one(counters.connections["open"]),
    )  # fmt: skip
    yield Family(
        "twostep_connections_limit", "gauge", "How many there may be.",
        _one(env.settings.server.connections),
    )  # fmt: skip
    yield Family(
        "twostep_connections_ended_total", "counter",
        "Connections closed by us before their time, by reason.", _ended(counters),
    )  # fmt: skip
    yield from _of_hashes(env)
    yield from _of_store(env)


def _of_requests(counters: Counters) -> Iterator[Family]:
    yield Family(
        "twostep_requests_total", "counter", "Requests answered, by class of status.",
        _by_class(counters),
    )  # fmt: skip
    yield Family(
        "twostep_throttled_total", "counter", "Requests answered 429: too many tries.",
        _one(counters.answers[429]),
    )  # fmt: skip
    yield Family(
        "twostep_unavailable_total", "counter", "Requests answered 503: overload or no database.",
        _one(counters.answers[503]),
    )  # fmt: skip
    yield Family(
        "twostep_sign_ins_total", "counter",
        "Sign-ins completed, and passwords refused.", _sign_ins(counters),
    )  # fmt: skip
    yield Family(
        "twostep_second_steps_total", "counter", "Codes and passkeys, by kind and outcome.",
        _second_steps(counters),
    )  # fmt: skip
    yield Family(
        "twostep_passkeys_total", "counter",
        "Answers of passkeys, by outcome; counted_back: perhaps a copy.", _passkeys(counters),
    )  # fmt: skip
    yield Family(
        "twostep_events_total", "counter", "Events of the audit trail, by kind and outcome.",
        {_label(event=kind, outcome=how): count for (kind, how), count in counters.events.items()},
    )  # fmt: skip


def _of_hashes(env: Env) -> Iterator[Family]:
    hashes = env.hashes
    yield Family(
        "twostep_hash_threads", "gauge", "How many password checks run at the same time.",
        _one(hashes.threads),
    )  # fmt: skip
    yield Family(
        "twostep_hash_places", "gauge", "Places for password checks, by lane.",
        {_label(lane=lane): hashes.places for lane in _LANES},
    )  # fmt: skip
    yield Family(
        "twostep_hash_places_taken", "gauge", "Places for password checks that are taken, by lane.",
        {_label(lane=lane): hashes.taken(known=known) for lane, known in _LANES.items()},
    )  # fmt: skip
    yield Family(
        "twostep_hash_refused_total", "counter",
        "Password checks refused because every place was taken.", _one(hashes.refused),
    )  # fmt: skip


def _of_store(env: Env) -> Iterator[Family]:
    found = env.store.pressure()
    yield Family(
        "twostep_database_connections", "gauge", "Connections to the database, by state.",
        {_label(state="in_use"): found.in_use, _label(state="idle"): found.idle},
    )  # fmt: skip
    yield Family(
        "twostep_database_connections_limit", "gauge", "How many there will be at most.",
        _one(found.limit),
    )  # fmt: skip
    yield Family(
        "twostep_database_waiting", "gauge", "Reads and changes that wait for the database.",
        _one(found.waiting),
    )  # fmt: skip
    yield Family(
        "twostep_commit_seconds", "histogram", "From a change's queuing to its commit.",
        {}, env.counters.commits,
    )  # fmt: skip
    yield Family(
        "twostep_commit_failures_total", "counter", "Transactions that did not commit.",
        _one(env.counters.failed_commits),
    )  # fmt: skip
    yield Family(
        "twostep_checkpoint_file_failures_total", "counter",
        "Tries to append to audit_checkpoint_file that failed.",
        _one(env.counters.failed_checkpoint_files),
    )  # fmt: skip


def of_process(*, now: int) -> Iterator[Family]:
    """Memory, time and open files; nothing where the system does not tell."""
    found = read_process(now=now)
    if found is None:
        return
    yield Family(
        "process_cpu_seconds_total", "counter", "User and system time.", _one(found.cpu_seconds)
    )  # fmt: skip
    yield Family(
        "process_resident_memory_bytes", "gauge", "Resident memory.", _one(found.memory_bytes)
    )  # fmt: skip
    yield Family("process_open_fds", "gauge", "Open files.", _one(found.open_files))
    yield Family("process_max_fds", "gauge", "Most open files.", _one(found.most_files))
    yield Family(
        "process_start_time_seconds", "gauge", "When it started, Unix seconds.",
        _one(found.started_at),
    )  # fmt: skip


def of_database(env: Env, figures: Figures, *, now: int) -> Iterator[Family]:
    """How things stand, the same for every process."""
    yield Family(
        "twostep_outbox_messages", "gauge",
        "Messages made in the last 24 hours and all that wait, by channel and state.",
        {_label(channel=channel, state=state): count
         for (channel, state), count in figures.messages.items()},
    )  # fmt: skip
    yield Family(
        "twostep_outbox_oldest_waiting_seconds", "gauge", "Age of the oldest message that waits.",
        {_label(channel=channel): max(0, now - figures.waiting_since.get(channel, now))
         for channel in ("call", "email", "sms")},
    )  # fmt: skip
    yield Family(
        "twostep_alarms", "gauge", "Alarms of the last 24 hours, by event.",
        {_label(event=kind): count for kind, count in figures.alarms.items()},
    )  # fmt: skip
    yield Family(
        "twostep_budget_used", "gauge", "Texts and calls of this UTC hour and day.",
        {_label(span=span): used for span, (used, _) in figures.budgets.items()},
    )  # fmt: skip
    yield Family(
        "twostep_budget_limit", "gauge", "How many texts and calls an hour and a day may have.",
        {_label(span=span): limit for span, (_, limit) in figures.budgets.items()},
    )  # fmt: skip
    yield Family(
        "twostep_channel_down", "gauge",
        "Whether every provider of texts or of calls is passed by.",
        {_label(channel=name): float(name in figures.troubled) for name in ("call", "sms")},
    )  # fmt: skip
    yield Family(
        "twostep_provider_passed_by", "gauge",
        "Whether a provider is passed by because it kept failing.",
        {_label(provider=name): float(name in figures.passed_by)
         for name in _providers(env) | figures.passed_by},
    )  # fmt: skip


def _providers(env: Env) -> frozenset[str]:
    settings = env.settings
    own = (*settings.sms_providers, *settings.call_providers, *settings.email_providers)
    return frozenset(own).union(*settings.delivery.country_providers.values())


def _by_class(counters: Counters) -> Samples:
    found: dict[Labels, float] = {_label(status=f"{n}xx"): 0 for n in range(2, 6)}
    for status, count in counters.answers.items():
        key = _label(status=f"{status // 100}xx")
        found[key] = found.get(key, 0) + count
    return found


def _sign_ins(counters: Counters) -> Samples:
    seen = counters.events
    return {
        _label(outcome="completed"): seen[event.SIGN_IN_COMPLETED, Outcome.OK],
        _label(outcome="refused"): seen[event.PASSWORD_REFUSED, Outcome.REFUSED],
        _label(outcome="throttled"): seen[event.PASSWORD_REFUSED, Outcome.THROTTLED],
    }


def _second_steps(counters: Counters) -> Samples:
    found: dict[Labels, float] = {}
    for (kind, outcome), count in counters.events.items():
        if kind in _SECOND_STEPS:
            key = _label(kind=_SECOND_STEPS[kind], outcome=outcome)
            found[key] = found.get(key, 0) + count
    return found


def _passkeys(counters: Counters) -> Samples:
    found: dict[str, float] = {"accepted": 0, "refused": 0, "counted_back": 0}
    names = {
        event.PASSKEY_ACCEPTED: "accepted",
        event.PASSKEY_REFUSED: "refused",
        event.PASSKEY_COUNTED_BACK: "counted_back",
    }
    for (kind, _), count in counters.events.items():
        if kind in names:
            found[names[kind]] += count
    return {_label(outcome=name): count for name, count in found.items()}


def _ended(counters: Counters) -> Samples:
    found = dict.fromkeys(_ENDED.values(), 0)
    for key, reason in _ENDED.items():
        found[reason] += counters.connections[key]
    return {_label(reason=reason): count for reason, count in found.items()}


def _label(**labels: str) -> Labels:
    return tuple(labels.items())


def _one(value: float) -> Samples:
    return {(): value}
