"""Rows OTP and IOP: codes of authenticator apps."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, unquote, urlsplit

from conformance.card import expect, row
from conformance.instance import App, Instance, Jar, secret_of, uri_of
from twostep.core.methods import otpauth, totp


HOTP_VECTORS = (
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
)  # fmt: skip
TOTP_TIMES = (59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000)
TOTP_CODES = {
    "SHA1": ("94287082", "07081804", "14050471", "89005924", "69279037", "65353130"),
    "SHA256": ("46119246", "68084774", "67062674", "91819424", "90698825", "77737706"),
    "SHA512": ("90693936", "25091201", "99943326", "93441116", "38618901", "47863826"),
}
KEYS = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}


@row("OTP-01", "M", "RFC 4226 App. D", "ten HOTP vectors equal")
def hotp_vectors(_one: Instance) -> None:
    got = tuple(totp.at(KEYS["SHA1"], counter) for counter in range(10))
    expect(got == HOTP_VECTORS, f"got {got}")


@row("OTP-02", "M", "RFC 6238 App. B", "eighteen TOTP vectors equal, zero-padded")
def totp_vectors(_one: Instance) -> None:
    for algorithm, codes in TOTP_CODES.items():
        for at, code in zip(TOTP_TIMES, codes, strict=True):
            got = totp.at(KEYS[algorithm], at // 30, algorithm=algorithm, digits=8)  # type: ignore[arg-type]
            expect(got == code, f"{algorithm} at {at}: {got}")


@row("OTP-03", "M", "RFC 4226 R6, NIST 3.1.4.1", "a hundred secrets: 20 bytes each, all different")
def secrets_differ(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    found = {secret_of(jar.get("/settings/security/app/new").text)}
    for _ in range(99):
        jar.post("/settings/security/app/new", replace="1")
        found.add(secret_of(jar.get("/settings/security/app/new").text))
    expect(len(found) == 100, f"{len(found)} different ones")
    expect({len(secret) for secret in found} == {20}, "a secret is not 20 bytes long")


@row("OTP-04", "M", "ASVS 6.5.5", "period 30, six digits, SHA-1 in the address")
def parameters(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    query = parse_qs(urlsplit(uri_of(jar.get("/settings/security/app/new").text)).query)
    got = {name: query[name] for name in ("period", "digits", "algorithm")}
    expect(got == {"period": ["30"], "digits": ["6"], "algorithm": ["SHA1"]}, str(got))


def _try(one: Instance, steps: int) -> int:
    """The status of a code of a fresh app, some steps from now."""
    one.reset()
    app = one.jar().enable()
    one.forward(300)
    one.settle()
    jar = one.jar()
    jar.sign_in()
    return jar.post("/sign-in/code", code=app.code(steps)).status_code


@row("OTP-05", "M", "RFC 6238 §5.2", "codes of T-1 and T accepted, T-2 refused")
def late_codes(one: Instance) -> None:
    got = [_try(one, steps) for steps in (-2, -1, 0)]
    expect(got == [422, 303, 303], str(got))


@row("OTP-06", "M", "RFC 6238 §6", "T+1 accepted, T+2 refused")
def early_codes(one: Instance) -> None:
    got = [_try(one, steps) for steps in (1, 2)]
    expect(got == [303, 422], str(got))


@row("OTP-07", "M", "RFC 6238 §5.2, ASVS 6.5.1", "the same code twice: second refused")
def replay(one: Instance) -> None:
    app, a, b = _two_halves(one)
    code = app.code()
    got = [jar.post("/sign-in/code", code=code).status_code for jar in (a, b)]
    expect(got == [303, 422], str(got))


@row("OTP-08", "M", "RFC 6238 §5.2", "after step T was used, the unused code of T-1 is refused")
def older_code(one: Instance) -> None:
    app, a, b = _two_halves(one)
    got = [
        a.post("/sign-in/code", code=app.code()).status_code,
        b.post("/sign-in/code", code=app.code(-1)).status_code,
    ]
    expect(got == [303, 422], str(got))


def _two_halves(one: Instance) -> tuple[App, Jar, Jar]:
    app = one.jar().enable()
    one.forward(300)
    one.settle()
    a, b = one.jar(), one.jar("127.0.0.2")
    a.sign_in()
    b.sign_in()
    return app, a, b


@row(
    "OTP-09",
    "M",
    "ASVS 2.3.4, 15.4.2",
    "twenty parallel posts of one code: one works (app, text, backup)",
)
def parallel(one: Instance) -> None:
    full = one.jar()
    app = full.enable()
    phone = full.add_phone()
    codes = full.make_codes()
    one.forward(300)
    one.settle()
    for way in ("app", "text", "backup"):
        jar = one.jar()
        jar.sign_in()
        if way == "text":
            seen = len(one.messages("sms"))
            jar.post("/sign-in/send", method=phone, channel="sms")
            code = one.newest("sms", beyond=seen)["code"]
        else:
            code = app.code() if way == "app" else codes[0]
        cookies = "; ".join(f"{name}={value}" for name, value in jar.client.cookies.items())

        def post(_number: int, code: str = code, cookies: str = cookies) -> str:
            answer = one.jar().client.post(
                "/sign-in/code",
                data={"code": code},
                headers={"origin": one.origin, "cookie": cookies},
            )
            return "in" if answer.headers.get("location") == "/" else "out"

        with ThreadPoolExecutor(20) as pool:
            won = list(pool.map(post, range(20))).count("in")
        expect(won == 1, f"{way}: {won} of 20 worked")


@row("OTP-10", "M", "NIST 4.1", "a wrong code in the wizard leaves two-step sign-in off")
def wizard_wrong(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    jar.get("/settings/security/app/new")
    answer = jar.post("/settings/security/app/new", code="000000")
    expect(answer.status_code == 422, f"status {answer.status_code}")
    expect(one.rows("SELECT count(*) FROM apps") == [(0,)], "an app is in the database")
    expect(one.jar().sign_in().headers["location"] == "/", "a second step was asked for")


@row("OTP-11", "S", "UX", "the enrolment code at the next sign-in is called already used")
def enrolment_code(one: Instance) -> None:
    one.settle()
    app = one.jar().enable()
    jar = one.jar()
    jar.sign_in()
    answer = jar.post("/sign-in/code", code=app.code())
    expect(answer.status_code == 422 and "already used" in answer.text, answer.text[:300])


@row("OTP-12", "M", "ASVS 6.5.8", "a Date header or a time field changes nothing")
def no_foreign_clock(one: Instance) -> None:
    app = one.jar().enable()
    one.forward(300)
    one.settle()
    jar = one.jar()
    jar.sign_in()
    old = app.code(-8)
    answer = jar.client.post(
        "/sign-in/code",
        data={"code": old, "time": str(one.now() - 240), "now": str(one.now() - 240)},
        headers={"origin": one.origin, "date": "Tue, 15 Nov 1994 08:12:31 GMT"},
    )
    expect(answer.status_code == 422, f"status {answer.status_code}")


@row(
    "OTP-13",
    "M",
    "ASVS 13.3.1, 11.3",
    "no dump holds a secret in any encoding; its ciphertext names its key",
)
def secrets_sealed(one: Instance) -> None:
    app = one.jar().enable()
    dump = one.dump()
    for form in (
        app.secret,
        app.secret.hex().encode(),
        app.secret.hex().upper().encode(),
        otpauth.encode_key(app.secret).encode(),
    ):
        expect(form not in dump, "the secret stands in the database")
    sealed = one.rows("SELECT secret FROM apps")[0][0]
    keys = (one.folder / "twostep.key").read_text()
    ids = [line.split()[0] for line in keys.splitlines() if line and not line.startswith("#")]
    expect(any(number.encode() in sealed[:40] for number in ids), "no key id in front")


@row("OTP-14", "S", "ASVS 11.3.3", "swapped ciphertext fails closed, with an event")
def swapped(one: Instance) -> None:
    app = one.jar().enable()
    admin = one.jar()
    admin.sign_in("admin", "admin-demo-password")
    page = admin.get("/settings/security/app/new").text
    secret = secret_of(page)
    admin.post("/settings/security/app/new", code=totp.at(secret, one.now() // 30))
    one.forward(300)
    one.settle()
    rows = one.rows("SELECT id, secret FROM apps ORDER BY id")
    expect(len(rows) == 2, f"{len(rows)} apps")
    one.write("UPDATE apps SET secret = ? WHERE id = ?", rows[1][1], rows[0][0])
    one.write("UPDATE apps SET secret = ? WHERE id = ?", rows[0][1], rows[1][0])
    jar = one.jar()
    jar.sign_in()
    got = [
        jar.post("/sign-in/code", code=code).status_code
        for code in (app.code(), totp.at(secret, one.now() // 30))
    ]
    expect(got == [422, 422], str(got))
    expect(any(told["event"] == "seal.broken" for told in one.events()), "no event seal.broken")


@row("OTP-15", "S", "ASVS 11.2.2, 13.3.4", "keys are rotated while serving; the old one can go")
def rotation(one: Instance) -> None:
    app = one.jar().enable()
    done = one.cli("keys", "rotate")
    expect(done.returncode == 0, done.stderr)
    one.forward(300)
    one.settle()
    jar = one.jar()
    jar.sign_in()
    expect(jar.post("/sign-in/code", code=app.code()).status_code == 303, "no sign-in afterwards")
    listed = one.cli("keys", "list", "--json").stdout
    expect(listed.count('"id"') >= 2, "the old key is not listed")


@row("OTP-16", "M", "secret shown once", "after confirmation the secret stands on no page")
def shown_once(one: Instance) -> None:
    jar = one.jar()
    app = jar.enable()
    key = otpauth.encode_key(app.secret)
    for path in ("/settings/security/app/new", "/settings/security", "/settings/security/spare"):
        page = jar.get(path).text.replace(" ", "")
        expect(key not in page, f"{path} shows it")


@row(
    "OTP-17",
    "S",
    "drift",
    "an app one step slow twice in a row moves the centre, never further than one step",
)
def drift(one: Instance) -> None:
    app = one.jar().enable()
    for _ in range(2):
        one.forward(300)
        one.settle()
        jar = one.jar()
        jar.sign_in()
        expect(jar.post("/sign-in/code", code=app.code(-1)).status_code == 303, "T-1 refused")
    one.forward(300)
    one.settle()
    got = []
    for steps in (-3, -2):
        jar = one.jar()
        jar.sign_in()
        got.append(jar.post("/sign-in/code", code=app.code(steps)).status_code)
    expect(got == [422, 303], str(got))
    expect(one.rows("SELECT min(centre), max(centre) FROM apps")[0][0] >= -1, "beyond one step")


@row(
    "IOP-01", "M", "Key URI, FreeOTP, Aegis", "hostile names: one colon, nothing escaped but blanks"
)
def hostile_names(_one: Instance) -> None:
    uri = otpauth.provisioning_uri(
        bytes(20), account="x:y?z", issuer="A:B & C#1%", host="panel.example.com"
    )
    label = urlsplit(uri).path.lstrip("/")
    expect(label.count(":") + label.upper().count("%3A") == 1, label)
    expect(not re.search(r"%26|%3F|%23|%25|\+", uri, re.IGNORECASE), uri)
    issuer, _, account = unquote(label).replace("%3A", ":").partition(":")
    expect(issuer.strip() and account.strip(), label)


@row("IOP-02", "M", "2FAS", "decoding the whole address first gives the same values")
def decoded_first(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    uri = uri_of(jar.get("/settings/security/app/new").text)
    plain, twice = parse_qs(urlsplit(uri).query), parse_qs(urlsplit(unquote(uri)).query)
    for name in ("secret", "issuer", "digits"):
        expect(plain[name] == twice[name], f"{name}: {plain[name]} and {twice[name]}")


@row(
    "IOP-03",
    "M",
    "Key URI",
    "the secret is unpadded base32 of 32 letters; the QR code is on the page",
)
def key_form(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    page = jar.get("/settings/security/app/new").text
    secret = parse_qs(urlsplit(uri_of(page)).query)["secret"][0]
    expect(re.fullmatch(r"[A-Z2-7]{32}", secret), secret)
    expect("<svg" in page, "no QR code")


@row("IOP-04", "S", "WCAG, desktop", "the key as text, and a link for the same phone")
def key_as_text(one: Instance) -> None:
    jar = one.jar()
    jar.sign_in()
    page = jar.get("/settings/security/app/new").text
    expect('id="setup-key"' in page and 'href="otpauth:' in page, "one of the two is missing")
