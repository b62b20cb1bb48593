"""A phone's number as it stands in the database: sealed, and opened only to send."""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.authenticator import MethodKind, Phone, method_name
from twostep.flows.env import Env
from twostep.flows.unseal import tell_broken, unseal
from twostep.store.tx import Tx


NUMBER = "phones.number"


def open_number(env: Env, phone: Phone) -> str:
    """The phone's number in E.164. Raises `SealBroken`."""
    return unseal(
        env, phone.number, purpose=NUMBER, row_id=phone.id, account_id=phone.account_id
    ).decode()


def number_or_none(tx: Tx, env: Env, phone: Phone, *, now: int) -> str | None:
    """The number; None where it does not open, which is written down."""
    try:
        return open_number(env, phone)
    except sealing.SealBroken:
        method = method_name(MethodKind.PHONE, phone.id)
        tell_broken(tx, phone.account_id, purpose=NUMBER, method=method, now=now)
        return None
