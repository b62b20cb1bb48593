"""Rows BKP and THR: backup codes, and how often one may guess."""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path

from bench.serving import seed
from conformance.card import expect, row
from conformance.instance import ALICE, App, Instance, Jar
from twostep.core.sign_in import throttle


def _with_codes(one: Instance) -> tuple[Jar, App, list[str]]:
    jar = one.jar()
    app = jar.enable()
    return jar, app, jar.make_codes()


@row("BKP-01", "M", "NIST 4.2.1.1", "64 bits or more in each code")
def entropy(one: Instance) -> None:
    _jar, _app, codes = _with_codes(one)
    letters = [code.replace("-", "") for code in codes]
    expect(len(set(letters)) == 10, "not ten different codes")
    bits = min(len(code) for code in letters) * math.log2(32)
    expect(bits >= 64, f"{bits} bits")


@row(
    "BKP-02",
    "M",
    "ASVS 6.5.2",
    "Argon2id digests, one random salt a set, none in clear after proof",
)
def digests(one: Instance) -> None:
    jar, _app, codes = _with_codes(one)
    jar.post("/settings/security/codes", proof=codes[0])
    dump = one.dump()
    for code in codes:
        for form in (code, code.replace("-", ""), code.replace("-", "").lower()):
            expect(form.encode() not in dump, "a code stands in the database")
    salts = one.rows("SELECT salt FROM recovery_sets")
    expect(len(salts) == 1 and len(salts[0][0]) >= 4, "no salt")


@row("BKP-03", "M", "ASVS 6.5.1", "a code works once, and one fewer is left")
def used(one: Instance) -> None:
    _jar, _app, codes = _with_codes(one)
    other = one.jar()
    other.sign_in()
    expect(other.post("/sign-in/code", code=codes[0]).status_code == 303, "refused")
    expect("9 of 10" in other.get("/settings/security").text, "not 9 of 10 left")
    third = one.jar()
    third.sign_in()
    expect(third.post("/sign-in/code", code=codes[0]).status_code == 422, "worked again")


@row("BKP-04", "M", "NIST 4.2.1.1", "a new set kills the old one")
def replaced(one: Instance) -> None:
    jar, _app, codes = _with_codes(one)
    jar.make_codes()
    other = one.jar()
    other.sign_in()
    expect(other.post("/sign-in/code", code=codes[0]).status_code == 422, "an old code works")


@row("BKP-05", "M", "NIST 3.1.2.1, ASVS 7.5.1", "showing codes asks for a fresh second factor")
def fresh(one: Instance) -> None:
    jar, _app, _codes = _with_codes(one)
    one.forward(660)
    answer = jar.get("/settings/security/codes")
    expect(answer.headers.get("location", "").startswith("/confirm"), f"{answer.status_code}")


@row("BKP-06", "M", "ASVS 14.3.2", "the codes' page is not stored")
def no_store(one: Instance) -> None:
    jar, _app, _codes = _with_codes(one)
    answer = jar.get("/settings/security/codes")
    expect("no-store" in answer.headers["cache-control"], answer.headers["cache-control"])


@row("BKP-07", "S", "UX", "lower case, blanks, O for 0 and I for 1 are forgiven")
def forgiving(one: Instance) -> None:
    _jar, _app, codes = _with_codes(one)
    forms = [
        codes[0].lower(),
        codes[1].replace("-", " "),
        codes[2].replace("0", "O").replace("1", "I"),
        codes[3].replace("-", "").replace("1", "l"),
    ]
    for form in forms:
        other = one.jar()
        other.sign_in()
        expect(other.post("/sign-in/code", code=form).status_code == 303, f"{form} refused")


@row(
    "BKP-08", "S", "print", "print rules exist; the download has panel, account, date and ten lines"
)
def printing(one: Instance) -> None:
    jar, _app, codes = _with_codes(one)
    page = jar.get("/settings/security/codes").text
    sheet = re.search(r'href="(/static/twostep\.css[^"]*)"', page)
    expect(sheet and "@media print" in jar.get(sheet.group(1)).text, "no print rules")
    expect('href="data:text/plain' in page and "alice" in page, "no download")
    expect(all(code in page for code in codes), "codes are missing")


@row(
    "BKP-09",
    "S",
    "NIST 4.2.1.1",
    "using a code is told by mail; after the last a new set is asked for",
)
def last_one(one: Instance) -> None:
    _jar, _app, codes = _with_codes(one)
    location = ""
    for code in codes:
        other = one.jar()
        other.sign_in()
        location = other.post("/sign-in/code", code=code).headers["location"]
    expect(location == "/settings/security/codes", location)
    expect(any("backup code" in mail["text"] for mail in one.messages("email")), "no mail")


def _guess(one: Instance, jar: Jar, app: App, count: int) -> list[int]:
    """Wrong codes, the clock moved past every wait; the statuses."""
    got = []
    for number in range(count):
        wrong = f"{number:06}"
        if wrong in {app.code(steps) for steps in (-1, 0, 1)}:
            wrong = "999999"
        answer = jar.post("/sign-in/code", code=wrong)
        got.append(answer.status_code)
        if answer.status_code == 303:
            break
        one.forward(901)
        if jar.get("/sign-in/code").status_code == 303:
            jar.sign_in()
    return got


@row(
    "THR-01",
    "M",
    "NIST 3.2.2",
    "20 wrong codes: the password is retired; the mailed link and the same app work",
)
def retired(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    got = _guess(one, thief, app, 25)
    expect(len(got) == 20 and got[-1] == 303, f"{len(got)} tries, last {got[-1]}")
    answer = one.jar().sign_in()
    expect(answer.status_code == 422 and "no longer works" in answer.text, "the password works")
    links = [
        found.group(1)
        for mail in one.messages("email")
        if (found := re.search(r"(/reset-password/\S+)", mail["text"]))
    ]
    expect(links, "no link was mailed")
    new = "a quiet harbour in the north"
    fresh_jar = one.jar()
    expect(fresh_jar.post(links[0], password=new).status_code in {200, 303}, "the link failed")
    one.forward(60)
    one.settle()
    expect(fresh_jar.sign_in(password=new).headers["location"] == "/sign-in/code", "no second step")
    expect(fresh_jar.post("/sign-in/code", code=app.code()).status_code == 303, "the app failed")


@row(
    "THR-02", "M", "NIST 3.2.2", "app and text share a counter; backup codes are not touched by it"
)
def shared(one: Instance) -> None:
    _jar, _app, codes = _with_codes(one)
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    for number in range(5):
        thief.post("/sign-in/code", code=f"00000{number}")
    expect(thief.post("/sign-in/code", code="000009").status_code == 429, "no wait after five")
    expect(thief.post("/sign-in/code", code=codes[0]).status_code == 303, "backup code refused")


@row("THR-03", "M", "NIST 3.2.2", "a full sign-in resets the count in a row, not the summed chance")
def summed(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    for number in range(3):
        thief.post("/sign-in/code", code=f"00000{number}")
    one.forward(300)
    one.settle()
    jar.sign_in()
    jar.post("/sign-in/code", code=app.code())
    row_, chance = one.rows(
        "SELECT wrong_in_a_row, guess_millionths FROM accounts WHERE name = 'alice'"
    )[0]
    expect((row_, chance) == (0, 9), f"in a row {row_}, millionths {chance}")


@row(
    "THR-04", "M", "RFC 4226 §7.3", "the wait grows, stands in words on the page and in Retry-After"
)
def growing(one: Instance) -> None:
    one.jar().enable()
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    for number in range(5):
        thief.post("/sign-in/code", code=f"00000{number}")
    first = thief.post("/sign-in/code", code="000009")
    one.forward(int(first.headers["retry-after"]) + 1)
    thief.post("/sign-in/code", code="000008")
    second = thief.post("/sign-in/code", code="000009")
    waits = [int(answer.headers["retry-after"]) for answer in (first, second)]
    expect(waits[0] <= 30 < waits[1] <= 60, str(waits))
    expect("second" in second.text or "minute" in second.text, "no wait in words")


@row("THR-05", "M", "ASVS 6.1.1", "a right code during the wait is refused without being used up")
def not_consumed(one: Instance) -> None:
    app = one.jar().enable()
    one.forward(300)
    one.settle()
    thief = one.jar("127.0.0.9")
    thief.sign_in()
    for number in range(5):
        thief.post("/sign-in/code", code=f"00000{number}")
    code = app.code()
    during = thief.post("/sign-in/code", code=code).status_code
    one.forward(31)
    after = thief.post("/sign-in/code", code=code).status_code
    expect((during, after) == (429, 303), f"{during}, then {after}")


@row(
    "THR-06", "M", "ASVS 6.1.1", "a thousand wrong passwords of strangers do not keep the owner out"
)
def strangers(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    jar.post("/sign-out")
    for network in range(12):
        stranger = one.jar(f"127.0.1.{network + 1}")
        for number in range(84):
            stranger.sign_in(password=f"wrong password {number}")
    one.forward(60)
    one.settle()
    expect(jar.sign_in().headers.get("location") == "/sign-in/code", "the owner is kept out")
    expect(jar.post("/sign-in/code", code=app.code()).status_code == 303, "the code is refused")


@row("THR-08", "M", "ASVS 4.1.3", "forged X-Forwarded-For does not evade the network's count")
def forged_network(one: Instance) -> None:
    jar = one.jar("127.0.0.5")
    answer = jar.client.post(
        "/sign-in",
        data={"username": ALICE, "password": "wrong"},
        headers={"origin": one.origin, "x-forwarded-for": "203.0.113.9"},
    )
    expect(answer.status_code == 400, f"the demo takes forwarded headers: {answer.status_code}")


@row("THR-09", "S", "NIST usability", "ten wrong tries or more before the password goes")
def patient(one: Instance) -> None:
    app = one.jar().enable()
    jar = one.jar("127.0.0.9")
    jar.sign_in()
    got = _guess(one, jar, app, 10)
    expect(len(got) == 10, f"after {len(got)}")
    expect(one.jar().sign_in().status_code == 303, "the password is gone")


@row(
    "THR-10",
    "S",
    "spraying",
    "one code against many accounts from one network: the network's count trips",
)
def spraying(one: Instance) -> None:
    with tempfile.TemporaryDirectory(prefix="twostep-row-") as folder:
        limit = throttle.CODE_NETWORK.limit
        wanted = ("--accounts", f"{limit + 1}", "--sessions", f"{limit + 1}", "--half")
        people = seed(one.folder / "twostep.toml", Path(folder), *wanted)
        cookies = [person.sessions[0] for person in people]
    got = []
    for cookie in cookies:
        thief = one.jar("127.0.0.77")
        thief.client.headers["cookie"] = f"twostep={cookie}"
        got.append(thief.post("/sign-in/code", code="000000").status_code)
    expect(got == [422] * limit + [429], f"{got.count(422)} tries were looked at")
    elsewhere = one.jar("127.0.0.78")
    elsewhere.client.headers["cookie"] = f"twostep={cookies[-1]}"
    answer = elsewhere.post("/sign-in/code", code="000000").status_code
    expect(answer == 422, f"another network waits too: {answer}")
