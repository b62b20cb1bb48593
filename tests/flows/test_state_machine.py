"""A state machine over all flows: whatever people and thieves do in whatever order, what must hold holds.

no full session without a second factor while two-step sign-in is on
a code is accepted at most once
nothing is sent without the right password
each change has exactly one event
at least one app while it is on, and nothing of it left while it is off
the audit chain is unbroken
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

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

from tests.support.house import PASSWORD, PHONE, House, give_back, open_house, other_browser
from twostep.core.audit import event
from twostep.core.methods import totp
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Aal, Level
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.verify import verify_database
from twostep.flows.messages import send_code
from twostep.flows.methods import backup_codes as recovery_codes
from twostep.flows.methods import enroll_app, enroll_phone, remove, two_step
from twostep.flows.sign_in import first_step, second_step, sessions, step_up
from twostep.flows.sign_in.complete import SignedIn
from twostep.store.account import accounts as stored_accounts
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions as stored_sessions


COUNTED = (
    event.PASSWORD_ACCEPTED,
    event.SIGN_IN_COMPLETED,
    event.SIGN_OUT_DONE,
    event.SESSION_ENDED,
    event.STEP_UP_COMPLETED,
    event.TWO_STEP_ENABLED,
    event.TWO_STEP_DISABLED,
    event.APP_ADDED,
    event.APP_REMOVED,
    event.PHONE_ADDED,
    event.PHONE_REMOVED,
    event.RECOVERY_CODES_CREATED,
    event.RECOVERY_CODES_PROVED,
    event.RECOVERY_CODE_USED,
    event.CODE_ACCEPTED,
    event.CODE_SENT,
)
EXAMPLES = {"sqlite": 40, "postgresql": 8}
SPANS = (1, 29, 30, 31, 65, 300, 601, 1801)
picks = st.integers(min_value=0, max_value=7)
ways = st.sampled_from(["app", "app", "backup", "backup", "sent", "wrong"])


class People(RuleBasedStateMachine):
    """Alice, and a stranger who has her password, on one real database."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="twostep-people-"))
        self.runner = asyncio.Runner()
        self.opened = open_house(self.folder)
        self.house: House = self.run(self.opened.__aenter__())
        self.account = self.run(self.house.add())
        self.open: list[SignedIn] = []
        self.secrets: list[bytes] = []
        self.codes: list[str] = []
        self.spent: set[tuple[str, str]] = set()
        self.events: Counter[str] = Counter()
        self.mails = 0

    # ── what rules share ────────────────────────────────────────────────────────────────────────

    def run(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(waiting)

    def flow(self, act: Any, *arguments: Any, token: str = "", **named: Any) -> Any:
        return self.run(self.house.by(token=token).do(act, *arguments, **named))

    def read(self, act: Any, *arguments: Any, **named: Any) -> Any:
        return self.run(self.house.env.store.read(act, *arguments, **named))

    def sessions(self, level: Level) -> list[SignedIn]:
        """What browsers still hold that the door would take."""
        live = []
        for browser in self.open:
            loaded = self.run(
                self.house.env.store.read(
                    sessions.load, self.house.env, cookie=browser.token, now=self.house.now
                )
            )
            if loaded and loaded[0].level is level:
                live.append(SignedIn(loaded[0], browser.token))
        return live

    def pick(self, level: Level, number: int) -> SignedIn | None:
        held = self.sessions(level)
        return held[number % len(held)] if held else None

    def replace(self, old: SignedIn, new: SignedIn) -> None:
        self.open = [browser for browser in self.open if browser.token != old.token]
        self.open.append(new)

    def is_on(self) -> bool:
        account = self.read(stored_accounts.load, self.account.id)
        return bool(account.two_step)

    def methods(self) -> Any:
        return self.read(load_methods, self.account.id)

    def spend(self, kind: str, code: str) -> None:
        """A code was accepted: it must be the first time."""
        assert (kind, code) not in self.spent, f"{kind} code accepted twice"
        self.spent.add((kind, code))

    def rows(self, table: str) -> int:
        return int(self.read(lambda tx: tx.first(f"SELECT COUNT(*) FROM {table}"))[0])  # noqa: S608

    def typed(self, what: str, number: int) -> tuple[str, str]:
        """Something to type, and under which name it is spent when it is accepted."""
        if what == "app" and self.secrets:
            secret = self.secrets[-1 - number % 2 if len(self.secrets) > 1 else 0]
            step = self.house.now // 30 + (0, 0, 0, 0, -1, 1, -2, 2)[number]
            return f"app {secret.hex()} {step}", totp.at(secret, step)
        if what == "backup" and self.codes:
            code = self.codes[(0, 0, 0, 0, 1, 2, 3, 4)[number] % len(self.codes)]
            return "backup", code
        if what == "sent":
            messages = [received.message for received in self.house.inbox.received]
            sent = [str(message.code) for message in messages if getattr(message, "code", None)]
            if sent:
                return "sent", sent[min(number // 4, len(sent) - 1)]
        return "wrong", "000000"

    # ── first step ──────────────────────────────────────────────────────────────────────────────

    @initialize(has_all=st.sampled_from([True, True, False]))
    def begin(self, *, has_all: bool) -> None:
        self.enter(stranger=False, right=True)
        if has_all:
            self.set_up_an_app(right=True, which=0)
            self.add_a_phone(PHONE, right=True, which=0)
            self.make_codes(0, proves=False)
            self.wait(65)

    @rule(stranger=st.booleans(), right=st.sampled_from([True, True, False]))
    def enter(self, *, stranger: bool, right: bool) -> None:
        was_on, sent = self.is_on(), self.rows("outbox")
        visitor = other_browser(self.house) if stranger else self.house.visitor
        answer = self.run(
            first_step.sign_in(
                self.house.by(visitor),
                identifier="alice",
                typed=PASSWORD if right else "not the password",
                next_path="/",
            )
        )
        if isinstance(answer, Refused):
            if not right:
                assert self.rows("outbox") == sent
            return
        assert right
        assert answer.session.level is (Level.HALF if was_on else Level.FULL)
        self.open.append(answer)
        self.events[event.PASSWORD_ACCEPTED] += 1
        self.events[event.SIGN_IN_COMPLETED] += not was_on

    # ── second step ─────────────────────────────────────────────────────────────────────────────

    @rule(what=ways, number=picks, stranger=st.booleans(), again=st.booleans())
    def sign_in_by(self, what: str, number: int, *, stranger: bool, again: bool) -> None:
        """Both steps; and perhaps once more with the same code, by somebody who looked on."""
        for _ in range(1 + again):
            self.enter(stranger=stranger, right=True)
            self.answer(what, number, -1)

    @precondition(lambda self: self.sessions(Level.HALF))
    @rule(what=ways, number=picks, which=picks)
    def answer(self, what: str, number: int, which: int) -> None:
        half = self.pick(Level.HALF, which)
        if half is None:
            return
        name, code = self.typed(what, number)
        answer = self.run(
            second_step.submit_code(self.house.by(token=half.token), half.session, typed=code)
        )
        if isinstance(answer, Refused):
            return
        assert name != "wrong"
        self.accept(name, code, answer.passed.kind)
        assert answer.signed_in.session.aal is Aal.AAL2
        self.replace(half, answer.signed_in)
        self.events[event.SIGN_IN_COMPLETED] += 1

    def accept(self, name: str, code: str, kind: str) -> None:
        """A six-digit code is spent under what it was accepted as."""
        self.events[event.CODE_ACCEPTED] += 1
        if kind == "codes":
            self.events[event.RECOVERY_CODE_USED] += 1
        self.spend(name, "" if name.startswith("app") else code)

    @precondition(lambda self: self.methods().phones)
    @rule(channel=st.sampled_from(["sms", "call"]), signing_in=st.booleans(), which=picks)
    def ask_for_code(self, channel: str, *, signing_in: bool, which: int) -> None:
        signed_in = self.pick(Level.HALF if signing_in else Level.FULL, which)
        if signed_in is None:
            return
        sent = self.flow(
            send_code.send_code,
            signed_in.session,
            purpose=Purpose.SIGN_IN if signing_in else Purpose.STEP_UP,
            phone_id=self.methods().phones[0].id,
            channel=channel,
            token=signed_in.token,
        )
        self.count_sent(sent)

    def count_sent(self, sent: object) -> None:
        if not isinstance(sent, Refused):
            self.events[event.CODE_SENT] += 1
            self.run(self.house.settle())

    @precondition(lambda self: self.is_on() and self.sessions(Level.FULL))
    @rule(what=ways, number=picks, which=picks)
    def confirm_again(self, what: str, number: int, which: int) -> None:
        full = self.pick(Level.FULL, which)
        assert full is not None
        name, code = self.typed(what, number)
        answer = self.run(
            step_up.submit_code(self.house.by(token=full.token), full.session, typed=code)
        )
        if isinstance(answer, Refused):
            return
        kind = "codes" if name == "backup" else "six digits"
        self.accept(name, code, kind)
        self.replace(full, answer)
        self.events[event.STEP_UP_COMPLETED] += 1

    # ── changes ─────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.sessions(Level.FULL))
    @rule(right=st.sampled_from([True, True, False]), which=picks)
    def set_up_an_app(self, *, right: bool, which: int) -> None:
        full = self.pick(Level.FULL, which)
        assert full is not None
        pending = self.flow(enroll_app.begin_app, full.session)
        if isinstance(pending, Refused):
            return
        was_on = self.is_on()
        step = self.house.now // 30
        added = self.flow(
            enroll_app.finish_app,
            full.session,
            typed=totp.at(pending.secret, step) if right else "000000",
            name="",
            token=full.token,
        )
        if isinstance(added, Refused):
            return
        assert right
        self.secrets.append(pending.secret)
        self.spend(f"app {pending.secret.hex()} {step}", "")
        self.replace(full, added.signed_in)
        self.events[event.APP_ADDED] += 1
        self.events[event.TWO_STEP_ENABLED] += not was_on

    @precondition(lambda self: self.sessions(Level.FULL))
    @rule(number=st.sampled_from([PHONE, "(202) 555-0101"]), right=st.booleans(), which=picks)
    def add_a_phone(self, number: str, *, right: bool, which: int) -> None:
        full = self.pick(Level.FULL, which)
        assert full is not None
        sent = self.flow(
            enroll_phone.begin_phone, full.session, region="US", typed=number, channel="sms"
        )
        self.count_sent(sent)
        if isinstance(sent, Refused):
            return
        assert self.is_on()
        code = self.run(self.house.newest_code())
        added = self.flow(
            enroll_phone.confirm_phone, full.session, typed=code if right else "000000"
        )
        if isinstance(added, Refused):
            return
        self.spend("sent", code)
        self.events[event.PHONE_ADDED] += 1

    @precondition(lambda self: self.is_on() and self.sessions(Level.FULL))
    @rule(which=picks, proves=st.booleans())
    def make_codes(self, which: int, *, proves: bool) -> None:
        full = self.pick(Level.FULL, which)
        assert full is not None
        made = self.run(recovery_codes.make_codes(self.house.by(), full.session))
        if isinstance(made, Refused):  # more than five sets within the hour
            assert made.reason is Reason.THROTTLED
            return
        self.events[event.RECOVERY_CODES_CREATED] += 1
        shown = self.house.see(recovery_codes.view_codes, full.session).shown
        # Some of the old set stay among what is tried: they must be dead.
        self.spent |= {("backup", code) for code in self.codes}
        self.codes = [*shown[:3], *self.codes[:2]]
        if proves:
            proved = self.run(
                recovery_codes.prove_codes(self.house.by(), full.session, typed=shown[0])
            )
            self.events[event.RECOVERY_CODES_PROVED] += not isinstance(proved, Refused)

    @precondition(lambda self: self.methods().apps and self.sessions(Level.FULL))
    @rule(which=picks, number=picks)
    def remove_something(self, which: int, number: int) -> None:
        full = self.pick(Level.FULL, which)
        assert full is not None
        methods = self.methods()
        ids = [method.id for method in (*methods.apps, *methods.phones)]
        removed = self.flow(remove.remove_method, full.session, method_id=ids[number % len(ids)])
        if isinstance(removed, Refused):
            return
        kind = event.PHONE_REMOVED if removed.kind == "phone" else event.APP_REMOVED
        self.events[kind] += 1

    @precondition(lambda self: self.is_on() and self.sessions(Level.FULL))
    @rule(which=picks, really=st.sampled_from([True, False, False, False]))
    def turn_off(self, which: int, *, really: bool) -> None:
        full = self.pick(Level.FULL, which)
        if not really or full is None:
            return
        answer = self.flow(two_step.disable, full.session)
        assert not isinstance(answer, Refused)
        self.spent |= {("backup", code) for code in self.codes}
        self.events[event.TWO_STEP_DISABLED] += 1

    # ── leaving, and time ───────────────────────────────────────────────────────────────────────

    @rule(which=picks, level=st.sampled_from([Level.FULL, Level.HALF]))
    def sign_out(self, which: int, level: Level) -> None:
        signed_in = self.pick(level, which)
        if signed_in is not None and which == 7:
            self.flow(sessions.sign_out, signed_in.session)
            self.events[event.SIGN_OUT_DONE] += 1
            assert signed_in.token not in {other.token for other in self.sessions(level)}

    @precondition(lambda self: self.sessions(Level.FULL))
    @rule(which=picks)
    def end_others(self, which: int) -> None:
        signed_in = self.pick(Level.FULL, which)
        if signed_in is None or which < 6:
            return
        answer = self.flow(sessions.end_others, signed_in.session)
        self.events[event.SESSION_ENDED] += answer.sessions > 0
        assert [other.token for other in self.sessions(Level.FULL)] == [signed_in.token]
        assert self.sessions(Level.HALF) == []

    @rule(seconds=st.sampled_from(SPANS))
    def wait(self, seconds: int) -> None:
        self.house.clock.forward(seconds)

    # ── what always holds ───────────────────────────────────────────────────────────────────────

    @invariant()
    def no_full_session_without_a_second_factor_while_it_is_on(self) -> None:
        account = self.read(stored_accounts.load, self.account.id)
        if not account.two_step:
            return
        listed = self.read(stored_sessions.list_live, account.id, now=self.house.now, seen_after=0)
        for session in listed:
            if session.level is Level.FULL and session.created_at > account.two_step_at:
                assert session.aal is Aal.AAL2
                assert session.second_factor_at is not None

    @invariant()
    def an_app_while_it_is_on_and_nothing_while_it_is_off(self) -> None:
        methods = self.methods()
        if self.is_on():
            assert methods.apps
        else:
            assert not methods.apps
            assert not methods.phones
            assert not methods.codes_left

    @invariant()
    def each_change_has_exactly_one_event(self) -> None:
        rows = self.read(
            lambda tx: tx.all("SELECT event, COUNT(*) FROM audit_records GROUP BY event")
        )
        counts = {name: count for name, count in rows if name in COUNTED}
        assert counts == {name: count for name, count in self.events.items() if count}

    @invariant()
    def nothing_is_sent_but_what_was_asked_for(self) -> None:
        row = self.read(lambda tx: tx.first("SELECT COUNT(*) FROM outbox WHERE channel <> 'email'"))
        assert row[0] == self.events[event.CODE_SENT]

    def teardown(self) -> None:
        try:
            self.run(self.house.settle())
            self.run(checkpoint_all(self.house.by()))
            verified = self.run(verify_database(self.house.env, now=self.house.now))
            assert verified.findings == ()
            assert verified.events == self.rows("audit_records")
        finally:
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()
            give_back(self.folder)
            shutil.rmtree(self.folder)


def let_them(examples: int) -> None:
    run_state_machine_as_test(
        People,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_people_do_what_must_hold_holds(on_engine: str) -> None:
    let_them(EXAMPLES[on_engine])


@pytest.mark.soak
def test_whatever_people_do_for_long_what_must_hold_holds(on_engine: str) -> None:
    let_them(10 * EXAMPLES[on_engine])
