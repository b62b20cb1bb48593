"""A tour through every page and every state that a person can reach, in any language.

Pages are found by their addresses and fields by their ids, so that the tour walks in German and Arabic
as well. Each stop is yielded by name while its page stands in the browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import Page, Response

from tests.support.live import OPERATOR_PASSWORD, PASSWORD, LiveDemo


SECURITY = "/settings/security"
WIZARD = f"{SECURITY}/app/new"
NUMBER = "(202) 555-0142"
SEND = """async ([path, fields]) => {
  const sent = { method: "POST", body: new URLSearchParams(fields), redirect: "manual" };
  return (await fetch(path, sent)).status;
}"""
WRONG_BACKUP_CODE = "00000-00000-00000"


class Tour:
    """`stops` yields the names. A stop whose status is not what it should be raises."""

    def __init__(self, page: Page, demo: LiveDemo) -> None:
        self.page = page
        self.demo = demo
        self.uri = ""
        self.codes: list[str] = []
        self.texts = 0

    def stops(self) -> Iterator[str]:
        """Every stop, in the order of somebody's first days with the product."""
        yield from self._signed_out()
        yield from self._off()
        yield from self._wizard()
        yield from self._phone()
        yield from self._codes()
        yield from self._methods()
        yield from self._settings()
        yield from self._step_up()
        yield from self._second_step()
        yield from self._links()
        yield from self._operator()
        yield from self._fake_phone()

    # ── how it moves ────────────────────────────────────────────────────────────────────────────

    def _go(self, path: str, status: int = 200) -> None:
        response = self.page.goto(path)
        self._expect(response, status)

    def _send(self, action: str, status: int = 200, /, **fields: str) -> None:
        """Fill fields by name and press the form's first button."""
        form = self.page.locator(f'main form[action="{action}"]:has(button)').first
        for name, text in fields.items():
            control = form.locator(f'[name="{name}"]:not([type=hidden])').first
            if control.evaluate("one => one.tagName") == "SELECT":
                control.select_option(text)
            else:
                control.fill(text)
        with self.page.expect_navigation() as arrived:
            form.locator("button:not([type=button])").first.click()
        self._expect(arrived.value, status)

    def _expect(self, response: Response | None, status: int) -> None:
        assert response is not None
        assert response.status == status, f"{response.status} at {response.url}"

    def _post(self, path: str, **fields: str) -> None:
        """Send a form without showing its answer, with this window's cookies."""
        status = self.page.evaluate(SEND, [path, fields])
        assert status < 500

    def _wrong(self) -> str:
        """A code that is wrong now."""
        return "000000" if self.demo.app_code(self.uri) != "000000" else "111111"

    def _text(self) -> str:
        self.texts += 1
        return str(self.demo.wait_for("sms", count=self.texts)["code"])

    def _sign_out(self) -> None:
        self._post("/sign-out")

    def _sign_in(self, status: int = 200) -> None:
        self._go("/sign-in")
        self._send("/sign-in", status, username="alice", password=PASSWORD)

    # ── stops ───────────────────────────────────────────────────────────────────────────────────

    def _signed_out(self) -> Iterator[str]:
        self._go("/sign-in?next=/settings")
        yield "sign-in"
        self._send("/sign-in", 422, username="alice", password="not the password")
        yield "sign-in-wrong"
        self._go("/sign-in/help")
        yield "sign-in-help"
        self._go("/forgot-password")
        yield "forgot-password"
        self._send("/forgot-password", username="alice")
        yield "forgot-password-sent"
        for path, name in (("/help", "help"), ("/privacy", "privacy")):
            self._go(path)
            yield name
        self._go("/nothing-here", 404)
        yield "not-found"
        for _ in range(11):
            self._post("/sign-in", username="nobody", password="not the password")
        self._go("/sign-in")
        self._send("/sign-in", 429, username="nobody", password="not the password")
        yield "sign-in-throttled"

    def _off(self) -> Iterator[str]:
        self._sign_in()
        yield "dashboard-off"
        self.page.locator("details.menu summary").click()
        yield "menu"
        for path, name in (("/settings", "settings-off"), (SECURITY, "security-off")):
            self._go(path)
            yield name

    def _wizard(self) -> Iterator[str]:
        self._go(WIZARD)
        self.uri = str(self.page.locator('a[href^="otpauth:"]').get_attribute("href"))
        yield "wizard"
        self._send(WIZARD, 422, code=self._wrong())
        yield "wizard-wrong"
        self._send(WIZARD, 422, code="12345")
        yield "wizard-short"
        slow = self.demo.app_code_at(self.uri, seconds=-240)
        self._send(WIZARD, 422, code=slow)
        yield "wizard-clock"
        self._send(WIZARD, code=self.demo.app_code(self.uri))
        yield "spare"
        self._go(SECURITY)
        yield "security-one-way"

    def _phone(self) -> Iterator[str]:
        new, confirm = f"{SECURITY}/phone/new", f"{SECURITY}/phone/confirm"
        self._go(new)
        yield "phone-new"
        self._send(new, 422, country="FR", number="01 23")
        yield "phone-new-short"
        self._send(new, country="US", number=NUMBER)
        yield "phone-confirm"
        code = self._text()
        self._send(confirm, 422, code="000000" if code != "000000" else "111111")
        yield "phone-confirm-wrong"
        self._send(confirm, code=code)
        yield "security-phone-added"

    def _codes(self) -> Iterator[str]:
        path = f"{SECURITY}/codes"
        self._go(path)
        yield "codes-none"
        self._send(path)
        marked = self.page.locator("[data-backup-code]").all()
        self.codes = [str(element.get_attribute("data-backup-code")) for element in marked]
        yield "codes"
        self._go(f"{path}?check=1")
        yield "codes-check-saved"
        self._send(path, 422, proof=WRONG_BACKUP_CODE)
        yield "codes-wrong"
        self._send(path, proof=self.codes[0])
        yield "security-on"
        self._go(path)
        yield "codes-replace"
        self._go(f"{path}/check")
        yield "codes-check"

    def _methods(self) -> Iterator[str]:
        self._go(f"{SECURITY}/passkey/new")
        yield "passkey-new"
        self._go(SECURITY)
        ids = {
            str(element.get_attribute("data-method-kind")): element.get_attribute("data-method-id")
            for element in self.page.locator("[data-method-id]").all()
        }
        for kind, act in (
            ("app", "rename"),
            ("app", "remove"),
            ("phone", "remove"),
            ("phone", "default"),
        ):
            self._go(f"{SECURITY}/method/{ids[kind]}/{act}")
            yield f"{act}-{kind}"
        self._go(WIZARD)
        yield "wizard-another"
        self._go(f"{SECURITY}/passkey/new")
        yield "passkey-new"
        self._go(f"{SECURITY}/spare")
        yield "spare-done"
        self._go(f"{SECURITY}/disable")
        yield "disable"

    def _settings(self) -> Iterator[str]:
        self._go("/")
        yield "dashboard-on"
        for name in ("", "/profile", "/sessions", "/activity"):
            self._go(f"/settings{name}")
            yield f"settings{name}".replace("/", "-")
        self._go(str(self.page.locator('a[href$="/not-me"]').first.get_attribute("href")))
        yield "not-me-own"
        self._go("/settings/emails")
        yield "emails"
        self._send("/settings/emails", email="alice@second.example")
        yield "emails-added"
        self._send("/settings/emails", 422, email="not an address")
        yield "emails-wrong"
        self._go("/settings/password")
        yield "password"
        self._send("/settings/password", 422, current_password="wrong", new_password="short")
        yield "password-wrong"

    def _step_up(self) -> Iterator[str]:
        self.demo.forward(660)
        self._go(f"{SECURITY}/codes")
        assert "/confirm?r=" in self.page.url
        yield "confirm"
        self._send("/confirm", 422, code=self._wrong())
        yield "confirm-wrong"
        self.demo.forward(300)
        self._send("/confirm", code=self.demo.app_code(self.uri))
        assert self.page.url.endswith("/codes")
        self._go(WIZARD)
        yield "wizard-expired"

    def _second_step(self) -> Iterator[str]:
        self._sign_out()
        self._sign_in()
        yield "code-app"
        for number in (1, 2):
            self._send("/sign-in/code", 422, code=self._wrong())
            yield f"code-wrong-{number}"
        self._go("/sign-in/code?way=codes")
        yield "code-backup"
        self._send("/sign-in/code", 422, code=WRONG_BACKUP_CODE)
        yield "code-backup-wrong"
        self._go("/sign-in/code")
        self._send("/sign-in/send")
        yield "code-text"
        self.demo.forward(40)
        self.page.locator("main form:has([name=channel][value=call]) button").first.click()
        self.page.wait_for_load_state()
        yield "code-call"
        for _ in range(3):
            self._post("/sign-in/code", code=self._wrong())
        self._go("/sign-in/code")
        yield "code-throttled"
        self._go("/sign-in/help")
        yield "code-help"

    def _links(self) -> Iterator[str]:
        links = {}
        for mail in reversed(self.demo.messages("email")):
            for link in re.findall(rf"{re.escape(self.demo.url)}(/\S+)", mail["text"]):
                links[re.sub(r"/[\w-]{20,}.*", "", link)] = link
        for name in ("/not-me", "/reset-password"):
            self._go(links[name])
            yield name[1:]
        self._go("/not-me/" + "A" * 43, 404)
        yield "link-dead"

    def _operator(self) -> Iterator[str]:
        self._sign_out()
        self._go("/sign-in")
        self._send("/sign-in", username="admin", password=OPERATOR_PASSWORD)
        self._go("/admin/delivery")
        yield "delivery"
        self._sign_out()

    def _fake_phone(self) -> Iterator[str]:
        for tab in ("texts", "calls", "mail", "apps"):
            self._go(f"/_demo/phone?show={tab}")
            yield f"fake-phone-{tab}"
        call = self.demo.messages("call")[0]["id"]
        self._go(f"/_demo/phone?show=calls&id={call}")
        yield "fake-phone-call"
