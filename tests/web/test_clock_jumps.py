"""The server's clock jumps a day ahead or back in the middle of what somebody does, and is put right.

Meanwhile nothing is let through that would not have been, and afterwards no code or link works twice and
the owner gets in within a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.house import PASSWORD
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    open_test_product,
    words,
)
from twostep.core.account import Account, Role
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.verify import verify_database
from twostep.flows.env import NOBODY
from twostep.flows.operate.purge import purge
from twostep.flows.proof.apps_ahead import mend_clock
from twostep.flows.turn import TurnOpener


DAY = 86_400
QUARTER_SECONDS = 900
NEW_PASSWORD = "another evening by the sea"
PHONE_FORM = {"country": "US", "number": "(202) 555-0142", "channel": "sms"}


@dataclass
class Owner:
    """Alice, with everything she has."""

    product: TestProduct
    account: Account
    browser: Browser
    entry: AppEntry
    phone: str
    codes: list[str]
    password: str = PASSWORD

    def half(self) -> Browser:
        browser = self.product.browser()
        answer = browser.sign_in(password=self.password)
        assert answer.headers.get("location") == "/sign-in/code", words(answer)
        return browser

    def events(self, name: str) -> int:
        return sum(activity.event == name for activity in self.product.events(self.account))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        yield opened
        opened.run(checkpoint_all(opened.house.by()))
        assert opened.run(verify_database(opened.env, now=opened.clock.now)).findings == ()


@pytest.fixture
def owner(product: TestProduct) -> Owner:
    account = product.add_account()
    browser = product.browser()
    browser.sign_in()
    entry = browser.enroll_app()
    phone = browser.add_phone()
    codes = browser.make_codes()
    product.clock.forward(120)
    return Owner(product, account, browser, entry, phone, codes)


Send = Callable[[], httpx2.Response]
# One try of whatever the flow is about: every flow gives it for any clock.
Flow = Callable[[Owner], Send]


def sign_in(owner: Owner) -> Send:
    half, code = owner.half(), owner.entry.code()
    return lambda: half.post("/sign-in/code", code=code)


def backup_code(owner: Owner) -> Send:
    half = owner.half()
    return lambda: half.post("/sign-in/code", code=owner.codes[4])


def _sent(owner: Owner, channel: str) -> Send:
    half = owner.half()
    assert half.post("/sign-in/send", method=owner.phone, channel=channel).status_code == 303
    code = owner.product.newest_code()
    return lambda: half.post("/sign-in/code", code=code)


def text(owner: Owner) -> Send:
    return _sent(owner, "sms")


def call(owner: Owner) -> Send:
    return _sent(owner, "call")


def step_up(owner: Owner) -> Send:
    owner.product.clock.forward(700)
    where = owner.browser.get("/settings/security/phone/new").headers["location"]
    assert where.startswith("/confirm?")
    code = owner.entry.code()
    return lambda: owner.browser.post("/confirm", code=code, r="/settings/security/phone/new")


def text_for_step_up(owner: Owner) -> Send:
    owner.product.clock.forward(700)
    form = {"method": owner.phone, "channel": "sms", "r": ENROLMENT}
    assert owner.browser.post("/confirm/send", **form).status_code == 303
    code = owner.product.newest_code()
    return lambda: owner.browser.post("/confirm", code=code, r=ENROLMENT)


def second_app(owner: Owner) -> Send:
    entry = owner.product.scan(owner.browser.get(ENROLMENT))
    code = entry.code()
    return lambda: owner.browser.post(ENROLMENT, code=code, name="Second")


def phone(owner: Owner) -> Send:
    answer = owner.browser.post("/settings/security/phone/new", **PHONE_FORM)
    assert answer.status_code == 303, words(answer)
    code = owner.product.newest_code()
    return lambda: owner.browser.post("/settings/security/phone/confirm", code=code)


def reset_link(owner: Owner) -> Send:
    somebody = owner.product.browser()
    somebody.post("/forgot-password", username="alice")
    link = owner.product.newest_link("/reset-password/")

    def send() -> httpx2.Response:
        answer = somebody.post(link, password=NEW_PASSWORD)
        if answer.status_code == 303:
            owner.password = NEW_PASSWORD
        return answer

    return send


# What each writes down when it is done.
FLOWS: dict[Flow, str] = {
    sign_in: "sign_in.completed",
    backup_code: "recovery_code.used",
    text: "sign_in.completed",
    call: "sign_in.completed",
    step_up: "step_up.completed",
    text_for_step_up: "step_up.completed",
    second_app: "app.added",
    phone: "phone.added",
    reset_link: "password.changed",
}


def get_in(owner: Owner) -> None:
    """The owner signs in with her app within a quarter of an hour."""
    until = owner.product.clock.now + QUARTER_SECONDS
    while owner.product.clock.now <= until:
        browser = owner.product.browser()
        answer = browser.sign_in(password=owner.password)
        if answer.headers.get("location") == "/sign-in/code":
            answer = browser.post("/sign-in/code", code=owner.entry.next_code())
            if answer.status_code == 303:
                assert browser.get("/api/session").json()["aal"] == "aal2"
                return
        owner.product.clock.forward(30)
    raise AssertionError(words(answer))


def jump(owner: Owner, seconds: int) -> None:
    """The clock is elsewhere now, and what tidies up has seen that."""
    owner.product.clock.forward(seconds)
    env = owner.product.env
    owner.product.run(TurnOpener(env, NOBODY, owner.product.clock.now).do(purge))


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("flow", FLOWS)
def test_a_jump_in_the_middle_lets_nothing_through_twice_and_locks_nobody_out(
    owner: Owner, flow: Flow, days: int
) -> None:
    send = flow(owner)
    before = owner.events(FLOWS[flow])
    jump(owner, days * DAY)
    for _ in range(2):
        assert send().status_code < 500
    if flow is not backup_code:  # it knows no time: in a session that is not over it is right
        assert owner.events(FLOWS[flow]) == before, "what is over or not yet begun may not count"
    jump(owner, -days * DAY + 5)
    for _ in range(3):
        assert send().status_code < 500
    assert owner.events(FLOWS[flow]) <= before + 1
    get_in(owner)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_clock_that_was_back_for_a_moment_costs_nothing(owner: Owner, flow: Flow) -> None:
    send = flow(owner)
    before = owner.events(FLOWS[flow])
    jump(owner, -DAY)
    jump(owner, DAY)
    assert send().status_code == 303
    assert owner.events(FLOWS[flow]) == before + 1
    assert send().status_code != 500
    assert owner.events(FLOWS[flow]) == before + 1


@pytest.mark.parametrize("days", [1, -1])
def test_waits_that_begin_elsewhere_end_with_the_jump(owner: Owner, days: int) -> None:
    jump(owner, days * DAY)
    half = owner.half()
    for number in range(7):
        half.post("/sign-in/code", code=f"{number:06}")
    stranger = owner.product.browser()
    for _ in range(12):
        stranger.sign_in(password="wrong password here")
    assert stranger.sign_in().status_code == 429
    jump(owner, -days * DAY + 60)
    get_in(owner)


@pytest.mark.parametrize("days", [1, -1])
def test_limits_on_sends_that_were_reached_elsewhere_end_with_the_jump(
    owner: Owner, days: int
) -> None:
    jump(owner, days * DAY)
    for _ in range(4):
        owner.half().post("/sign-in/send", method=owner.phone, channel="sms")
    jump(owner, -days * DAY + 60)
    half = owner.half()
    answer = half.post("/sign-in/send", method=owner.phone, channel="sms")
    assert answer.status_code == 303, words(answer)
    code = owner.product.newest_code()
    assert half.post("/sign-in/code", code=code).status_code == 303


def test_a_step_up_by_text_that_was_asked_for_tomorrow_can_be_asked_for_today(
    owner: Owner,
) -> None:
    owner.product.clock.forward(700)
    form = {"method": owner.phone, "channel": "sms", "r": ENROLMENT}
    # Without a session of its own for tomorrow: it asks within the idle time on both sides.
    jump(owner, DAY)
    later = owner.half()
    later.post("/sign-in/code", code=owner.codes[0])
    owner.product.clock.forward(700)
    assert later.post("/confirm/send", **form).status_code == 303
    jump(owner, -DAY)
    answer = later.post("/confirm/send", **form)
    assert answer.status_code == 303, words(answer)
    answer = later.post("/confirm", code=owner.product.newest_code(), r=ENROLMENT)
    assert answer.status_code == 303, words(answer)


def test_a_retired_passwords_link_is_sent_again_once_the_clock_is_right(owner: Owner) -> None:
    owner.product.browser().post(owner.product.newest_link("/not-me/"))
    jump(owner, DAY)
    owner.product.browser().sign_in()
    jump(owner, -DAY)
    owner.product.clock.forward(1900)
    owner.product.browser().sign_in()
    link = owner.product.newest_link("/reset-password/")
    assert owner.product.browser().post(link, password=NEW_PASSWORD).status_code == 303
    owner.password = NEW_PASSWORD
    get_in(owner)


def test_an_app_that_was_used_tomorrow_says_so_and_is_mended(owner: Owner) -> None:
    jump(owner, DAY)
    half = owner.half()
    used = owner.entry.code()
    assert half.post("/sign-in/code", code=used).status_code == 303
    jump(owner, -DAY)
    half = owner.half()
    answer = half.post("/sign-in/code", code=owner.entry.next_code())
    assert answer.status_code == 422
    assert "clock" in words(answer)
    assert owner.events("clock.moved_back") == 1
    # Twice in a day is told to the operators once: that the page says so is true.
    half.post("/sign-in/code", code=owner.entry.next_code())
    operator = owner.product.browser()
    owner.product.add_account("chief", role=Role.OPERATOR)
    operator.sign_in("chief")
    for page in ("/", "/admin/delivery"):
        assert words(operator.get(page)).count("twostep doctor --mend-clock") == 1
    assert "mend-clock" not in words(owner.browser.get("/"))
    # Another way is open meanwhile.
    assert owner.half().post("/sign-in/code", code=owner.codes[0]).status_code == 303
    env = owner.product.env
    mended = owner.product.run(
        TurnOpener(env, NOBODY, owner.product.clock.now).do(mend_clock, limit=10)
    )
    assert mended == 1
    assert (
        owner.product.run(TurnOpener(env, NOBODY, owner.product.clock.now).do(mend_clock, limit=10))
        == 0
    )
    # What was shown up to now stays used up.
    half = owner.half()
    assert half.post("/sign-in/code", code=owner.entry.code()).status_code == 422
    get_in(owner)
