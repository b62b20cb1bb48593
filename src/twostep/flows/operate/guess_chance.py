"""The overall risk that the policy leaves, for operators and auditors."""

from __future__ import annotations

from twostep.config import Settings
from twostep.core.methods.authenticator import MOST_APPS
from twostep.flows.policy.decide import rules_of
from twostep.flows.proof.retired_password import MILLIONTHS_TO_RETIRE


def most_guess_millionths(settings: Settings) -> int:
    """The chance, in millionths, that somebody with a stolen password gets in by guessing codes.

    The summed chances of all tries stay below the limit until the try that reaches it, and a single
    try has at most one chance per code valid at that moment: those of every app and, if phones are
    allowed, one texted code.
    """
    right_at_once = MOST_APPS * (2 * settings.totp.tolerance_steps + 1) + rules_of(settings).phones
    return MILLIONTHS_TO_RETIRE - 1 + right_at_once
