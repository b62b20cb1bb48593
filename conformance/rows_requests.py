"""Rows WEB, UX, LOG and DOC: requests, pages, records, papers."""

from __future__ import annotations

import json
import re
import statistics
import time
from pathlib import Path

from conformance.card import expect, row
from conformance.instance import Instance, method_ids
from twostep.web.routes import PAGES
from twostep.web.visit import Access


@row("WEB-01", "M", "ASVS 3.4", "headers of every page")
def headers(one: Instance) -> None:
    jar = one.jar()
    for path in ("/sign-in", "/help", "/nowhere"):
        got = jar.get(path).headers
        policy = got["content-security-policy"]
        for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            expect(part in policy, f"{path}: no {part}")
        expect("unsafe-inline" not in policy, "unsafe-inline")
        expect(got["x-content-type-options"] == "nosniff", "no nosniff")
        expect("referrer-policy" in got and "cross-origin-opener-policy" in got, "one is missing")
        expect("strict-transport-security" not in got, "HSTS on plain http")


@row(
    "WEB-02",
    "M",
    "ASVS 3.5.1, NIST 5.1",
    "a POST with a foreign, null or no origin is 403 on every route",
)
def origins(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    for page in PAGES:
        if page.post is None or page.signed:
            continue
        path = re.sub(r"\{\w+\}", "x", page.path)
        for origin in ("https://evil.example", "null", None):
            answer = jar.post(path, origin=origin, code="000000")
            expect(answer.status_code == 403, f"{path} from {origin}: {answer.status_code}")
    answer = jar.client.post("/sign-out", headers={"sec-fetch-site": "same-origin"})
    expect(answer.status_code == 303, "our own page was refused")


STATE = (
    "SELECT (SELECT count(*) FROM apps), (SELECT count(*) FROM phones), (SELECT count(*) FROM"
    " sessions), (SELECT count(*) FROM recovery_sets), (SELECT count(*) FROM email_addresses),"
    " (SELECT sum(two_step) FROM accounts), (SELECT count(*) FROM outbox)"
)


@row("WEB-03", "M", "ASVS 3.5.3", "GET changes nothing: 405, or the form")
def get_is_safe(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    phone = jar.add_phone()
    before = one.rows(STATE)
    for page in PAGES:
        if page.post is None or page.access is Access.HALF or "passkey" in page.path:
            continue
        path = re.sub(r"\{\w+\}", phone, page.path)
        answer = jar.get(path)
        expect(
            page.get is not None or answer.status_code in {404, 405},
            f"{path}: {answer.status_code}",
        )
    expect(one.rows(STATE) == before, "something changed")


@row("WEB-04", "M", "ASVS 14.2.1", "no secret, code or token in an address")
def addresses(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    phone = jar.add_phone()
    codes = jar.make_codes()
    one.forward(3700)
    one.settle()
    answers = (
        jar.sign_in(),
        jar.post("/sign-in/send", method=phone, channel="sms"),
        jar.post("/sign-in/code", code=app.code()),
        jar.get("/settings/security/codes"),
    )
    seen = [str(answer.url) + answer.headers.get("location", "") for answer in answers]
    for value in (*codes, app.code(), jar.client.cookies["twostep"]):
        expect(not any(value in address for address in seen), "one stands in an address")


@row("WEB-05", "M", "ASVS 14.3.2", "no-store on every page of the sign-in and behind it")
def no_store(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    for path in (
        "/sign-in",
        "/settings/security/app/new",
        "/settings/security/codes",
        "/settings/security",
        "/",
    ):
        got = jar.get(path).headers.get("cache-control", "")
        expect("no-store" in got, f"{path}: {got}")


@row("WEB-06", "M", "ASVS 6.3.8", "unknown and known names: the same answer, in the same time")
def enumeration(one: Instance) -> None:
    times: dict[str, list[float]] = {"alice": [], "nobody": []}
    shapes = set()
    for number in range(200):
        # Now the one first, now the other, so that what slows the machine down slows down both.
        for name in sorted(times, reverse=number % 2 == 0):
            jar = one.jar(f"127.0.2.{number % 250 + 1}")
            jar.get("/healthz")  # connected
            started = time.perf_counter()
            answer = jar.sign_in(name, "a wrong password here")
            times[name].append(time.perf_counter() - started)
            body = answer.text.replace(name, "NAME")
            shapes.add((answer.status_code, re.sub(r"data-now=\"\d+\"", "", body)))
        if number % 9 == 8:
            one.forward(3700)
    expect(len(shapes) == 1, f"{len(shapes)} different answers")
    known, unknown = (statistics.median(times[name]) for name in ("alice", "nobody"))
    expect(abs(known - unknown) / known < 0.05, f"{1000 * known:.2f} and {1000 * unknown:.2f} ms")


@row(
    "WEB-07",
    "M",
    "ASVS 6.2",
    "password rules: length, common ones, the user's name, every sign, no cut",
)
def passwords(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    current = "alice-demo-password"

    def change(new: str) -> int:
        return jar.post(
            "/settings/password", current_password=current, new_password=new
        ).status_code

    for bad in ("short 7", "fourteen chars", "passwordpassword", "alice1234alice1"):
        expect(change(bad) == 422, f"{len(bad)} characters were taken")
    long = "ä" * 40 + " a b c " + "x" * 28
    expect(change(long + "1") == 303, "a long one was refused")
    expect(one.jar().sign_in(password=long + "2").status_code == 422, "the 76th character is cut")
    expect(one.jar().sign_in(password=long + "1").status_code == 303, "the right one is refused")


@row("WEB-08", "M", "ASVS 1.2, 16.4.1", "a hostile name is escaped on pages and in the record")
def hostile(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    number = method_ids(jar.get("/settings/security").text, "app")[0]
    jar.post(f"/settings/security/method/{number}/rename", name='<script>"\n')
    page = jar.get("/settings/security").text
    expect("<script>&#34;" not in page and "&lt;script&gt;" in page, "not escaped")
    for line in one.cli("audit", "export").stdout.splitlines():
        json.loads(line)


@row("WEB-09", "S", "ASVS 13.4", "TRACE is 405, no server version")
def trace(one: Instance) -> None:
    answer = one.jar().client.request("TRACE", "/sign-in", headers={"origin": one.origin})
    expect(answer.status_code == 405, f"{answer.status_code}")
    expect("server" not in answer.headers, "a Server header")


@row("WEB-10", "S", "well-known", "the change-password address leads to the page")
def well_known(one: Instance) -> None:
    answer = one.jar().get("/.well-known/change-password")
    expect(answer.status_code in {302, 303, 307}, f"{answer.status_code}")


def _code_page(one: Instance) -> tuple[object, str]:
    jar = one.jar()
    app = jar.enable()
    one.forward(300)
    one.settle()
    other = one.jar()
    other.sign_in()
    return (other, app), other.get("/sign-in/code").text


@row(
    "UX-01",
    "M",
    "WCAG 3.3.8, GOV.UK",
    "one code field: numeric keyboard, one-time-code, no maxlength",
)
def code_field(one: Instance) -> None:
    _parts, page = _code_page(one)
    fields = re.findall(r'<input[^>]*name="code"[^>]*>', page)
    expect(len(fields) == 1, f"{len(fields)} fields")
    for part in ('type="text"', 'inputmode="numeric"', 'autocomplete="one-time-code"'):
        expect(part in fields[0], f"no {part}")
    expect("maxlength" not in fields[0] and "pattern" not in fields[0], fields[0])


@row("UX-02", "M", "GOV.UK", "blanks, dashes and other digits are accepted")
def spellings(one: Instance) -> None:
    for spell in (
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f" {code} ",
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
    ):
        one.reset()
        (jar, app), _page = _code_page(one)  # type: ignore[misc]
        answer = jar.post("/sign-in/code", code=spell(app.code()))
        expect(answer.status_code == 303, f"{spell(app.code())!r} refused")


@row(
    "UX-03",
    "M",
    "GOV.UK",
    "each mistake has its own sentence; the title says Error, the summary links",
)
def sentences(one: Instance) -> None:
    (jar, _app), _page = _code_page(one)  # type: ignore[misc]
    found = set()
    for typed in ("", "12345", "1234567", "abcdef", "000000"):
        answer = jar.post("/sign-in/code", code=typed)
        expect(answer.status_code == 422, f"{typed!r}: {answer.status_code}")
        expect("<title>Error: " in answer.text, "the title does not say Error")
        summary = re.search(r'<a href="#f-code">([^<]+)</a>', answer.text)
        expect(summary, "no link to the field")
        found.add(summary.group(1) if summary else "")
    expect(len(found) == 5, str(found))


@row("UX-04", "M", "WCAG 4.1.3", "sending is said in a status, mistakes in an alert")
def statuses(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    phone = jar.add_phone()
    one.forward(3700)
    jar.sign_in()
    jar.post("/sign-in/send", method=phone, channel="sms")
    expect(
        re.search(r'<output role="status"[^>]*data-delivery-state', jar.get("/sign-in/code").text),
        "no status",
    )
    expect('role="alert"' in jar.post("/sign-in/code", code="1").text, "no alert")


@row("UX-07", "S", "NIST usability", "a wrong code keeps the way that was chosen")
def way_kept(one: Instance) -> None:
    jar = one.jar()
    jar.enable()
    jar.make_codes()
    other = one.jar()
    other.sign_in()
    answer = other.post("/sign-in/code", way="codes", code="AAAAA-BBBBB-CCCCC")
    expect(answer.status_code == 422 and "Backup code" in answer.text, "the way changed")


@row("UX-08", "S", "WCAG 2.2.1", "a warning before the idle end, with a button")
def idle_warning(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    page = jar.get("/").text
    expect("data-idle=" in page and "Stay signed in" in page, "no warning")


@row(
    "LOG-01",
    "M",
    "ASVS 16.3.1",
    "every sign-in, failure and factor is recorded with who, what, where, when",
)
def recorded(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in(password="wrong password here")
    app = jar.enable()
    one.forward(300)
    one.settle()
    jar.post("/sign-out")
    jar.sign_in()
    jar.post("/sign-in/code", code="000000")
    jar.post("/sign-in/code", code=app.code())
    events = one.events()
    kinds = {told["event"] for told in events}
    for kind in ("password.refused", "password.accepted", "code.refused", "code.accepted",
                 "sign_in.completed", "app.added", "sign_out.done"):  # fmt: skip
        expect(kind in kinds, f"no {kind}")
    for told in events:
        expect(told["at"] and told["chain"] and told["outcome"], str(told))


@row("LOG-02", "M", "ASVS 16.2.5", "no code, secret, password, number or cookie in log or record")
def silent(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    jar.add_phone()
    codes = jar.make_codes()
    text = one.newest("sms")["code"]
    records = "\n".join(
        told["body"] if "body" in told else json.dumps(told) for told in one.events()
    )
    log = (one.folder.parent / f"{one.folder.name}.log").read_text()
    for value in (
        *codes,
        text,
        "alice-demo-password",
        "2025550100",
        jar.client.cookies["twostep"],
        app.secret.hex(),
    ):
        expect(value not in records and value not in log, f"{value[:3]}… was written down")


@row("LOG-03", "S", "ASVS 16.4.2", "an edited record is found by audit verify")
def tampered(one: Instance) -> None:
    one.jar().enable()
    done = one.cli("audit", "verify")
    expect(done.returncode == 0, done.stdout + done.stderr)
    chain, seq, body = one.rows(
        "SELECT chain, seq, body FROM audit_records ORDER BY at DESC, seq DESC LIMIT 1"
    )[0]
    sql = "UPDATE audit_records SET body = ? WHERE chain = ? AND seq = ?"
    one.write(sql, body.replace('"network"', '"netwark"'), chain, seq)
    try:
        expect(one.cli("audit", "verify").returncode == 1, "not found")
    finally:
        one.write(sql, body, chain, seq)


@row("LOG-04", "M", "ASVS 16.3.3", "forged forms, replays and throttles are recorded")
def attacks(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    other = one.jar("127.0.0.9")
    other.sign_in()
    other.post("/sign-in/code", code=app.code())
    for number in range(5):
        other.post("/sign-in/code", code=f"00000{number}")
    outcomes = {(told["event"], told["outcome"]) for told in one.events()}
    expect(("code.refused", "refused") in outcomes, "no replay")
    expect(("code.refused", "throttled") in outcomes, "no throttle")
    jar.post("/sign-out", origin="https://evil.example")
    log = (one.folder.parent / f"{one.folder.name}.log").read_text()
    expect('"request.refused"' in log, "no forged form")


@row(
    "DOC-01",
    "M",
    "ASVS 6.1.1, 7.1, 11.1, 14.1, 16.1",
    "the papers exist, and their limits are the program's",
)
def papers(one: Instance) -> None:
    root = Path(__file__).parent.parent
    for name in ("docs/reference/events.md", "docs/reference/settings.md", "SECURITY.md"):
        expect((root / name).exists(), f"{name} is missing")
    policy = json.loads(one.cli("policy", "show", "--json").stdout)
    page = (root / "docs/explanation/security.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| `([\w.]+)` \| (\d+) \| (\d+|in a row) \|", page, re.MULTILINE)
    counted = [
        (rule["name"], str(rule["limit"]), str(rule["window_seconds"] or "in a row"))
        for rule in policy["limits"]
    ]
    expect(sorted(said) == sorted(counted), f"limits differ: {set(said) ^ set(counted)}")
    for words in (
        f"| end without a request | {policy['session.idle_minutes']} minutes",
        f"| end in any case | {policy['session.total_hours']} hours",
        f"| half a session | {policy['half_session_seconds'] // 60} minutes",
        f"shown within {policy['fresh_seconds'] // 60} minutes",
        f"At {policy['wrong_codes_to_retire']} wrong codes in a row",
        f"**195 in a million, {policy['most_guess_chance'] * 100:.4f} %**",
    ):
        expect(words in page, f"the page does not say: {words}")
