"""Reminders after a sign-in: a missing second way to sign in, and backup codes not confirmed for a long time."""

from __future__ import annotations

import pytest

from tests.support.product import AppEntry, Browser, TestProduct, words
from twostep.core.account import Account
from twostep.core.methods.reminder import REMIND_SECONDS, is_due


SPARE = "/settings/security/spare"
CODES = "/settings/security/codes"
CHECK = f"{CODES}/check"
DAY = 86_400


def arrive(product: TestProduct, entry: AppEntry, *, days: float = 0, to: str = "/settings") -> str:
    """Some days later sign in on the way to a page; where that leads."""
    product.clock.forward(round(days * DAY))
    browser = product.browser()
    browser.post("/sign-in", username="alice", password="a quiet evening by the lake", next=to)
    answer = browser.post("/sign-in/code", code=entry.next_code())
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["location"])


def test_who_skipped_the_spare_is_asked_once_in_fourteen_days(
    product: TestProduct, entry: AppEntry
) -> None:
    assert arrive(product, entry, days=13) == "/settings"
    assert arrive(product, entry, days=1) == f"{SPARE}?next=/settings"
    assert arrive(product, entry) == "/settings"
    assert arrive(product, entry, days=13) == "/settings"
    assert arrive(product, entry, days=1) == f"{SPARE}?next=/settings"


def test_the_reminder_leads_on_to_the_page_that_was_asked_for(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    target = "/settings/activity?only=code"
    led = arrive(product, entry, days=15, to=target)
    page = owner.get(led) if owner.get("/api/session").status_code == 200 else None
    if page is None:  # the owner's first session has idled out
        owner.sign_in()
        owner.post("/sign-in/code", code=entry.next_code())
        page = owner.get(led)
    assert f'href="{target}"' in page.text
    assert "Skip" in words(page)
    assert 'href="//evil' not in owner.get(f"{SPARE}?next=//evil.example").text


def test_who_has_a_spare_is_not_asked(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.add_phone()
    assert arrive(product, entry, days=100) == "/settings"


def test_without_two_step_sign_in_nobody_is_asked(product: TestProduct, owner: Browser) -> None:
    product.clock.forward(100 * DAY)
    assert owner.sign_in().headers["location"] == "/"


def test_codes_are_asked_for_after_half_a_year_and_the_answer_holds_as_long(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    owner.make_codes()
    assert arrive(product, entry, days=100) == "/settings"
    led = arrive(product, entry, days=80)
    assert led == f"{CHECK}?next=/settings"
    browser = product.browser()
    browser.sign_in()
    browser.post("/sign-in/code", code=entry.next_code())
    page = browser.get(led)
    assert "Do you still have your backup codes?" in words(page)
    assert "10 of 10 left" in words(page)
    answer = browser.post(CHECK, next="/settings")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    assert product.events(alice)[0].event == "recovery_codes.kept"
    for days in (15, 100, 60):  # 175 days later
        assert arrive(product, entry, days=days) == "/settings"
    assert arrive(product, entry, days=15) == f"{CHECK}?next=/settings"


def test_who_does_not_answer_is_asked_again_in_fourteen_days(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.make_codes()
    assert arrive(product, entry, days=181).startswith(CHECK)
    assert arrive(product, entry, days=13) == "/settings"
    assert arrive(product, entry, days=1).startswith(CHECK)


def test_codes_that_were_never_checked_have_their_banner_instead(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.post(CODES)
    assert arrive(product, entry, days=181) == "/settings"
    owner.sign_in()
    owner.post("/sign-in/code", code=entry.next_code())
    assert "You have not checked that you saved your backup codes." in words(owner.get("/"))
    assert owner.get(CHECK).headers["location"] == CODES
    assert owner.post(CHECK, next="/").headers["location"] == CODES
    assert "recovery_codes.kept" not in owner.get("/settings/activity.csv").text


@pytest.mark.row("BKP-09")
def test_the_last_backup_code_leads_to_a_new_set_and_nowhere_else(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    codes = owner.make_codes()
    for code in codes[:9]:
        browser = product.browser()
        browser.sign_in()
        answer = browser.post("/sign-in/code", code=code)
        assert answer.headers["location"] == "/settings/security/lost-phone?next=%2F"
    product.clock.forward(200 * DAY)
    browser = product.browser()
    browser.sign_in()
    assert browser.post("/sign-in/code", code=codes[9]).headers["location"] == CODES


@pytest.mark.parametrize(
    ("remind_at", "due"),
    [
        (None, False),
        (1_000, True),
        (1_001, False),
        (1_000 + REMIND_SECONDS, False),
        (1_001 + REMIND_SECONDS, True),  # set while the clock was ahead
    ],
)
def test_when_it_is_due(remind_at: int | None, *, due: bool) -> None:
    assert is_due(remind_at, now=1_000) is due
