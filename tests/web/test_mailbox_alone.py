"""A state machine over every mailed link: what somebody who only reads the mailbox can do, whatever the
order and the waiting, for every kind of account.

two-step sign-in is never turned off
no way to sign in is added, and none removed except what was added beside an older app
no session of the thief passes the second step
no wait is shortened: only a whole recovery, seven days after a password set by mail, opens enrolment
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.house import PASSWORD
from tests.support.product import ENROLMENT, AppEntry, Browser, TestProduct, open_test_product
from twostep.core.account import Account, Role
from twostep.flows.account import password
from twostep.flows.recovery.waiting_job import run_due
from twostep.store.account import accounts
from twostep.store.methods.all_methods import load_methods
from twostep.store.tx import Tx


HOUR, DAY = 3600, 86_400
WAIT_HOURS = 72
QUIET_SECONDS = 7 * DAY
SECURITY = "/settings/security"
THIEF_NETWORK = "203.0.113.66"
SPANS = (31, 601, HOUR, DAY, DAY, 3 * DAY, 7 * DAY, 14 * DAY)
KINDS = (
    ("nobody must", {"policy__require_two_step": "none"}, Role.USER),
    ("everybody must", {"policy__require_two_step": "all"}, Role.USER),
    ("operators must", {"policy__require_two_step": "operators"}, Role.OPERATOR),
    ("no recovery", {"policy__recovery_wait_hours": 0}, Role.USER),
)
FIRST = "/settings/security/first"
picks = st.integers(min_value=0, max_value=11)


class Mailbox(RuleBasedStateMachine):
    """Alice, who has two-step sign-in on, and a thief who reads every mail she gets."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="twostep-mailbox-"))
        self.opened = None
        self.is_over = False  # a whole recovery has come to its end
        self.owners_password, self.thiefs_password = PASSWORD, ""
        self.reset_at = self.started_at = self.stepped_at = 0
        self.passwords = 0

    @initialize(
        kind=st.sampled_from(KINDS),
        beside=st.sets(st.sampled_from(["app", "phone", "codes"])),
        early=st.booleans(),
    )
    def begin(
        self, kind: tuple[str, dict[str, object], Role], beside: set[str], *, early: bool
    ) -> None:
        _, policy, self.role = kind
        self.opened = open_test_product(
            self.folder, **{"policy__recovery_wait_hours": WAIT_HOURS} | policy
        )
        self.product: TestProduct = self.opened.__enter__()
        self.account: Account = self.product.add_account(role=self.role)
        self.owner: Browser = self.product.browser()
        self.owner.sign_in()
        self.thief: Browser = self.product.browser(network=THIEF_NETWORK)
        # There before her, with a link that would let him set up an app of his own: only where
        # she could be signed in without one.
        if early and self.owner.get("/api/session").status_code == 200:
            self.product.clock.forward(60)
            self.thief.sign_in()
            self.thief.post(FIRST)
            assert self.link("/set-up/", 0)
        self.entry: AppEntry = self.owner.enroll_app()
        (self.first,) = self.methods()
        self.product.clock.forward(60)
        if "phone" in beside:
            self.owner.add_phone()
        if "codes" in beside:
            self.owner.make_codes()
        if "app" in beside:
            self.owner.enroll_app(name="second")
        self.expected = self.methods()

    # ── what rules share ────────────────────────────────────────────────────────────────────────

    def read(self, tx: Tx) -> tuple[Account | None, set[str]]:
        methods = load_methods(tx, self.account.id)
        ids = [*methods.apps, *methods.passkeys, *methods.phones]
        codes = {f"codes:{methods.recovery_set.id}"} if methods.recovery_set else set()
        return accounts.load(tx, self.account.id), {method.id for method in ids} | codes

    def methods(self) -> set[str]:
        return self.product.env.store.read_now(self.read)[1]

    def link(self, prefix: str, number: int) -> str:
        """One of the newest such links in the mailbox; "" if there is none."""
        pattern = re.escape(prefix) + r"([\w-]+)"
        links = [
            link[0] for mail in self.product.mails() for link in re.finditer(pattern, mail.text)
        ]
        if not links:
            return ""
        link = links[-1 - number % min(4, len(links))]
        return f"/settings{link}" if prefix == "/emails/confirm/" else link

    def owner_changes(self) -> bool:
        """Alice signs in and is asked for nothing more; False if she cannot."""
        self.product.clock.forward(30)
        self.owner.sign_in(password=self.owners_password)
        signed_in = self.owner.post("/sign-in/code", code=self.entry.code())
        if signed_in.status_code != 303 or self.owner.get("/api/session").status_code != 200:
            return False
        self.started_at = 0
        return True

    def running(self) -> bool:
        return self.opened is not None and not self.is_over

    # ── the thief ───────────────────────────────────────────────────────────────────────────────

    @precondition(running)
    @rule(by_thief=st.booleans())
    def forget_password(self, *, by_thief: bool) -> None:
        (self.thief if by_thief else self.owner).post("/forgot-password", username="alice")

    @precondition(running)
    @rule(number=picks, by_thief=st.sampled_from([True, True, False]))
    def set_password(self, number: int, *, by_thief: bool) -> None:
        new = f"a password by mail, number {self.passwords}"
        link = self.link("/reset-password/", number)
        if not link or self.thief.post(link, password=new).status_code != 303:
            return
        self.passwords += 1
        self.reset_at, self.started_at = self.product.clock.now, 0
        if by_thief:
            self.thiefs_password = new
        else:
            self.owners_password = new

    @precondition(running)
    @rule(number=picks)
    def keep_password(self, number: int) -> None:
        self.thief.post(self.link("/reset-password/", number) or "/reset-password/none", keep="yes")

    @precondition(running)
    @rule(number=picks)
    def confirm_setup(self, number: int) -> None:
        self.thief.post(self.link("/set-up/", number) or "/set-up/none")
        self.thief.post(FIRST)
        self.thief.get(ENROLMENT)

    @precondition(running)
    @rule(number=picks, word=st.sampled_from(["", "thief", "first"]))
    def deny(self, number: int, word: str) -> None:
        link = self.link("/not-me/", number)
        typed = {"": "", "thief": self.thiefs_password, "first": PASSWORD}[word]
        before = self.methods()
        self.thief.get(link or "/not-me/none")
        self.thief.post(link or "/not-me/none", password=typed)
        undone = before - self.methods()
        assert len(undone) <= 1
        assert self.first not in undone
        self.expected -= undone

    @precondition(running)
    @rule()
    def sign_in(self) -> None:
        self.thief.sign_in(password=self.thiefs_password or "guess")

    @precondition(running)
    @rule(number=picks)
    def confirm_address(self, number: int) -> None:
        self.thief.post(self.link("/emails/confirm/", number) or "/settings/emails/confirm/none")

    @precondition(running)
    @rule(by_thief=st.sampled_from([True, True, False]))
    def start_recovery(self, *, by_thief: bool) -> None:
        browser = self.thief if by_thief else self.product.browser()
        browser.sign_in(password=self.thiefs_password if by_thief else self.owners_password)
        if "recovery.started" in self.newest(lambda: browser.post("/recover")):
            self.started_at = self.product.clock.now
            assert self.role is not Role.OPERATOR
            assert self.started_at >= self.reset_at + QUIET_SECONDS or not self.reset_at

    def newest(self, act: object) -> set[str]:
        """The kinds of the events that it adds to the trail."""
        assert callable(act)
        before = self.product.events(self.account)
        act()
        after = self.product.events(self.account)
        return {event.event for event in after[: len(after) - len(before)]}

    @precondition(running)
    @rule(number=picks)
    def cancel_recovery(self, number: int) -> None:
        self.thief.post(self.link("/recover/cancel/", number) or "/recover/cancel/none")

    @precondition(running)
    @rule(number=picks)
    def finish_recovery(self, number: int) -> None:
        link = self.link("/recover?link=", number).partition("=")[2]
        answer = self.thief.post("/recover", link=link or "none", password=self.thiefs_password)
        if answer.headers.get("location") != ENROLMENT:
            return
        assert self.role is not Role.OPERATOR
        assert self.started_at
        assert self.product.clock.now >= self.started_at + WAIT_HOURS * HOUR
        assert self.product.clock.now >= self.reset_at + WAIT_HOURS * HOUR
        self.is_over = True

    @precondition(running)
    @rule(number=picks)
    def guess(self, number: int) -> None:
        self.thief.post("/sign-in/code", code=f"{number:06}")

    @precondition(running)
    @rule(
        path=st.sampled_from(
            [ENROLMENT, f"{SECURITY}/disable", f"{SECURITY}/codes", "/settings/password"]
        )
    )
    def push(self, path: str) -> None:
        self.thief.get(path)
        self.thief.post(
            path, code="000000", password="x" * 20, new="y" * 20, email="t@evil.example"
        )

    @precondition(running)
    @rule(seconds=st.sampled_from(SPANS))
    def wait(self, seconds: int) -> None:
        for _ in range(max(1, seconds // DAY)):
            self.product.clock.forward(min(seconds, DAY))
            self.product.run(self.product.house.by().do(run_due))

    @precondition(lambda self: not self.running())
    @rule()
    def nothing_more(self) -> None:
        """The machine needs a step it can always take."""

    # ── Alice goes on with her life ─────────────────────────────────────────────────────────────

    @precondition(running)
    @rule(what=st.sampled_from(["app", "codes", "email", "nothing"]))
    def live(self, what: str) -> None:
        if not self.owner_changes():
            return
        match what:
            case "app" if len(self.expected) < 4:
                self.owner.enroll_app(name="one more")
            case "codes":
                self.owner.post(f"{SECURITY}/codes")
            case "email":
                self.owner.post("/settings/emails", email=f"a{self.passwords}@home.example")
        self.expected = self.methods()

    # ── what must hold ──────────────────────────────────────────────────────────────────────────

    @invariant()
    def two_step_stays_on_and_its_methods_are_alices(self) -> None:
        if not self.running():
            return
        account, methods = self.product.env.store.read_now(self.read)
        assert account is not None
        assert account.two_step
        assert methods == self.expected
        assert self.first in methods

    @invariant()
    def the_thief_never_passes_the_second_step(self) -> None:
        if self.running():
            rows = self.product.env.store.read_now(
                lambda tx: tx.all(
                    "SELECT level, aal FROM sessions WHERE network = :network",
                    network=THIEF_NETWORK[: THIEF_NETWORK.rindex(".")] + ".0",
                )
            )
            assert set(rows) <= {("half", "aal1")}

    def teardown(self) -> None:
        if self.opened is not None:
            self.opened.__exit__(None, None, None)
        shutil.rmtree(self.folder)


def read_mail(examples: int, steps: int) -> None:
    # A request for a link takes a quarter of a second, so that it tells nothing; here nobody measures.
    with patch.object(password, "LEAST_SECONDS", 0):
        run_state_machine_as_test(
            Mailbox,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_a_mailbox_alone_never_lowers_what_a_sign_in_asks_for() -> None:
    read_mail(examples=12, steps=25)


@pytest.mark.soak
def test_a_mailbox_alone_never_does_so_in_the_long_run() -> None:
    read_mail(examples=500, steps=60)
