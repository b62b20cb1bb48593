"""How safe an account is, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twostep.core.methods.authenticator import MethodKind, Methods


class Safety(StrEnum):
    """From a password alone to nothing left to do."""

    OFF = "off"
    ONE_WAY = "one_way"  # whoever loses it is locked out
    GOOD = "good"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of method, and whether the account has it."""

    kind: MethodKind
    has: bool


@dataclass(frozen=True, slots=True)
class CheckUp:
    """`checks`: every kind that this panel offers. `next_kind`: what helps most; None if nothing is
    missing."""

    safety: Safety
    checks: tuple[Check, ...]
    next_kind: MethodKind | None

    @property
    def count(self) -> int:
        """How many kinds the account has."""
        return sum(check.has for check in self.checks)


# What keeps most people from being locked out comes first; a phone, the weakest, comes last.
_MOST_HELPFUL = (MethodKind.CODES, MethodKind.PASSKEY, MethodKind.APP, MethodKind.PHONE)


def check_up(methods: Methods, *, two_step: bool, phones_on: bool) -> CheckUp:
    """Look at an account. `phones_on`: the panel offers texts or calls."""
    has = {
        MethodKind.PASSKEY: bool(methods.passkeys),
        MethodKind.APP: bool(methods.apps),
        MethodKind.PHONE: bool(methods.phones),
        MethodKind.CODES: methods.codes_left > 0,
    }
    if not phones_on and not methods.phones:
        del has[MethodKind.PHONE]
    checks = tuple(Check(kind, kind_has) for kind, kind_has in has.items())
    missing = [kind for kind in _MOST_HELPFUL if not has.get(kind, True)]
    if not two_step:
        return CheckUp(Safety.OFF, checks, MethodKind.APP)
    if methods.ways < 2:
        return CheckUp(Safety.ONE_WAY, checks, missing[0])
    if not missing:
        return CheckUp(Safety.BEST, checks, None)
    return CheckUp(Safety.GOOD, checks, missing[0])
