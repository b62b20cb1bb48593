"""Sealed values that were cut or put in another row's place: each page goes on, nobody gets anything
that was sealed, and the break stands in the trail."""

from __future__ import annotations

import re

from tests.support.meddle import look, meddle
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    backup_codes,
    words,
)
from twostep.core.account import Account
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act


SECURITY = "/settings/security"


def cut(product: TestProduct, table: str, column: str) -> None:
    """Take the last byte of every value."""
    shorter = f"substr({column}, 1, length({column}) - 1)"
    meddle(product.database_url, f"UPDATE {table} SET {column} = {shorter}")  # noqa: S608  our own names


def trail_of(product: TestProduct, account: Account) -> list[tuple[str, object]]:
    """What the trail says of it: the event and which value it was."""
    return [
        (activity.event, activity.data.get("purpose") or activity.data.get("reason"))
        for activity in product.events(account)
        if activity.event in {"seal.broken", "notice.failed", "code.delivery_failed"}
    ]


def test_a_pending_app(product: TestProduct, alice: Account, owner: Browser) -> None:
    scanned = product.scan(owner.get(ENROLMENT))
    cut(product, "pending_apps", "secret")
    assert owner.post(ENROLMENT, code=scanned.code()).status_code == 422
    assert ("seal.broken", "pending_apps.secret") in trail_of(product, alice)
    anew = product.scan(owner.get(ENROLMENT))
    assert anew.secret != scanned.secret
    assert owner.post(ENROLMENT, code=anew.code()).status_code == 303


def test_a_phone_and_a_code_under_way(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    phone = owner.add_phone()
    product.clock.forward(120)
    half = product.browser()
    half.sign_in()
    cut(product, "phones", "number")
    answer = half.post("/sign-in/send", method=phone, channel="sms")
    assert answer.status_code < 500
    product.deliver()
    assert half.get("/sign-in/code").status_code == 200
    assert {event for event, _ in trail_of(product, alice)} & {
        "seal.broken",
        "code.delivery_failed",
    }
    assert half.post("/sign-in/code", code=entry.code()).status_code == 303


def test_codes_that_are_still_shown(product: TestProduct, owner: Browser, entry: AppEntry) -> None:
    codes = owner.make_codes()
    cut(product, "recovery_sets", "shown")
    page = owner.get(f"{SECURITY}/codes")
    assert page.status_code == 200
    assert backup_codes(page) == []
    # Their digests are no seals: who has saved them can use them.
    half = product.browser()
    half.sign_in()
    assert half.post("/sign-in/code", code=codes[0]).status_code == 303


def test_a_mail_under_way(product: TestProduct, alice: Account, owner: Browser) -> None:
    assert owner
    before = len(product.mails())
    act, later = Act("alice", "asked for"), product.clock.now + 60  # not due yet
    link = help_desk.send_password_link
    product.run(product.house.by(SHELL, now=later).do(link, act))
    cut(product, "outbox", "payload")
    product.clock.forward(60)
    product.deliver()
    assert len(product.mails()) == before
    assert ("notice.failed", "seal_broken") in trail_of(product, alice)


def test_a_kept_form(product: TestProduct, alice: Account, owner: Browser, entry: AppEntry) -> None:
    product.clock.forward(700)
    late = owner.post("/settings/emails", email="alice@second.example")
    cut(product, "kept_posts", "form")
    kept = late.headers["location"].partition("r=")[2]
    answer = owner.post("/confirm", r=kept, code=entry.code())
    assert answer.headers["location"] == SECURITY
    assert ("seal.broken", "kept_posts.form") in trail_of(product, alice)
    assert "alice@second.example" not in owner.get("/settings/emails").text


def test_an_app_whose_secret_does_not_open_is_our_fault_and_no_guess(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    half = product.browser()
    half.sign_in()
    product.clock.forward(60)
    code = entry.code()
    saved = look(product.database_url, "SELECT id, secret FROM apps")
    cut(product, "apps", "secret")
    for _ in range(30):  # more than any limit on wrong codes allows
        answer = half.post("/sign-in/code", code=code)
        assert answer.status_code == 503
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", words(answer))
    assert "your code was not counted" in words(answer)
    names = [item.event for item in product.events(alice)]
    assert "seal.broken" in names
    assert not {"code.wrong", "code.refused", "code.throttled"} & set(names)
    for row, secret in saved:
        meddle(
            product.database_url,
            "UPDATE apps SET secret = :s WHERE id = :id",
            s=bytes(secret),
            id=row,
        )
    assert half.post("/sign-in/code", code=code).status_code == 303


def test_a_text_whose_digest_has_no_key_is_our_fault_and_no_guess(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    phone = owner.add_phone()
    product.clock.forward(120)
    half = product.browser()
    half.sign_in()
    half.post("/sign-in/send", method=phone, channel="sms")
    product.deliver()
    code = product.newest_code()
    cut(product, "apps", "secret")
    meddle(
        product.database_url,
        "UPDATE challenges SET check_mac = :mac",
        mac=b"\x01\x08415eeff9" + bytes(32),
    )
    for _ in range(8):  # a code that was sent has five tries
        assert half.post("/sign-in/code", code=code).status_code == 503
    assert set(look(product.database_url, "SELECT tries_left FROM challenges")) == {(5,)}


def test_beside_an_app_that_opens_every_code_counts(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    """Otherwise whoever has the password could guess the other app's codes without end."""
    product.clock.forward(60)
    owner.enroll_app()
    meddle(
        product.database_url,
        "UPDATE apps SET secret = substr(secret, 1, 20) WHERE id = (SELECT min(id) FROM apps)",
    )
    product.clock.forward(60)
    half = product.browser()
    half.sign_in()
    assert half.post("/sign-in/code", code=entry.code()).status_code == 422
    assert {"seal.broken", "code.refused"} <= {item.event for item in product.events(alice)}


def test_a_value_whose_key_is_missing_makes_the_node_not_ready(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    assert owner.get("/readyz").status_code == 200
    unknown = b"\x01\x08415eeff9" + bytes(28)
    meddle(product.database_url, "UPDATE apps SET secret = :secret", secret=unknown)
    assert product.browser().get("/readyz").status_code == 503
