"""Rows FLW, ENR, ADM, NTF and SES: flows, methods, help desk, notices, sessions."""

from __future__ import annotations

import re
import time

from conformance.card import expect, row
from conformance.instance import (
    ADMIN,
    ADMIN_PASSWORD,
    App,
    Instance,
    Jar,
    method_ids,
    secret_of,
)
from twostep.core.methods import totp
from twostep.web.routes import PAGES
from twostep.web.visit import Access


def _known(one: Instance) -> tuple[Jar, App]:
    """Alice with two-step sign-in on, signed in, her proof some minutes old."""
    jar = one.jar()
    app = jar.enable()
    one.forward(300)
    one.settle()
    return jar, app


@row("FLW-01", "M", "ASVS 2.3.1", "the code page without the first step leads to sign-in")
def no_first_step(one: Instance) -> None:
    answer = one.jar().get("/sign-in/code")
    expect(answer.status_code == 303 and answer.headers["location"] == "/sign-in", str(answer))


@row("FLW-02", "M", "ASVS 2.3.1", "half a session opens no page that needs a full one")
def half_crawl(one: Instance) -> None:
    _known(one)
    jar = one.jar()
    jar.sign_in()
    for page in PAGES:
        if page.access not in {Access.FULL, Access.ENROL}:
            continue
        path = re.sub(r"\{\w+\}", "x", page.path)
        api = path.startswith("/api/")
        for answer in (
            jar.get(path) if page.get else None,
            jar.post(path, code="000000", name="x") if page.post else None,
        ):
            if answer is None:
                continue
            good = (
                answer.status_code == 401
                if api
                else answer.headers.get("location") == "/sign-in/code"
            )
            expect(good, f"{path}: {answer.status_code} {answer.headers.get('location')}")


@row("FLW-03", "M", "ASVS 6.3.4", "half a session gets 401 from the API")
def half_api(one: Instance) -> None:
    _known(one)
    jar = one.jar()
    jar.sign_in()
    answer = jar.get("/api/session")
    expect(answer.status_code == 401, f"{answer.status_code}")
    expect(answer.headers["content-type"].startswith("application/problem+json"), "no problem")


@row("FLW-04", "M", "ASVS 6.4.3", "a reset by link sets no session and skips no second step")
def reset_by_link(one: Instance) -> None:
    _known(one)
    jar = one.jar()
    jar.post("/forgot-password", username="alice")
    link = _link(one, "/reset-password/")
    new = "a quiet harbour in the north"
    jar.post(link, password=new)
    expect(not jar.is_in(), "the link signed in")
    answer = jar.sign_in(password=new)
    expect(answer.headers.get("location") == "/sign-in/code", str(answer.headers))


def _link(one: Instance, path: str) -> str:
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for mail in one.messages("email"):
            found = re.search(rf"({re.escape(path)}[A-Za-z0-9_-]+)", mail["text"])
            if found:
                return found.group(1)
        time.sleep(0.05)
    raise AssertionError(f"no mail with {path}")


@row("FLW-05", "M", "ASVS 7.2.4", "the cookie changes at every rise, old values are dead")
def new_cookies(one: Instance) -> None:
    _jar, app = _known(one)
    jar = one.jar()
    values = []
    jar.sign_in()
    values.append(jar.client.cookies["twostep"])
    jar.post("/sign-in/code", code=app.code())
    values.append(jar.client.cookies["twostep"])
    one.forward(700)
    one.settle()
    jar.get("/settings/security/codes")
    jar.post("/confirm", r="/settings/security/codes", code=app.code())
    values.append(jar.client.cookies["twostep"])
    expect(len(set(values)) == 3, "a value was kept")
    for old in values[:2]:
        answer = one.jar().get("/api/session", cookie=f"twostep={old}")
        expect(answer.status_code == 401, "an old value works")


@row(
    "FLW-06", "S", "ASVS 2.3.1", "half a session ends after ten minutes and is bound to its cookie"
)
def half_ends(one: Instance) -> None:
    _jar, app = _known(one)
    jar = one.jar()
    jar.sign_in()
    one.forward(601)
    one.settle()
    answer = jar.post("/sign-in/code", code=app.code())
    expect(answer.headers.get("location") == "/sign-in", f"{answer.status_code}")


@row("FLW-07", "M", "ASVS 3.7.2", "next stays on this site")
def next_stays(one: Instance) -> None:
    for evil in ("//evil.example", "https:evil.example", "\\\\evil.example", "/\\evil.example",
                 "https://evil.example/", "/\t/evil.example", "javascript:alert(1)"):  # fmt: skip
        answer = one.jar().post(
            "/sign-in", username="alice", password="alice-demo-password", next=evil
        )
        location = answer.headers["location"]
        expect(location == "/", f"{evil!r} led to {location!r}")


@row("FLW-08", "M", "seed", "the whole walk of the article, every label present")
def walk(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    expect("Settings" in jar.get("/").text, "no Settings in the menu")
    expect("Enable" in jar.get("/settings").text, "no Enable")
    page = jar.get("/settings/security/app/new").text
    app = App(secret_of(page), one)
    expect("Next" in page, "no Next")
    done = jar.post("/settings/security/app/new", code=app.code())
    expect(done.headers["location"] == "/settings/security/spare", done.headers["location"])
    expect("Add phone number" in jar.get("/settings/security/spare").text, "no Add phone number")
    phone = jar.add_phone()
    security = jar.get("/settings/security").text
    for words in ("Add phone number", "Show codes", "Disable"):
        expect(words in security, f"no {words}")
    codes = jar.make_codes()
    expect(jar.post("/settings/security/codes", proof=codes[0]).status_code == 303, "proof refused")
    expect(jar.post("/sign-out").headers["location"] == "/sign-in", "no sign-out")
    for way in ("app", "text", "call", "codes"):
        one.forward(3700)
        one.settle()
        jar.sign_in()
        if way in {"text", "call"}:
            channel = "sms" if way == "text" else "call"
            seen = len(one.messages(channel))
            jar.post("/sign-in/send", method=phone, channel=channel)
            code = one.newest(channel, beyond=seen)["code"]
        else:
            code = app.code() if way == "app" else codes[1]
        answer = jar.post("/sign-in/code", code=code)
        expect(answer.headers.get("location") == "/", f"{way}: {answer.status_code}")
        jar.post("/sign-out")


CHANGES = (
    "/settings/security/app/new",
    "/settings/security/phone/new",
    "/settings/security/codes",
    "/settings/security/disable",
    "/settings/password",
    "/settings/emails",
)


@row(
    "ENR-01",
    "M",
    "ASVS 7.5.1, NIST 4.1.2.1",
    "every change asks for a proof that is ten minutes old at most",
)
def step_up(one: Instance) -> None:
    jar, _app = _known(one)
    phone = jar.add_phone()
    one.forward(700)
    for path in (*CHANGES, f"/settings/security/method/{phone}/remove"):
        for answer in (jar.get(path), jar.post(path, email="x@example.com", code="1")):
            location = answer.headers.get("location", "")
            expect(location.startswith("/confirm?r="), f"{path}: {answer.status_code} {location}")
    answer = jar.post("/confirm", r=CHANGES[0], password="alice-demo-password", code="")
    expect(answer.status_code == 422, "the password was enough")


@row("ENR-02", "M", "NIST 4.1.2.1", "two apps and two phones can be bound, and apps named")
def several(one: Instance) -> None:
    jar, _app = _known(one)
    page = jar.get("/settings/security/app/new").text
    code = totp.at(secret_of(page), one.now() // 30)
    expect(
        jar.post("/settings/security/app/new", code=code, name="Tablet").status_code == 303,
        "no second app",
    )
    jar.add_phone("2025550100")
    jar.add_phone("2025550101")
    page = jar.get("/settings/security").text
    expect(len(method_ids(page, "app")) == 2 and len(method_ids(page, "phone")) == 2, "not four")
    expect("Tablet" in page, "the name is missing")


@row("ENR-03", "M", "ASVS 8.2.2", "somebody else's method is 404, and nothing changes")
def foreign(one: Instance) -> None:
    jar, _app = _known(one)
    phone = jar.add_phone()
    admin = one.jar("127.0.0.2")
    admin.sign_in(ADMIN, ADMIN_PASSWORD)
    for path in ("remove", "rename", "default"):
        answer = admin.post(f"/settings/security/method/{phone}/{path}", name="x")
        expect(answer.status_code == 404, f"{path}: {answer.status_code}")
    expect(method_ids(jar.get("/settings/security").text, "phone") == [phone], "it changed")


@row("ENR-04", "M", "ASVS 6.5.6", "a removed method is refused at once, on an open code page too")
def removed(one: Instance) -> None:
    jar, _app = _known(one)
    phone = jar.add_phone()
    other = one.jar("127.0.0.2")
    other.sign_in()
    seen = len(one.messages("sms"))
    other.post("/sign-in/send", method=phone, channel="sms")
    code = one.newest("sms", beyond=seen)["code"]
    jar.post(f"/settings/security/method/{phone}/remove")
    expect(other.post("/sign-in/code", code=code).status_code == 422, "the code works")


@row("ENR-05", "M", "NIST 4.5", "turning it off wipes everything; on again starts clean")
def wiped(one: Instance) -> None:
    jar, _app = _known(one)
    jar.add_phone()
    jar.make_codes()
    expect(jar.post("/settings/security/disable").status_code == 303, "refused")
    for table in ("apps", "phones", "recovery_sets", "recovery_codes", "pending_apps"):
        expect(one.rows(f"SELECT count(*) FROM {table}") == [(0,)], f"{table} is not empty")
    expect(one.jar().sign_in().headers["location"] == "/", "a second step is asked for")


@row("ENR-06", "M", "NIST 4.1", "the history of every method stays, with time and network")
def history(one: Instance) -> None:
    jar, _app = _known(one)
    phone = jar.add_phone()
    jar.post(f"/settings/security/method/{phone}/remove")
    told = {(one_["event"], one_["method"]): one_ for one_ in one.events()}
    for kind in ("phone.added", "phone.removed"):
        found = told.get((kind, f"phone:{phone}"))
        expect(found and found["network"] and found["at"], f"{kind} is missing")


@row(
    "ENR-07", "S", "lock-out guard", "removing the last app is refused, with the two ways out named"
)
def last_app(one: Instance) -> None:
    jar, _app = _known(one)
    jar.add_phone()
    number = method_ids(jar.get("/settings/security").text, "app")[0]
    answer = jar.post(f"/settings/security/method/{number}/remove")
    expect(answer.status_code == 422, f"{answer.status_code}")
    expect("Add another" in answer.text and "off" in answer.text, "the ways out are not named")


@row("ENR-09", "M", "ASVS 2.2.3", "a national number is read by its own country")
def countries(one: Instance) -> None:
    jar, _app = _known(one)
    path = "/settings/security/phone/new"
    answer = jar.post(path, country="US", number="020 7946 0000", channel="call")
    expect(answer.status_code == 422, f"US: {answer.status_code}")
    answer = jar.post(path, country="GB", number="020 7946 0000", channel="call")
    expect(answer.status_code == 303, f"GB: {answer.status_code}")
    expect(one.newest("call")["to"] == "+442079460000", "another number was called")


@row("ADM-01", "M", "ASVS 6.4.6", "the help desk cannot set a password; it sends a link")
def only_links(one: Instance) -> None:
    done = one.cli("user", "password-link", "alice", "--reason", "lost it")
    expect(done.returncode == 0, done.stderr)
    _link(one, "/reset-password/")
    text = one.cli("user", "--help").stdout
    expect("set-password" not in text, "there is a command that sets one")


@row(
    "ADM-02",
    "M",
    "ASVS 6.4.4",
    "a reset needs a reason, ends sessions, tells the user, is recorded",
)
def reset(one: Instance) -> None:
    jar, _app = _known(one)
    expect(one.cli("user", "reset-mfa", "alice").returncode == 2, "works without a reason")
    done = one.cli("user", "reset-mfa", "alice", "--reason", "phone lost")
    expect(done.returncode == 0, done.stderr)
    expect(not jar.is_in(), "the session lives")
    _link(one, "/reset-password/")
    told = [one_ for one_ in one.events() if one_["event"] == "operator.acted"]
    expect(told and told[-1]["data"]["reason"] == "phone lost", "no event")


@row("ADM-03", "M", "ASVS 7.4.2, 7.4.5", "disabling and ending sessions count at the next request")
def at_once(one: Instance) -> None:
    jar, _app = _known(one)
    one.cli("user", "sessions-end", "alice", "--reason", "asked for")
    answer = jar.get("/settings")
    expect(answer.headers.get("location", "").startswith("/sign-in"), "the session lives")
    one.reset()
    jar = one.jar()
    jar.sign_in()
    one.cli("user", "disable", "alice", "--reason", "left")
    expect(jar.get("/settings").status_code == 303, "the session lives after disabling")
    expect(one.jar().sign_in().status_code == 422, "a disabled account signs in")


@row("ADM-04", "M", "ASVS 6.3.2", "no account but those that were made")
def no_defaults(one: Instance) -> None:
    for name, password in (("root", "root"), ("admin", "admin"), ("test", "test")):
        expect(one.jar().sign_in(name, password).status_code == 422, f"{name} signs in")


@row(
    "NTF-01",
    "M",
    "NIST 4.6, ASVS 6.3.7",
    'each change is told by mail: time, place, "This wasn\'t me"',
)
def notices(one: Instance) -> None:
    jar, _app = _known(one)
    phone = jar.add_phone()
    jar.make_codes()
    jar.post(f"/settings/security/method/{phone}/remove")
    jar.post("/settings/security/disable")
    one.newest("email", beyond=4)
    # The demo's reset keeps the trail, so the first browser after it counts as new.
    mails = [mail for mail in one.messages("email") if "new browser" not in mail["text"]]
    expect(len(mails) == 5, str([mail["text"].split("\n")[0] for mail in mails]))
    for mail in mails:
        expect("/not-me/" in mail["text"] and "Firefox on Linux" in mail["text"], mail["text"])
        expect(mail["code"] is None, "a code in a mail")


@row("NTF-02", "M", "NIST 4.6", "two addresses: both are told")
def two_addresses(one: Instance) -> None:
    jar, _app = _known(one)
    jar.post("/settings/emails", email="second@example.com")
    link = _link(one, "/settings/emails/confirm/")
    expect(jar.post(link).status_code == 303, "the link failed")
    seen = len(one.messages("email"))
    jar.add_phone()
    one.newest("email", beyond=seen + 1)
    to = {mail["to"] for mail in one.messages("email")[: len(one.messages("email")) - seen]}
    expect({"alice@example.com", "second@example.com"} <= to, str(to))


@row("NTF-03", "S", "ASVS 6.3.5", "right password, three wrong codes: the owner is told")
def wrong_codes(one: Instance) -> None:
    _known(one)
    seen = len(one.messages("email"))
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    for number in range(3):
        thief.post("/sign-in/code", code=f"00000{number}")
    mail = one.newest("email", beyond=seen)
    expect("password" in mail["text"], mail["text"])


@row("NTF-05", "M", "ASVS 6.3.7", "a removed address is told too")
def old_address(one: Instance) -> None:
    jar, _app = _known(one)
    jar.post("/settings/emails", email="second@example.com")
    jar.post(_link(one, "/settings/emails/confirm/"))
    page = jar.get("/settings/emails").text
    ids = re.findall(r"/settings/emails/([^/\"]+)/remove", page)
    seen = len(one.messages("email"))
    for number in ids[:1]:
        jar.post(f"/settings/emails/{number}/remove")
    one.newest("email", beyond=seen + 1)
    to = [mail["to"] for mail in one.messages("email")[:2]]
    expect("alice@example.com" in to and "second@example.com" in to, str(to))


@row(
    "SES-01",
    "M",
    "ASVS 3.3, NIST 5.1.1",
    "the session cookie on loopback: HttpOnly, SameSite, Path=/",
)
def cookie_flags(one: Instance) -> None:
    header = one.jar().sign_in().headers["set-cookie"].lower()
    for part in ("twostep=", "httponly", "samesite=lax", "path=/"):
        expect(part in header, f"no {part} in {header}")
    expect("domain" not in header, "a Domain")


@row("SES-02", "M", "ASVS 7.2.3", "22 characters or more; only a digest in the database")
def digest_only(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    value = jar.client.cookies["twostep"]
    expect(len(value) >= 22, f"{len(value)} characters")
    expect(value.encode() not in one.dump(), "the value stands in the database")


@row("SES-03", "M", "ASVS 7.3.1", "31 minutes idle: signed out")
def idle(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    one.forward(31 * 60)
    expect(not jar.is_in(), "still in")


@row("SES-04", "M", "NIST 2.2.3", "twelve hours, however busy: signed out")
def total(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    for _ in range(36):
        one.forward(20 * 60)
        jar.get("/")
    one.forward(60)
    expect(not jar.is_in(), "still in")


@row(
    "SES-05", "M", "ASVS 7.4.1", "sign-out is POST, the old cookie is dead, cookies of others stay"
)
def sign_out(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    old = jar.client.cookies["twostep"]
    expect(jar.get("/sign-out").status_code == 405, "GET signs out")
    answer = jar.post("/sign-out")
    cleared = answer.headers.get("clear-site-data", "")
    expect(cleared and "cookies" not in cleared, cleared)
    expect(one.jar().get("/api/session", cookie=f"twostep={old}").status_code == 401, "it works")


@row(
    "SES-06",
    "M",
    "ASVS 7.4.3, 7.5.2",
    "sessions are listed and ended, the offer is made after a change",
)
def listed(one: Instance) -> None:
    jar, app = _known(one)
    other = one.jar("127.0.0.2")
    other.sign_in()
    other.post("/sign-in/code", code=app.code())
    expect(jar.get("/settings/sessions").text.count("127.0.0.2") >= 1, "it is not listed")
    jar.post("/settings/sessions/end-others")
    expect(not other.is_in() and jar.is_in(), "the wrong one was ended")


@row("SES-07", "M", "NIST 5.1", "no browser is remembered by default")
def not_remembered(one: Instance) -> None:
    _jar, app = _known(one)
    jar = one.jar()
    jar.sign_in()
    expect('name="remember"' not in jar.get("/sign-in/code").text, "the box is there")
    jar.post("/sign-in/code", code=app.code(), remember="1")
    expect("twostep-remember" not in jar.client.cookies, "it is remembered all the same")


@row("API-02", "S", "RFC 8176", "amr, aal and auth_time as documented, for each way")
def amr(one: Instance) -> None:
    jar, app = _known(one)
    phone = jar.add_phone()
    codes = jar.make_codes()
    ways = {
        "app": "pwd otp mfa",
        "sms": "pwd sms mfa",
        "call": "pwd tel mfa",
        "codes": "pwd otp mfa",
    }
    for way, expected in ways.items():
        one.forward(3700)
        one.settle()
        jar.sign_in()
        if way in {"sms", "call"}:
            seen = len(one.messages(way))
            jar.post("/sign-in/send", method=phone, channel=way)
            code = one.newest(way, beyond=seen)["code"]
        else:
            code = app.code() if way == "app" else codes[0]
        jar.post("/sign-in/code", code=code)
        got = jar.get("/api/session").json()
        expect(got["amr"] == expected.split() and got["aal"] == "aal2", f"{way}: {got}")
        expect(abs(got["auth_time"] - one.now()) < 60, f"{way}: auth_time {got['auth_time']}")
