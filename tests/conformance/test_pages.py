"""Rows WEB, UX, LOG and DOC: requests and pages, what is written down, what the papers say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.live import PASSWORD
from tests.support.product import ENROLMENT, method_ids
from twostep.web.routes import PAGES
from twostep.web.visit import Access


ROOT = Path(__file__).parents[2]
SECURITY = "/settings/security"
COUNTED = ("apps", "phones", "sessions", "recovery_sets", "email_addresses", "outbox")
AN_HOUR_LATER = 3700
KINDS = {
    *("password.refused", "password.accepted", "code.refused", "code.accepted"),
    *("sign_in.completed", "app.added", "sign_out.done"),
}


@pytest.mark.row("WEB-01")
@pytest.mark.parametrize("path", ["/sign-in", "/help", "/nowhere"])
def test_every_page_has_its_headers(demo, path):
    headers = demo.visitor().get(path).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe-inline" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers.keys() >= {"referrer-policy", "cross-origin-opener-policy"}
    assert "strict-transport-security" not in headers  # plain http


@pytest.mark.row("WEB-03")
def test_get_changes_nothing(demo, alice, entry):
    def state():
        counts = [demo.query(f"SELECT count(*) FROM {table}") for table in COUNTED]  # noqa: S608  from above
        return [*counts, demo.query("SELECT sum(two_step) FROM accounts")]

    phone = alice.add_phone()
    before = state()
    for page in PAGES:
        if page.post and page.access is not Access.HALF and "passkey" not in page.path:
            answer = alice.get(re.sub(r"\{\w+\}", phone, page.path))
            assert page.get or answer.status_code in {404, 405}, page.path
    assert state() == before


@pytest.mark.row("WEB-04")
def test_no_secret_stands_in_an_address(demo, alice, entry):
    phone, codes = alice.add_phone(), alice.make_codes()
    demo.later(AN_HOUR_LATER)
    answers = (
        alice.sign_in(),
        alice.post("/sign-in/send", method=phone, channel="sms"),
        alice.post("/sign-in/code", code=entry.code()),
        alice.get(f"{SECURITY}/codes"),
    )
    assert alice.is_in()
    addresses = " ".join(f"{page.url} {page.headers.get('location')}" for page in answers)
    for value in (*codes, entry.code(), alice.cookie):
        assert value not in addresses


@pytest.mark.row("WEB-05", "BKP-06")
@pytest.mark.parametrize("path", ["/", "/sign-in", ENROLMENT, SECURITY, f"{SECURITY}/codes"])
def test_no_page_is_kept_by_browsers(alice, entry, path):
    alice.post(f"{SECURITY}/codes")
    assert "no-store" in alice.get(path).headers["cache-control"]


@pytest.mark.row("WEB-07")
def test_passwords_are_long_uncommon_and_never_cut(demo, alice):
    def change(new):
        form = {"current_password": PASSWORD, "new_password": new}
        return alice.post("/settings/password", **form).status_code

    for bad in ("short 7", "fourteen chars", "passwordpassword", "alice1234alice1"):
        assert change(bad) == 422, bad
    long = "ä" * 40 + " a b c " + "x" * 28
    assert change(f"{long}1") == 303
    assert demo.visitor().sign_in(password=f"{long}2").status_code == 422
    assert demo.visitor().sign_in(password=f"{long}1").status_code == 303


@pytest.mark.row("WEB-08")
def test_a_hostile_name_is_text(demo, alice, entry):
    [app] = method_ids(alice.get(SECURITY), "app")
    alice.post(f"{SECURITY}/method/{app}/rename", name='<script>"\n')
    page = alice.get(SECURITY).text
    assert "<script>&#34;" not in page
    assert "&lt;script&gt;" in page
    assert "method.renamed" in {event["event"] for event in demo.events()}


@pytest.mark.row("WEB-09")
def test_trace_is_refused_and_no_server_named(demo):
    answer = demo.visitor().ask("TRACE", "/sign-in", origin=demo.url)
    assert answer.status_code == 405
    assert "server" not in answer.headers


@pytest.mark.row("WEB-10")
def test_browsers_find_the_page_for_a_new_password(demo):
    assert demo.visitor().get("/.well-known/change-password").status_code in {302, 303, 307}


@pytest.mark.row("UX-01")
def test_the_code_page_has_one_field_that_phones_fill(thief):
    [field] = re.findall(r'<input[^>]*name="code"[^>]*>', thief.get("/sign-in/code").text)
    for part in ('type="text"', 'inputmode="numeric"', 'autocomplete="one-time-code"'):
        assert part in field
    assert "maxlength" not in field
    assert "pattern" not in field


@pytest.mark.row("UX-03")
def test_each_mistake_has_its_own_sentence(thief):
    sentences = set()
    for typed in ("", "12345", "1234567", "abcdef", "000000"):
        answer = thief.post("/sign-in/code", code=typed)
        assert answer.status_code == 422
        assert "<title>Error: " in answer.text
        sentences |= set(re.findall(r'id="e-code"><span.*?</span>([^<]+)<', answer.text)[:1])
    assert len(sentences) == 5


@pytest.mark.row("UX-04")
def test_screen_readers_hear_of_sending_and_of_mistakes(demo, alice, entry):
    phone = alice.add_phone()
    demo.later(AN_HOUR_LATER)
    alice.sign_in()
    alice.send_code(phone)
    page = alice.get("/sign-in/code").text
    assert re.search(r'<output role="status"[^>]*data-delivery-state', page)
    mistake = alice.post("/sign-in/code", code="1").text
    field = re.search(r'<input[^>]* id="f-code"[^>]*>', mistake)
    assert field
    # The cursor is in the field, which is read with its error.
    assert "autofocus" in field[0]
    assert re.search(r'aria-describedby="[^"]*\be-code\b', field[0])


@pytest.mark.row("UX-07")
def test_a_wrong_code_keeps_the_way_that_was_chosen(alice, thief):
    alice.make_codes()
    answer = thief.post("/sign-in/code", way="codes", code="AAAAA-BBBBB-CCCCC")
    assert answer.status_code == 422
    assert "Backup code" in answer.text


@pytest.mark.row("UX-08")
def test_who_is_idle_is_warned(alice):
    page = alice.get("/").text
    assert "data-idle=" in page
    assert "Stay signed in" in page


@pytest.mark.row("LOG-01")
def test_every_act_is_recorded(demo, alice, entry):
    alice.post("/sign-out")
    alice.sign_in(password="wrong password here")
    alice.sign_in()
    alice.post("/sign-in/code", code="000000")
    alice.post("/sign-in/code", code=entry.code())
    events = demo.events()
    assert {event["event"] for event in events} >= KINDS
    assert all(event["at"] and event["chain"] and event["outcome"] for event in events)


@pytest.mark.row("LOG-02")
def test_no_secret_is_written_down(demo, alice, entry):
    alice.add_phone()
    texted = demo.messages("sms")[0]["code"]
    codes = alice.make_codes()
    written = json.dumps(demo.events()) + demo.errors
    assert "phone.added" in written
    for value in (*codes, texted, PASSWORD, "2025550100", alice.cookie, entry.secret.hex()):
        assert value not in written


@pytest.mark.row("LOG-04")
def test_attacks_are_recorded(demo, alice):
    entry = alice.enroll_app()
    half = demo.half("127.0.0.9")
    half.post("/sign-in/code", code=entry.code())
    for number in range(6):
        half.post("/sign-in/code", code=f"00000{number}")
    outcomes = {(event["event"], event["outcome"]) for event in demo.events()}
    assert outcomes >= {("code.refused", "refused"), ("code.refused", "throttled")}
    alice.ask("POST", "/sign-out", origin="https://evil.example")
    assert '"request.refused"' in demo.errors


@pytest.mark.row("DOC-01")
def test_the_papers_say_what_the_program_does(demo):
    for name in ("docs/reference/events.md", "docs/reference/settings.md", "SECURITY.md"):
        assert (ROOT / name).is_file()
    page = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
    policy = json.loads(demo.call("policy", "show", "--json").stdout)
    limits = re.findall(r"^\| `([\w.]+)` \| (\d+) \| (\d+|in a row) \|", page, re.MULTILINE)
    assert sorted(limits) == sorted(
        (rule["name"], str(rule["limit"]), str(rule["window_seconds"] or "in a row"))
        for rule in policy["limits"]
    )
    for words in (
        f"| ends after no request for | {policy['session.idle_minutes']} minutes",
        f"| ends in any case after | {policy['session.total_hours']} hours",
        f"| half a session | {policy['half_session_seconds'] // 60} minutes",
        f"completed within the last {policy['fresh_seconds'] // 60} minutes",
        f"After {policy['wrong_codes_to_retire']} wrong codes in a row",
        f"**195 in a million, {policy['most_guess_chance'] * 100:.4f} %**",
    ):
        assert words in page
