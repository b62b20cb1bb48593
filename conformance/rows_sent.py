"""Rows OOB: codes by text and call."""

from __future__ import annotations

import re
import time
from collections import Counter

from conformance.card import expect, row
from conformance.instance import Instance, Jar
from twostep.core.methods.out_of_band import new_code
from twostep.delivery.text_message import segments


@row("OOB-01", "M", "ASVS 6.5.4", "10,000 codes: six digits, uniform, leading zeros occur")
def uniform(_one: Instance) -> None:
    codes = [new_code() for _ in range(10_000)]
    expect(all(re.fullmatch(r"\d{6}", code) for code in codes), "not six digits")
    expect(any(code[0] == "0" for code in codes), "no leading zero")
    counts = Counter(digit for code in codes for digit in code)
    chi = sum((counts[str(digit)] - 6000) ** 2 / 6000 for digit in range(10))
    expect(chi < 27.88, f"χ² {chi:.1f} (0.1 % limit for nine degrees of freedom: 27.88)")


def _half_with_phone(one: Instance) -> tuple[Jar, str]:
    """A known browser with half a session, and a backup phone's id."""
    jar = one.jar()
    jar.enable()
    phone = jar.add_phone()
    one.forward(3700)
    jar.sign_in()
    return jar, phone


def _send(one: Instance, jar: Jar, phone: str, channel: str = "sms") -> str:
    seen = len(one.messages(channel))
    answer = jar.post("/sign-in/send", method=phone, channel=channel)
    expect(answer.status_code == 303, f"sending answered {answer.status_code}")
    return str(one.newest(channel, beyond=seen)["code"])


@row("OOB-02", "M", "NIST 3.1.3.2, ASVS 6.5.5", "at +9:45 accepted, at +10:01 refused as expired")
def expiry(one: Instance) -> None:
    for seconds, status in ((585, 303), (601, 422)):
        one.reset()
        jar = one.jar()
        app = jar.enable()
        jar.post("/settings/security/phone/new", country="US", number="2025550100", channel="sms")
        code = one.newest("sms")["code"]
        one.forward(seconds)
        path = "/settings/security/phone/confirm"
        answer = jar.post(path, code=code)
        if answer.headers.get("location", "").startswith("/confirm"):
            one.settle()
            kept = re.search(r"r=([^&]+)", answer.headers["location"])
            expect(kept, "no kept form")
            answer = jar.post("/confirm", r=kept.group(1) if kept else "", code=app.code())
        expect(answer.status_code == status, f"+{seconds} s: {answer.status_code}")


@row("OOB-03", "M", "ASVS 6.5.1", "a sent code works once")
def once(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    code = _send(one, jar, phone)
    expect(jar.post("/sign-in/code", code=code).status_code == 303, "refused at first")
    jar.sign_in()
    expect(jar.post("/sign-in/code", code=code).status_code == 422, "accepted again")


@row(
    "OOB-04",
    "M",
    "ASVS 6.6.2",
    "a code for one sign-in is refused in another, and for another purpose",
)
def bound(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    other = one.jar("127.0.0.2")
    other.sign_in()
    code = _send(one, jar, phone)
    expect(other.post("/sign-in/code", code=code).status_code == 422, "worked elsewhere")
    expect(jar.post("/sign-in/code", code=code).status_code == 303, "did not work at home")
    seen = len(one.messages("sms"))
    jar.post("/settings/security/phone/new", country="US", number="2025550101", channel="sms")
    expect(len(one.messages("sms")) >= seen, "no message")
    answer = jar.post("/settings/security/phone/confirm", code=code)
    expect(answer.status_code == 422, "a sign-in code confirmed a phone")


@row(
    "OOB-05",
    "M",
    "ASVS 6.6.3",
    "five wrong codes: the sent one is dead, also when it is sent again",
)
def spent(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    path = "/settings/security/phone"
    jar.post(f"{path}/new", country="US", number="2025550100", channel="sms")
    code = str(one.newest("sms")["code"])
    wrong = "111111" if code != "111111" else "222222"
    for number in range(5):
        if number == 2:
            one.forward(31)
            jar.post(f"{path}/resend", channel="sms")
        jar.post(f"{path}/confirm", code=wrong)
    answer = jar.post(f"{path}/confirm", code=code)
    expect(answer.status_code == 422, "the right code still worked")


@row("OOB-06", "M", "GOV.UK", "after a resend the first message's code still works")
def resend(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    first = _send(one, jar, phone)
    one.forward(31)
    second = _send(one, jar, phone)
    expect(first == second, "another code was sent")
    expect(jar.post("/sign-in/code", code=first).status_code == 303, "the first was refused")


@row("OOB-07", "M", "WICG origin-bound codes", "the last line is @host #code")
def last_line(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    jar.add_phone()
    message = one.newest("sms")
    expect(message["text"].split("\n")[-1] == f"@localhost #{message['code']}", message["text"])


@row("OOB-08", "S", "NIST usability", "the text names the service, fits one segment, has no link")
def one_segment(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    jar.add_phone()
    text = one.newest("sms")["text"]
    size = segments(text)
    expect("Example Panel" in text and "http" not in text, text)
    expect(size.count == 1, f"{size.count} segments")


@row("OOB-09", "M", "ASVS 6.6.1, NIST 3.2.9", "without an app or passkey no phone can be added")
def app_first(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    answer = jar.post(
        "/settings/security/phone/new", country="US", number="2025550100", channel="sms"
    )
    expect(answer.status_code == 422, f"status {answer.status_code}")
    time.sleep(0.5)
    expect(one.messages("sms") == [], "a text was sent")


@row(
    "OOB-10",
    "M",
    "NIST 3.2.9(2)",
    "the page says that telephones are weaker, and names what is not",
)
def notice(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    page = jar.get("/settings/security/phone/new").text
    expect("weaker" in page and "/settings/security/codes" in page, "no notice, or no alternative")


@row("OOB-11", "M", "ASVS 6.6.1", "an unconfirmed number is never offered")
def unconfirmed(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    jar.post("/settings/security/phone/new", country="US", number="2025550100", channel="sms")
    other = one.jar()
    other.sign_in()
    expect('data-method-kind="phone"' not in other.get("/sign-in/code").text, "it is offered")


@row("OOB-13", "M", "OAT-003", "without a password no text or call goes out")
def nothing_unasked(one: Instance) -> None:
    full = one.jar()
    full.enable()
    phone = full.add_phone()
    seen = len(one.messages("sms")) + len(one.messages("call"))
    stranger = one.jar("127.0.0.3")
    for path in ("/sign-in/send", "/confirm/send", "/settings/security/phone/new",
                 "/settings/security/phone/resend", "/forgot-password", "/sign-in"):  # fmt: skip
        stranger.post(
            path, method=phone, channel="sms", country="US", number="2025550101", username="alice"
        )
    time.sleep(1)
    expect(len(one.messages("sms")) + len(one.messages("call")) == seen, "something was sent")


@row("OOB-14", "M", "ASVS 2.4.1", "the fifth send in one sign-in: 429 with the wait")
def fifth_send(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    for wait in (0, 31, 61, 121):
        one.forward(wait)
        _send(one, jar, phone)
    one.forward(121)
    seen = len(one.messages("sms"))
    answer = jar.post("/sign-in/send", method=phone, channel="sms")
    expect(answer.status_code == 429, f"status {answer.status_code}")
    expect(answer.headers.get("retry-after", "").isdigit(), "no Retry-After")
    time.sleep(0.5)
    expect(len(one.messages("sms")) == seen, "a fifth was sent")


@row("OOB-15", "M", "OAT-003", "premium and service numbers are refused before anything is sent")
def premium(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    for number in ("+19002345678", "+449098790000", "+448712345678", "+881612345678"):
        answer = jar.post(
            "/settings/security/phone/new", country="US", number=number, channel="call"
        )
        expect(answer.status_code == 422, f"{number}: {answer.status_code}")
    time.sleep(0.3)
    expect(one.messages("call") == [], "a call was placed")


@row(
    "OOB-18",
    "M",
    "ASVS 16.5.2, 16.5.3",
    "a provider that refuses or hangs: the page answers at once and says so in 20 s",
)
def bad_provider(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    for outcome in ("refused", "timeout"):
        one.ask("/_demo/delivery", {"channel": "sms", "outcome": outcome})
        started = time.monotonic()
        answer = jar.post("/sign-in/send", method=phone, channel="sms")
        page = jar.get("/sign-in/code")
        took = time.monotonic() - started
        expect(answer.status_code == 303 and took < 2, f"{outcome}: {took:.1f} s")
        expect(page.status_code == 200, f"{outcome}: page {page.status_code}")
        until = time.monotonic() + 20
        state = ""
        while state != "failed" and time.monotonic() < until:
            time.sleep(0.3)
            state = jar.get("/sign-in/status").json()["state"]
        expect(state == "failed", f"{outcome}: {state}")
        expect(not jar.is_in(), f"{outcome} let somebody in")
        one.ask("/_demo/delivery", {"channel": "sms", "outcome": "ok"})
        one.forward(31)


@row("OOB-19", "S", "voice", "the call says the digits one by one, three times")
def three_readings(one: Instance) -> None:
    jar, phone = _half_with_phone(one)
    _send(one, jar, phone, "call")
    call = one.newest("call")
    digits = ", ".join(call["code"])
    expect(call["text"].count(digits) == 3, call["text"])


@row("OOB-20", "M", "GOV.UK", "at sign-in two digits of the number at most")
def masked(one: Instance) -> None:
    jar, _phone = _half_with_phone(one)
    page = jar.get("/sign-in/code").text
    expect("0100" not in re.sub(r'"[^"]*"', "", page), "more than two digits")
    expect("00" in page, "no hint at all")
