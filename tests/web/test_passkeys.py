"""Passkeys through the pages: made, used as the second step, alone, to confirm; and every refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.authenticator import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    decode,
    encode,
)
from tests.support.meddle import meddle
from tests.support.product import (
    Browser,
    TestProduct,
    method_ids,
    open_test_product,
    problem,
    words,
)
from twostep.core.audit.event import MERGE_SECONDS
from twostep.flows.audit.refusals import write_waiting
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.store.account import accounts


NEW = "/settings/security/passkey/new"
NO = "That passkey was not accepted. Try again, or use another way to sign in."


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        opened.add_account()
        yield opened


def asks(browser: Browser, path: str, **fields: str) -> dict[str, Any]:
    """Options, as the page's script asks for them."""
    answer = browser.post(path, **fields)
    assert answer.status_code == 200, words(answer)
    assert answer.headers["cache-control"] == "no-store"
    options: dict[str, Any] = answer.json()
    return options


def enrol(browser: Browser, key: Authenticator, **fields: str) -> httpx2.Response:
    made = key.create(asks(browser, "/settings/security/passkey/options"))
    return browser.post(NEW, credential=made, **fields)


def signed_in(product: TestProduct) -> Browser:
    browser = product.browser()
    assert browser.sign_in().status_code == 303
    return browser


def with_passkey(product: TestProduct, **settings: Any) -> tuple[Browser, Authenticator]:
    """Somebody whose only second step is a passkey, signed out again."""
    browser = signed_in(product)
    key = Authenticator(product.url, **settings)
    assert enrol(browser, key).status_code == 303
    browser.post("/sign-out")
    return browser, key


def use(browser: Browser, key: Authenticator, **changes: Any) -> httpx2.Response:
    made = key.get(asks(browser, "/sign-in/passkey/options"), **changes)
    return browser.post("/sign-in/passkey", credential=made)


def use_alone(browser: Browser, key: Authenticator, **changes: Any) -> httpx2.Response:
    made = key.get(asks(browser, "/sign-in/passkey/options", alone="1"), **changes)
    return browser.post("/sign-in/passkey-only", credential=made)


def session_of(browser: Browser) -> dict[str, Any]:
    session: dict[str, Any] = browser.get("/api/session").json()
    return session


def kinds(product: TestProduct) -> list[str]:
    account = product.env.store.read_now(accounts.load_by_name, "alice")
    assert account is not None
    return [activity.event for activity in product.events(account)]


def refused_passkeys(product: TestProduct) -> int:
    """How many were refused, by the trail; those of the last minute are written down first."""
    now = product.clock.now + MERGE_SECONDS
    product.run(product.house.by(now=now).do(write_waiting))
    account = product.env.store.read_now(accounts.load_by_name, "alice")
    assert account is not None
    return sum(
        int(activity.data.get("count", 1))
        for activity in product.events(account)
        if activity.event == "passkey.refused"
    )


def test_the_first_passkey_turns_two_step_on_and_leads_to_the_spare(product: TestProduct) -> None:
    browser = signed_in(product)
    answer = enrol(browser, Authenticator(product.url))
    assert answer.headers["location"] == "/settings/security/spare"
    assert "Your passkey “Firefox on Linux” works." in words(
        browser.get("/settings/security/spare")
    )
    assert session_of(browser)["aal"] == "aal2"
    assert session_of(browser)["amr"] == ["pwd", "hwk", "mfa"]
    assert "two-step sign-in is on" in product.mails()[-1].subject
    assert method_ids(browser.get("/settings/security"), "passkey")


@pytest.mark.row("WAN-04")
def test_options_of_a_new_passkey(product: TestProduct) -> None:
    browser = signed_in(product)
    key = Authenticator(product.url)
    first = asks(browser, "/settings/security/passkey/options")
    assert enrol(browser, key).status_code == 303
    second = asks(browser, "/settings/security/passkey/options")
    assert first["challenge"] != second["challenge"]
    assert len(decode(second["challenge"])) == 32
    assert second["rp"] == {"id": "panel.example.com", "name": "Example Panel"}
    assert first["user"] == second["user"]
    assert len(decode(second["user"]["id"])) == 64
    assert [algorithm["alg"] for algorithm in second["pubKeyCredParams"]] == [-8, -7, -257]
    assert [excluded["id"] for excluded in second["excludeCredentials"]] == [
        encode(key.credential_id)
    ]
    assert second["attestation"] == "none"
    assert second["timeout"] == 300_000
    assert second["authenticatorSelection"]["residentKey"] == "preferred"
    assert second["authenticatorSelection"]["userVerification"] == "preferred"


@pytest.mark.row("WAN-01")
@pytest.mark.parametrize("algorithm", [-8, -7, -257])
def test_every_algorithm_signs_in_as_the_second_step(product: TestProduct, algorithm: int) -> None:
    browser, key = with_passkey(product, algorithm=algorithm)
    assert browser.sign_in().headers["location"] == "/sign-in/code"
    page = browser.get("/sign-in/code")
    assert "Use your passkey" in words(page)
    assert method_ids(page, "passkey")
    assert use(browser, key).headers["location"] == "/"
    assert session_of(browser)["amr"] == ["pwd", "hwk", "mfa"]


def test_a_synced_passkey_is_a_key_in_software(product: TestProduct) -> None:
    flags = PRESENT | VERIFIED | ELIGIBLE | BACKED_UP
    browser, key = with_passkey(product, flags=flags)
    assert use_alone(browser, key).status_code == 303
    assert session_of(browser)["amr"] == ["swk", "user", "mfa"]
    assert "synced between your devices" in words(browser.get("/settings/security"))


@pytest.mark.row("WAN-01", "WAN-05")
def test_alone_it_is_two_factors_and_leads_where_one_wanted_to_go(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    options = asks(browser, "/sign-in/passkey/options")
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    answer = browser.post(
        "/sign-in/passkey-only", credential=key.get(options), next="/settings/profile"
    )
    assert answer.headers["location"] == "/settings/profile"
    session = session_of(browser)
    assert (session["aal"], session["amr"]) == ("aal2", ["hwk", "user", "mfa"])
    # A proof of now: nothing more is asked before a change.
    assert browser.get(NEW).status_code == 200


@pytest.mark.row("WAN-05")
def test_alone_needs_its_owner_verified(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    answer = use_alone(browser, key, flags=PRESENT)
    assert (answer.status_code, problem(answer)) == (422, NO)
    browser.sign_in()
    assert use(browser, key, flags=PRESENT).status_code == 303


@pytest.mark.row("WAN-01")
def test_it_confirms_a_change(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    browser.sign_in()
    assert use(browser, key).status_code == 303
    product.clock.forward(700)
    asked = browser.get("/settings/security/codes").headers["location"]
    page = browser.get(asked)
    assert "Confirm it's you" in words(page)
    assert method_ids(page, "passkey")
    made = key.get(asks(browser, "/confirm/passkey/options"))
    answer = browser.post("/confirm/passkey", credential=made, r="/settings/security/codes")
    assert answer.headers["location"] == "/settings/security/codes"
    assert browser.get("/settings/security/codes").status_code == 200


def test_a_challenge_for_one_thing_is_none_for_another(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    browser.sign_in()
    alone = key.get(asks(browser, "/sign-in/passkey/options", alone="1"))
    assert problem(browser.post("/sign-in/passkey", credential=alone)) == NO
    second = key.get(asks(browser, "/sign-in/passkey/options"))
    assert problem(browser.post("/sign-in/passkey-only", credential=second)) == NO
    other = product.browser()
    other.sign_in()
    assert problem(other.post("/sign-in/passkey", credential=second)) == NO
    assert browser.post("/sign-in/passkey", credential=second).status_code == 303


def test_confirming_enrolling_and_signing_in_do_not_lend_each_other_challenges(
    product: TestProduct,
) -> None:
    browser, key = with_passkey(product)
    other = product.browser()  # the same account, elsewhere
    for window in (browser, other):
        window.sign_in()
        assert use(window, key).status_code == 303
    product.clock.forward(590)
    confirming = asks(browser, "/confirm/passkey/options")
    enrolling = asks(browser, "/settings/security/passkey/options") | {"rpId": confirming["rpId"]}
    elsewhere = asks(other, "/confirm/passkey/options")
    alone = asks(browser, "/sign-in/passkey/options", alone="1")
    product.clock.forward(20)  # now each change has to be confirmed
    r = "/settings/security/codes"
    for options in (enrolling, elsewhere, alone):
        answer = browser.post("/confirm/passkey", credential=key.get(options), r=r)
        assert (answer.status_code, problem(answer)) == (422, NO)
    stranger = product.browser()
    stranger.sign_in()
    for options in (confirming, enrolling):
        made = key.get(options)
        assert problem(stranger.post("/sign-in/passkey-only", credential=made)) == NO
        assert problem(stranger.post("/sign-in/passkey", credential=made)) == NO
    # Each is still good for what it was made for.
    made = key.get(confirming)
    assert browser.post("/confirm/passkey", credential=made, r=r).headers["location"] == r
    for options in (confirming, alone):
        made = Authenticator(product.url).create(enrolling | {"challenge": options["challenge"]})
        assert problem(browser.post(NEW, credential=made)) == NO
    made = Authenticator(product.url).create(enrolling)
    assert browser.post(NEW, credential=made).status_code == 303


def test_options_of_strangers_say_nothing_of_any_account(product: TestProduct) -> None:
    """Whoever asks, with whatever name: the same options but for the challenge."""
    with_passkey(product)
    shown = []
    for name in ("alice", "nobody"):
        options = asks(product.browser(), "/sign-in/passkey/options", alone="1", username=name)
        options.pop("challenge")
        shown.append(options)
    assert (
        shown[0]
        == shown[1]
        == {
            "timeout": 300_000,
            "rpId": "panel.example.com",
            "allowCredentials": [],
            "userVerification": "required",
        }
    )


FORGED: dict[str, dict[str, Any]] = {
    "wrong origin": {"client": {"origin": "https://evil.example"}},
    "sub-domain": {"client": {"origin": "https://login.panel.example.com"}},
    "another rp id": {"rp_id": "example.com"},
    "nobody present": {"flags": 0},
    "backed up, but cannot be": {"flags": PRESENT | VERIFIED | BACKED_UP},
    "in a foreign page": {"client": {"crossOrigin": True}},
    "under another origin": {"client": {"topOrigin": "https://other.example"}},
    "somebody else's handle": {"handle": b"x" * 64},
    "broken signature": {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
    "another type": {"client": {"type": "webauthn.create"}},
    "unknown passkey": {"credential_id": b"nobody's"},
    "empty id": {"credential_id": b""},
    "a foreign challenge": {"client": {"challenge": encode(b"x" * 32)}},
    "a short challenge": {"client": {"challenge": encode(b"x")}},
}


@pytest.mark.row("WAN-03")
@pytest.mark.parametrize("alone", [False, True], ids=["second step", "alone"])
def test_everything_forged_is_refused_with_one_page(product: TestProduct, *, alone: bool) -> None:
    browser, key = with_passkey(product)
    pages = set()
    for changes in FORGED.values():
        if not alone:
            browser.sign_in()
        answer = (use_alone if alone else use)(browser, key, **changes)
        assert (answer.status_code, problem(answer)) == (422, NO)
        pages.add(re.sub(r"\d{2}:\d{2}|\d{9,}|20[\d:TZ-]+", "", answer.text))
    assert len(pages) == 1
    assert refused_passkeys(product) == len(FORGED) - (
        2 if alone else 0
    )  # nobody's passkey is in no account's trail
    assert session_of(browser).get("status") == 401
    # The account's own tries are untouched.
    assert (use_alone if alone else use)(browser, key).status_code == 303


CHANGED = "Your password manager has changed this passkey, so it no longer works here."


@pytest.mark.parametrize("alone", [False, True], ids=["second step", "alone"])
@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_that_was_changed_says_so_and_its_owner_hears_of_it_once(
    product: TestProduct, *, alone: bool, synced: bool
) -> None:
    plain, copied = PRESENT | VERIFIED, PRESENT | VERIFIED | ELIGIBLE | BACKED_UP
    before, after = (copied, plain) if synced else (plain, copied)
    browser, key = with_passkey(product, flags=before)
    other = signed_in(product)
    use(other, key)
    for _ in range(2):  # trying again does not help, and is said as often as it is tried
        if not alone:
            browser.sign_in()
        answer = (use_alone if alone else use)(browser, key, flags=after)
        assert answer.status_code == 422
        assert CHANGED in problem(answer)
    assert [m.subject for m in product.mails() if "no longer works" in m.subject] == [
        "Example Panel: a passkey no longer works"
    ]
    security = words(other.get("/settings/security"))
    assert "Changed by your password manager and no longer works" in security
    # A manager that has been put right is taken again, and the mark goes.
    if not alone:
        browser.sign_in()
    assert (use_alone if alone else use)(browser, key).status_code == 303
    assert "Changed by your password manager" not in words(other.get("/settings/security"))


def test_who_has_not_the_key_is_told_nothing_of_the_change(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    browser.sign_in()
    flags = PRESENT | VERIFIED | ELIGIBLE
    answer = use(browser, key, flags=flags, signature=b"\x30\x06\x02\x01\x01\x02\x01\x01")
    assert problem(answer) == NO
    assert "no longer works" not in product.mails()[-1].subject


@pytest.mark.row("WAN-03")
def test_a_used_or_old_challenge_is_refused(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    made = key.get(asks(browser, "/sign-in/passkey/options"))
    assert browser.post("/sign-in/passkey-only", credential=made).status_code == 303
    other = product.browser()
    assert problem(other.post("/sign-in/passkey-only", credential=made)) == NO
    late = key.get(asks(other, "/sign-in/passkey/options"))
    product.clock.forward(301)
    assert problem(other.post("/sign-in/passkey-only", credential=late)) == NO


@pytest.mark.row("WAN-03")
def test_another_accounts_passkey_does_not_pass(product: TestProduct) -> None:
    _, key = with_passkey(product)
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    bobs = Authenticator(product.url)
    assert enrol(bob, bobs).status_code == 303
    made = key.create(asks(bob, "/settings/security/passkey/options"))
    assert problem(bob.post(NEW, credential=made)) == NO  # it is alice's
    bob.post("/sign-out")
    bob.sign_in("bob")
    assert problem(use(bob, key)) == NO
    assert use(bob, bobs).status_code == 303


NEW_FORGED: dict[str, dict[str, Any]] = {
    "wrong origin": {"client": {"origin": "https://evil.example"}},
    "another rp id": {"rp_id": "com"},
    "nobody present": {"flags": 0},
    "backed up, but cannot be": {"flags": PRESENT | BACKED_UP},
    "in a foreign page": {"client": {"crossOrigin": True}},
    "under another origin": {"client": {"crossOrigin": False, "topOrigin": "https://a.example"}},
    "an id of 1024 bytes": {"credential_id": b"x" * 1024},
    "no authenticator data": {"statement": {"fmt": "none", "attStmt": {}}},
    "no map": {"statement": [1, 2]},
    "cut data": {"statement": {"fmt": "none", "attStmt": {}, "authData": b"x" * 30}},
    "a foreign challenge": {"client": {"challenge": encode(b"y" * 32)}},
    "two ids": {"fields": {"id": encode(b"another")}},
}


def test_a_forged_new_passkey_is_refused_and_a_right_one_taken(product: TestProduct) -> None:
    browser = signed_in(product)
    for changes in NEW_FORGED.values():
        key = Authenticator(product.url)
        made = key.create(asks(browser, "/settings/security/passkey/options"), **changes)
        answer = browser.post(NEW, credential=made)
        assert (answer.status_code, problem(answer)) == (422, NO)
    unsupported = Authenticator(product.url, algorithm=-47)
    assert problem(enrol(browser, unsupported)) == NO
    longest = Authenticator(product.url, credential_id=b"x" * 1023)
    assert enrol(browser, longest).status_code == 303


GARBAGE = [
    "", "{", "[]", "null", "7", '"x"', "[" * 20_000, '{"response": 1}', "{}" * 9, "é", "\ud83d\ude00",
    '{"id": 1, "response": {"clientDataJSON": "e30"}}',
    '{"id": "AA", "response": {"clientDataJSON": "e30", "userHandle": {}}}',
    json.dumps({"id": "AA", "response": {"clientDataJSON": "A" * 50_000}}),
    json.dumps({"id": "AA", "response": {"clientDataJSON": encode(b'{"challenge": [1]}')}}),
    json.dumps({"id": "AA", "response": {"clientDataJSON": encode(b'"challenge"')}}),
]  # fmt: skip


def test_garbage_is_refused_and_counted_everywhere(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    texts = [text.encode("utf-16", "surrogatepass").decode("utf-16") for text in GARBAGE]

    def refuses(path: str, **fields: str) -> None:
        for text in texts:
            answer = browser.post(path, credential=text, **fields)
            assert (answer.status_code, problem(answer)) == (422, NO), text[:40]

    refuses("/sign-in/passkey-only")
    browser.sign_in()
    refuses("/sign-in/passkey")
    assert use(browser, key).status_code == 303
    refuses(NEW)
    product.clock.forward(700)
    refuses("/confirm/passkey", r="/settings/security/codes")
    assert refused_passkeys(product) >= 3 * len(GARBAGE) - 1


def test_every_byte_of_a_right_answer_matters(product: TestProduct) -> None:
    """Cut and bent binary parts are refused, never an error of ours."""
    browser, key = with_passkey(product)
    browser.sign_in()
    options = asks(browser, "/sign-in/passkey/options")
    right = json.loads(key.get(options))
    for part in ("authenticatorData", "signature", "clientDataJSON"):
        value = decode(right["response"][part])
        for bent in (b"", value[:-1], value[:36], value + b"\0", bytes(len(value)), value[::-1]):
            fields = right | {"response": right["response"] | {part: encode(bent)}}
            answer = browser.post("/sign-in/passkey", credential=json.dumps(fields))
            assert (answer.status_code, problem(answer)) == (422, NO)
    assert browser.post("/sign-in/passkey", credential=json.dumps(right)).status_code == 303


@pytest.mark.row("WAN-06")
def test_a_counter_that_does_not_rise_is_told_and_let_in(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    browser.sign_in()
    assert use(browser, key, count=0).status_code == 303
    assert "passkey.counted_back" in kinds(product)
    assert "check one of your passkeys" in product.mails()[-1].subject


def test_who_keeps_failing_waits_and_a_known_browser_beside_it_does_not(
    product: TestProduct,
) -> None:
    browser, key = with_passkey(product)
    neighbour = product.browser()  # behind the same address
    for _ in range(100):
        assert neighbour.post("/sign-in/passkey-only", credential="{}").status_code == 422
    neighbour.jar.set("__Host-twostep-browser", "made-up", domain="panel.example.com", path="/")
    answer = neighbour.post("/sign-in/passkey-only", credential="{}")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert use_alone(browser, key).status_code == 303
    # It is counted all the same, for itself.
    assert browser.post("/sign-in/passkey-only", credential="{}").status_code == 422
    rows = product.env.store.read_now(
        lambda tx: tx.all(
            "SELECT key, count FROM throttles WHERE key LIKE 'passkey.%' ORDER BY key"
        )
    )
    assert [(key.split(":")[1], count) for key, count in rows] == [
        ("198.51.100.7", 100),
        ("browser", 1),
    ]


def test_waits_and_a_retired_password_do_not_touch_passkeys(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    thief = product.browser(network="203.0.113.7")
    thief.sign_in()
    for _ in range(5):
        thief.post("/sign-in/code", code="000000")
    assert thief.post("/sign-in/code", code="000000").status_code == 429
    made = key.get(asks(thief, "/sign-in/passkey/options"))  # the owner, in that very browser
    assert thief.post("/sign-in/passkey", credential=made).status_code == 303
    thief.post("/sign-out")
    other = product.browser(network="203.0.113.8")
    for _ in range(20):
        other.sign_in()
        other.post("/sign-in/code", code="000000")
        product.clock.forward(901)
    assert "password.retired" in kinds(product)
    assert browser.sign_in().status_code == 422
    assert use_alone(browser, key).status_code == 303
    assert session_of(browser)["aal"] == "aal2"


def test_after_the_help_desks_reset_the_passkey_is_nobodys(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    act = help_desk.Act("alice", "test")
    product.run(product.house.by(SHELL).do(help_desk.reset_methods, act))
    assert problem(use_alone(browser, key)) == NO
    page = browser.get("/sign-in/code")
    assert page.headers["location"] == "/sign-in"


def test_password_managers_are_told_wherever_a_sign_in_leads(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    url = "/settings/security/passkey/signal"
    assert browser.get(url).headers["location"].startswith("/sign-in")
    assert use_alone(browser, key).status_code == 303
    mark = f'data-signal-url="{url}"'
    assert mark in browser.get("/settings/profile").text
    answer = browser.get(url)
    assert answer.headers["cache-control"] == "no-store"
    signal = answer.json()
    assert signal["rpId"] == "panel.example.com"
    assert signal["userId"] == encode(key.handle)
    assert signal["ids"] == [encode(key.credential_id)]
    product.clock.forward(31)
    assert mark not in browser.get("/settings/profile").text
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    assert bob.get(url).status_code == 204  # has never had one
    assert "data-signal" not in bob.get("/settings/profile").text


def test_a_passkey_is_named_renamed_and_removed(product: TestProduct) -> None:
    browser = signed_in(product)
    entry = browser.enroll_app()
    assert entry.secret
    yubikey = Authenticator(product.url, model=bytes.fromhex("2fc0579f811347eab116bb5a8db9202a"))
    assert 'name="name"' not in browser.get("/settings/security/passkey/new").text
    answer = enrol(browser, yubikey)
    key_id = answer.headers["location"].split("/")[-2]
    assert answer.headers["location"] == f"/settings/security/method/{key_id}/rename"
    naming = browser.get(answer.headers["location"])
    assert "Passkey added. Name it?" in words(naming)
    assert 'value="YubiKey 5"' in naming.text
    assert "Rename passkey" in words(browser.get(answer.headers["location"]))  # opened again
    assert "passkey added" in product.mails()[-1].subject
    browser.post(f"/settings/security/method/{key_id}/rename", name="Key ring")
    page = browser.get("/settings/security")
    assert "Passkey · Key ring" in words(page), words(page)
    assert "on one device only" in words(page)
    assert '"name":"alice"' in page.text.replace("&#34;", '"')
    assert encode(yubikey.credential_id) in page.text
    assert browser.post(f"/settings/security/method/{key_id}/default").status_code == 303
    assert browser.post(f"/settings/security/method/{key_id}/remove").status_code == 303
    page = browser.get("/settings/security")
    assert encode(yubikey.credential_id) not in page.text
    assert '"ids":[]' in page.text.replace("&#34;", '"')
    assert "passkey removed" in product.mails()[-1].subject
    named = enrol(browser, Authenticator(product.url), name="Second")
    assert named.headers["location"] == "/settings/security"
    long = enrol(browser, Authenticator(product.url), name="x" * 61)
    assert problem(long) == "Use at most 60 characters."


def test_one_app_or_passkey_must_remain(product: TestProduct) -> None:
    browser = signed_in(product)
    assert enrol(browser, Authenticator(product.url)).status_code == 303
    (key_id,) = method_ids(browser.get("/settings/security"), "passkey")
    browser.make_codes()
    browser.add_phone()
    answer = browser.post(f"/settings/security/method/{key_id}/remove")
    assert "This is your last app or passkey." in words(answer)
    assert enrol(browser, Authenticator(product.url)).status_code == 303
    assert browser.post(f"/settings/security/method/{key_id}/remove").status_code == 303


def test_ten_passkeys_fit(product: TestProduct) -> None:
    browser = signed_in(product)
    for _ in range(10):
        assert enrol(browser, Authenticator(product.url)).status_code == 303
    assert "You can't add more passkeys" in words(browser.get(NEW))
    assert browser.post("/settings/security/passkey/options").status_code == 422
    assert "Add passkey" not in words(browser.get("/settings/security"))


def test_turning_two_step_off_removes_passkeys(product: TestProduct) -> None:
    browser = signed_in(product)
    key = Authenticator(product.url)
    assert enrol(browser, key).status_code == 303
    assert "1 passkey" in words(browser.get("/settings/security/disable"))
    assert browser.post("/settings/security/disable").status_code == 303
    browser.post("/sign-out")
    assert problem(use_alone(browser, key)) == NO
    assert browser.sign_in().headers["location"] == "/"


def test_this_was_not_me_takes_a_new_passkey_back(product: TestProduct) -> None:
    browser = signed_in(product)
    browser.enroll_app()
    product.deliver()  # mails of one second have no order
    key = Authenticator(product.url)
    assert enrol(browser, key).status_code == 303
    link = product.newest_link("/not-me/")
    assert "remove the passkey that was added" in words(browser.get(link))
    assert browser.post(link).status_code == 303
    assert problem(use_alone(browser, key)) == NO


def test_a_disabled_account_and_one_without_session_stay_out(product: TestProduct) -> None:
    browser, key = with_passkey(product)
    assert browser.get("/sign-in/passkey").headers["location"] == "/sign-in"
    assert browser.post("/settings/security/passkey/options").headers["location"] == "/sign-in"
    assert browser.get("/sign-in/passkey-only").status_code == 405
    act = help_desk.Act("alice", "test")
    product.run(product.house.by(SHELL).do(help_desk.disable_account, act))
    assert problem(use_alone(browser, key)) == NO


def test_without_a_passkey_the_page_leads_back(product: TestProduct) -> None:
    browser = signed_in(product)
    browser.enroll_app()
    browser.post("/sign-out")
    browser.sign_in()
    assert browser.get("/sign-in/passkey").headers["location"] == "/sign-in/code"


def test_options_write_nothing(product: TestProduct) -> None:
    browser, _ = with_passkey(product)
    store = product.env.store

    def rows() -> list[int]:
        counts = [
            "SELECT COUNT(*) FROM used_challenges",
            "SELECT COUNT(*) FROM throttles",
            "SELECT COUNT(*) FROM sessions",
            "SELECT COUNT(*) FROM passkey_handles",
        ]
        return [store.read_now(lambda tx, sql=sql: tx.first(sql)[0]) for sql in counts]

    before = rows()
    for _ in range(30):
        asks(browser, "/sign-in/passkey/options")
    assert rows() == before


def test_well_known_addresses(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        browser = product.browser()
        assert browser.get("/.well-known/webauthn").status_code == 404
        addresses = browser.get("/.well-known/passkey-endpoints").json()
        assert addresses["enroll"] == product.url + NEW
        assert addresses["manage"] == f"{product.url}/settings/security"
    settings = {
        "passkeys__rp_id": "example.com",
        "passkeys__related_origins": ["https://panel.example.net"],
        "passkeys__endpoints": False,
    }
    other = tmp_path / "other"
    other.mkdir()
    with open_test_product(other, **settings) as product:
        browser = product.browser()
        addresses = browser.get("/.well-known/webauthn").json()
        assert addresses == {"origins": [product.url, "https://panel.example.net"]}
        assert browser.get("/.well-known/passkey-endpoints").status_code == 404
        product.add_account()
        browser, key = with_passkey(product)
        assert use_alone(browser, key).status_code == 303  # under the rp id from the settings


def test_a_passkey_of_another_address_is_named(product: TestProduct) -> None:
    """In the list of ways, so that its owner knows which to replace."""
    says = "Belongs to old.example.com and can't be used here"
    browser = signed_in(product)
    assert enrol(browser, Authenticator(product.url)).status_code == 303
    assert says not in words(browser.get("/settings/security"))
    meddle(product.database_url, "UPDATE passkeys SET rp_id = 'old.example.com'")
    assert says in words(browser.get("/settings/security"))


def test_the_app_is_asked_for_while_the_preferred_passkey_is_of_another_address(
    product: TestProduct,
) -> None:
    browser = signed_in(product)
    browser.enroll_app()
    assert enrol(browser, Authenticator(product.url)).status_code == 303
    (passkey,) = method_ids(browser.get("/settings/security"), "passkey")
    assert browser.post(f"/settings/security/method/{passkey}/default").status_code == 303
    browser.post("/sign-out")
    browser.sign_in()
    assert "Use your passkey" in words(browser.get("/sign-in/code"))
    meddle(product.database_url, "UPDATE passkeys SET rp_id = 'old.example.com'")
    page = words(browser.get("/sign-in/code"))
    assert "Use your passkey" not in page
    assert "Use passkey" in page  # still among the other ways


def test_no_button_is_dead_without_scripts(product: TestProduct) -> None:
    browser, _ = with_passkey(product)
    page = browser.get("/sign-in").text
    assert re.search(r"<button[^>]* hidden>Sign in with a passkey", page)
    browser.sign_in()
    page = browser.get("/sign-in/code").text
    assert re.search(r"<button[^>]* hidden>Use passkey", page)
    assert "Passkeys need JavaScript." in page
