"""What ships for Prometheus and Grafana asks for figures that there are, and the runbook knows every
alert. Prometheus's own program tries each alert out where it is installed."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.support.product import open_test_product
from tests.web.metrics.test_metrics import BEARER, TOKEN, add_phone, metered
from twostep.core.audit import event
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.turn import Turn


ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/twostep.json"
RUNBOOK = ROOT / "docs/how-to/answer-an-alarm.md"
MONITOR = ROOT / "docs/how-to/monitor.md"
TARGET = {"job", "instance"}  # Prometheus adds them to everything
# Their labels have any number of values, and only those that were seen are there.
OPEN_ENDED = {"twostep_events_total", "twostep_second_steps_total", "twostep_outbox_messages"}
Labels = dict[str, set[str]]
# Patroni's own, which a test of tests/nodes/test_deploy.py finds there.
OF_PATRONI: dict[str, Labels] = {"patroni_sync_standby": {"scope": {"twostep"}}}
SAMPLE = re.compile(r"(\w+)(?:\{([^}]*)\})? \S+")


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The figures of a product in which something of everything has happened."""
    with open_test_product(tmp_path_factory.mktemp("figures"), metrics__token=TOKEN) as opened:
        product = metered(opened)
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        entry = alice.enroll_app()
        alice.post("/sign-out")
        alice.sign_in()
        alice.post("/sign-in/code", code=entry.next_code())
        add_phone(product, alice)

        def alarm(turn: Turn) -> None:
            for kind in alarm_kinds():
                raise_alarm(turn, kind, subject="x")

        product.run(product.house.by().do(alarm))
        return alice.get("/metrics", **BEARER).text


@cache
def alarm_kinds() -> frozenset[str]:
    """Every event that is raised as an alarm, by what the code says."""
    names = set()
    for path in (ROOT / "src/twostep/flows").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name == "raise_alarm":
                names |= {
                    attribute.attr
                    for attribute in ast.walk(node)
                    if isinstance(attribute, ast.Attribute)
                }
    return frozenset(
        value for name in names if isinstance(value := getattr(event, name, None), str)
    )


def series_of(text: str) -> dict[str, Labels]:
    """Every name that can be asked for, with its labels and their values."""
    series: dict[str, Labels] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            series |= {name + end: defaultdict(set) for end in ends}
        elif not line.startswith("#"):
            hit = SAMPLE.fullmatch(line)
            assert hit, line
            for label, value in re.findall(r'(\w+)="([^"]*)"', hit[2] or ""):
                series[hit[1]][label].add(value)
    return series


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    alerts: list[dict[str, Any]] = group["rules"]
    return alerts


def panels() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return listed


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression that ships, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], filled_in(target["expr"])
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], filled_in(annotation["expr"])


def filled_in(text: str) -> str:
    """As Grafana would send it."""
    return text.replace("$__rate_interval", "5m").replace("$instance", ".*")


def parts_of(expression: str, kind: type[Any]) -> list[Any]:
    """Every part of an expression that is of this kind."""
    parts: list[Any] = []

    def visit(node: Any) -> bool:
        node = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(node, kind):
            parts.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return parts


def examine(expression: str, there: dict[str, Labels]) -> list[str]:
    """What is wrong with an expression."""
    there = {**there, **OF_PATRONI, "up": {}}
    selectors = parts_of(expression, promql_parser.VectorSelector)
    assert selectors, expression
    problems = [
        f"there is no {selector.name}" for selector in selectors if selector.name not in there
    ]
    selectors = [selector for selector in selectors if selector.name in there]
    for selector in selectors:
        problems += examine_matchers(
            selector.name, selector.matchers.matchers, there[selector.name]
        )
    known = TARGET.union(*(there[selector.name] for selector in selectors))
    for aggregate in parts_of(expression, promql_parser.AggregateExpr):
        labels = aggregate.modifier.labels if aggregate.modifier else ()
        problems += [f"no {label} to group by" for label in labels if label not in known]
    return problems


def examine_matchers(name: str, matchers: list[Any], labels: Labels) -> list[str]:
    """What is wrong with the part in braces."""
    asked = [(matcher.name, matcher.value) for matcher in matchers if matcher.name not in TARGET]
    problems = [f"{name} has no {label}" for label, _ in asked if label not in labels]
    if name in OPEN_ENDED:
        return problems
    return problems + [
        f"{name}: no {label} is {value}"
        for label, value in asked
        if label in labels and not any(re.fullmatch(value, known) for known in labels[label])
    ]


def test_alerts_and_panels_ask_for_figures_that_there_are(exposition: str) -> None:
    there = series_of(exposition)
    problems = {
        where: mistakes for where, text in expressions() if (mistakes := examine(text, there))
    }
    assert problems == {}


@pytest.mark.parametrize(
    "text",
    [
        "rate(twostep_nothing_total[5m])",
        "max(twostep_nothing)",
        'twostep_requests_total{class="5xx"}',
        'twostep_sign_ins_total{outcome="won"}',
        "sum by (status) (twostep_throttled_total)",
    ],
)
def test_a_wrong_expression_is_noticed(exposition: str, text: str) -> None:
    assert examine(text, series_of(exposition)) != []


def test_every_figure_is_explained_and_looked_at(exposition: str) -> None:
    families = set(re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE))
    table = MONITOR.read_text(encoding="utf-8").partition("## The figures")[2].partition("## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)", rows)) == families
    asked = " ".join(text for _, text in expressions())
    assert [name for name in families if name not in asked] == []


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert [title for title, _ in sections] == [*names, "Beside Prometheus"]
    for title, body in sections[:-1]:
        parts = re.findall(r"^\*\*(\w+)\*\* (.+)$", body, re.MULTILINE)
        assert [name for name, _ in parts] == ["Means", "Look", "Do"], title
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page, anchor) == (RUNBOOK, rule["alert"].lower())
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alarm_of_the_program_has_an_alert_and_stands_in_the_runbook() -> None:
    kinds = alarm_kinds()
    assert len(kinds) >= 6
    runbook = RUNBOOK.read_text(encoding="utf-8")
    assert [kind for kind in kinds if f"`{kind}`" not in runbook] == []
    asked = " ".join(rule["expr"] for rule in rules())
    by_figure = {event.BUDGET_USED_UP}  # the budget's own figure says so sooner
    good_news = {event.PROVIDER_RESTORED}
    unasked = {kind for kind in kinds if f'event="{kind}"' not in asked}
    assert unasked == by_figure | good_news


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert board["title"] == "Twostep"
    assert board["schemaVersion"] >= 36
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == sorted(set(letters))
            for part in (panel, *panel["targets"]):
                assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


# ── Prometheus's own program ────────────────────────────────────────────────────────────────────


def promtool(*arguments: str, given: str = "", folder: Path = ROOT) -> str:
    """Run it; must succeed. What it printed."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    program = shutil.which("promtool", path=places)
    if program is None:
        pytest.skip("promtool is not installed: it comes with Debian's package prometheus")
    result = subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, cwd=folder,
        timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_prometheus_finds_nothing_wrong_with_the_figures(exposition: str) -> None:
    assert promtool("check", "metrics", given=exposition) == ""


def test_prometheus_takes_the_alerts() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(ALERTS))


def counter(name: str, by: float, **labels: str) -> dict[str, str]:
    return one_series(name, f"0+{by}x60", **labels)


def gauge(name: str, value: float, **labels: str) -> dict[str, str]:
    return one_series(name, f"{value}x60", **labels)


def one_series(name: str, values: str, **labels: str) -> dict[str, str]:
    all_labels = {"job": "twostep", "instance": "a", **labels}
    pairs = ", ".join(f'{key}="{value}"' for key, value in all_labels.items())
    return {"series": f"{name}{{{pairs}}}", "values": values}


def buckets(slow: float) -> list[dict[str, str]]:
    """Commits of which a share takes a second."""
    return [
        counter("twostep_commit_seconds_bucket", 60 * (1 - slow), le="0.01"),
        counter("twostep_commit_seconds_bucket", 60, le="1"),
        counter("twostep_commit_seconds_bucket", 60, le="+Inf"),
    ]


ENDED = "twostep_connections_ended_total"
# What makes each alert fire; counters rise by so much a minute.
FIRES: dict[str, list[dict[str, str]]] = {
    "TwostepDown": [gauge("up", 0)],
    "TwostepDatabaseDown": [gauge("twostep_database_up", 0)],
    "TwostepCommitsFail": [counter("twostep_commit_failures_total", 1)],
    "TwostepCommitsSlow": buckets(0.2),
    "TwostepDatabaseBusy": [gauge("twostep_database_waiting", 20)],
    "TwostepNoSyncStandby": [
        gauge("patroni_sync_standby", 0, job="patroni", instance=name, scope="twostep")
        for name in ("db1", "db2", "db3")
    ],
    "TwostepCheckpointFileFails": [counter("twostep_checkpoint_file_failures_total", 1)],
    "TwostepForeignEvents": [counter("twostep_audit_foreign_ends_total", 1)],
    "TwostepErrors": [
        counter("twostep_requests_total", 12, status="5xx"),
        counter("twostep_unavailable_total", 6),
    ],
    "TwostepOverloaded": [counter("twostep_hash_refused_total", 60)],
    "TwostepConnectionsFull": [counter(ENDED, 60, reason="for_another")],
    "TwostepSlowClients": [counter(ENDED, 120, reason="slow_headers")],
    "TwostepPasswordGuessing": [
        one_series("twostep_sign_ins_total", "0+1x1440 1441+600x60", outcome="refused")
    ],
    "TwostepCodeGuessing": [
        counter("twostep_second_steps_total", 30, kind="code", outcome="refused"),
        counter("twostep_second_steps_total", 6, kind="code", outcome="ok"),
    ],
    "TwostepPasskeysRefused": [
        counter("twostep_passkeys_total", 6, outcome="refused"),
        counter("twostep_passkeys_total", 1, outcome="accepted"),
    ],
    "TwostepPasskeyCopied": [counter("twostep_passkeys_total", 1, outcome="counted_back")],
    "TwostepThrottled": [
        counter("twostep_throttled_total", 60),
        counter("twostep_requests_total", 120, status="4xx"),
    ],
    "TwostepMessagesWait": [
        gauge("twostep_outbox_oldest_waiting_seconds", 180, channel="sms")
    ],
    "TwostepMessagesFail": [
        gauge("twostep_outbox_messages", 30, channel="sms", state="failed"),
        gauge("twostep_outbox_messages", 60, channel="sms", state="accepted"),
    ],
    "TwostepChannelDown": [gauge("twostep_channel_down", 1, channel="sms")],
    "TwostepProviderTripped": [gauge("twostep_provider_passed_by", 1, provider="twilio")],
    "TwostepProviderFailing": [
        gauge("twostep_provider_tries", 3, provider="twilio", outcome="failed"),
        gauge("twostep_provider_tries", 1, provider="twilio", outcome="accepted"),
    ],
    "TwostepBudgetHalfUsed": [gauge("twostep_alarms", 1, event="budget.half_used")],
    "TwostepBudgetUsedUp": [
        gauge("twostep_budget_used", 1000, span="day"),
        gauge("twostep_budget_limit", 1000, span="day"),
    ],
    "TwostepCountryPaused": [gauge("twostep_alarms", 1, event="country.paused")],
    "TwostepPrefixBlocked": [gauge("twostep_alarms", 1, event="prefix.blocked")],
    "TwostepMemoryGrows": [gauge("process_resident_memory_bytes", 5e8)],
    "TwostepFilesNearlyOut": [
        gauge("process_open_fds", 900), gauge("process_max_fds", 1000)
    ],
    "TwostepRestarts": [one_series("process_start_time_seconds", "1x30 2x4 3x4 4x4 5x20")],
}  # fmt: skip
# A day on which all is well.
CALM = [
    gauge("up", 1),
    gauge("twostep_database_up", 1),
    counter("twostep_commit_failures_total", 0),
    *buckets(0.01),
    gauge("twostep_database_waiting", 0),
    gauge("patroni_sync_standby", 0, job="patroni", instance="db1", scope="twostep"),
    gauge("patroni_sync_standby", 1, job="patroni", instance="db2", scope="twostep"),
    counter("twostep_checkpoint_file_failures_total", 0),
    counter("twostep_requests_total", 6000, status="2xx"),
    counter("twostep_requests_total", 1, status="5xx"),
    counter("twostep_unavailable_total", 1),
    counter("twostep_hash_refused_total", 0),
    counter(ENDED, 6, reason="slow_headers"),
    counter(ENDED, 0, reason="for_another"),
    counter("twostep_sign_ins_total", 3, outcome="refused"),
    counter("twostep_second_steps_total", 2, kind="code", outcome="refused"),
    counter("twostep_second_steps_total", 60, kind="code", outcome="ok"),
    counter("twostep_passkeys_total", 1, outcome="refused"),
    counter("twostep_passkeys_total", 30, outcome="accepted"),
    counter("twostep_passkeys_total", 0, outcome="counted_back"),
    counter("twostep_throttled_total", 2),
    gauge("twostep_outbox_oldest_waiting_seconds", 3, channel="sms"),
    gauge("twostep_outbox_messages", 5, channel="sms", state="failed"),
    gauge("twostep_outbox_messages", 600, channel="sms", state="accepted"),
    gauge("twostep_channel_down", 0, channel="sms"),
    gauge("twostep_provider_passed_by", 0, provider="twilio"),
    gauge("twostep_budget_used", 300, span="day"),
    gauge("twostep_budget_limit", 1000, span="day"),
    gauge("process_resident_memory_bytes", 1.2e8),
    gauge("process_open_fds", 90),
    gauge("process_max_fds", 2100),
    gauge("process_start_time_seconds", 1),
]


def trial(series: list[dict[str, str]], alert: str, *, firing: bool) -> dict[str, Any]:
    end = "25h" if alert == "TwostepPasswordGuessing" else "55m"
    firing_now = f'count(ALERTS{{alertname=~"{alert}", alertstate="firing"}})'
    expected = [{"labels": "{}", "value": 1}] if firing else []
    test = {"expr": firing_now, "eval_time": end, "exp_samples": expected}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [test]}


def test_every_alert_fires_when_it_should_and_none_on_a_calm_day(tmp_path: Path) -> None:
    assert list(FIRES) == [rule["alert"] for rule in rules()]
    tests = [trial(series, alert, firing=True) for alert, series in FIRES.items()]
    tests.append(trial(CALM, ".+", firing=False))
    shutil.copy(ALERTS, tmp_path)
    trials = {"rule_files": [ALERTS.name], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "trials.yml").write_text(yaml.safe_dump(trials), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", "trials.yml", folder=tmp_path)
