"""Nobody takes another person's codes, texts, calls, checks or history: what neighbours, colleagues and
strangers can fill up is outside the limits of a browser that the account knows."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from tests.support.house import PASSWORD
from tests.support.product import AppEntry, Browser, TestProduct, problem, words
from twostep.core.account import Account
from twostep.core.audit.event import MERGE_SECONDS
from twostep.core.refusal import Scope
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule, State
from twostep.flows.audit.refusals import write_waiting
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


OFFICE = "203.0.113.5"
HALF_A_MINUTE = 30


def enrolled(product: TestProduct, name: str, *, network: str = OFFICE) -> tuple[Browser, AppEntry]:
    product.add_account(name)
    browser = product.browser(network=network)
    browser.sign_in(name)
    entry = browser.enroll_app()
    product.clock.forward(60)
    return browser, entry


def use_up(product: TestProduct, rule: Rule, subject: str) -> None:
    now = product.clock.now

    def save(tx: Tx) -> None:
        state = State(count=rule.limit, since_at=now, until_at=now + (rule.window_seconds or 900))
        throttles.save(tx, f"{rule.name}:{subject}", state, now=now)

    product.run(product.env.store.run(save))


def test_a_network_that_is_used_up_stops_no_known_browser_and_is_named(
    product: TestProduct,
) -> None:
    owner, entry = enrolled(product, "alice")
    owner.add_phone()
    phone = owner.get("/settings/security").text.partition('data-method-kind="phone"')[0]
    phone = phone.rpartition('data-method-id="')[2].partition('"')[0]
    product.clock.forward(4000)
    for rule in (throttle.CODE_NETWORK, throttle.SEND_NETWORK):
        use_up(product, rule, OFFICE)
    stranger = product.browser(network=OFFICE)
    stranger.sign_in()
    answer = stranger.post("/sign-in/code", code=entry.code())
    assert answer.status_code == 429
    assert "not accepting codes from there until" in words(answer)
    answer = stranger.post("/sign-in/send", method=phone, channel="sms")
    assert answer.status_code == 429
    assert "for people on your network" in words(answer)
    owner.sign_in()
    assert owner.post("/sign-in/send", method=phone, channel="sms").status_code == 303
    assert owner.post("/sign-in/code", code=entry.code()).headers["location"] == "/"


def test_used_codes_count_against_nobody(product: TestProduct, alice: Account) -> None:
    owner = product.browser(network=OFFICE)
    owner.sign_in()
    entry = owner.enroll_app()
    used = entry.code()
    stranger = product.browser(network=OFFICE)
    stranger.sign_in()
    for _ in range(throttle.CODE_NETWORK.limit + 1):
        answer = stranger.post("/sign-in/code", code=used)
        assert answer.status_code == 422
        assert "already used" in problem(answer)
    product.clock.forward(HALF_A_MINUTE)
    assert stranger.post("/sign-in/code", code=entry.code()).status_code == 303


def test_a_thief_leaves_the_owner_calls_and_neighbours_of_one_number_have_their_own(
    product: TestProduct,
) -> None:
    phones: dict[str, tuple[Browser, str]] = {}
    for name in ("alice", "bob"):
        browser, _ = enrolled(product, name, network=f"198.51.100.{len(phones)}")
        phones[name] = browser, browser.add_phone("(202) 555-0100", "call")
        product.clock.forward(4000)
    product.clock.forward(90_000)

    def calls(browser: Browser, name: str) -> list[int]:
        statuses = []
        for _ in range(4):
            browser.sign_in(name)
            answer = browser.post("/sign-in/send", method=phones[name][1], channel="call")
            statuses.append(answer.status_code)
            product.clock.forward(3700)
        return statuses

    assert calls(product.browser(network=OFFICE), "alice") == [303, 303, 303, 429]
    assert calls(phones["alice"][0], "alice") == [303, 303, 429, 429]
    assert calls(phones["bob"][0], "bob") == [303, 303, 303, 303]


def test_colleagues_who_confirm_their_numbers_are_no_pump(product: TestProduct) -> None:
    for number in range(throttle.PREFIX_NUMBERS + 3):
        browser, _ = enrolled(product, f"person{number}", network=f"198.51.100.{number}")
        browser.add_phone(f"(202) 555-010{number}")


def test_new_backup_codes_are_limited(product: TestProduct) -> None:
    owner, _ = enrolled(product, "alice")
    made = [owner.post("/settings/security/codes") for _ in range(6)]
    assert [answer.status_code for answer in made] == [303] * 5 + [429]
    assert "as many sets of backup codes as you can for now" in words(made[-1])
    product.clock.forward(3600)
    owner.sign_in()


def test_one_account_has_one_place_in_a_lane(product: TestProduct) -> None:
    """However many codes a colleague makes at once, every known browser gets in."""
    colleague, _ = enrolled(product, "bob")
    owner, _ = enrolled(product, "alice")
    lanes: list[int] = []

    async def watched(browser: Browser) -> int:
        form = {"username": "alice", "password": PASSWORD}
        answer = await browser.send("POST", "/sign-in", fields=form)
        lanes.append(product.env.hashes.taken(known=True))
        return answer.status_code

    async def story() -> list[int]:
        making = [
            asyncio.create_task(colleague.send("POST", "/settings/security/codes"))
            for _ in range(48)
        ]
        await asyncio.sleep(0)
        statuses = await asyncio.gather(*(watched(owner) for _ in range(8)))
        await asyncio.gather(*making)
        return statuses

    assert product.run(story()) == [303] * 8
    assert max(lanes) <= 2


def test_right_passwords_have_a_limit(product: TestProduct, alice: Account) -> None:
    rule = throttle.PASSWORD_RIGHT
    stranger = product.browser(network=OFFICE)
    statuses = [stranger.sign_in().status_code for _ in range(rule.limit + 1)]
    # The first makes the browser known, and so do all after it: one bucket for strangers, one for it.
    assert statuses.count(303) == rule.limit + 1
    assert stranger.sign_in().status_code == 429
    elsewhere = product.browser(network="198.51.100.200")
    assert elsewhere.sign_in().status_code == 303


def test_no_mailbox_is_filled_with_mails_of_one_kind(product: TestProduct, alice: Account) -> None:
    """A thief with the password can sign in with a new browser every time."""
    for _ in range(9):
        product.browser(network=OFFICE).sign_in()
    subjects = [mail.subject for mail in product.mails()]
    assert len([subject for subject in subjects if "browser" in subject]) == 5
    seen = [activity for activity in product.events(alice) if activity.event == "browser.new"]
    assert len(seen) == 8


def test_neighbours_use_up_nobody_elses_password_links(
    product: TestProduct, alice: Account
) -> None:
    owner = product.browser(network=OFFICE)
    owner.sign_in()
    use_up(product, throttle.RESET_MAIL_NETWORK, OFFICE)
    for browser, links in ((product.browser(network=OFFICE), 0), (owner, 1)):
        browser.post("/forgot-password", username="alice")
        mails = [mail for mail in product.mails() if "/reset-password/" in mail.text]
        assert len(mails) == links


def test_no_wait_tells_which_name_and_which_address_belong_together(
    product: TestProduct, alice: Account
) -> None:
    stranger = product.browser(network=OFFICE)
    for _ in range(throttle.PASSWORD_ACCOUNT_NETWORK.limit):
        stranger.sign_in("alice", "wrong")
    assert stranger.sign_in("alice", "wrong").status_code == 429
    for name in ("alice@example.com", "nobody@example.com"):
        assert stranger.sign_in(name, "wrong").status_code == 422


def test_a_pause_of_sign_in_names_the_network_or_the_account(
    product: TestProduct, alice: Account
) -> None:
    stranger = product.browser(network=OFFICE)
    for _ in range(10):
        stranger.sign_in("alice", "wrong")
    assert "paused sign-in for this account until" in words(stranger.sign_in("alice", "wrong"))
    use_up(product, throttle.PASSWORD_NETWORK, OFFICE)
    said = words(stranger.sign_in("nobody", "wrong"))
    assert "Too many wrong passwords came from your network." in said
    assert "this account" not in said


def test_every_limit_with_a_wait_knows_what_it_pauses() -> None:
    networks = {rule.name for rule in throttle.RULES if rule.scope is Scope.NETWORK}
    assert networks == {rule.name for rule in throttle.RULES if rule.name.endswith(".network")}


def test_refusals_of_one_kind_are_one_event_a_minute(product: TestProduct, alice: Account) -> None:
    owner = product.browser()
    owner.sign_in()
    evil = {"origin": "https://evil.example"}

    def refusals() -> list[int]:
        return [
            int(activity.data.get("count", 1))
            for activity in product.events(alice)
            if activity.event == "request.refused"
        ]

    statuses = product.together(
        *(owner.send("POST", "/settings/profile", fields={}, headers=evil) for _ in range(30))
    )
    assert {answer.status_code for answer in statuses} == {403}
    assert refusals() == [1]
    product.clock.forward(MERGE_SECONDS)
    assert product.run(product.house.by().do(write_waiting)) == 1
    assert refusals() == [29, 1]
    assert product.run(product.house.by().do(write_waiting)) == 0
    assert "(29 times)" in words(owner.get("/settings/activity"))


def test_pages_that_are_made_are_answered_when_nothing_can_be_written(
    product: TestProduct, alice: Account
) -> None:
    if not product.database_url.startswith("sqlite"):
        pytest.skip("the lock is SQLite's")
    owner = product.browser()
    owner.sign_in()
    product.clock.forward(120)  # now the session's last request would be written down
    assert owner.get("/readyz").status_code == 200
    path = product.env.settings.data_dir / "twostep.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        assert owner.get("/settings").status_code == 200
        assert owner.get("/readyz").status_code == 503
        foreign.execute("ROLLBACK")
    assert owner.get("/settings").status_code == 200
