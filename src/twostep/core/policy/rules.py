"""What accounts must and may do: one pure function of the account and the installation's rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twostep.core.account import Account, Role
from twostep.core.methods.authenticator import MethodKind, Methods


_EVERY = frozenset(MethodKind)
_WITHOUT_PHONES = _EVERY - {MethodKind.PHONE}


class RequiredOf(StrEnum):
    """Who is required to use two-step sign-in."""

    NONE = "none"
    OPERATORS = "operators"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the whole installation. `recovery_wait_hours`: 0 means no recovery by mail."""

    required_of: RequiredOf
    phones: bool
    recovery_wait_hours: int


@dataclass(frozen=True, slots=True)
class Duties:
    """What one account must and may do.

    `must_enroll`: two-step sign-in is off and must be turned on before anything else;
    `enroll_first`: the kind of method that such an account is sent to set up. `accepted_kinds`:
    kinds that may be added and pass the second step. `may_turn_off`: may turn off two-step sign-in.
    `may_recover`: may recover by mail, after a wait.
    """

    must_enroll: bool
    enroll_first: MethodKind
    accepted_kinds: frozenset[MethodKind]
    may_turn_off: bool
    may_recover: bool


def decide(account: Account, rules: Rules) -> Duties:
    """Apply the rules to an account."""
    is_operator = account.role is Role.OPERATOR
    return Duties(
        must_enroll=must_enroll(account, rules),
        enroll_first=MethodKind.APP,
        accepted_kinds=_EVERY if rules.phones else _WITHOUT_PHONES,
        may_turn_off=not _is_required(account, rules),
        may_recover=rules.recovery_wait_hours > 0 and not is_operator,
    )


def must_enroll(account: Account, rules: Rules) -> bool:
    """`Duties.must_enroll` alone, for every request of a session. A help desk reset requires it in any case."""
    return not account.two_step and (account.must_enroll or _is_required(account, rules))


def _is_required(account: Account, rules: Rules) -> bool:
    return rules.required_of is RequiredOf.ALL or (
        rules.required_of is RequiredOf.OPERATORS and account.role is Role.OPERATOR
    )


def may_remove(methods: Methods, *, kind: MethodKind) -> bool:
    """Whether one of `kind` may be removed: with two-step on, an app or passkey must remain."""
    if kind not in {MethodKind.APP, MethodKind.PASSKEY}:
        return True
    return len(methods.apps) + len(methods.passkeys) > 1
