"""Verify whatever was typed into the code field, at sign-in, at step-up and to check backup codes."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.methods import recovery_codes
from twostep.core.methods.authenticator import RecoveryCode, RecoverySet
from twostep.core.methods.code_input import SixDigits, TypedBackupCode, TypedTemporaryCode
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.password import profile_from
from twostep.core.sign_in.session import Level, Session
from twostep.flows.proof import verify_code, wrong_tries
from twostep.flows.proof.verify_code import Passed
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account.accounts import Held
from twostep.store.methods import backup_codes
from twostep.store.methods.backup_codes import TemporaryCode


@dataclass(frozen=True, slots=True)
class TypedDigest:
    """The digest of a backup or temporary code, computed outside the transaction."""

    set_id: str
    digest: bytes
    codes: tuple[RecoveryCode, ...] = ()


async def digest_typed(
    opener: TurnOpener, session: Session, *, code: TypedBackupCode | TypedTemporaryCode
) -> TypedDigest | Refused:
    """Hash a long code once, with the salt of the account's set; `set_id` is empty without a set.

    Refused: THROTTLED, before anything is hashed. Raises `Overloaded`.
    """
    rule = throttle.RECOVERY_CODE
    if waiting := await opener.read(wrong_tries.view_wait, session, rule=rule):
        return waiting
    temporary = isinstance(code, TypedTemporaryCode)
    load = backup_codes.load_temporary if temporary else backup_codes.load_set
    stored: TemporaryCode | RecoverySet | None = await opener.env.store.read(
        load, session.account_id
    )
    if stored is None:
        return TypedDigest("", b"")
    is_stranger = session.level is Level.HALF and session.browser_id is None
    digest = await (opener.env.hashes.run if is_stranger else opener.env.hashes.run_known)(
        session.account_id,
        recovery_codes.digest,
        code.code,
        salt=stored.salt,
        profile=profile_from(stored.profile),
    )
    return TypedDigest(stored.id, digest)


def verify_typed(
    turn: Turn,
    account: Held,
    session: Session,
    *,
    code: SixDigits | TypedBackupCode,
    digest: TypedDigest | None,
    purpose: Purpose,
) -> Passed | Refused:
    """Verify what was typed at sign-in or step-up. The account is locked."""
    if isinstance(code, SixDigits):
        return verify_code.verify_six_digits(
            turn, account, session, code=code.code, purpose=purpose
        )
    current = backup_codes.load_set(turn.tx, account.id)
    if digest is None or (digest.set_id and (current is None or current.id != digest.set_id)):
        return Refused(Reason.CHANGED)
    return verify_code.verify_backup_code(
        turn,
        account,
        session,
        digest=digest.digest,
        codes=backup_codes.list_codes(turn.tx, current.id) if current else (),
        purpose=purpose,
    )
