"""Rows ENR, ADM and NTF: what owners change, what operators do, and what owners hear of it."""

from __future__ import annotations

import re

import pytest

from tests.support.live import PASSWORD
from tests.support.product import ENROLMENT, method_ids, words


SECURITY = "/settings/security"
EMAILS = "/settings/emails"
CHANGES = (
    ENROLMENT,
    *(f"{SECURITY}/{page}" for page in ("phone/new", "codes", "disable")),
    *("/settings/password", EMAILS),
)
BOTH = {"alice@example.com", "second@example.com"}


@pytest.fixture
def phone(alice, entry):
    """Her backup phone."""
    return alice.add_phone()


@pytest.mark.row("ENR-01")
def test_every_change_asks_for_a_fresh_second_step(demo, alice, phone):
    demo.forward(700)
    for path in (*CHANGES, f"{SECURITY}/method/{phone}/remove"):
        for answer in (alice.get(path), alice.post(path, email="x@example.com", code="1")):
            assert answer.headers["location"].startswith("/confirm?r="), path
    assert alice.post("/confirm", r=ENROLMENT, password=PASSWORD, code="").status_code == 422


@pytest.mark.row("ENR-04")
def test_a_removed_phones_code_is_dead(alice, thief, phone):
    code = thief.send_code(phone)
    assert alice.post(f"{SECURITY}/method/{phone}/remove").status_code == 303
    assert thief.post("/sign-in/code", code=code).status_code == 422


@pytest.mark.row("ENR-05")
def test_turning_it_off_leaves_nothing(demo, alice, phone):
    alice.make_codes()
    assert alice.post(f"{SECURITY}/disable").headers["location"] == SECURITY
    for table in ("apps", "phones", "recovery_sets", "recovery_codes", "pending_apps"):
        assert demo.query(f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608  from above
    assert demo.visitor().sign_in().headers["location"] == "/"


@pytest.mark.row("ENR-06")
def test_the_history_keeps_what_was_removed(demo, alice, phone):
    alice.post(f"{SECURITY}/method/{phone}/remove")
    events = {(event["event"], event["method"]): event for event in demo.events()}
    for kind in ("phone.added", "phone.removed"):
        event = events[kind, f"phone:{phone}"]
        assert event["network"]
        assert event["at"]


@pytest.mark.row("ENR-07")
def test_the_last_app_stays_and_two_ways_out_are_named(alice, phone):
    [app] = method_ids(alice.get(SECURITY), "app")
    answer = alice.post(f"{SECURITY}/method/{app}/remove")
    assert answer.status_code == 422
    assert "Add another" in words(answer)
    assert "off" in words(answer)


@pytest.mark.row("ENR-09")
def test_a_national_number_is_read_by_its_country(demo, alice, entry):
    form = {"number": "020 7946 0000", "channel": "call"}
    assert alice.post(f"{SECURITY}/phone/new", country="US", **form).status_code == 422
    assert alice.post(f"{SECURITY}/phone/new", country="GB", **form).status_code == 303
    assert demo.wait_for("call", count=1)["to"] == "+442079460000"


# ── operators ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("ADM-01")
def test_the_help_desk_sends_a_link_and_sets_no_password(demo):
    assert demo.call("user", "password-link", "alice", "--reason", "lost it").returncode == 0
    assert demo.link("/reset-password/")
    assert "set-password" not in demo.call("user", "--help").stdout


@pytest.mark.row("ADM-02")
def test_a_reset_has_a_reason_and_its_owner_hears_of_it(demo, alice, entry):
    assert demo.call("user", "reset-mfa", "alice").returncode == 2
    assert alice.is_in()
    assert demo.call("user", "reset-mfa", "alice", "--reason", "phone lost").returncode == 0
    assert not alice.is_in()
    assert demo.link("/reset-password/")
    acts = [event for event in demo.events() if event["event"] == "operator.acted"]
    assert [act["data"]["reason"] for act in acts] == ["phone lost"]


@pytest.mark.row("ADM-03")
@pytest.mark.parametrize(("act", "next_time"), [("sessions-end", 303), ("disable", 422)])
def test_an_operators_act_counts_at_the_next_request(demo, alice, act, next_time):
    assert demo.call("user", act, "alice", "--reason", "asked for").returncode == 0
    answer = alice.get("/settings")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    assert demo.visitor().sign_in().status_code == next_time


@pytest.mark.row("ADM-04")
@pytest.mark.parametrize("name", ["root", "admin", "test"])
def test_nobody_has_an_account_by_default(demo, name):
    assert demo.visitor().sign_in(name, name).status_code == 422


# ── notices ─────────────────────────────────────────────────────────────────────────────────────


def add_address(demo, alice):
    """Give her a second address, confirmed."""
    alice.post(EMAILS, email="second@example.com")
    assert alice.post(demo.link(f"{EMAILS}/confirm/")).status_code == 303


@pytest.mark.row("NTF-01")
def test_each_change_is_told_by_mail(demo, alice):
    before = demo.count_mails()
    alice.enroll_app()
    phone = alice.add_phone()
    alice.make_codes()
    alice.post(f"{SECURITY}/method/{phone}/remove")
    alice.post(f"{SECURITY}/disable")
    mails = demo.mails_since(before)
    assert len(mails) == 5
    for mail in mails:
        assert "/not-me/" in mail["text"]
        assert "Firefox on Linux" in mail["text"]
        assert mail["code"] is None


@pytest.mark.row("NTF-02")
def test_every_address_is_told(demo, alice, entry):
    add_address(demo, alice)
    before = demo.count_mails()
    alice.add_phone()
    assert {mail["to"] for mail in demo.mails_since(before)} == BOTH


@pytest.mark.row("NTF-03")
def test_a_right_password_with_wrong_codes_is_told(demo, alice, entry, thief):
    before = demo.count_mails()
    for number in range(3):
        thief.post("/sign-in/code", code=f"00000{number}")
    assert any("password" in mail["text"] for mail in demo.mails_since(before))
    alice.post("/sign-out")
    alice.sign_in()
    alice.post("/sign-in/code", code=entry.next_code())
    assert "entered your password and then wrong codes" in words(alice.get("/"))


@pytest.mark.row("NTF-04")
def test_an_open_session_is_told_of_a_replay(demo, alice, entry, thief):
    code = entry.next_code()
    assert demo.half("127.0.0.8").post("/sign-in/code", code=code).status_code == 303
    assert thief.post("/sign-in/code", code=code).status_code == 422
    assert "already used was entered again" in words(alice.get("/"))


@pytest.mark.row("NTF-05")
def test_an_address_that_goes_is_told(demo, alice):
    add_address(demo, alice)
    before = demo.count_mails()
    remove = re.search(rf"{EMAILS}/[\w-]+/remove", alice.get(EMAILS).text)
    assert alice.post(remove[0]).status_code == 303
    assert {mail["to"] for mail in demo.mails_since(before)} == BOTH
