"""The help article, step by step, in the words that people read; whatever walks it is a `Walker`.

Every label here is one that the article names or that contract.md promises. The walk does not know
whether scripts run, whether there is a mouse, or whether there is a browser at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.live import PASSWORD, LiveDemo, secret_of


NUMBER = "(202) 555-0142"
SECURITY = "/settings/security"
WIZARD = f"{SECURITY}/app/new"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# A way's button says to screen readers where the code goes.
WHERETO = r"( (at|to) the number ending \d\d)?"


class Walker(Protocol):
    """Somebody in front of a browser. Names are those that a screen reader says."""

    def open(self, path: str) -> None:
        """Type an address."""

    def press(self, name: str) -> None:
        """Press the link or button of that name."""

    def open_menu(self, user: str) -> None:
        """Open the menu under the login name."""

    def fill(self, label: str, text: str) -> None:
        """Type into a field."""

    def select(self, label: str, option: str) -> None:
        """Choose from a pull-down what begins so."""

    def choose(self, label: str) -> None:
        """Choose one of several circles."""

    def arrive(self, path: str, heading: str) -> None:
        """Wait for a page; it must be this one."""

    def read_picture(self) -> str:
        """What the QR code says."""

    def read_codes(self) -> list[str]:
        """The backup codes on the page."""

    def read(self) -> str:
        """The page's words."""


def pattern(name: str) -> re.Pattern[str]:
    """What a link or button called `name` says."""
    return re.compile(rf"^\s*{re.escape(name)}{WHERETO}\s*$")


@dataclass
class Article:
    """Alice's way through it; `uri` and `codes` are what she keeps."""

    demo: LiveDemo
    walker: Walker
    uri: str = ""
    codes: list[str] = field(default_factory=list)
    texts: int = 0

    @property
    def secret(self) -> bytes:
        """What her app holds."""
        return secret_of(self.uri)

    def walk(self) -> None:
        """All of it: set up, every way to sign in, and off again."""
        self.sign_in()
        self.walker.arrive("/", "Welcome, alice")
        self.enable()
        self.add_phone()
        self.show_codes()
        for way in (self.by_app, self.by_text, self.by_call, self.by_backup_code):
            self.sign_out()
            self.sign_in()
            self.walker.arrive("/sign-in/code", "Enter the code from your app")
            way()
            self.walker.arrive("/", "Welcome, alice")
        self.walker.open(SECURITY)
        assert "9 of 10 left" in self.walker.read()
        self.walker.open("/")
        self.disable()

    def sign_in(self) -> None:
        """The first step, which looks the same whether a second one follows."""
        self.walker.open("/sign-in")
        self.walker.arrive("/sign-in", "Sign in to Example Panel")
        self.walker.fill("Username or e-mail", "alice")
        self.walker.fill("Password", PASSWORD)
        self.walker.press("Sign in")

    def enable(self) -> None:
        """Menu, Settings, Enable, QR code, Next."""
        self.walker.open_menu("alice")
        self.walker.press("Settings")
        self.walker.arrive("/settings", "Settings")
        assert "Two-step sign-in (MFA): Off" in self.walker.read()
        self.walker.press("Enable")
        self.walker.arrive(WIZARD, "Set up your authenticator app")
        self.uri = self.walker.read_picture()
        self.walker.fill("6-digit code shown in the app", self.demo.app_code(self.uri))
        self.walker.press("Next")
        self.walker.arrive(
            f"{SECURITY}/spare", "Two-step sign-in is on. Now add another way to sign in."
        )

    def add_phone(self) -> None:
        """Add phone number, country, number, Next, the texted code, Next."""
        self.walker.press("Add phone number")
        self.walker.arrive(f"{SECURITY}/phone/new", "Add a backup phone")
        self.walker.select("Country or region", "United States (")
        self.walker.fill("Phone number", NUMBER)
        self.walker.choose("Text message")
        self.walker.press("Next")
        self.walker.arrive(f"{SECURITY}/phone/confirm", "Check your phone")
        self.walker.fill("6-digit code", self._texted())
        self.walker.press("Next")
        self.walker.arrive(SECURITY, "Account security")
        assert "number ending 42 can now receive codes" in self.walker.read()

    def show_codes(self) -> None:
        """Show codes, and type one back to show that they are saved."""
        self.walker.press("Show codes")
        self.walker.arrive(f"{SECURITY}/codes", "Save your backup codes")
        self.codes = self.walker.read_codes()
        assert len(set(self.codes)) == 10
        self.walker.press("I have saved my codes")
        self.walker.arrive(f"{SECURITY}/codes?check=1", "Check that you saved them")
        assert self.codes[6] not in self.walker.read()
        self.walker.fill("Type any one of your codes", self.codes[6])
        self.walker.press("Check")
        self.walker.arrive(SECURITY, "Account security")
        assert "10 of 10 left" in self.walker.read()

    def sign_out(self) -> None:
        """Menu, Sign out."""
        self.walker.open_menu("alice")
        self.walker.press("Sign out")
        self.walker.arrive("/sign-in", "Sign in to Example Panel")

    def by_app(self) -> None:
        """The app's next code, with a blank in it as the app shows it."""
        code = self.demo.next_app_code(self.uri)
        self.walker.fill("6-digit code", f"{code[:3]} {code[3:]}")
        self.walker.press("Continue")

    def by_text(self) -> None:
        """Send text."""
        self.walker.press("Send text")
        self.walker.arrive("/sign-in/code", "Check your phone")
        self.walker.fill("6-digit code", self._texted())
        self.walker.press("Continue")

    def by_call(self) -> None:
        """Call me; the call reads its code once the key that it names is pressed."""
        self.demo.forward(60)
        self.walker.press("Call me")
        self.walker.arrive("/sign-in/code", "Check your phone")
        call = self.demo.wait_for("call", count=1)
        key = re.search(r"To hear it, press (\d)", call["text"])
        assert key is not None, call["text"]
        heard = self.demo.post(f"phone/{call['id']}/key", {"key": key[1]})
        read = " ".join(heard["heard"]).replace("–", " ").split()
        digits = [str(DIGITS.index(word.strip("."))) for word in read if word.strip(".") in DIGITS]
        assert "".join(digits).count(call["code"]) == 3, heard
        self.walker.fill("6-digit code", call["code"])
        self.walker.press("Continue")

    def by_backup_code(self) -> None:
        """Use backup code, typed as people type from paper."""
        self.walker.press("Use backup code")
        self.walker.arrive("/sign-in/code?way=codes", "Enter a backup code")
        self.walker.fill("Backup code", self.codes[2].lower().replace("-", " "))
        self.walker.press("Continue")
        self.walker.arrive(f"{SECURITY}/lost-phone?next=%2F", "Did you lose your phone?")
        self.walker.press("Continue")

    def disable(self) -> None:
        """Account security, Disable, and off it is."""
        self.walker.open_menu("alice")
        self.walker.press("Account security")
        self.walker.arrive(SECURITY, "Account security")
        self.walker.press("Disable")
        self.walker.arrive(f"{SECURITY}/disable", "Turn off two-step sign-in?")
        words = self.walker.read()
        for deleted in ("1 authenticator app", "1 backup phone", "9 backup codes"):
            assert deleted in words
        self.walker.press("Disable")
        self.walker.arrive(SECURITY, "Account security")
        assert "Two-step sign-in (MFA) is off" in self.walker.read()

    def _texted(self) -> str:
        self.texts += 1
        message = self.demo.wait_for("sms", count=self.texts)
        code = str(message["code"])
        assert message["to"] == "+12025550142"
        assert message["text"].endswith(f"\n\n@localhost #{code}"), message["text"]
        return code
