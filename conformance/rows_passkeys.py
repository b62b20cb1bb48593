"""Passkeys: made and used by an authenticator in software, and forged in every way that has a name."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from conformance.card import NotRun, expect, row
from conformance.instance import Instance, Jar, method_ids
from tests.support.authenticator import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    decode,
    encode,
)


NEW = "/settings/security/passkey/new"
OPTIONS = "/sign-in/passkey/options"


def _enrol(jar: Jar, key: Authenticator) -> None:
    made = key.create(jar.post("/settings/security/passkey/options").json())
    done = jar.post(NEW, credential=made)
    expect(done.status_code == 303, f"adding a passkey answered {done.status_code}")


def _with_passkey(one: Instance, **changes: Any) -> tuple[Jar, Authenticator]:
    """Alice with a passkey and nothing else, signed out."""
    jar, key = one.jar(), Authenticator(one.origin, **changes)
    jar.sign_in()
    _enrol(jar, key)
    jar.post("/sign-out")
    return jar, key


def _use(jar: Jar, key: Authenticator, **changes: Any) -> Any:
    jar.sign_in()
    return jar.post("/sign-in/passkey", credential=key.get(jar.post(OPTIONS).json(), **changes))


@row("WAN-01", "M", "NIST 2.2.2", "a passkey is added, and used as second step, alone, to confirm")
def used(one: Instance) -> None:
    jar, key = _with_passkey(one)
    expect(_use(jar, key).status_code == 303 and jar.is_in(), "the second step")
    one.forward(660)
    made = key.get(jar.post("/confirm/passkey/options").json())
    answer = jar.post("/confirm/passkey", credential=made, r="/settings/security/codes")
    expect(answer.headers.get("location") == "/settings/security/codes", "confirming")
    jar.post("/sign-out")
    made = key.get(jar.post(OPTIONS).json())
    expect(jar.post("/sign-in/passkey-only", credential=made).status_code == 303, "alone")
    got = jar.get("/api/session").json()
    expect(got["aal"] == "aal2" and got["amr"] == ["hwk", "user", "mfa"], str(got))


@row(
    "WAN-02", "M", "WebAuthn test vectors", "vectors of supported algorithms pass, cross-origin not"
)
def vectors(_one: Instance) -> None:
    file = Path(os.environ.get("TWOSTEP_SPECS", "")) / "webauthn_vectors.json"
    if not file.is_file():
        raise NotRun("TWOSTEP_SPECS names no folder with webauthn_vectors.json")
    from tests.core.methods import test_passkey

    found = json.loads(file.read_text(encoding="utf-8"))
    test_passkey.test_the_published_vectors(found)
    test_passkey.test_vectors_used_across_origins_are_refused(found)


@row("WAN-03", "M", "#sctn-verifying", "eight forged answers are refused with one message")
def forged(one: Instance) -> None:
    jar, key = _with_passkey(one)
    admin, foreign = one.jar(), Authenticator(one.origin)
    admin.sign_in("admin", "admin-demo-password")
    _enrol(admin, foreign)
    jar.sign_in()
    spent = key.get(jar.post(OPTIONS).json())
    jar.post("/sign-in/passkey", credential=spent)
    jar.post("/sign-out")
    changes: dict[str, dict[str, Any]] = {
        "origin": {"client": {"origin": "https://evil.example"}},
        "sub-domain": {"client": {"origin": one.origin.replace("//", "//login.")}},
        "rp id": {"rp_id": "example.com"},
        "nobody present": {"flags": 0},
        "backed up, but cannot be": {"flags": PRESENT | VERIFIED | BACKED_UP},
        "can suddenly be copied": {"flags": PRESENT | VERIFIED | ELIGIBLE},
        "in a foreign page": {"client": {"crossOrigin": True}},
    }
    answers = {name: _use(jar, key, **change) for name, change in changes.items()}
    answers["somebody else's passkey"] = _use(jar, foreign)
    jar.sign_in()
    answers["used challenge"] = jar.post("/sign-in/passkey", credential=spent)
    let_in = [name for name, answer in answers.items() if answer.status_code != 422]
    expect(not let_in, f"not refused: {let_in}")
    said = {
        re.sub(r"\s+", " ", re.search(r'id="problem".*?</ul>', answer.text, re.DOTALL)[0])  # type: ignore[index]
        for answer in answers.values()
    }
    expect(len(said) == 1, f"{len(said)} different messages")


@row("WAN-04", "M", "#dictionary-makecredentialoptions", "options of a new passkey")
def options(one: Instance) -> None:
    jar, key = one.jar(), Authenticator(one.origin)
    jar.sign_in()
    _enrol(jar, key)
    path = "/settings/security/passkey/options"
    first, second = jar.post(path).json(), jar.post(path).json()
    expect(first["challenge"] != second["challenge"], "the challenge is the same")
    expect(len(decode(first["challenge"])) >= 16, "the challenge is short")
    expect([o["alg"] for o in first["pubKeyCredParams"]] == [-8, -7, -257], "algorithms")
    excluded = [o["id"] for o in first["excludeCredentials"]]
    expect(excluded == [encode(key.credential_id)], "excludeCredentials")
    expect(first["attestation"] == "none", "attestation")
    expect(300_000 <= first["timeout"] <= 600_000, f"timeout {first['timeout']}")
    expect(first["user"]["id"] == second["user"]["id"], "user.id is not stable")
    expect(len(decode(first["user"]["id"])) == 64, "user.id has not 64 bytes")


@row("WAN-05", "S", "App. B", "an unverified user needs the password; a verified one counts as two")
def verified(one: Instance) -> None:
    jar, key = _with_passkey(one)
    made = key.get(jar.post(OPTIONS).json(), flags=PRESENT)
    expect(
        jar.post("/sign-in/passkey-only", credential=made).status_code == 422, "alone, unverified"
    )
    expect(_use(jar, key, flags=PRESENT).status_code == 303, "after the password")
    jar.post("/sign-out")
    made = key.get(jar.post(OPTIONS).json())
    jar.post("/sign-in/passkey-only", credential=made)
    expect(jar.get("/api/session").json()["aal"] == "aal2", "alone, verified")


@row("WAN-06", "S", "signCount", "a counter that does not rise is let in, logged and told")
def counter(one: Instance) -> None:
    jar, key = _with_passkey(one, count=7)
    mails = len(one.messages("email"))
    expect(_use(jar, key, count=3).status_code == 303, "it is refused")
    one.settle()
    told = [m["text"] for m in one.messages("email")[: len(one.messages("email")) - mails]]
    expect(any("counter had not risen" in text for text in told), "nobody is told")
    expect("there may be a copy of it" in jar.get("/settings/activity").text, "it is not logged")


@row("WAN-07", "X", "L3", "passkeys in the user name's menu; password managers are told")
def offered(one: Instance) -> None:
    jar, key = _with_passkey(one)
    page = jar.get("/sign-in").text
    expect('autocomplete="username webauthn"' in page, "autocomplete")
    script = re.search(r'src="(/static/passkey\.js[^"]*)"', page)
    if script is None:
        raise AssertionError("no script on the page")
    text = jar.get(script[1]).text
    expect('"conditional"' in text and "signalAllAcceptedCredentials" in text, "the script")
    _use(jar, key)
    page = jar.get("/settings/security").text
    expect(method_ids(page, "passkey") and encode(key.credential_id) in page, "the page's data")
