"""Whatever was typed in the code box: for sign-in, step-up and the check of backup codes."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.methods import recovery_codes as codes_core
from twostep.core.methods.authenticator import RecoveryCode, RecoverySet
from twostep.core.methods.code_input import RecoveryCode as TypedBackupCode
from twostep.core.methods.code_input import SixDigits, TemporaryCode
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.password import profile_from
from twostep.core.sign_in.session import Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.proof import verify_code as second_factor
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.flows.proof.verify_code import Passed
from twostep.store.methods import backup_codes as stored_codes
from twostep.store.methods.backup_codes import TemporaryCode as StoredTemporary
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class TypedDigest:
    """A backup or temporary code as its digest, made outside the transaction."""

    set_id: str
    digest: bytes
    codes: tuple[RecoveryCode, ...] = ()


async def digest_typed(
    env: Env,
    visitor: Visitor,
    session: Session,
    *,
    code: TypedBackupCode | TemporaryCode,
    now: int,
) -> TypedDigest | Refused:
    """Hash a long code once, with the salt of the account's set; no `set_id`: there is none.

    Refused: THROTTLED, before anything is hashed. Raises `Overloaded`.
    """
    rule = throttle.RECOVERY_CODE
    view_wait = second_step_throttle.view_wait
    if waiting := await env.store.read(view_wait, session, visitor, rule=rule, now=now):
        return waiting
    temporary = isinstance(code, TemporaryCode)
    load = stored_codes.load_temporary if temporary else stored_codes.load_set
    stored: StoredTemporary | RecoverySet | None = await env.store.read(load, session.account_id)
    if stored is None:
        return TypedDigest("", b"")
    is_stranger = session.level is Level.HALF and session.browser_id is None
    digest = await (env.hashes.run if is_stranger else env.hashes.run_known)(
        codes_core.digest,
        code.code,
        salt=stored.salt,
        profile=profile_from(stored.profile),
    )
    return TypedDigest(stored.id, digest)


def verify_typed(
    tx: Tx,
    env: Env,
    account: Account,
    session: Session,
    visitor: Visitor,
    *,
    code: SixDigits | TypedBackupCode,
    digest: TypedDigest | None,
    purpose: Purpose,
    now: int,
) -> Passed | Refused:
    """Verify what was typed against the locked account, for sign-in and step-up."""
    if isinstance(code, SixDigits):
        return second_factor.verify_six_digits(
            tx, env, account, session, visitor, code=code.code, purpose=purpose, now=now
        )
    current = stored_codes.load_set(tx, account.id)
    if digest is None or (digest.set_id and (current is None or current.id != digest.set_id)):
        return Refused(Reason.CHANGED)
    return second_factor.verify_backup_code(
        tx,
        env,
        account,
        session,
        visitor,
        digest=digest.digest,
        codes=stored_codes.list_codes(tx, current.id) if current else (),
        purpose=purpose,
        now=now,
    )
