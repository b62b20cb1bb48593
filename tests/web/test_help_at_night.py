"""Midnight, phone lost, the help desk asleep: a date, and a request that is still good in the morning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.product import AppEntry, Browser, TestProduct, open_test_product, words
from twostep.config.kinds import read_hours
from twostep.core.account import Account
from twostep.flows.help_desk.caller import find_reference, view_caller
from twostep.store.tx import Tx
from twostep.web.frame.opening_hours import opens_at


HELP = "/sign-in/help"
DESK = "desk@example.com"
HOUR, DAY = 3600, 86_400
NEW_PASSWORD = "another evening by the sea"


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(
        tmp_path, support_email=DESK, help_desk_open="Mon-Fri 09:00-17:00; Sat 10:00-12:00"
    ) as opened:
        yield opened


def half(product: TestProduct) -> Browser:
    browser = product.browser(network="198.51.100.30")
    browser.sign_in()
    return browser


def forget_references(tx: Tx) -> None:
    tx.do("DELETE FROM support_references")


def reference_on(browser: Browser) -> str:
    (shown,) = re.findall(r"[A-Z]{4}-\d{4}", words(browser.get(HELP)))
    return shown


def letters(product: TestProduct, to: str) -> list[str]:
    return [f"{mail.subject}\n{mail.text}" for mail in product.mails() if mail.to == to]


def test_a_request_of_the_night_is_good_in_the_morning(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    browser = half(product)
    reference = reference_on(browser)
    before = len(letters(product, "alice@example.com"))
    assert browser.post(HELP).headers["location"] == HELP
    assert "Your request is with the help desk" in words(browser.get(HELP))
    [letter] = letters(product, DESK)
    assert reference in letter
    assert "Account: alice" in letter
    assert "Hello alice" not in letter
    assert f"twostep user find --reference {reference}" in letter
    assert "/not-me/" not in letter
    [notice] = letters(product, "alice@example.com")[before:]
    assert "asked the help desk" in notice
    assert "/not-me/" in notice
    product.clock.forward(10 * HOUR)
    caller = product.house.see(view_caller, reference)
    assert getattr(caller, "network", "") == "198.51.100.30"
    # Whoever comes back sees the same one, and cannot send another.
    again = half(product)
    assert reference_on(again) == reference
    again.post(HELP)
    assert len(letters(product, DESK)) == 1
    product.clock.forward(14 * HOUR)
    assert not hasattr(product.house.see(find_reference, reference), "network")


def test_it_proves_the_password_and_ends_with_it(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    browser = half(product)
    reference = reference_on(browser)
    browser.post(HELP)
    owner.post("/forgot-password", username="alice")
    owner.post(product.newest_link("/reset-password/"), password=NEW_PASSWORD)
    assert not hasattr(product.house.see(find_reference, reference), "network")
    browser.post(HELP)  # the old half session is over
    assert len(letters(product, DESK)) == 1


def test_without_the_password_there_is_nothing_to_send(
    product: TestProduct, alice: Account
) -> None:
    stranger = product.browser()
    assert "Send my request" not in words(stranger.get(HELP))
    assert stranger.post(HELP).headers["location"] == "/sign-in"
    assert letters(product, DESK) == []


def test_three_requests_a_day_are_enough(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    for _ in range(4):
        browser = half(product)
        browser.get(HELP)
        answer = browser.post(HELP)
        # As if each had run out at once.
        product.run(product.env.store.run(forget_references))
    assert answer.status_code == 429
    assert len(letters(product, DESK)) == 3


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-30 23:30", "2026-12-01 09:00"),  # a Monday night
        ("2026-11-30 09:00", None),
        ("2026-11-30 17:00", "2026-12-01 09:00"),
        ("2026-12-05 11:59", None),  # a Saturday
        ("2026-12-05 12:00", "2026-12-07 09:00"),
        ("2026-03-28 13:00", "2026-03-30 09:00"),  # over the change to summer time
    ],
)
def test_opening_hours_become_a_date(now: str, opens: str | None) -> None:
    hours = read_hours("Mon-Fri 09:00-17:00; Sat 10:00-12:00")

    def at(text: str) -> int:
        moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        return int(moment.astimezone(UTC).timestamp())

    shown = opens_at(hours, now=at(now), zone="Europe/Berlin")
    assert shown == (at(opens) if opens else None)


@pytest.mark.parametrize(
    "text",
    [
        "daily",
        "Mon 9-17",
        "Mon 17:00-09:00",
        "Mon 09:60-10:00",
        "Mon 23:00-25:00",
        "Xyz 09:00-10:00",
    ],
)
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        read_hours(text)


def test_the_page_says_when_the_help_desk_opens(product: TestProduct, alice: Account) -> None:
    page = words(product.browser().get(HELP))  # 24 November 2025, a Monday, 16:00 in UTC
    assert "The help desk is closed" not in page
    product.clock.forward(2 * HOUR)
    assert "The help desk is closed now. It opens Tue" in words(product.browser().get(HELP))
