"""Passkeys in Chromium with its own virtual authenticator: every way in, and every way to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Route, expect

from tests.support.chromium import watched
from tests.support.live import PASSWORD, LiveDemo


pytestmark = pytest.mark.browser
NEW = "/settings/security/passkey/new"
CLOSED = "You closed the window or it timed out. Try again when ready."
NO = "That passkey was not accepted. Try again, or use another way to sign in."


@dataclass
class Keys:
    """The virtual authenticators of one page. They answer only between `press` and `sign_out`."""

    cdp: CDPSession
    page: Page
    ids: list[str] = field(default_factory=list)

    def add(self, **options: Any) -> str:
        usual = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": False,
        }
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": usual | options})
        self.ids.append(made["authenticatorId"])
        return self.ids[-1]

    def press(self, name: str) -> None:
        """Press a button, and touch whatever lights up."""
        self.answer(at_once=True)
        self.page.get_by_role("button", name=name).click()

    def remove(self, key: str) -> None:
        self.ids.remove(key)
        self.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})

    def verifies(self, key: str, *, well: bool) -> None:
        options = {"authenticatorId": key, "isUserVerified": well}
        self.cdp.send("WebAuthn.setUserVerified", options)

    def answer(self, *, at_once: bool) -> None:
        for key in self.ids:
            options = {"authenticatorId": key, "enabled": at_once}
            self.cdp.send("WebAuthn.setAutomaticPresenceSimulation", options)

    def held(self, key: str) -> list[dict[str, Any]]:
        answer = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": key})
        return list(answer["credentials"])


@pytest.fixture
def context(browser: Browser, demo: LiveDemo) -> Iterator[BrowserContext]:
    with watched(browser, demo.url) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Without the offer in the user name's menu: a virtual authenticator takes it up unasked."""
    opened = context.new_page()
    opened.add_init_script(
        "if (!location.search.includes('next=%2Foffered') && window.PublicKeyCredential)"
        " PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
    )
    return opened


@pytest.fixture
def keys(context: BrowserContext, page: Page) -> Keys:
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    return Keys(cdp, page)


def give_password(page: Page) -> None:
    if not page.url.endswith("/sign-in"):
        page.goto("/sign-in")
    page.get_by_label("Username or e-mail").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: not url.endswith("/sign-in"))


def sign_out(page: Page, keys: Keys) -> None:
    keys.answer(at_once=False)
    page.request.post("/sign-out", headers={"origin": page.url.partition("/settings")[0]})
    page.goto("/sign-in")


def enrol(page: Page, keys: Keys) -> None:
    """Alice has a passkey as her only second step."""
    give_password(page)
    page.goto(NEW)
    keys.press("Create passkey")
    page.wait_for_url("**/settings/security/spare")


def session_of(page: Page) -> dict[str, Any]:
    session: dict[str, Any] = page.request.get("/api/session").json()
    return session


def change_options(page: Page, **changes: object) -> None:
    """Bend what the server asks the browser for."""

    def bend(route: Route) -> None:
        options = route.fetch().json()
        route.fulfill(json=options | changes)

    page.route("**/passkey/options", bend)


def test_enrol_and_use_as_the_second_step_without_typing(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    give_password(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Use your passkey")
    keys.press("Use passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, alice")
    assert session_of(page)["amr"] == ["pwd", "hwk", "mfa"]


def test_alone_by_the_button(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    keys.press("Sign in with a passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, alice")
    assert session_of(page)["amr"] == ["hwk", "user", "mfa"]


@pytest.mark.row("WAN-07")
def test_alone_from_the_user_names_menu(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    page.request.post("/sign-out", headers={"origin": page.url.partition("/settings")[0]})
    # Nothing is pressed: the virtual authenticator chooses the passkey that the menu offers.
    page.goto("/sign-in?next=%2Foffered", wait_until="commit")
    page.wait_for_url("**/offered")
    assert session_of(page)["amr"] == ["hwk", "user", "mfa"]


def test_it_confirms_a_change(page: Page, keys: Keys, demo: LiveDemo) -> None:
    keys.add()
    enrol(page, keys)
    demo.forward(660)
    page.goto("/settings/security/codes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    keys.press("Use passkey")
    page.wait_for_url("**/settings/security/codes")


def test_one_authenticator_has_one_passkey_and_another_may_have_its_own(
    page: Page, keys: Keys
) -> None:
    first = keys.add()
    enrol(page, keys)
    page.goto(NEW)
    keys.press("Create passkey")
    said = "This device already has a passkey for your account."
    expect(page.get_by_role("alert")).to_have_text(said)
    keys.remove(first)
    keys.add(transport="usb")
    keys.press("Create passkey")
    page.wait_for_url("**/rename")
    expect(page.get_by_role("heading", level=1)).to_have_text("Passkey added. Name it?")
    page.get_by_label("Name").fill("Key ring")
    page.get_by_role("button", name="Done").click()
    expect(page.locator('[data-method-kind="passkey"]')).to_have_count(2)


def test_a_user_who_is_not_verified_is_not_let_in(page: Page, keys: Keys) -> None:
    key = keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    keys.verifies(key, well=False)
    keys.press("Sign in with a passkey")
    expect(page.get_by_role("alert")).to_have_text(CLOSED)


def test_a_passkey_that_the_server_has_removed(page: Page, keys: Keys) -> None:
    key = keys.add()
    enrol(page, keys)
    (kept,) = keys.held(key)
    page.goto("/settings/security/disable")
    page.get_by_role("button", name="Disable").click()
    page.wait_for_url("**/settings/security")
    sign_out(page, keys)
    if not keys.held(key):  # the browser was told and took it away: another device may not be told
        options = {"authenticatorId": key, "credential": kept}
        keys.cdp.send("WebAuthn.addCredential", options)
    with page.expect_response("**/sign-in/passkey-only") as answered:
        keys.press("Sign in with a passkey")
    keys.answer(at_once=False)
    assert answered.value.status == 422
    expect(page.locator("main")).to_contain_text(NO)


def test_a_wrong_rp_id_names_the_address(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    give_password(page)
    change_options(page, rpId="example.com")
    keys.press("Use passkey")
    expect(page.get_by_role("alert")).to_have_text(
        "Passkeys are not set up correctly for this address (localhost)."
        " Tell your administrator: code PK-RP."
    )


def test_it_times_out_and_can_be_tried_again(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    give_password(page)
    change_options(page, timeout=300)
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("alert")).to_have_text(CLOSED)
    page.unroute("**/passkey/options")
    keys.press("Use passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, alice")


def test_every_failure_has_its_sentence(page: Page) -> None:
    sentences = {
        "NotAllowedError": CLOSED,
        "InvalidStateError": "This device already has a passkey for your account.",
        "NotSupportedError": "This device can't make the kind of passkey we need.",
        "SecurityError": "Passkeys are not set up correctly for this address (localhost).",
        "UnknownError": "That did not work. Try again, or use another way.",
        "AbortError": "",
    }
    give_password(page)
    page.goto(NEW)
    for name, says in sentences.items():
        page.evaluate(
            "(name) => { navigator.credentials.create = async () => { document.title = name;"
            " throw new DOMException('', name); } }",
            name,
        )
        page.get_by_role("button", name="Create passkey").click()
        expect(page).to_have_title(name)
        expect(page.get_by_role("alert")).to_contain_text(says)
        if not says:
            expect(page.get_by_role("alert")).to_be_empty()


def test_pressed_twice_it_asks_for_what_was_pressed(page: Page) -> None:
    """The first request is aborted, and the offer in the menu does not take the second one's place."""
    page.goto("/sign-in?next=%2Foffered")
    page.evaluate(
        """() => { window.asked = []; navigator.credentials.get = ({ mediation, signal }) =>
        new Promise((_, no) => { asked.push(signal); document.title = mediation ?? "pressed";
          signal.onabort = () => no(new DOMException("", "AbortError")); });
        const button = document.querySelector("form[data-alone] button");
        button.click(); button.click(); }"""
    )
    expect(page).to_have_title("pressed")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("asked.at(-1).aborted") is False
    expect(page).to_have_title("pressed")
    expect(page.locator("form[data-alone] [role=alert]")).to_be_empty()


def test_a_second_step_that_is_over_leads_back_to_the_password(page: Page, keys: Keys) -> None:
    keys.add()
    enrol(page, keys)
    sign_out(page, keys)
    give_password(page)
    page.request.post("/sign-out", headers={"origin": page.url.partition("/sign-in")[0]})
    keys.press("Use passkey")
    page.wait_for_url("**/sign-in")


def test_a_browser_without_passkeys_says_so(browser: Browser, demo: LiveDemo) -> None:
    with watched(browser, demo.url) as context:
        page = context.new_page()
        page.add_init_script("delete window.PublicKeyCredential")
        give_password(page)
        page.goto(NEW)
        expect(page.get_by_role("alert")).to_have_text(
            "This browser can't use passkeys. Use another way."
        )
        expect(page.get_by_role("button", name="Create passkey")).to_be_hidden()


def test_without_scripts_no_button_is_dead(browser: Browser, demo: LiveDemo) -> None:
    with watched(browser, demo.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/sign-in")
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        give_password(page)
        page.goto(NEW)
        expect(page.locator("noscript p")).to_contain_text("Passkeys need JavaScript.")


@pytest.mark.row("WAN-07")
def test_password_managers_are_told_what_still_works(page: Page, keys: Keys) -> None:
    key = keys.add()
    page.add_init_script(
        "window.told = [];"
        "for (const name of ['signalAllAcceptedCredentials', 'signalCurrentUserDetails'])"
        " PublicKeyCredential[name] = async (what) => { document.title = window.told.push([name, what]); };"
    )
    enrol(page, keys)
    # The first two carry it; the last asks for it, as every page does just after a sign-in.
    for path in ("/", "/settings/security", "/settings/profile"):
        page.goto(path)
        expect(page).to_have_title("2")
        (_, accepted), (_, named) = page.evaluate("window.told")
        assert len(accepted["allAcceptedCredentialIds"]) == len(keys.held(key)) == 1
        assert (accepted["rpId"], named["name"]) == ("localhost", "alice")
        assert json.dumps(accepted["userId"]) == json.dumps(named["userId"])
