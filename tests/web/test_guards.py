"""What somebody with a stolen password, a mailbox or an old form tries beside the front door.

Each test is one way round a rule: it opens nothing, and the rule holds for the owner.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.support.house import PASSWORD
from tests.support.meddle import tables
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    method_ids,
    open_test_product,
    problem,
    words,
)
from tests.support.rows import change
from twostep.core.account import Account, EmailAddress
from twostep.core.methods.totp import Drift
from twostep.flows.env import Visitor
from twostep.flows.hash_pool import PLACES_IN_A_LANE
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.flows.mail_links import RESET_PASSWORD
from twostep.flows.turn import Turn
from twostep.main import build_app
from twostep.store.account import accounts, addresses
from twostep.store.methods import apps
from twostep.store.tx import Tx


NEW_PASSWORD = "another evening by the sea"
SECURITY = "/settings/security"
DESK = Visitor("", "", actor="operator:admin")


def thief(product: TestProduct) -> Browser:
    """A browser that has the password."""
    browser = product.browser(network="203.0.113.66", user_agent="curl/8")
    assert browser.sign_in().status_code == 303
    return browser


def level(browser: Browser) -> int:
    return browser.get("/api/session").status_code


def kinds(product: TestProduct, account: Account) -> list[str]:
    return [activity.event for activity in product.events(account)]


def act(name: str) -> Act:
    return Act(name, "lost phone")


# ── time ────────────────────────────────────────────────────────────────────────────────────────


def send_parts(browser: Browser, path: str, parts: AsyncIterator[bytes]) -> httpx2.Response:
    """A form whose body arrives in parts."""
    product = browser.product

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(product.app, client=(browser.network, 40_000))
        async with httpx2.AsyncClient(
            transport=transport, base_url=product.url, cookies=browser.jar
        ) as client:
            headers = {
                "origin": product.url,
                "content-type": "application/x-www-form-urlencoded",
            }
            answer = await client.post(path, content=parts, headers=headers)
            browser.jar = client.cookies
            return answer

    return product.run(send())


def test_a_form_that_is_sent_slowly_is_read_by_the_clock_of_its_end(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    product.clock.forward(60)
    old_code = entry.code()
    half = thief(product)

    async def an_hour_later() -> AsyncIterator[bytes]:
        yield b"code="
        product.clock.forward(3600)
        yield old_code.encode()

    answer = send_parts(half, "/sign-in/code", an_hour_later())
    assert answer.headers["location"] == "/sign-in"
    assert level(half) == 401


def test_a_wrong_password_sent_slowly_starts_no_count_anew(
    product: TestProduct, alice: Account
) -> None:
    stranger = product.browser()
    bad_password = {"username": "alice", "password": "wrong"}

    async def nine_more() -> AsyncIterator[bytes]:
        yield b"username=alice&"
        product.clock.forward(10)
        for _ in range(9):
            assert (await stranger.send("POST", "/sign-in", fields=bad_password)).status_code == 422
        yield b"password=wrong"

    assert send_parts(stranger, "/sign-in", nine_more()).status_code == 422
    assert stranger.post("/sign-in", **bad_password).status_code == 429


def test_nobody_keeps_a_request_open_for_ever(tmp_path: Path) -> None:
    with open_test_product(tmp_path, server__body_seconds=1) as product:

        async def never() -> AsyncIterator[bytes]:
            yield b"user"
            await asyncio.Event().wait()

        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(product.app, client=("198.51.100.7", 40_000))
            async with httpx2.AsyncClient(transport=transport, base_url=product.url) as client:
                return await client.post(
                    "/sign-in", content=never(), headers={"origin": product.url}
                )

        assert product.run(send()).status_code == 408


def test_an_app_that_our_clock_has_shut_does_not_open_the_others_to_guessing(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    owner.enroll_app(name="second")
    first = product.env.store.read_now(apps.list_apps, alice.id)[0]
    ahead = first.last_step + 1000

    def shut(tx: Tx) -> None:
        apps.advance_step(
            tx,
            first.id,
            step=ahead,
            drift=Drift(0, 0),
            now=product.clock.now,
            browser="",
        )

    product.run(product.env.store.run(shut))
    half = thief(product)
    for _ in range(5):
        answer = half.post("/sign-in/code", code="000000")
        assert "Our own clock was wrong" in problem(answer)
    assert half.post("/sign-in/code", code="000000").status_code == 429
    assert "clock.moved_back" in kinds(product, alice)
    locked = product.env.store.read_now(accounts.load, alice.id)
    assert locked is not None
    assert (locked.wrong_in_a_row, locked.guess_millionths) == (5, 15)


def test_time_alone_does_not_end_the_count_of_wrong_codes(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    from twostep.flows.operate.purge import purge  # noqa: PLC0415  this test alone tidies up

    half = thief(product)
    for _ in range(5):
        half.post("/sign-in/code", code="000000")
    product.clock.forward(3 * 86_400)
    product.run(product.house.by().do(purge))
    half = thief(product)
    assert half.post("/sign-in/code", code="000000").status_code == 422
    wait = half.post("/sign-in/code", code="000000")
    assert wait.status_code == 429
    assert int(wait.headers["retry-after"]) > 30  # it doubled


# ── waits ───────────────────────────────────────────────────────────────────────────────────────


def test_the_try_that_starts_a_wait_names_it(product: TestProduct, owner: Browser) -> None:
    form = {"current_password": "wrong", "new_password": NEW_PASSWORD}
    said = [problem(owner.post("/settings/password", **form)) for _ in range(10)]
    assert "You can try again at" not in said[8]
    assert "You can try again at" in said[9]
    stranger = product.browser(network="203.0.113.5")
    said = [problem(stranger.sign_in(password="wrong")) for _ in range(10)]
    assert "paused sign-in for this account" not in said[8]
    assert "paused sign-in for this account until" in said[9]


def test_during_a_wait_what_cannot_be_a_code_waits_too(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    half = thief(product)
    for _ in range(5):
        half.post("/sign-in/code", code="000000")
    answer = half.post("/sign-in/code", code="12")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_a_backup_code_costs_no_hash_during_a_wait(
    product: TestProduct, owner: Browser, entry: AppEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.make_codes()
    half = thief(product)
    for _ in range(5):
        half.post("/sign-in/code", code="AAAAA-AAAAA-AAAAA")
    spent: list[str] = []

    async def no_hash(*_args: object, **_options: object) -> None:
        spent.append("hash")

    monkeypatch.setattr(product.env.hashes, "run", no_hash)
    monkeypatch.setattr(product.env.hashes, "run_known", no_hash)
    assert half.post("/sign-in/code", code="AAAAA-AAAAA-AAAAA").status_code == 429
    assert spent == []


def test_a_backup_code_where_there_is_no_set_is_wrong_and_counted(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    product.clock.forward(700)
    answer = owner.post("/confirm", r=SECURITY + "/codes", code="AAAAA-AAAAA-AAAAA")
    assert answer.status_code == 422
    assert "That backup code is not right" in problem(answer)


# ── enrolment ───────────────────────────────────────────────────────────────────────────────────


def test_a_thiefs_enrolment_ends_when_the_owner_has_enrolled(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__require_two_step="all") as product:
        product.add_account()
        other = thief(product)
        scanned = product.scan(other.get(ENROLMENT))
        owner = product.browser()
        owner.sign_in()
        owner.enroll_app()
        answer = other.post(ENROLMENT, code=scanned.code())
        assert answer.headers["location"] == "/sign-in"
        assert level(other) == 401
        assert method_ids(owner.get(SECURITY), "app")
        assert len(method_ids(owner.get(SECURITY), "app")) == 1


def test_enrolment_ends_in_a_sign_in_that_is_written_down(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    code = product.run(help_desk.give_temporary_code(product.house.by(DESK), act("alice")))
    assert isinstance(code, str)
    caller = product.browser(network="203.0.113.8")
    caller.sign_in()
    assert caller.post("/sign-in/code", code=code).headers["location"] == ENROLMENT
    before = kinds(product, alice).count("sign_in.completed")
    caller.enroll_app()
    assert level(caller) == 200
    assert kinds(product, alice).count("sign_in.completed") == before + 1
    assert "browser.new" in kinds(product, alice)
    assert any("new browser" in mail.subject.lower() for mail in product.mails())


def test_a_stricter_policy_reaches_those_who_are_signed_in(
    product: TestProduct, owner: Browser
) -> None:
    settings = product.env.settings
    policy = settings.policy.model_copy(update={"require_two_step": "all"})
    stricter = replace(product.env, settings=settings.model_copy(update={"policy": policy}))
    product.app = build_app(stricter)
    assert owner.get("/settings").headers["location"].startswith("/sign-in")
    assert owner.sign_in().headers["location"] == ENROLMENT


def test_the_strict_profile_takes_no_old_code_at_set_up(tmp_path: Path) -> None:
    with open_test_product(tmp_path, totp__tolerance_steps=0) as product:
        product.add_account()
        owner = product.browser()
        owner.sign_in()
        scanned = product.scan(owner.get(ENROLMENT))
        assert owner.post(ENROLMENT, code=scanned.code(steps=-1)).status_code == 422
        assert owner.post(ENROLMENT, code=scanned.code()).status_code == 303


# ── the password ────────────────────────────────────────────────────────────────────────────────


def reset_link(product: TestProduct, account: Account) -> str:
    """A link that lies in somebody's mailbox."""

    def make(turn: Turn) -> str:
        return turn.new_link(account, purpose=RESET_PASSWORD, subject_id="", seconds=3600)

    return f"/reset-password/{product.run(product.house.by().do(make))}"


def test_a_new_password_ends_every_link_for_one(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    link = reset_link(product, alice)
    owner.post("/settings/password", current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert product.browser().get(link).status_code == 404
    assert product.browser().post(link, password="a third evening by the river").status_code == 422


def test_a_link_dies_with_the_address_that_it_went_to(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    add_second(product, alice)
    link = reset_link(product, alice)
    assert owner.post("/settings/emails/second/remove").status_code == 303
    assert product.browser().get(link).status_code == 404


def add_second(product: TestProduct, account: Account) -> None:
    """A second verified address."""
    now = product.clock.now
    second = EmailAddress("second", account.id, "second@example.com", now, now)
    product.run(product.env.store.run(addresses.insert_address, second, address_key=second.address))


def test_asking_for_links_does_not_tell_whether_a_name_is_known(
    product: TestProduct, alice: Account
) -> None:
    product.add_account("bob")
    for name, network in (("alice", "203.0.113.1"), ("nobody", "203.0.113.2")):
        asking = product.browser(network=network)
        for _ in range(10):
            asking.post("/forgot-password", username=name)
        before = len([mail for mail in product.mails() if mail.to == "bob@example.com"])
        asking.post("/forgot-password", username="bob")
        after = len([mail for mail in product.mails() if mail.to == "bob@example.com"])
        assert after == before, name


def test_a_right_but_retired_password_is_written_down(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    store, now = product.env.store, product.clock.now
    product.run(store.run(change, accounts.retire_password, alice.id, now=now))
    product.browser().sign_in()
    newest = product.events(alice)
    assert any(
        activity.event == "password.refused" and activity.data == {"reason": "password.retired"}
        for activity in newest
    )


def test_a_retired_password_does_not_keep_the_owner_from_confirming(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    store, now = product.env.store, product.clock.now
    product.run(store.run(change, accounts.retire_password, alice.id, now=now))
    product.clock.forward(700)
    assert owner.get(ENROLMENT).headers["location"].startswith("/confirm")
    answer = owner.post("/confirm", r=ENROLMENT, code=entry.code())
    assert answer.headers["location"] == ENROLMENT


def test_a_password_is_as_long_as_it_is_stored(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    # Fourteen characters once composed, fifteen as typed: too short to stand alone.
    spelt = "ein Abend am Ö"
    typed = spelt.replace("Ö", "O\u0308")
    assert (len(spelt), len(typed)) == (14, 15)
    form = {"current_password": PASSWORD, "new_password": typed}
    assert owner.post("/settings/password", **form).status_code == 303
    assert owner.post(f"{SECURITY}/disable").status_code == 422


# ── "this wasn't me" ────────────────────────────────────────────────────────────────────────────


def test_securing_the_account_ends_links_that_were_asked_for_before(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    link = reset_link(product, alice)
    not_me = product.newest_link("/not-me/")
    assert product.browser().post(not_me).status_code == 303
    assert product.browser().get(link).status_code == 404
    assert product.browser().post(link, password=NEW_PASSWORD).status_code == 422


def test_securing_the_account_ends_a_temporary_code(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    product.run(help_desk.give_temporary_code(product.house.by(DESK), act("alice")))
    assert product.browser().post(product.newest_link("/not-me/")).status_code == 303
    assert rows(product, "temporary_codes") == 0


def rows(product: TestProduct, table: str) -> int:
    return len(tables(product.database_url)[table])


def test_what_securing_takes_back_is_told_and_leaves_no_dangling_default(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    add_second(product, alice)
    phone = owner.add_phone()
    link = product.newest_link("/not-me/")
    owner.post(f"{SECURITY}/method/{phone}/default")
    answer = product.browser().post(link)
    assert answer.headers["location"] == "/not-me/done"
    stored = product.env.store.read_now(accounts.load, alice.id)
    assert stored is not None
    assert stored.default_method is None
    recipients = [mail.to for mail in product.mails() if "backup phone removed" in mail.subject]
    assert sorted(recipients) == ["alice@example.com", "second@example.com"]
    assert kinds(product, alice).count("phone.removed") == 1


def test_a_new_password_ends_older_links_that_could_undo_something(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    owner.add_phone()
    undo = product.newest_link("/not-me/")
    product.clock.forward(60)
    owner.post("/forgot-password", username="alice")
    product.browser().post(product.newest_link("/reset-password/"), password=NEW_PASSWORD)
    assert product.browser().get(undo).status_code == 404
    assert product.browser().post(undo).status_code == 422
    # The notice of the new password still secures the account.
    assert product.browser().post(product.newest_link("/not-me/")).status_code == 303


def test_this_was_not_me_stops_a_waiting_recovery(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__recovery_wait_hours=72) as product:
        alice = product.add_account()
        owner = product.browser()
        owner.sign_in()
        owner.enroll_app()
        thief = product.browser()
        thief.sign_in()
        assert thief.post("/recover").status_code == 303
        assert product.browser().post(product.newest_link("/not-me/")).status_code == 303
        assert "recovery.cancelled" in kinds(product, alice)
        assert rows(product, "recoveries") == 0


# ── phones ──────────────────────────────────────────────────────────────────────────────────────


NUMBER = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}


def test_a_refused_number_leaves_the_one_that_waits_for_its_code(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    assert owner.post(f"{SECURITY}/phone/new", **NUMBER).status_code == 303
    code = product.newest_code()
    # The same number at once, and one that is none.
    assert owner.post(f"{SECURITY}/phone/new", **NUMBER).status_code == 429
    other = NUMBER | {"number": "555"}
    assert owner.post(f"{SECURITY}/phone/new", **other).status_code == 422
    assert owner.post(f"{SECURITY}/phone/confirm", code=code).status_code == 303


def test_two_windows_do_not_add_one_number_twice(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    second = product.browser()
    second.sign_in()
    second.post("/sign-in/code", code=entry.next_code())
    owner.post(f"{SECURITY}/phone/new", **NUMBER)
    first_code = product.newest_code()
    product.clock.forward(60)
    second.post(f"{SECURITY}/phone/new", **NUMBER)
    second_code = product.newest_code()
    assert owner.post(f"{SECURITY}/phone/confirm", code=first_code).status_code == 303
    answer = second.post(f"{SECURITY}/phone/confirm", code=second_code)
    assert answer.status_code == 422
    assert "You already added this number" in problem(answer)
    assert len(method_ids(owner.get(SECURITY), "phone")) == 1


def test_without_phones_their_addresses_are_unknown_whatever_the_method(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__phones=False) as product:
        browser = product.browser()
        assert browser.get("/sign-in/send").status_code == 404
        assert (
            product.run(
                browser.send("PUT", "/sign-in/send", headers={"origin": product.url})
            ).status_code
            == 404
        )


# ── help desk ───────────────────────────────────────────────────────────────────────────────────


def test_a_reset_says_what_went(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    product.run(product.house.by(DESK).do(help_desk.reset_methods, act("alice")))
    by_event = {activity.event: activity for activity in product.events(alice)}
    assert by_event["two_step.disabled"].data["apps"] == 1
    assert by_event["password.retired"].data == {"reason": "reset_mfa"}


# ── mail ────────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_link_says_how_long_it_was_good(product: TestProduct, owner: Browser) -> None:
    assert "older than 1 day" in words(owner.get("/settings/emails/confirm/" + "x" * 43))
    assert "older than 14 days" in words(owner.get("/not-me/" + "x" * 43))
    assert "older than 1 hour" in words(owner.get("/reset-password/" + "x" * 43))


def test_one_address_in_two_spellings_is_added_once(product: TestProduct, owner: Browser) -> None:
    assert owner.post("/settings/emails", email="a@bücher.example").status_code == 303
    answer = owner.post("/settings/emails", email="A@BÜCHER.example")
    assert "You already added this address" in problem(answer)


def test_an_overload_leads_back_to_the_form_that_was_sent(
    product: TestProduct, owner: Browser
) -> None:
    pool, free = product.env.hashes, threading.Event()

    async def story() -> list[httpx2.Response]:
        held = [
            asyncio.create_task(pool.run_known(str(n), free.wait)) for n in range(PLACES_IN_A_LANE)
        ]
        form = {"current_password": "not my password", "new_password": "a boat on the lake 1"}
        sent = [owner.send("POST", "/settings/password", fields=form) for _ in range(8)]
        try:
            await asyncio.sleep(0)  # every place is taken now
            return await asyncio.gather(*sent)
        finally:
            free.set()
            await asyncio.gather(*held)

    busy = product.run(story())
    assert {answer.status_code for answer in busy} == {503}
    for answer in busy:
        assert int(answer.headers["retry-after"]) > 0
        assert 'href="/settings/password"' in answer.text
        assert "not my password" not in answer.text
