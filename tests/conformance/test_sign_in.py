"""Rows FLW, SES, API and THR: the way in, what comes of it, and how often somebody may guess."""

from __future__ import annotations

import pytest

from tests.support.live import PASSWORD
from tests.support.meddle import meddle
from twostep.core.sign_in.throttle import CODE_NETWORK


CODES = "/settings/security/codes"
NEW_PASSWORD = "a quiet harbour in the north"
MINUTE, HOUR = 60, 3600
LONGEST_WAIT = 901


def is_good(demo, cookie):
    """Whether a session's cookie opens anything."""
    status = demo.visitor().get("/api/session", cookie=f"twostep={cookie}").status_code
    assert status in {200, 401}
    return status == 200


@pytest.mark.row("FLW-01")
def test_the_code_page_comes_after_the_password(demo):
    answer = demo.visitor().get("/sign-in/code")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.row("FLW-03")
def test_half_a_session_is_none_for_scripts(thief):
    answer = thief.get("/api/session")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.row("FLW-04")
def test_a_mailed_link_signs_nobody_in(demo, entry):
    visitor = demo.visitor()
    visitor.post("/forgot-password", username="alice")
    assert visitor.post(demo.link("/reset-password/"), password=NEW_PASSWORD).status_code == 303
    assert not visitor.is_in()
    assert visitor.sign_in(password=NEW_PASSWORD).headers["location"] == "/sign-in/code"


@pytest.mark.row("FLW-05")
def test_every_step_changes_the_cookie(demo, entry):
    visitor = demo.half()
    cookies = [visitor.cookie]
    visitor.post("/sign-in/code", code=entry.code())
    cookies.append(visitor.cookie)
    demo.later(700)
    assert visitor.post("/confirm", r=CODES, code=entry.code()).headers["location"] == CODES
    cookies.append(visitor.cookie)
    assert len(set(cookies)) == 3
    assert [is_good(demo, cookie) for cookie in cookies] == [False, False, True]


@pytest.mark.row("FLW-06")
def test_half_a_session_ends_after_ten_minutes(demo, thief, entry):
    demo.later(601)
    assert thief.post("/sign-in/code", code=entry.code()).headers["location"] == "/sign-in"


@pytest.mark.row("FLW-07")
@pytest.mark.parametrize("elsewhere", ["/\t/evil.example", "https://evil.example/"])
def test_nobody_is_led_off_the_site(demo, elsewhere):
    form = {"username": "alice", "password": PASSWORD, "next": elsewhere}
    assert demo.visitor().post("/sign-in", **form).headers["location"] == "/"


@pytest.mark.row("SES-01")
def test_the_cookie_is_for_this_site_and_no_script(demo):
    header = demo.visitor().sign_in().headers["set-cookie"].lower()
    for part in ("twostep=", "httponly", "samesite=lax", "path=/"):
        assert part in header
    assert "domain" not in header


@pytest.mark.row("SES-03")
def test_half_an_hour_without_a_request_ends_a_session(demo, alice):
    demo.forward(31 * MINUTE)
    assert not alice.is_in()


@pytest.mark.row("SES-04")
def test_twelve_hours_end_a_session_that_is_used(demo, alice):
    for _ in range(35):
        demo.forward(20 * MINUTE)
        assert alice.get("/").status_code == 200
    demo.forward(21 * MINUTE)
    assert not alice.is_in()


@pytest.mark.row("SES-06")
def test_other_sessions_are_listed_and_closed(alice, thief, entry):
    thief.post("/sign-in/code", code=entry.code())
    assert thief.is_in()
    assert thief.network in alice.get("/settings/sessions").text
    alice.post("/settings/sessions/end-others")
    assert (thief.is_in(), alice.is_in()) == (False, True)


@pytest.mark.row("API-02")
@pytest.mark.parametrize(
    ("way", "amr"), [("app", "otp"), ("sms", "sms"), ("call", "tel"), ("backup", "otp")]
)
def test_a_session_says_how_it_was_opened(demo, alice, entry, way, amr):
    phone, codes = alice.add_phone(), alice.make_codes()
    demo.later(HOUR)
    visitor = demo.half()
    if way in {"sms", "call"}:
        code = visitor.send_code(phone, way)
    else:
        code = entry.code() if way == "app" else codes[0]
    visitor.post("/sign-in/code", code=code)
    session = visitor.get("/api/session").json()
    assert (session["amr"], session["aal"]) == (["pwd", amr, "mfa"], "aal2")
    assert abs(session["auth_time"] - demo.now) < MINUTE


# ── guessing ────────────────────────────────────────────────────────────────────────────────────


def guess(visitor, count):
    """Wrong codes, one after the other; the statuses."""
    codes = [f"00000{number}" for number in range(count)]
    return [visitor.post("/sign-in/code", code=code).status_code for code in codes]


def guess_patiently(demo, visitor, entry):
    """A wrong code once every wait is over; the status."""
    demo.later(LONGEST_WAIT)
    visitor.sign_in()
    right = {entry.code(steps=steps) for steps in (-1, 0, 1)}
    code = "000000" if "000000" not in right else "999999"
    return visitor.post("/sign-in/code", code=code).status_code


@pytest.mark.row("THR-01", "THR-09")
def test_twenty_wrong_codes_retire_the_password_and_ten_do_not(demo, thief, entry):
    statuses = [guess_patiently(demo, thief, entry) for _ in range(10)]
    assert demo.visitor().sign_in().headers["location"] == "/sign-in/code"
    statuses += [guess_patiently(demo, thief, entry) for _ in range(10)]
    assert statuses == [422] * 19 + [303]
    owner = demo.visitor()
    refused = owner.sign_in()
    assert refused.status_code == 422
    assert "no longer works" in refused.text
    assert owner.post(demo.link("/reset-password/"), password=NEW_PASSWORD).status_code == 303
    demo.later(60)
    assert owner.sign_in(password=NEW_PASSWORD).headers["location"] == "/sign-in/code"
    assert owner.post("/sign-in/code", code=entry.code()).status_code == 303


@pytest.mark.row("THR-02")
def test_backup_codes_do_not_wait_with_the_app(alice, thief):
    codes = alice.make_codes()
    assert guess(thief, 6) == [422] * 5 + [429]
    assert thief.post("/sign-in/code", code=codes[0]).status_code == 303


@pytest.mark.row("THR-03")
def test_a_sign_in_resets_the_count_in_a_row_alone(demo, thief, entry):
    assert guess(thief, 3) == [422] * 3
    demo.later(300)
    assert demo.half().post("/sign-in/code", code=entry.code()).status_code == 303
    counts = "SELECT wrong_in_a_row, guess_millionths FROM accounts WHERE name = 'alice'"
    assert demo.query(counts) == [(0, 9)]


@pytest.mark.row("THR-04")
def test_the_wait_grows_and_is_said(demo, thief):
    guess(thief, 5)
    first = thief.post("/sign-in/code", code="000009")
    demo.forward(int(first.headers["retry-after"]) + 1)
    guess(thief, 1)
    second = thief.post("/sign-in/code", code="000009")
    assert int(first.headers["retry-after"]) <= 30 < int(second.headers["retry-after"]) <= 60
    assert "second" in second.text or "minute" in second.text


@pytest.mark.row("THR-05")
def test_a_right_code_during_the_wait_is_not_used_up(demo, thief, entry):
    guess(thief, 5)
    code = entry.code()
    assert thief.post("/sign-in/code", code=code).status_code == 429
    demo.forward(31)
    assert thief.post("/sign-in/code", code=code).status_code == 303


@pytest.mark.row("THR-06")
def test_a_thousand_wrong_passwords_do_not_keep_the_owner_out(demo, alice, entry):
    alice.post("/sign-out")
    for network in range(12):
        stranger = demo.visitor(f"127.0.1.{network + 1}")
        for number in range(84):
            stranger.sign_in(password=f"wrong password {number}")
    demo.later(60)
    assert alice.sign_in().headers["location"] == "/sign-in/code"
    assert alice.post("/sign-in/code", code=entry.code()).status_code == 303


@pytest.mark.row("THR-10")
def test_a_network_whose_tries_are_used_up_waits_alone(demo, thief):
    guess(thief, 1)
    key, almost = f"{CODE_NETWORK.name}:{thief.network}", CODE_NETWORK.limit - 1
    sql = "UPDATE throttles SET count = :almost WHERE key = :key"
    meddle(demo.database_url, sql, almost=almost, key=key)
    assert guess(thief, 2) == [422, 429]
    assert guess(demo.half("127.0.0.10"), 1) == [422]
