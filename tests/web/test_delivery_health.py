"""The operators' page on delivery: who sees it, what it shows, and its test message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import Browser, TestProduct, open_test_product, problem, words
from twostep.core.account import Role
from twostep.core.audit import event
from twostep.core.messages.channel import Channel
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.messages import provider_states
from twostep.store.messages.provider_states import ProviderState
from twostep.web.pages.operate.chart import Bar, bars, gauge


HERE = "/admin/delivery"


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        yield opened


@pytest.fixture
def operator(product: TestProduct) -> Browser:
    product.add_account("root", role=Role.OPERATOR)
    browser = product.browser()
    browser.sign_in("root")
    browser.enroll_app()
    return browser


def test_only_operators_see_it(product: TestProduct, operator: Browser) -> None:
    stranger = product.browser()
    assert stranger.get(HERE).headers["location"].startswith("/sign-in?next=")
    product.add_account()
    alice = product.browser()
    alice.sign_in()
    alice.enroll_app()
    assert alice.get(HERE).status_code == 404
    assert alice.post(f"{HERE}/test").status_code == 404
    assert operator.get(HERE).status_code == 200
    assert operator.get(f"{HERE}/test").status_code == 405


def test_an_empty_day_and_a_busy_one(product: TestProduct, operator: Browser) -> None:
    empty = words(operator.get(HERE))
    assert "Nothing was sent in the last 14 days." in empty
    assert "First add a backup phone that can receive texts to your own account." in empty
    operator.add_phone()
    page = operator.get(HERE)
    assert "Nothing was sent" not in page.text
    row = re.search(r"<tbody><tr>(?:(?!</tr>).)*United States.*?</tr>", page.text, re.DOTALL)
    assert row
    # Sent, waiting, accepted, delivered, code typed, median seconds, failed.
    assert words_of(row[0])[-7:] == ["1", "0", "1", "0", "1", "0", "0"]
    assert page.text.count('<svg class="chart"') == 4
    assert page.text.count('role="img"') == 4
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page.text)
    assert "555-0100" not in page.text


def test_it_says_how_long_the_texts_are(operator: Browser) -> None:
    shown = words(operator.get(HERE))
    assert re.search(r"English 1 GSM-7 \d{2,3}/160 Deutsch 1 GSM-7 \d{2,3}/160", shown)
    assert re.search(r"العربية 1 UCS-2 \d{2}/70", shown)


def words_of(fragment: str) -> list[str]:
    return re.sub(r"<[^>]+>", " ", fragment).split()


def test_alarms_and_providers_that_are_passed_by(product: TestProduct, operator: Browser) -> None:
    now = product.clock.now

    def trouble(turn: Turn) -> None:
        provider_states.save(turn.tx, ProviderState("console", now + 60, "HTTP 401", now))
        raise_alarm(
            turn,
            event.PREFIX_BLOCKED,
            subject="p",
            region="DE",
            distinct=6,
            until_at=now + 86_400,
        )
        raise_alarm(
            turn,
            event.COUNTRY_PAUSED,
            subject="NG",
            region="NG",
            verified=3,
            sent=50,
            until_at=now + 86_400,
        )
        for kind in (event.BUDGET_HALF_USED, event.BUDGET_USED_UP):
            kept = {"kept": 20} if kind == event.BUDGET_USED_UP else {}
            raise_alarm(turn, kind, subject="day", span="day", limit=100, **kept)

    product.run(product.house.by().do(trouble))
    said = words(operator.get(HERE))
    assert "Texts are not working right now: every provider is being skipped." in said
    assert "Germany: 6 new numbers within an hour" in said
    assert "Nigeria: only 3 of the last 50 codes to new numbers were typed." in said
    assert "Half of the 100 texts and calls of this day are used." in said
    assert "skipped" in said
    assert "HTTP 401" in said
    product.clock.forward(60)
    assert "Texts are not working" not in words(operator.get(HERE))


def test_the_ways_below_the_box_say_that_texts_do_not_work(
    product: TestProduct, operator: Browser
) -> None:
    operator.add_phone()
    product.clock.forward(4000)
    half = product.browser()
    half.sign_in("root")
    state = ProviderState("console", product.clock.now + 60, "x", product.clock.now)
    product.run(product.env.store.run(provider_states.save, state))
    page = half.get("/sign-in/code")
    assert "Texts are not working right now. Use another way." in words(page)
    product.clock.forward(60)
    assert "Texts are not working right now." not in words(half.get("/sign-in/code"))


def test_a_test_message_goes_to_the_operators_own_phone(
    product: TestProduct, operator: Browser
) -> None:
    nothing = operator.post(f"{HERE}/test")
    assert nothing.status_code == 200
    assert problem(nothing) == ""
    operator.add_phone()
    assert operator.post(f"{HERE}/test").headers["location"] == HERE
    assert "The test message is on its way." in words(operator.get(HERE))
    product.deliver()
    text = next(
        received.message
        for received in product.house.inbox.received
        if received.channel is Channel.SMS
    )
    assert text.text == "This is a test from Example Panel. Texts are arriving."
    assert "was accepted by console" in words(operator.get(HERE))
    assert text.to == "+12025550100"
    root = product.env.store.read_now(accounts.load_by_name, "root")
    assert root is not None
    newest = product.events(root)
    assert "test_message.sent" in {activity.event for activity in newest}


def test_a_stale_session_is_asked_to_confirm_first(product: TestProduct, operator: Browser) -> None:
    operator.add_phone()
    product.clock.forward(1200)
    answer = operator.post(f"{HERE}/test")
    assert answer.headers["location"].startswith("/confirm?r=")


def test_charts_scale_and_name_themselves() -> None:
    drawn = bars("Sent <1>", [Bar("1 Jan", 10, 4), Bar("2 Jan", 0)], chart_id="c")
    assert '<title id="c">Sent &lt;1&gt;</title>' in drawn
    heights = [
        float(height) for height in re.findall(r'height="([\d.]+)" opacity="(?:0.3|1)"', drawn)
    ]
    assert heights == [120.0, 48.0, 0.0, 0.0]
    full = gauge("Used", 150, limit=100, marks=(50, 80), chart_id="g")
    assert re.findall(r'<rect x="([\d.]+)" y="2"', full) == ["186.7", "298.7"]
