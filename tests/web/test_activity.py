"""The history as its owner reads it: one act, one line; nothing is lost on the way to it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.product import AppEntry, Browser, TestProduct, open_test_product, words
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.flows.account.activity import Activity
from twostep.flows.account.acts import whole_acts


ACTIVITY = "/settings/activity"
DAY = 86_400


def rows(page: httpx2.Response) -> list[str]:
    """The sentences of the rows, without their details."""
    return [words_of(row) for row in re.findall(r"<li class=\"\w+\"><div><p>(.*?)</p>", page.text)]


def words_of(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def sign_in_with_app(browser: Browser, entry: AppEntry) -> None:
    browser.product.clock.forward(60)
    browser.sign_in()
    assert browser.post("/sign-in/code", code=entry.next_code()).status_code == 303


def test_a_sign_in_is_one_line_that_says_with_what(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    codes = owner.make_codes()
    browser = product.browser()
    sign_in_with_app(browser, entry)
    assert rows(browser.get(ACTIVITY))[0] == "Signed in with an authenticator app"
    other = product.browser(network="198.51.100.9")
    other.sign_in()
    other.post("/sign-in/code", code=codes[0])
    page = other.get(ACTIVITY)
    assert rows(page)[:2] == ["Signed in with a backup code", "Signed in with an authenticator app"]
    newest = re.search(r"<li class=\"ok\">.*?</details>", page.text, re.DOTALL)
    assert newest
    details = words_of(newest[0])
    for said in ("You signed in.", "A backup code was used; 9 left.", "The correct password"):
        assert said in details
    # The file has every event.
    file = other.get(f"{ACTIVITY}.csv").text
    for kind in ("sign_in.completed", "recovery_code.used", "password.accepted"):
        assert kind in file


def test_wrong_codes_are_one_line_and_never_hide_in_a_sign_in(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    browser = product.browser(network="198.51.100.9")
    browser.sign_in()
    for number in range(3):
        browser.post("/sign-in/code", code=f"00000{number}")
        product.clock.forward(61)  # beyond what is written as one event
    sign_in_with_app(browser, entry)
    shown = rows(browser.get(ACTIVITY))
    assert shown[0] == "Signed in with an authenticator app"
    assert "A wrong code was entered. (3 times)" in shown[:4]


def test_a_new_phone_and_setting_up_are_one_line_each(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    owner.enroll_app()
    product.clock.forward(700)
    owner.post("/confirm", code="")
    before = rows(owner.get(ACTIVITY))
    assert before[0] == "Two-step sign-in was turned on."
    assert "was added" not in before[1]


def test_days_are_those_of_the_reader(product: TestProduct, alice: Account, owner: Browser) -> None:
    product.clock.forward(3 * DAY)
    browser = product.browser()
    browser.sign_in()
    product.clock.forward(DAY)
    browser.sign_in()
    days = re.findall(r'<h2 class="day">(.*?)</h2>', browser.get(ACTIVITY).text)
    assert days[:2] == ["Today", "Yesterday"]
    assert len(days) == 3
    assert len(set(days)) == 3


def test_the_dashboard_says_where_the_last_sign_in_was(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    product.clock.forward(DAY)
    browser = product.browser(network="198.51.100.9", user_agent="Mozilla/5.0 Firefox/140.0")
    browser.sign_in()
    page = words(browser.get("/"))
    assert "You were last here yesterday" in page
    assert "Firefox on Linux" in page.split("Only your password")[0]


@pytest.mark.parametrize("limit", [3, 5])
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    event.SIGN_IN_COMPLETED,
                    event.CODE_ACCEPTED,
                    event.PASSWORD_ACCEPTED,
                    event.CODE_REFUSED,
                    event.CODE_SENT,
                    event.PHONE_ADDED,
                    event.APP_ADDED,
                    event.TWO_STEP_ENABLED,
                ]
            ),
            st.sampled_from(["Firefox", "Chrome"]),
            st.integers(0, 400),
        ),
        max_size=40,
    )
)
def test_every_event_stands_on_exactly_one_page(
    limit: int, kinds: list[tuple[str, str, int]]
) -> None:
    at = 0
    history: list[Activity] = []
    for seq, (kind, browser, seconds) in enumerate(kinds, start=1):
        at += seconds
        entry = Activity(seq, at, kind, "", "ok", "self", "192.0.2.0", browser, {})
        history.insert(0, entry)
    shown: list[int] = []
    before = len(kinds) + 1
    while True:
        older = [entry for entry in history if entry.seq < before]
        acts, next_seq = whole_acts(older[: limit + 20], limit=limit)
        shown += [entry.seq for act in acts for entry in act.events]
        if next_seq is None:
            break
        assert next_seq < before
        before = next_seq
    assert sorted(shown) == list(range(1, len(kinds) + 1))


def test_where_the_operator_has_a_panel_sign_in_leads_there(tmp_path: Path) -> None:
    with open_test_product(
        tmp_path, home_url="https://panel.example.com/start?from=twostep"
    ) as product:
        product.add_account()
        browser = product.browser()
        answer = browser.sign_in()
        assert (
            "form-action 'self' https://panel.example.com;"
            in answer.headers["content-security-policy"]
        )
        assert (
            browser.get("/").headers["location"] == "https://panel.example.com/start?from=twostep"
        )
        # A deep link goes where it names, and Account security stays.
        assert browser.get("/settings/security").status_code == 200
