"""Pages under /settings, the dashboard, Help and Privacy, as a browser sees them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2
import pytest

from tests.support.house import PASSWORD
from tests.support.product import (
    ENROLMENT,
    Browser,
    TestProduct,
    backup_codes,
    method_ids,
    open_test_product,
    problem,
    setup_uri,
    words,
)
from twostep.core.account import Role
from twostep.i18n import LANGUAGES
from twostep.web.pages.account.csv_cell import safe_cell
from twostep.web.routes import PAGES
from twostep.web.visit import Access, StepUp


SECURITY = "/settings/security"
CODES = f"{SECURITY}/codes"
NEW_PASSWORD = "four unrelated paper boats"
SHORT_PASSWORD = "seven owls"


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        opened.add_account()
        yield opened


@pytest.fixture
def alice(product: TestProduct) -> Browser:
    """Signed in, two-step sign-in off."""
    browser = product.browser()
    browser.sign_in()
    return browser


@pytest.fixture
def secured(alice: Browser) -> Browser:
    """Signed in, with one app."""
    alice.enroll_app()
    return alice


def with_second_browser(product: TestProduct, code: str) -> Browser:
    other = product.browser(network="203.0.113.5")
    other.sign_in()
    assert other.post("/sign-in/code", code=code).status_code == 303
    return other


# ── every page ──────────────────────────────────────────────────────────────────────────────────


def plain_pages() -> list[str]:
    return [page.path for page in PAGES if page.get and page.access in {Access.FULL, Access.ENROL} and "{" not in page.path]  # fmt: skip


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
def test_every_page_opens_in_every_language(tmp_path: Path, language: str) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account(language=language, role=Role.OPERATOR)  # who may see every page
        alice = product.browser()
        alice.sign_in()
        alice.enroll_app(name="Kitchen")
        alice.add_phone()
        alice.make_codes()
        for path in [*plain_pages(), "/help", "/privacy"]:
            answer = alice.get(path)
            if answer.status_code not in {204, 303}:  # 204: scripts are told that there is nothing
                assert answer.status_code == 200, path
                if answer.headers["content-type"].startswith("text/html"):
                    assert f'<html lang="{language}"' in answer.text


def test_without_a_session_every_page_leads_to_the_sign_in(product: TestProduct) -> None:
    nobody = product.browser()
    for path in plain_pages():
        answer = nobody.get(path)
        if path.startswith("/api/"):
            assert answer.status_code == 401
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next=/"), path


def test_half_a_session_opens_none_of_them(product: TestProduct, secured: Browser) -> None:
    half = product.browser()
    half.sign_in()
    for path in plain_pages():
        if not path.startswith("/api/"):
            assert half.get(path).headers["location"] == "/sign-in/code", path


def test_forms_from_elsewhere_are_refused(product: TestProduct, secured: Browser) -> None:
    foreign = {"origin": "https://evil.example"}
    for page in PAGES:
        if page.post and not page.signed and "{" not in page.path:
            answer = product.run(secured.send("POST", page.path, fields={}, headers=foreign))
            assert answer.status_code == 403, page.path
    assert method_ids(secured.get(SECURITY), "app")


# ── the wizard ──────────────────────────────────────────────────────────────────────────────────


def test_reload_second_tab_and_a_wrong_code_keep_the_key(
    product: TestProduct, alice: Browser
) -> None:
    page = alice.get(ENROLMENT)
    assert setup_uri(alice.get(ENROLMENT)) == setup_uri(page)
    entry = product.scan(page)
    answer = alice.post(ENROLMENT, code="000000" if entry.code() != "000000" else "111111")
    assert answer.status_code == 422
    assert "not the code we expected" in problem(answer)
    assert setup_uri(answer) == setup_uri(page)
    assert alice.post(ENROLMENT, code=entry.code()).status_code == 303


def test_the_first_code_turns_it_on_and_changes_the_cookie(
    product: TestProduct, alice: Browser
) -> None:
    old = dict(alice.jar)
    entry = product.scan(alice.get(ENROLMENT))
    answer = alice.post(ENROLMENT, code=entry.code())
    assert answer.headers["location"] == f"{SECURITY}/spare"
    assert alice.get("/api/session").json()["aal"] == "aal2"
    thief = product.browser()
    thief.jar.update(old)
    assert thief.get("/api/session").status_code == 401
    assert "Now add another way to sign in" in words(alice.get(f"{SECURITY}/spare"))


def entry_name(page: httpx2.Response) -> str:
    """What the app will call the entry."""
    return unquote(urlsplit(setup_uri(page)).path).partition(":")[2]


def test_each_app_of_each_account_has_an_entry_of_its_own(
    product: TestProduct, alice: Browser
) -> None:
    names = [entry_name(alice.get(ENROLMENT))]
    alice.enroll_app()
    names.append(entry_name(alice.get(ENROLMENT)))
    product.clock.forward(30)
    alice.enroll_app()
    first, _ = method_ids(alice.get(SECURITY), "app")
    assert alice.post(f"{SECURITY}/method/{first}/remove").status_code == 303
    names.append(entry_name(alice.get(ENROLMENT)))
    assert names == ["alice", "alice 2", "alice 3"]
    for name in ("李雷", "韩梅梅"):
        product.add_account(name)
        browser = product.browser(network=f"203.0.113.{len(names)}")
        browser.sign_in(name)
        page = browser.get(ENROLMENT)
        names.append(entry_name(page))
        refused = browser.post(ENROLMENT, code="000000")
        assert f"“Example Panel ({names[-1]})”" in problem(refused)
    assert len(set(names)) == 5


def test_the_code_of_the_old_entry_is_called_that_and_is_used_up(
    product: TestProduct, alice: Browser
) -> None:
    old = alice.enroll_app()
    product.clock.forward(60)
    new = product.scan(alice.get(ENROLMENT))
    shown = old.code()
    answer = alice.post(ENROLMENT, code=shown)
    assert (answer.status_code, "code of your old entry" in problem(answer)) == (422, True)
    other = product.browser(network="203.0.113.5")
    other.sign_in()
    answer = other.post("/sign-in/code", code=shown)
    assert (answer.status_code, "already used" in problem(answer)) == (422, True)
    assert alice.post(ENROLMENT, code=new.code()).status_code == 303


def test_a_slow_phone_is_told_so(product: TestProduct, alice: Browser) -> None:
    entry = product.scan(alice.get(ENROLMENT))
    answer = alice.post(ENROLMENT, code=entry.code(steps=-8))
    assert answer.status_code == 422
    assert "about 4 minutes slow" in problem(answer)


def test_an_expired_code_is_replaced_by_its_button_only(
    product: TestProduct, alice: Browser
) -> None:
    page = alice.get(ENROLMENT)
    entry = product.scan(page)
    product.clock.forward(901)
    alice.post("/confirm", r=ENROLMENT, password=PASSWORD)
    expired = alice.get(ENROLMENT)
    assert "This QR code has expired" in words(expired)
    assert "otpauth:" not in expired.text
    assert alice.post(ENROLMENT, code=entry.code()).status_code == 422
    assert alice.post(ENROLMENT, replace="1").status_code == 303
    assert setup_uri(alice.get(ENROLMENT)) != setup_uri(page)


@pytest.mark.row("IOP-03")
def test_the_picture_has_a_quiet_zone_and_every_module(alice: Browser) -> None:
    page = alice.get(ENROLMENT).text
    svg = re.search(r'<svg viewBox="0 0 (\d+) \1"><path stroke="#000" d="([^"]+)"/></svg>', page)
    assert svg is not None
    size, strokes = int(svg[1]), re.findall(r"M(\d+) (\d+)\.5h(\d+)", svg[2])
    assert (size - 8 - 17) % 4 == 0
    dark = {(int(x) + n, int(y)) for x, y, length in strokes for n in range(int(length))}
    assert min(x for x, _ in dark) == min(y for _, y in dark) == 4
    assert max(x for x, _ in dark) == max(y for _, y in dark) == size - 5
    corner = [(x, y) in dark for y in range(4, 11) for x in range(4, 11)]
    assert sum(corner) == 33  # a finder pattern: 24 around, 9 inside


@pytest.mark.row("ENR-02")
def test_another_app_has_a_name_and_five_are_enough(product: TestProduct, secured: Browser) -> None:
    for number in range(2, 6):
        entry = product.scan(secured.get(ENROLMENT))
        answer = secured.post(ENROLMENT, code=entry.code(), name=f"Tablet {number}")
        assert answer.headers["location"] == SECURITY
    page = secured.get(SECURITY)
    assert len(method_ids(page, "app")) == 5
    assert "Tablet 5" in words(page)
    assert "Add authenticator app" not in words(page)
    assert secured.get(ENROLMENT).status_code == 422


def test_a_long_name_is_refused_and_kept(product: TestProduct, secured: Browser) -> None:
    entry = product.scan(secured.get(ENROLMENT))
    answer = secured.post(ENROLMENT, code=entry.code(), name="x" * 61)
    assert answer.status_code == 422
    assert 'value="' + "x" * 61 in answer.text
    assert entry.code() not in answer.text.replace(setup_uri(answer), "")


# ── a backup phone ──────────────────────────────────────────────────────────────────────────────


def test_a_phone_needs_an_app_first(alice: Browser) -> None:
    form = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}
    for answer in (alice.get(f"{SECURITY}/phone/new"), alice.post(f"{SECURITY}/phone/new", **form)):
        assert answer.status_code == 422
        assert "Set up an authenticator app or a passkey first" in words(answer)


def test_a_number_is_confirmed_by_its_code(product: TestProduct, secured: Browser) -> None:
    answer = secured.post(
        f"{SECURITY}/phone/new", country="US", number="(202) 555-0100", channel="sms"
    )
    assert answer.headers["location"] == f"{SECURITY}/phone/confirm"
    page = secured.get(f"{SECURITY}/phone/confirm")
    assert 'data-delivery-state="queued"' in page.text
    assert "+1 202-555-0100 (United States)" in words(page).replace("\N{NO-BREAK SPACE}", " ")
    code = product.newest_code()
    status = secured.get(f"{SECURITY}/phone/status").json()
    assert (status["state"], status["sentence"]) == (
        "accepted",
        "Accepted by the network 16:00 UTC.",
    )
    refused = secured.post(
        f"{SECURITY}/phone/confirm", code="000000" if code != "000000" else "111111"
    )
    assert refused.status_code == 422
    assert "4 tries left" in problem(refused)
    answer = secured.post(f"{SECURITY}/phone/confirm", code=code)
    assert answer.headers["location"] == SECURITY
    page = secured.get(SECURITY)
    assert "number ending 00 can now receive codes" in words(page)
    assert len(method_ids(page, "phone")) == 1
    assert "555-0100" not in page.text


def test_a_refused_number_is_kept_beside_its_error(secured: Browser) -> None:
    answer = secured.post(f"{SECURITY}/phone/new", country="FR", number="01 23", channel="sms")
    assert answer.status_code == 422
    assert problem(answer) == "That number is too short."
    assert 'value="01 23"' in answer.text
    assert re.search(r'<option value="FR" data-example="06 12 34 56 78" selected>', answer.text)


def test_asking_again_too_soon_says_when(product: TestProduct, secured: Browser) -> None:
    form = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}
    secured.post(f"{SECURITY}/phone/new", **form)
    answer = secured.post(f"{SECURITY}/phone/resend", channel="call")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    product.clock.forward(60)
    assert secured.post(f"{SECURITY}/phone/resend", channel="call").status_code == 303
    assert "We are calling" in words(secured.get(f"{SECURITY}/phone/confirm"))


def test_another_number_need_not_wait_for_the_first_but_the_same_one_must(
    product: TestProduct, secured: Browser
) -> None:
    secured.add_phone("(202) 555-0100")
    secured.add_phone("(202) 555-0101")
    form = {"country": "US", "number": "(202) 555-0102", "channel": "sms"}
    assert secured.post(f"{SECURITY}/phone/new", **form).status_code == 303
    # Typed again under "Wrong number? Change it", it is the same attempt.
    again = secured.post(f"{SECURITY}/phone/new", **form)
    assert again.status_code == 429
    assert 0 < int(again.headers["retry-after"]) <= 30
    product.clock.forward(30)
    assert secured.post(f"{SECURITY}/phone/new", **form).status_code == 303
    answer = secured.post(f"{SECURITY}/phone/resend", channel="sms")
    assert 30 < int(answer.headers["retry-after"]) <= 60


def test_without_a_number_there_is_nothing_to_confirm(secured: Browser) -> None:
    page = secured.get(f"{SECURITY}/phone/confirm")
    assert page.headers["location"] == f"{SECURITY}/phone/new"
    assert secured.post(f"{SECURITY}/phone/confirm", code="123456").status_code == 404
    assert secured.post(f"{SECURITY}/phone/resend", channel="sms").status_code == 404


def test_without_phones_every_route_for_them_is_gone(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__phones=False) as product:
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        alice.enroll_app()
        for page in PAGES:
            if page.phones and "{" not in page.path:
                answer = alice.get(page.path) if page.get else alice.post(page.path)
                assert answer.status_code == 404, page.path
        assert "Add phone number" not in words(alice.get(SECURITY))
        assert "Add a backup phone" not in words(alice.get("/help"))


# ── backup codes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("BKP-01")
def test_codes_are_shown_until_one_was_typed_back(product: TestProduct, secured: Browser) -> None:
    assert secured.post(CODES).headers["location"] == CODES
    page = secured.get(CODES)
    codes = backup_codes(page)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){2}", code) for code in codes)
    assert "You have not checked" in words(secured.get(SECURITY))
    refused = secured.post(CODES, proof="00000-00000-00000")
    assert refused.status_code == 422
    # Put away while they are asked for, and not lost.
    assert backup_codes(refused) == []
    assert backup_codes(secured.get(CODES)) == codes
    assert secured.post(CODES, proof="").status_code == 422
    typed = codes[3].lower().replace("-", " ")
    assert secured.post(CODES, proof=typed).headers["location"] == SECURITY
    assert backup_codes(secured.get(CODES)) == []
    assert "10 of 10 left" in words(secured.get(CODES))
    assert "You have not checked" not in words(secured.get(SECURITY))


def test_codes_are_shown_for_ten_minutes_to_one_session(
    product: TestProduct, alice: Browser
) -> None:
    entry = alice.enroll_app()
    other = with_second_browser(product, entry.next_code())
    alice.post(CODES)
    assert len(backup_codes(alice.get(CODES))) == 10
    assert backup_codes(other.get(CODES)) == []
    product.clock.forward(599)
    alice.post("/confirm", r=CODES, code=entry.code())
    assert len(backup_codes(alice.get(CODES))) == 10
    product.clock.forward(1)
    assert backup_codes(alice.get(CODES)) == []


@pytest.mark.row("BKP-08")
def test_the_download_says_whose_codes_they_are(secured: Browser) -> None:
    secured.post(CODES)
    page = secured.get(CODES)
    download = re.search(
        r'href="data:text/plain;charset=utf-8,([^"]+)" download="([^"]+)"', page.text
    )
    assert download is not None
    text = unquote(download[1])
    assert download[2] == "example-panel-backup-codes-alice-2025-11-24.txt"
    for line in ("Example Panel – backup codes", "Username: alice", "https://panel.example.com"):
        assert line in text
    assert re.findall(r"^ ?(\d+)\. (\S+)$", text, re.MULTILINE) == [
        (str(number), code) for number, code in enumerate(backup_codes(page), start=1)
    ]


def test_a_new_set_kills_the_old_one(secured: Browser) -> None:
    old = secured.make_codes()
    secured.post(CODES)
    assert not set(backup_codes(secured.get(CODES))) & set(old)
    assert secured.post(CODES, proof=old[0]).status_code == 422


def test_wrong_proofs_lead_to_a_wait(secured: Browser) -> None:
    secured.post(CODES)
    code = backup_codes(secured.get(CODES))[0]
    answers = [secured.post(CODES, proof="00000-00000-00000") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert "until" in problem(answers[4])
    assert int(answers[5].headers["retry-after"]) > 0
    assert secured.post(CODES, proof=code).status_code == 429
    assert secured.get(CODES).status_code == 200


# ── one way to sign in ──────────────────────────────────────────────────────────────────────────


def test_the_last_app_stays(secured: Browser) -> None:
    secured.add_phone()
    [app] = method_ids(secured.get(SECURITY), "app")
    path = f"{SECURITY}/method/{app}/remove"
    assert "This is your last app" in words(secured.get(path))
    assert secured.post(path).status_code == 422
    assert method_ids(secured.get(SECURITY), "app") == [app]


def test_removal_says_what_stays(product: TestProduct, secured: Browser) -> None:
    phone = secured.add_phone()
    secured.make_codes()
    path = f"{SECURITY}/method/{phone}/remove"
    said = words(secured.get(path))
    assert "You will still have: Authenticator app – added 24 Nov 2025 10 backup codes" in said
    assert secured.post(path).headers["location"] == SECURITY
    assert method_ids(secured.get(SECURITY), "phone") == []
    assert "was removed" in product.mails()[-1].text


def test_a_name_and_the_first_way_can_be_changed(secured: Browser) -> None:
    phone = secured.add_phone()
    [app] = method_ids(secured.get(SECURITY), "app")
    long = secured.post(f"{SECURITY}/method/{app}/rename", name="y" * 61)
    assert long.status_code == 422
    assert secured.post(f"{SECURITY}/method/{app}/rename", name=" Kitchen ").status_code == 303
    assert "Kitchen Default" in words(secured.get(SECURITY))
    assert secured.post(f"{SECURITY}/method/{phone}/default").status_code == 303
    assert "number ending 00 Default" in words(secured.get(SECURITY))
    assert secured.post(f"{SECURITY}/method/{phone}/rename", name="x").status_code == 404


def test_somebody_elses_things_are_not_found(product: TestProduct, secured: Browser) -> None:
    [app] = method_ids(secured.get(SECURITY), "app")
    phone = secured.add_phone()
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    bob.enroll_app()
    for method in (app, phone):
        for act in ("remove", "rename", "default"):
            path = f"{SECURITY}/method/{method}/{act}"
            assert bob.get(path).status_code == 404, path
            assert bob.post(path, name="Mine").status_code == 404, path
    assert method_ids(secured.get(SECURITY), "app") == [app]


# ── turning it off ──────────────────────────────────────────────────────────────────────────────


def test_turning_it_off_wipes_everything(product: TestProduct, alice: Browser) -> None:
    alice.enroll_app()
    alice.add_phone()
    alice.make_codes()
    said = words(alice.get(f"{SECURITY}/disable"))
    assert "1 authenticator app 1 backup phone 10 backup codes" in said
    assert alice.post(f"{SECURITY}/disable").headers["location"] == SECURITY
    page = alice.get(SECURITY)
    assert "is off" in words(page)
    assert "data-method-id" not in page.text
    again = product.browser()
    assert again.sign_in().headers["location"] == "/"


def test_policy_keeps_it_on(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__require_two_step="all") as product:
        product.add_account()
        alice = product.browser()
        assert alice.sign_in().headers["location"] == ENROLMENT
        assert alice.get("/settings").headers["location"] == ENROLMENT
        alice.enroll_app()
        assert "Your organisation requires" in words(alice.get(SECURITY))
        assert alice.get(f"{SECURITY}/disable").status_code == 422
        assert alice.post(f"{SECURITY}/disable").status_code == 422
        assert method_ids(alice.get(SECURITY), "app")


def test_a_short_password_is_replaced_when_it_stands_alone(
    product: TestProduct, alice: Browser
) -> None:
    alice.enroll_app()
    answer = alice.post(
        "/settings/password", current_password=PASSWORD, new_password=SHORT_PASSWORD
    )
    assert answer.status_code == 303
    assert "On its own it needs 15 characters" in words(alice.get(f"{SECURITY}/disable"))
    refused = alice.post(f"{SECURITY}/disable", new_password="still short")
    assert refused.status_code == 422
    assert "15" in problem(refused)
    assert "still short" not in refused.text
    assert alice.post(f"{SECURITY}/disable", new_password=NEW_PASSWORD).status_code == 303
    again = product.browser()
    assert again.sign_in(password=SHORT_PASSWORD).status_code == 422
    assert again.sign_in(password=NEW_PASSWORD).headers["location"] == "/"


# ── sessions, password, profile, addresses ──────────────────────────────────────────────────────


@pytest.mark.row("SES-06")
def test_other_sessions_are_ended_one_by_one_or_together(
    product: TestProduct, alice: Browser
) -> None:
    entry = alice.enroll_app()
    second = with_second_browser(product, entry.next_code())
    page = alice.get("/settings/sessions")
    assert "You have changed how you sign in" in words(page)
    assert "sign out everywhere else too" in words(alice.get(SECURITY))
    [session_id] = re.findall(r"/settings/sessions/([\w-]+)/end\"", page.text)
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    assert bob.post(f"/settings/sessions/{session_id}/end").status_code == 404
    assert second.get("/api/session").status_code == 200
    assert alice.post(f"/settings/sessions/{session_id}/end").status_code == 303
    assert second.get("/api/session").status_code == 401
    half = product.browser()
    half.sign_in()
    assert alice.post("/settings/sessions/end-others").status_code == 303
    assert half.get("/sign-in/code").headers["location"].startswith("/sign-in")
    assert alice.get("/api/session").status_code == 200


def test_a_new_password_ends_the_other_sessions(product: TestProduct, alice: Browser) -> None:
    other = product.browser()
    other.sign_in()
    form = {"current_password": "not it at all, no", "new_password": NEW_PASSWORD}
    refused = alice.post("/settings/password", **form)
    assert refused.status_code == 422
    assert problem(refused).startswith("That is not your current password.")
    assert NEW_PASSWORD not in refused.text
    form["current_password"] = PASSWORD
    short = alice.post("/settings/password", **form | {"new_password": "seven owls"})
    assert problem(short) == "Use at least 15 characters."
    assert alice.post("/settings/password", **form).headers["location"] == "/settings"
    assert other.get("/api/session").status_code == 401
    assert "signed you out everywhere else" in words(alice.get("/settings"))


def test_the_language_changes_at_once(alice: Browser) -> None:
    answer = alice.post("/settings/profile", language="de", time_zone="Europe/Berlin")
    assert answer.status_code == 303
    page = alice.get("/settings/profile").text
    assert '<html lang="de"' in page
    assert '<option value="Europe/Berlin" selected>Berlin (UTC+1)</option>' in page
    refused = alice.post("/settings/profile", language="de", time_zone="Moon/Crater")
    assert refused.status_code == 422
    assert alice.post("/settings/profile", language="xx", time_zone="UTC").status_code == 422


def test_an_address_counts_once_its_link_was_opened(product: TestProduct, alice: Browser) -> None:
    assert alice.post("/settings/emails", email="nonsense").status_code == 422
    assert alice.post("/settings/emails", email="alice@home.example").status_code == 303
    assert "Not confirmed yet" in words(alice.get("/settings/emails"))
    link = product.newest_link("/settings/emails/confirm/")
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    assert bob.get(link).status_code == 404
    assert bob.post(link).status_code == 422
    assert "alice@home.example" in words(alice.get(link))
    assert "Not confirmed yet" in words(alice.get("/settings/emails"))
    assert alice.post(link).headers["location"] == "/settings/emails"
    assert alice.post(link).status_code == 422
    page = alice.get("/settings/emails")
    ids = re.findall(r"/settings/emails/([\w-]+)/remove", page.text)
    assert len(ids) == 2
    assert bob.post(f"/settings/emails/{ids[0]}/remove").status_code == 404
    assert alice.post(f"/settings/emails/{ids[0]}/remove").status_code == 303
    last = alice.post(f"/settings/emails/{ids[1]}/remove")
    assert last.status_code == 422
    assert "your last confirmed address" in problem(last)


# ── step-up ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("BKP-05")
def test_changes_ask_for_a_fresh_proof_and_keep_the_form(
    product: TestProduct, alice: Browser
) -> None:
    entry = alice.enroll_app()
    product.clock.forward(600)
    for page in PAGES:
        if page.step_up is not StepUp.NO and page.get and "{" not in page.path:
            assert alice.get(page.path).headers["location"] == f"/confirm?r={page.path}"
    late = alice.post(f"{SECURITY}/disable")
    kept = late.headers["location"].removeprefix("/confirm?r=")
    assert method_ids(alice.get(SECURITY), "app")
    answer = alice.post("/confirm", r=kept, code=entry.code())
    assert answer.headers["location"] == SECURITY
    assert "is off" in words(alice.get(SECURITY))


def test_a_late_password_form_is_not_kept(product: TestProduct, secured: Browser) -> None:
    product.clock.forward(600)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = secured.post("/settings/password", **form)
    assert answer.headers["location"] == "/confirm?r=/settings/password"


def test_a_kept_form_holds_no_password(product: TestProduct, alice: Browser) -> None:
    entry = alice.enroll_app()
    alice.post("/settings/password", current_password=PASSWORD, new_password=SHORT_PASSWORD)
    product.clock.forward(600)
    late = alice.post(f"{SECURITY}/disable", new_password=NEW_PASSWORD)
    kept = late.headers["location"].removeprefix("/confirm?r=")
    answer = alice.post("/confirm", r=kept, code=entry.code())
    assert answer.status_code == 422
    assert "Use at least 15 characters." in problem(answer)


# ── what stays on top ───────────────────────────────────────────────────────────────────────────


def test_one_way_in_is_warned_of_until_there_are_two(secured: Browser) -> None:
    warning = "You have only one way to sign in"
    for path in ("/", "/settings", SECURITY):
        assert warning in words(secured.get(path)), path
    secured.make_codes()
    for path in ("/", "/settings", SECURITY):
        assert warning not in words(secured.get(path)), path


def test_what_was_done_is_said_once(secured: Browser) -> None:
    said = "Your new authenticator app works."
    assert said in words(secured.get(f"{SECURITY}/spare"))
    assert said not in words(secured.get(f"{SECURITY}/spare"))


# ── history ─────────────────────────────────────────────────────────────────────────────────────


def test_the_history_is_filtered_and_paged(alice: Browser) -> None:
    for _ in range(30):
        alice.post("/settings/profile", language="de", time_zone="UTC")
        alice.post("/settings/profile", language="en", time_zone="UTC")
    page = alice.get("/settings/activity")
    assert page.text.count("Language or time zone was changed.") == 50
    older = re.search(r'href="(/settings/activity\?before=\d+)"', page.text)
    assert older is not None
    page = alice.get(older[1])
    assert page.text.count("Language or time zone was changed.") == 10
    assert 'href="/settings/activity"' in page.text
    only = words(alice.get("/settings/activity?only=sign_in"))
    assert "Signed in with the password" in only
    assert "Language or time zone" not in only
    assert alice.get("/settings/activity?only=%22&before=-1").status_code == 200


def test_the_table_holds_every_event(alice: Browser) -> None:
    alice.enroll_app(name='=HYPERLINK("x")')
    answer = alice.get("/settings/activity.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="example-panel-activity-alice-2025-11-24.csv"' in str(
        answer.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["event"] for row in rows][:2] == ["two_step.enabled", "app.added"]
    assert rows[-1]["event"] == "account.created"
    assert rows[0]["time"] == "2025-11-24T16:00:00Z"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(f"x{text}") == f"x{text}"


# ── backup phones ───────────────────────────────────────────────────────────────────────────────


def test_a_number_of_the_neighbours_is_named_with_one_button(
    product: TestProduct, alice: Browser
) -> None:
    alice.enroll_app()
    form = {"country": "US", "number": "(506) 234-5678", "channel": "sms"}
    refused = alice.post(f"{SECURITY}/phone/new", **form)
    assert (refused.status_code, "That is a number in Canada." in problem(refused)) == (422, True)
    assert '<button name="other_country" value="CA">' in refused.text
    accepted = alice.post(f"{SECURITY}/phone/new", **form, other_country="CA")
    assert accepted.headers["location"] == f"{SECURITY}/phone/confirm"
    assert "+1 506-234-5678" in words(alice.get(f"{SECURITY}/phone/confirm"))


def test_country_and_example_follow_a_number_that_names_its_own(alice: Browser) -> None:
    alice.enroll_app()
    form = {"country": "US", "number": "+44 740", "channel": "sms"}
    refused = alice.post(f"{SECURITY}/phone/new", **form)
    assert problem(refused).endswith("That number is too short.")
    assert re.search(r'<option value="GB" data-example="07400 123456" selected>', refused.text)
    assert "07400 123456" in words(refused)


def test_an_internet_line_is_called_that(alice: Browser) -> None:
    alice.enroll_app()
    form = {"country": "FR", "number": "09 72 12 34 56", "channel": "call"}
    assert "That is an internet line" in problem(alice.post(f"{SECURITY}/phone/new", **form))


def test_downloads_of_two_accounts_have_two_names(product: TestProduct) -> None:
    names = []
    for number, name in enumerate(("李雷", "韩梅梅", "bob")):
        product.add_account(name)
        browser = product.browser(network=f"203.0.113.{number}")
        browser.sign_in(name)
        names.append(browser.get("/settings/activity.csv").headers["content-disposition"])
    assert len(set(names)) == 3
    assert "activity-bob-" in names[2]
