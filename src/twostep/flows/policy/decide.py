"""Ask the rules for one account."""

from __future__ import annotations

from twostep.core.account import Account, Role
from twostep.core.refusal import Reason, Refused
from twostep.flows.env import Env


def refuse_disabling(env: Env, account: Account) -> Refused | None:
    """Why two-step sign-in cannot be turned off now, if so."""
    required = env.settings.policy.require_two_step
    if required == "all" or (required == "operators" and account.role == "operator"):
        return Refused(Reason.NOT_ALLOWED)
    if account.password_short:
        return Refused(Reason.PASSWORD_TOO_SHORT, detail={"minimum": 15})
    return None


def needs_enrolment(env: Env, account: Account) -> bool:
    """Whether this account must turn two-step sign-in on before anything else: the help desk's
    reset or policy asks for it."""
    if account.two_step:
        return False
    match env.settings.policy.require_two_step:
        case "all":
            return True
        case "operators":
            return account.must_enroll or account.role is Role.OPERATOR
        case _:
            return account.must_enroll
