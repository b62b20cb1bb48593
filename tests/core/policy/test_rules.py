"""What the rules ask of an account: every rule, every role, two-step sign-in on and off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twostep.core.account import Account, Role
from twostep.core.methods.authenticator import MethodKind
from twostep.core.policy.rules import RequiredOf, Rules, decide


RULES = Rules(RequiredOf.NONE, phones=True, recovery_wait_hours=72)
OWNER = Account(
    id="acc",
    name="alice",
    role=Role.USER,
    language="en",
    time_zone="UTC",
    two_step=False,
    two_step_at=None,
    password_hash="x",
    password_version=1,
    password_short=False,
    password_set_at=None,
    password_retired_at=None,
    disabled_at=None,
    must_enroll=False,
    default_method=None,
    wrong_in_a_row=0,
    guess_millionths=0,
    spare_reminder_at=None,
    created_at=0,
)


@pytest.mark.parametrize(
    ("required_of", "role", "is_required"),
    [
        (RequiredOf.NONE, Role.USER, False),
        (RequiredOf.NONE, Role.OPERATOR, False),
        (RequiredOf.OPERATORS, Role.USER, False),
        (RequiredOf.OPERATORS, Role.OPERATOR, True),
        (RequiredOf.ALL, Role.USER, True),
        (RequiredOf.ALL, Role.OPERATOR, True),
    ],
)
def test_who_must_have_two_steps(required_of: RequiredOf, role: Role, *, is_required: bool) -> None:
    rules = replace(RULES, required_of=required_of)
    off = decide(replace(OWNER, role=role), rules)
    on = decide(replace(OWNER, role=role, two_step=True), rules)
    assert (off.must_enroll, on.must_enroll) == (is_required, False)
    assert off.may_turn_off is on.may_turn_off is not is_required


@pytest.mark.parametrize("required_of", RequiredOf)
def test_the_help_desks_reset_asks_for_enrolment_whatever_the_rules(
    required_of: RequiredOf,
) -> None:
    duties = decide(replace(OWNER, must_enroll=True), replace(RULES, required_of=required_of))
    assert duties.must_enroll
    assert duties.enroll_first is MethodKind.APP


def test_without_phones_everything_else_is_accepted() -> None:
    assert decide(OWNER, RULES).accepted_kinds == set(MethodKind)
    without = decide(OWNER, replace(RULES, phones=False)).accepted_kinds
    assert without == {MethodKind.APP, MethodKind.CODES, MethodKind.PASSKEY}


@pytest.mark.parametrize(
    ("hours", "role", "may"),
    [(0, Role.USER, False), (72, Role.USER, True), (72, Role.OPERATOR, False)],
)
def test_who_may_recover_by_mail(hours: int, role: Role, *, may: bool) -> None:
    rules = replace(RULES, recovery_wait_hours=hours)
    assert decide(replace(OWNER, role=role), rules).may_recover is may
