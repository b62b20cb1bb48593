"""Rows OTP, OOB and BKP: codes of apps, codes by text and call, backup codes."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.support.live import OPERATOR_PASSWORD
from tests.support.product import ENROLMENT, method_ids
from tests.support.waiting import wait_until
from twostep.core.methods.otpauth import encode_key
from twostep.core.methods.out_of_band import new_code


SECURITY = "/settings/security"
PHONE = f"{SECURITY}/phone"
AN_HOUR_LATER = 3700


def ask_for_phone(visitor, number="2025550100", *, country="US", channel="sms"):
    """Send the form that adds a phone."""
    return visitor.post(f"{PHONE}/new", country=country, number=number, channel=channel)


# ── authenticator apps ──────────────────────────────────────────────────────────────────────────


@pytest.mark.row("OTP-03")
def test_a_hundred_keys_are_all_different(demo, alice):
    secrets = set()
    for _ in range(100):
        secrets.add(demo.scan(alice.get(ENROLMENT)).secret)
        alice.post(ENROLMENT, replace="1")
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {20}


@pytest.mark.row("OTP-05", "OTP-06")
@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_a_code_counts_one_step_to_either_side(thief, entry, steps, status):
    assert thief.post("/sign-in/code", code=entry.code(steps=steps)).status_code == status


@pytest.mark.row("OTP-08")
def test_a_code_before_the_one_that_was_used_is_refused(demo, thief, entry):
    assert demo.half().post("/sign-in/code", code=entry.code()).status_code == 303
    assert thief.post("/sign-in/code", code=entry.code(steps=-1)).status_code == 422


@pytest.mark.row("OTP-10")
def test_a_wrong_code_in_the_wizard_leaves_it_off(demo, alice):
    alice.get(ENROLMENT)
    assert alice.post(ENROLMENT, code="000000").status_code == 422
    assert demo.query("SELECT count(*) FROM apps") == [(0,)]
    assert demo.visitor().sign_in().headers["location"] == "/"


@pytest.mark.row("OTP-11")
def test_the_code_that_set_the_app_up_is_already_used(demo, alice):
    demo.later()
    entry = alice.enroll_app()
    answer = demo.half().post("/sign-in/code", code=entry.code())
    assert answer.status_code == 422
    assert "already used" in answer.text


@pytest.mark.row("OTP-12")
def test_no_request_says_what_time_it_is(demo, thief, entry):
    then = str(demo.now - 240)
    fields = {"code": entry.code(steps=-8), "time": then, "now": then}
    headers = {"origin": demo.url, "date": "Tue, 15 Nov 1994 08:12:31 GMT"}
    assert thief.ask("POST", "/sign-in/code", fields, **headers).status_code == 422


@pytest.mark.row("OTP-15")
def test_keys_are_rotated_beside_the_server(demo, entry):
    assert demo.call("keys", "rotate").returncode == 0
    demo.later(300)
    assert demo.half().post("/sign-in/code", code=entry.code()).status_code == 303
    assert demo.call("keys", "list", "--json").stdout.count('"id"') >= 2


@pytest.mark.row("OTP-16")
def test_the_key_is_never_shown_again(alice, entry):
    for path in (ENROLMENT, SECURITY, f"{SECURITY}/spare"):
        assert encode_key(entry.secret) not in alice.get(path).text.replace(" ", "")


@pytest.mark.row("OTP-17")
def test_a_slow_app_moves_the_centre_by_one_step(demo, entry):
    def try_code(steps):
        demo.later(300)
        return demo.half().post("/sign-in/code", code=entry.code(steps=steps)).status_code

    assert [try_code(steps) for steps in (-1, -1, -3, -2)] == [303, 303, 422, 303]
    assert demo.query("SELECT centre FROM apps") == [(-1,)]


# ── texts and calls ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def phone(alice, entry):
    """Her backup phone."""
    return alice.add_phone()


@pytest.fixture
def half(demo, alice, phone):
    """The browser that knows her, an hour later and after the password."""
    demo.later(AN_HOUR_LATER)
    alice.sign_in()
    return alice


@pytest.mark.row("OOB-01")
def test_digits_of_codes_are_evenly_spread():
    codes = [new_code() for _ in range(10_000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in codes)
    assert any(code[0] == "0" for code in codes)
    counts = Counter("".join(codes))
    chi_squared = sum((counts[str(digit)] - 6000) ** 2 / 6000 for digit in range(10))
    assert chi_squared < 27.88  # 0.1 % limit for nine degrees of freedom


@pytest.mark.row("OOB-02")
@pytest.mark.parametrize(("seconds", "status"), [(585, 303), (601, 422)])
def test_a_sent_code_lives_for_ten_minutes(demo, alice, seconds, status):
    entry = alice.enroll_app()
    ask_for_phone(alice)
    code = demo.newest_code()
    demo.forward(seconds)
    answer = alice.post(f"{PHONE}/confirm", code=code)
    if asked := re.search(r"/confirm\?r=([^&]+)", answer.headers.get("location", "")):
        demo.later()
        answer = alice.post("/confirm", r=asked[1], code=entry.code())
    assert answer.status_code == status


@pytest.mark.row("OOB-03")
def test_a_sent_code_works_once(half, phone):
    code = half.send_code(phone)
    assert half.post("/sign-in/code", code=code).status_code == 303
    half.sign_in()
    assert half.post("/sign-in/code", code=code).status_code == 422


@pytest.mark.row("OOB-04")
def test_a_sent_code_is_for_one_sign_in_and_one_purpose(demo, half, phone):
    other = demo.half("127.0.0.2")
    code = half.send_code(phone)
    assert other.post("/sign-in/code", code=code).status_code == 422
    assert half.post("/sign-in/code", code=code).status_code == 303
    assert ask_for_phone(half, "2025550101").status_code == 303
    assert half.post(f"{PHONE}/confirm", code=code).status_code == 422


@pytest.mark.row("OOB-05")
def test_after_five_wrong_tries_a_sent_code_is_dead(demo, alice, entry):
    ask_for_phone(alice)
    code = demo.newest_code()
    typed = "111111" if code != "111111" else "222222"
    for number in range(5):
        if number == 2:
            demo.forward(31)
            assert alice.post(f"{PHONE}/resend", channel="sms").status_code == 303
            assert demo.newest_code() == code
        assert alice.post(f"{PHONE}/confirm", code=typed).status_code == 422
    assert alice.post(f"{PHONE}/confirm", code=code).status_code == 422


@pytest.mark.row("OOB-06")
def test_sent_again_it_is_the_same_code(demo, half, phone):
    first = half.send_code(phone)
    demo.forward(31)
    assert half.send_code(phone) == first
    assert half.post("/sign-in/code", code=first).status_code == 303


@pytest.mark.row("OOB-09")
def test_without_an_app_nothing_is_sent(demo, alice):
    assert ask_for_phone(alice).status_code == 422
    demo.settle()
    assert demo.messages("sms") == []


@pytest.mark.row("OOB-10")
def test_the_page_says_that_phones_are_weaker(alice, entry):
    page = alice.get(f"{PHONE}/new").text
    assert "weaker" in page
    assert f"{SECURITY}/codes" in page


@pytest.mark.row("OOB-11")
def test_an_unconfirmed_number_is_not_offered(alice, thief):
    assert ask_for_phone(alice).headers["location"] == f"{PHONE}/confirm"
    assert method_ids(thief.get("/sign-in/code"), "phone") == []


@pytest.mark.row("OOB-13")
def test_a_forgotten_password_sends_no_text(demo, phone):
    demo.visitor("127.0.0.3").post("/forgot-password", username="alice", method=phone)
    assert demo.link("/reset-password/")
    assert (len(demo.messages("sms")), demo.messages("call")) == (1, [])


@pytest.mark.row("OOB-14")
def test_the_fifth_send_of_a_sign_in_is_refused(demo, half, phone):
    for wait in (0, 31, 61, 121):
        demo.forward(wait)
        half.send_code(phone)
    demo.forward(121)
    before = len(demo.messages("sms"))
    answer = half.post("/sign-in/send", method=phone, channel="sms")
    assert answer.status_code == 429
    assert answer.headers["retry-after"].isdigit()
    demo.settle()
    assert len(demo.messages("sms")) == before


@pytest.mark.row("OOB-15")
def test_numbers_that_cost_more_are_not_called(demo, alice, entry):
    for number in ("+19002345678", "+449098790000", "+448712345678", "+881612345678"):
        assert ask_for_phone(alice, number, channel="call").status_code == 422, number
    demo.settle()
    assert demo.messages("call") == []


@pytest.mark.row("OOB-17")
def test_new_numbers_of_one_prefix_stop_for_a_day(demo, alice):
    admin = demo.visitor("127.0.0.22")
    admin.sign_in("admin", OPERATOR_PASSWORD)
    alice.enroll_app()
    entry = admin.enroll_app()
    for number in range(5):
        demo.forward(61)
        answer = ask_for_phone((alice, admin)[number % 2], f"202555010{number}")
        assert answer.headers["location"] == f"{PHONE}/confirm"
    demo.forward(61)
    assert ask_for_phone(admin, "2025550105").status_code == 429
    demo.later(3600)
    admin.sign_in("admin", OPERATOR_PASSWORD)
    assert admin.post("/sign-in/code", code=entry.code()).status_code == 303
    assert ask_for_phone(admin, "2025550107").status_code == 429
    assert "prefix.blocked" in {event["event"] for event in demo.events()}


@pytest.mark.row("OOB-18")
@pytest.mark.parametrize("outcome", ["refused", pytest.param("timeout", marks=pytest.mark.soak)])
def test_a_provider_that_fails_holds_up_no_page(demo, half, phone, outcome):
    def state() -> str:
        return half.get("/sign-in/status").json()["state"]

    demo.post("delivery", {"channel": "sms", "outcome": outcome})
    assert half.post("/sign-in/send", method=phone, channel="sms").status_code == 303
    assert half.get("/sign-in/code").status_code == 200
    if outcome == "timeout":  # the pages above were answered before the provider was given up
        assert state() != "failed"
    wait_until("the message never fails", lambda: state() == "failed")
    assert not half.is_in()


@pytest.mark.row("OOB-20")
def test_two_digits_of_a_number_are_shown(half):
    words = re.sub(r'"[^"]*"', "", half.get("/sign-in/code").text)
    assert "0100" not in words
    assert "00" in words


# ── backup codes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("BKP-03", "BKP-09")
def test_a_backup_code_works_once_and_its_owner_hears_of_it(demo, alice, thief):
    codes = alice.make_codes()
    before = demo.count_mails()
    assert thief.post("/sign-in/code", code=codes[0]).status_code == 303
    assert "9 of 10" in thief.get(SECURITY).text
    assert any("backup code was used" in mail["text"] for mail in demo.mails_since(before))
    assert demo.half().post("/sign-in/code", code=codes[0]).status_code == 422
