"""Rows that need a separate demo: other settings, a restart, passwords hashed as in earnest."""

from __future__ import annotations

import os
import re
import statistics
import time
from pathlib import Path

import pytest

from tests.support.product import ENROLMENT, method_ids
from tests.support.served import served_demo
from twostep.core.sign_in.throttle import PASSWORD_IN_A_ROW
from twostep.web.routes import PAGES
from twostep.web.visit import Access


FAST = "password.profile=test"
SECURITY = "/settings/security"


def filled(path):
    """An address with something in its places."""
    return re.sub(r"\{\w+\}", "x", path)


@pytest.mark.row("OOB-12")
def test_without_phones_the_numbers_of_before_are_of_no_use(tmp_path):
    with served_demo(tmp_path / "demo", FAST) as demo:
        alice = demo.half()
        entry = alice.enroll_app()
        phone = alice.add_phone()
    with served_demo(tmp_path / "demo", FAST, "policy.phones=off") as demo:
        demo.later(300)
        half = demo.half()
        assert method_ids(half.get("/sign-in/code"), "phone") == []
        send = {"method": phone, "channel": "sms"}
        for path in ("/sign-in/send", f"{SECURITY}/phone/new"):
            assert half.post(path, **send).status_code == 404
        entry.clock = demo
        assert half.post("/sign-in/code", code=entry.code()).status_code == 303
        for page in PAGES:
            if page.phones:
                assert half.get(filled(page.path)).status_code == 404, page.path
                assert half.post(filled(page.path), **send).status_code == 404, page.path
        assert "Add phone number" not in half.get(SECURITY).text
        assert demo.messages("sms") == []


@pytest.mark.row("OOB-16")
def test_a_used_up_budget_stops_texts_and_not_the_app(tmp_path):
    with served_demo(tmp_path / "demo", FAST, "delivery.daily_budget=3") as demo:
        alice = demo.half()
        entry = alice.enroll_app()
        phone = alice.add_phone()
        for _ in range(2):
            demo.forward(61)
            alice.sign_in()
            alice.send_code(phone)
        demo.later(61)
        alice.sign_in()
        answer = alice.post("/sign-in/send", method=phone, channel="sms")
        assert answer.status_code in {422, 429}
        demo.settle()
        assert len(demo.messages("sms")) == 3
        assert alice.post("/sign-in/code", code=entry.code()).status_code == 303
        assert "budget.used_up" in {event["event"] for event in demo.events()}


@pytest.mark.row("ENR-08")
def test_who_must_enrol_reaches_nothing_else(tmp_path):
    with served_demo(tmp_path / "demo", FAST, "policy.require_two_step=all") as demo:
        alice = demo.visitor()
        assert alice.sign_in().headers["location"] == ENROLMENT
        assert alice.get("/api/session").status_code == 401
        for page in PAGES:
            if page.access is Access.FULL and not page.path.startswith("/api/"):
                path = filled(page.path)
                answer = alice.get(path) if page.get else alice.post(path)
                assert answer.headers["location"] == ENROLMENT, path
        alice.enroll_app()
        assert alice.is_in()


@pytest.mark.row("THR-07")
def test_a_restart_forgets_no_wrong_code(tmp_path):
    statuses = []
    for code in ("000000", "111111"):
        with served_demo(tmp_path / "demo", FAST) as demo:
            if not statuses:
                demo.half().enroll_app()
            thief = demo.half("127.0.0.9")
            statuses += [thief.post("/sign-in/code", code=code).status_code for _ in range(3)]
    assert statuses == [422] * 5 + [429]


@pytest.mark.soak
@pytest.mark.row("BKP-10")
def test_a_wrong_backup_code_costs_one_hash(tmp_path):
    with served_demo(tmp_path / "demo") as demo:
        alice = demo.half()
        alice.enroll_app()
        alice.make_codes()
        half = demo.half("127.0.0.9")

        def seconds():
            fields = Path(f"/proc/{demo.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        began = seconds()
        for number in range(4):
            half.post("/sign-in/code", code=f"AAAAA-BBBBB-CCCC{number}")
        between = seconds()
        for _ in range(4):
            half.sign_in("nobody", "a wrong password")
        assert between - began < 2.5 * (seconds() - between)


@pytest.mark.soak
@pytest.mark.row("WEB-06")
def test_unknown_names_are_answered_alike_and_as_fast(tmp_path):
    times = {"alice": [], "nobody": []}
    answers = set()
    with served_demo(tmp_path / "demo") as demo:
        for number in range(PASSWORD_IN_A_ROW.limit - 1):  # after that, nothing is looked at
            # Now this name first, now that, so that what slows the machine down slows down both.
            for name in sorted(times, reverse=number % 2 == 0):
                visitor = demo.visitor(f"127.0.2.{number + 1}")
                visitor.get("/healthz")  # connected
                started = time.perf_counter()
                answer = visitor.sign_in(name, "a wrong password here")
                times[name].append(time.perf_counter() - started)
                # The demo's own line names its accounts, whoever signs in.
                page = re.sub(r'<aside class="demo".*?</aside>', "", answer.text, flags=re.DOTALL)
                body = re.sub(r'data-now="\d+"', "", page.replace(name, "NAME"))
                answers.add((answer.status_code, body))
            demo.leave()
            if number % 9 == 8:
                demo.forward(3700)
    assert len(answers) == 1
    # Pair by pair: the two of a pair met the machine as busy.
    pairs = zip(times["alice"], times["nobody"], strict=True)
    difference = statistics.median(known - unknown for known, unknown in pairs)
    assert abs(difference) < 0.05 * statistics.median(times["alice"])
