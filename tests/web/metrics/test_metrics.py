"""Figures for Prometheus: behind a bearer value or on a port of their own, never about a person."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import SECONDS, call
from tests.cli.test_serve import serving
from tests.support.ports import free_port
from tests.support.product import Browser, TestProduct, open_test_product
from twostep.core.audit import event
from twostep.core.audit.occurrence import Occurrence
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.core.outage import StoreUnavailable
from twostep.delivery.port import StatusReport
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.counters import Counters, MeteredStore
from twostep.flows.messages.reports import record_status
from twostep.flows.turn import Turn
from twostep.main import build_app
from twostep.store.messages import outbox, provider_states
from twostep.store.messages.outbox import OutboxRow
from twostep.store.messages.provider_states import ProviderState
from twostep.store.tx import Pressure, Tx
from twostep.web.metrics.exposition import write_metrics
from twostep.web.pages.operate.metrics import own_port


TOKEN = "a token of sixteen letters and more"
BEARER = {"authorization": f"Bearer {TOKEN}"}
ADDED = Occurrence(event.new_event(event.APP_ADDED), event.CLI, "chain", None, 1)
SAMPLE = re.compile(r"((?:twostep|process)_\w+)(?:\{([^}]*)\})? (\S+)")


def read(text: str) -> dict[str, float]:
    """Every sample by name and labels; the text is one that Prometheus would take."""
    samples: dict[str, float] = {}
    typed: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in {"counter", "gauge", "histogram"}
            assert name not in typed
            typed.add(name)
        elif not line.startswith("# HELP "):
            hit = SAMPLE.fullmatch(line)
            assert hit, line
            assert re.sub("_(bucket|sum|count)$", "", hit[1]) in typed or hit[1] in typed
            key = f"{hit[1]}{{{hit[2]}}}" if hit[2] else hit[1]
            assert key not in samples
            samples[key] = float(hit[3])
    return samples


def metered(product: TestProduct) -> TestProduct:
    """The product as `open_product` makes it where metrics are on."""
    env = product.env
    env = replace(env, store=MeteredStore(env.store, env.counters))
    product.house.env = env
    product.app = build_app(env)
    return product


def commits_of(counters: Counters) -> int:
    """How many transactions were committed and timed."""
    (metric,) = counters.commits.collect()
    return int(next(sample.value for sample in metric.samples if sample.name.endswith("_count")))


def add_phone(product: TestProduct, browser: Browser) -> None:
    """A backup phone whose text took five seconds to arrive, and its code seven to be typed."""
    form = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}
    assert browser.post("/settings/security/phone/new", **form).status_code == 303
    product.deliver()
    received = next(
        message for message in product.house.inbox.received if message.channel is Channel.SMS
    )
    product.clock.forward(5)
    report = StatusReport(received.message.id, SendState.DELIVERED)
    now = product.clock.now
    product.run(product.house.by(now=now).do(record_status, report, provider="console"))
    product.clock.forward(2)
    code = product.newest_code()
    assert browser.post("/settings/security/phone/confirm", code=code).status_code == 303


def test_texts_are_counted_by_provider_and_country_and_timed(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        alice.enroll_app()
        add_phone(product, alice)
        text = alice.get("/metrics", **BEARER).text
    figures = read(text)
    place = 'country="US",provider="console"'
    assert figures[f'twostep_sends{{{place},state="delivered"}}'] == 1
    assert figures[f"twostep_sends_verified{{{place}}}"] == 1
    for share in ("0.5", "0.95"):
        labels = f'provider="console",share="{share}"'
        assert figures[f"twostep_send_accept_seconds{{{labels}}}"] == 0
        assert figures[f"twostep_send_deliver_seconds{{{labels}}}"] == 5
    assert "555" not in text


def test_without_a_setting_there_is_no_such_page(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        assert product.browser().get("/metrics", **BEARER).status_code == 404


def test_prometheus_reaches_a_node_by_its_own_address_with_the_token_alone(
    tmp_path: Path,
) -> None:
    node = {"host": "10.0.0.11:8080"}  # no name of public_url: every other page refuses it
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        browser = product.browser()
        assert browser.get("/sign-in", **node).status_code == 421
        answer = browser.get("/metrics", **node)
        assert (answer.status_code, "twostep_" in answer.text) == (401, False)
        answer = browser.get("/metrics", **node, **BEARER)
        assert (answer.status_code, "twostep_database_up 1" in answer.text) == (200, True)


def test_a_port_of_its_own_does_not_open_the_main_one(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__port=9464) as product:
        assert product.browser().get("/metrics").status_code == 404


def test_the_value_opens_it_and_nothing_else_does(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        browser = product.browser()
        for value in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"{TOKEN}"):
            answer = browser.get("/metrics", authorization=value)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "twostep_" not in answer.text
        page = browser.get("/metrics", **BEARER)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert read(page.text)["twostep_database_up"] == 1
        assert browser.post("/metrics").status_code == 405


def test_sign_ins_codes_and_messages_are_counted_and_nobody_is_named(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as opened:
        product = metered(opened)
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        entry = alice.enroll_app()
        alice.post("/sign-out")
        alice.sign_in(password="wrong password 1")
        alice.sign_in()
        alice.post("/sign-in/code", code="000000")
        alice.post("/sign-in/code", code=entry.next_code())
        text = alice.get("/metrics", **BEARER).text
    figures = read(text)
    assert figures['twostep_sign_ins_total{outcome="completed"}'] == 2
    assert figures['twostep_sign_ins_total{outcome="refused"}'] == 1
    assert figures['twostep_second_steps_total{kind="code",outcome="ok"}'] == 1
    assert figures['twostep_second_steps_total{kind="code",outcome="refused"}'] == 1
    assert figures['twostep_events_total{event="app.added",outcome="ok"}'] == 1
    assert figures['twostep_requests_total{status="4xx"}'] == 2
    assert figures['twostep_requests_total{status="3xx"}'] >= 4
    assert (
        sum(figures[name] for name in figures if name.startswith("twostep_outbox_messages{")) >= 1
    )
    assert figures['twostep_budget_limit{span="day"}'] == 1000
    assert figures['twostep_hash_places{lane="known"}'] == 32
    assert figures["twostep_commit_seconds_count"] > 5
    assert (
        figures['twostep_commit_seconds_bucket{le="+Inf"}']
        == figures["twostep_commit_seconds_count"]
    )
    for person in ("alice", "198.51.100", "Firefox", "example.com"):
        assert person not in text


def test_alarms_and_providers_that_are_passed_by_are_gauges(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        now = product.clock.now

        def trouble(turn: Turn) -> None:
            provider_states.save(
                turn.tx, ProviderState("console", now + 60, 'a "quoted" reason', now)
            )
            raise_alarm(
                turn,
                event.BUDGET_HALF_USED,
                subject="day",
                span="day",
                limit=9,
            )

        product.run(product.house.by().do(trouble))
        figures = read(product.browser().get("/metrics", **BEARER).text)
        assert figures['twostep_provider_passed_by{provider="console"}'] == 1
        assert figures['twostep_channel_down{channel="sms"}'] == 1
        assert figures['twostep_alarms{event="budget.half_used"}'] == 1
        product.clock.forward(86_401)
        later = read(product.browser().get("/metrics", **BEARER).text)
        assert later['twostep_channel_down{channel="sms"}'] == 0
        assert not [name for name in later if name.startswith("twostep_alarms")]


def test_only_what_was_committed_is_counted(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        counters = Counters()
        store = MeteredStore(product.env.store, counters)

        def flow(tx: Tx, *, fail: bool) -> str:
            tx.events.append(ADDED)
            if fail:
                raise StoreUnavailable("no")
            return "done"

        assert product.run(store.run(flow, fail=False)) == "done"
        with pytest.raises(StoreUnavailable):
            product.run(store.run(flow, fail=True))
        assert dict(counters.events) == {("app.added", "ok"): 1}
        assert (commits_of(counters), counters.failed_commits) == (1, 1)


def test_the_port_of_its_own_serves_this_machine_alone(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__port=9464) as product:
        app = own_port(product.env)

        async def ask(method: str, url: str) -> httpx2.Response:
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
                return await client.request(method, url)

        def status(method: str, url: str) -> int:
            return product.run(ask(method, url)).status_code

        assert status("GET", "http://localhost:9464/metrics") == 200
        assert status("GET", "http://[::1]:9464/metrics") == 200
        assert status("GET", "http://rebound.example.com:9464/metrics") == 421
        assert status("GET", "http://127.0.0.1:9464/sign-in") == 404
        assert status("POST", "http://127.0.0.1:9464/metrics") == 405


def test_a_server_has_both_doors_and_ends_with_both(tmp_path: Path) -> None:
    """The real program: main port with the value, own port without, both closed at the end."""
    init = ("init", "--yes", "--public-url", "http://localhost:1", "--data-dir", "data")
    assert call(tmp_path, *init).code == 0
    port, metrics_port = free_port(), free_port()
    config = tmp_path / "twostep.toml"
    config.write_text(
        f'{config.read_text()}\n[metrics]\nport = {metrics_port}\ntoken = "{TOKEN}"\n'
    )
    with serving(tmp_path, port) as process:
        main = httpx2.get(f"http://localhost:{port}/metrics", headers=BEARER, timeout=SECONDS)
        beside = httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=SECONDS)
        assert (main.status_code, beside.status_code) == (200, 200)
        assert read(beside.text)['twostep_requests_total{status="2xx"}'] == 1
        taken = call(tmp_path, "serve", "--port", str(free_port()), TWOSTEP_LOG_LEVEL="error")
        assert (taken.code, "Choose another with metrics.port." in taken.err) == (75, True)
        process.terminate()
        assert process.wait(SECONDS) == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics")


def test_what_waits_has_an_age(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        now = product.clock.now
        account = product.add_account()
        row = OutboxRow(
            id="o1", account_id=account.id, channel=Channel.SMS, kind="code", next_at=now + 99,
            not_after=now + 999, created_at=now - 300,
        )  # fmt: skip
        product.run(product.env.store.run(outbox.insert, row))
        figures = read(product.browser().get("/metrics", **BEARER).text)
    assert figures['twostep_outbox_messages{channel="sms",state="queued"}'] == 1
    assert figures['twostep_outbox_oldest_waiting_seconds{channel="sms"}'] == 300
    assert figures['twostep_outbox_oldest_waiting_seconds{channel="call"}'] == 0


def test_without_the_database_the_process_still_says_how_it_is(tmp_path: Path) -> None:
    class Gone:
        async def read(self, *_: object, **__: object) -> object:
            raise StoreUnavailable("gone")

        read_aside = read

        def pressure(self) -> Pressure:
            return Pressure(waiting=7, in_use=0, idle=0, limit=12)

    with open_test_product(tmp_path) as product:
        env = replace(product.env, store=Gone())
        figures = read(product.run(write_metrics(env, now=product.clock.now)))
    assert figures["twostep_database_up"] == 0
    assert figures["twostep_database_waiting"] == 7
    assert "twostep_commit_seconds_count" in figures
    assert not [name for name in figures if name.startswith("twostep_outbox")]


def test_a_large_count_keeps_its_last_digit(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        product.env.counters.answers[200] = 123_456_789
        text = product.browser().get("/metrics", **BEARER).text
    assert read(text)['twostep_requests_total{status="2xx"}'] == 123_456_789


def test_the_process_is_told_by_the_kernel(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        browser = product.browser()
        first = read(browser.get("/metrics", **BEARER).text)
        with (tmp_path / "one more").open("w"):
            product.clock.forward(3)
            second = read(browser.get("/metrics", **BEARER).text)
    assert first["process_resident_memory_bytes"] > 10_000_000
    assert second["process_cpu_seconds_total"] >= first["process_cpu_seconds_total"] > 0
    assert second["process_open_fds"] == first["process_open_fds"] + 1
    assert second["process_max_fds"] > second["process_open_fds"]
    # It does not seem to have started anew, whatever the clock does.
    assert second["process_start_time_seconds"] == first["process_start_time_seconds"]


def test_what_waits_for_the_database_and_every_provider_have_a_figure(
    tmp_path: Path, on_engine: str
) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as product:
        figures = read(product.browser().get("/metrics", **BEARER).text)
    states = [
        figures[f'twostep_database_connections{{state="{state}"}}'] for state in ("in_use", "idle")
    ]
    limit = figures["twostep_database_connections_limit"]
    assert 0 < sum(states) <= limit
    assert on_engine == "postgresql" or sum(states) == limit == 2
    assert figures["twostep_database_waiting"] == 0
    assert figures['twostep_provider_passed_by{provider="console"}'] == 0
    assert figures["twostep_connections_limit"] == 2000


def test_refused_passkeys_have_a_figure_of_their_own(tmp_path: Path) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as opened:
        product = metered(opened)
        browser = product.browser()
        assert browser.post("/sign-in/passkey-only", credential="{}").status_code == 422
        figures = read(browser.get("/metrics", **BEARER).text)
    assert figures['twostep_passkeys_total{outcome="refused"}'] == 1
    assert figures['twostep_passkeys_total{outcome="accepted"}'] == 0
    assert figures["twostep_unavailable_total"] == 0
