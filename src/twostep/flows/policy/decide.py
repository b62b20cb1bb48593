"""Apply the policy rules. No other module reads the settings they come from."""

from __future__ import annotations

from functools import cache

from twostep.config import Settings
from twostep.core.account import Account
from twostep.core.policy import rules
from twostep.core.policy.rules import Duties, RequiredOf, Rules, decide
from twostep.core.refusal import Reason, Refused
from twostep.flows.env import Env


def rules_of(settings: Settings) -> Rules:
    """The installation's rules."""
    policy = settings.policy
    return _rules(policy.require_two_step, policy.phones, policy.recovery_wait_hours)


@cache  # used by every request
def _rules(required_of: str, phones: bool, recovery_wait_hours: int) -> Rules:  # noqa: FBT001
    return Rules(RequiredOf(required_of), phones, recovery_wait_hours)


def duties_of(env: Env, account: Account) -> Duties:
    """What the rules require of an account."""
    return decide(account, rules_of(env.settings))


def must_enroll(env: Env, account: Account) -> bool:
    """Whether the account must turn on two-step sign-in before anything else."""
    return rules.must_enroll(account, rules_of(env.settings))


def accepts_phones(env: Env) -> bool:
    """Whether policy allows backup phones."""
    return rules_of(env.settings).phones


def refuse_disabling(env: Env, account: Account) -> Refused | None:
    """Refuse if two-step sign-in cannot be turned off now."""
    if not duties_of(env, account).may_turn_off:
        return Refused(Reason.NOT_ALLOWED)
    if account.password_short:
        return Refused(Reason.PASSWORD_TOO_SHORT, detail={"minimum": 15})
    return None
