"""Backup codes: a new set replaces the old one at once, and is shown until saving it is proved.

Only the session that made the codes sees them, for ten minutes or until one is typed back. After
that only their digests remain (one salt per set, one Argon2id hash per try).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field

from twostep.core import sealing, token
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import recovery_codes
from twostep.core.methods.authenticator import RecoveryCode, RecoverySet
from twostep.core.methods.code_input import TypedBackupCode, read_code
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.password import Profile
from twostep.core.sign_in.session import Level, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.proof.verify_typed import digest_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.turn import Turn, TurnOpener
from twostep.flows.unseal import unseal
from twostep.store.account import accounts
from twostep.store.methods import backup_codes
from twostep.store.sign_in import sessions, throttles


SHOWN = "recovery_sets.shown"
SHOWN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CodesView:
    """What the page of backup codes shows.

    `set_id`: empty without a set. `left`, `total`: unused codes and all codes of the set. `proved_at`: as in
    `RecoverySet`. `shown`: the codes themselves, while this session may see them; until
    `shown_until`.
    """

    set_id: str
    left: int
    total: int
    made_at: int | None
    proved_at: int | None
    shown: tuple[str, ...] = field(repr=False)
    shown_until: int


@dataclass(frozen=True, slots=True)
class CodesMade:
    """A new set was made."""


@dataclass(frozen=True, slots=True)
class CodesProved:
    """The owner has proved or confirmed that the codes are saved; none is burnt."""


def view_codes(turn: Turn, current: Session) -> CodesView:
    """The account's set, with the codes themselves while this session may see them."""
    code_set = backup_codes.load_set(turn.tx, current.account_id)
    if code_set is None:
        return CodesView("", 0, 0, None, proved_at=None, shown=(), shown_until=0)
    codes = backup_codes.list_codes(turn.tx, code_set.id)
    shown: tuple[str, ...] = ()
    if (
        code_set.shown
        and code_set.session_id == current.id
        and 0 < code_set.shown_until - turn.now <= SHOWN_SECONDS
    ):
        with suppress(sealing.SealBroken):  # the codes cannot be shown, but can be replaced
            clear = unseal(
                turn.env,
                code_set.shown,
                purpose=SHOWN,
                row_id=code_set.id,
                account_id=code_set.account_id,
            )
            shown = tuple(json.loads(clear))
    return CodesView(
        set_id=code_set.id,
        left=sum(code.used_at is None for code in codes),
        total=len(codes),
        made_at=code_set.created_at,
        proved_at=code_set.proved_at,
        shown=shown,
        shown_until=code_set.shown_until,
    )


async def make_codes(
    opener: TurnOpener, current: Session, *, replaces: str | None = None
) -> CodesMade | Refused:
    """Make a new set of ten codes; the old set stops working at once.

    `replaces`: the id of the set that the person saw, empty for none: a form that is sent twice, or
    from an old page, never takes away codes that were just printed. None replaces any.
    Refused: THROTTLED (five an hour), CHANGED, STEP_ENDED. Raises `Overloaded`.
    """
    if refused := await opener.read(_refuse_replacing, current, replaces=replaces):
        return refused
    if refused := await opener.run(_count_made, current):
        return refused
    clear = recovery_codes.new_codes()
    salt = recovery_codes.new_salt()
    digests = await opener.env.hashes.run_known(
        current.account_id, _digest_all, clear, salt=salt, profile=opener.env.profile
    )
    made = _MadeCodes(clear, salt, digests)
    return await opener.run(_save, current, made=made, replaces=replaces)


def _refuse_replacing(turn: Turn, current: Session, *, replaces: str | None) -> Refused | None:
    code_set = backup_codes.load_set(turn.tx, current.account_id)
    is_same = replaces is None or replaces == (code_set.id if code_set else "")
    return None if is_same else Refused(Reason.CHANGED)


def _count_made(turn: Turn, current: Session) -> Refused | None:
    """Count before anything is hashed, so that many at once cost no more than five."""
    key, rule = f"{throttle.CODES_MADE.name}:{current.account_id}", throttle.CODES_MADE
    state = throttles.lock(turn.tx, key, now=turn.now)
    if refused := throttle.refuse(state, rule, now=turn.now):
        return refused
    throttles.save(turn.tx, key, throttle.count(state, rule, now=turn.now), now=turn.now)
    return None


async def prove_codes(opener: TurnOpener, current: Session, *, typed: str) -> CodesProved | Refused:
    """Check that one of the codes was saved.

    Burns nothing, but a wrong code counts as a try. Raises `Overloaded`.
    """
    code = read_code(typed)
    rule = throttle.RECOVERY_CODE
    if not isinstance(code, TypedBackupCode):
        waiting = await opener.read(wrong_tries.view_wait, current, rule=rule)
        wrong_kind = code if isinstance(code, Refused) else Refused(Reason.BACKUP_CODE_WRONG)
        return waiting or wrong_kind
    digest = await digest_typed(opener, current, code=code)
    if isinstance(digest, Refused):
        return digest
    if not digest.set_id:
        return Refused(Reason.NOT_FOUND)

    def finish(turn: Turn) -> CodesProved | Refused:
        account = turn.lock(current)
        code_set = backup_codes.load_set(turn.tx, current.account_id)
        if account is None or code_set is None or code_set.id != digest.set_id:
            return Refused(Reason.CHANGED)
        if refused := wrong_tries.refuse(turn, account, rule=rule, browser_id=current.browser_id):
            return refused
        codes = [
            (row.id, row.digest, row.used_at is not None)
            for row in backup_codes.list_codes(turn.tx, code_set.id)
        ]
        answer = recovery_codes.match(digest.digest, codes)
        if isinstance(answer, recovery_codes.MatchedCode):
            backup_codes.save_proved(turn.tx, code_set.id, now=turn.now)
            turn.record(account, event.new_event(event.RECOVERY_CODES_PROVED))
            return CodesProved()
        if answer.reason is Reason.BACKUP_CODE_USED:
            return answer
        purpose, browser_id = str(Purpose.STEP_UP), current.browser_id
        wrong_try = WrongTry(rule, answer.reason, chances=0, purpose=purpose, browser_id=browser_id)
        refused = wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)
        if refused.reason is Reason.PASSWORD_RETIRED:
            sessions.remove(turn.tx, current.id, account_id=account.id)
        return refused

    return await opener.run(finish)


def keep_codes(turn: Turn, current: Session) -> CodesProved | Refused:
    """The owner confirms that the codes are still at hand; asked again in half a year.

    Refused: CHANGED, NOT_FOUND (there is no set, or saving it was never proved).
    """
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    code_set = backup_codes.load_set(turn.tx, account.id)
    if code_set is None or code_set.proved_at is None:
        return Refused(Reason.NOT_FOUND)
    backup_codes.save_proved(turn.tx, code_set.id, now=turn.now)
    turn.record(account, event.new_event(event.RECOVERY_CODES_KEPT))
    return CodesProved()


def _digest_all(clear: tuple[str, ...], *, salt: bytes, profile: Profile) -> tuple[bytes, ...]:
    return tuple(recovery_codes.digest(code, salt=salt, profile=profile) for code in clear)


@dataclass(frozen=True, slots=True)
class _MadeCodes:
    """New codes in clear, and their digests with one salt."""

    clear: tuple[str, ...] = field(repr=False)
    salt: bytes
    digests: tuple[bytes, ...]


def _save(
    turn: Turn, current: Session, *, made: _MadeCodes, replaces: str | None
) -> CodesMade | Refused:
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or not account.two_step or current.level is not Level.FULL:
        return Refused(Reason.CHANGED)
    if not sessions.exists(turn.tx, current.id):
        return Refused(Reason.STEP_ENDED)
    if refused := _refuse_replacing(turn, current, replaces=replaces):
        return refused
    new = _new_set(turn.env, current, made, now=turn.now)
    codes = [
        RecoveryCode(token.new_id(), number, digest, None)
        for number, digest in enumerate(made.digests, start=1)
    ]
    backup_codes.replace_set(turn.tx, new, codes)
    forget_browsers(turn, account)
    count = len(codes)
    turn.record(account, event.new_event(event.RECOVERY_CODES_CREATED, Outcome.OK, codes=count))
    turn.notify(account, NoticeKind.CODES_CREATED, undo=f"codes:{new.id}", count=count)
    return CodesMade()


def _new_set(env: Env, current: Session, made: _MadeCodes, *, now: int) -> RecoverySet:
    set_id = token.new_id()
    return RecoverySet(
        id=set_id,
        account_id=current.account_id,
        salt=made.salt,
        profile=env.profile.parameters,
        shown=sealing.seal(
            env.keyring,
            json.dumps(made.clear).encode(),
            purpose=SHOWN,
            row_id=set_id,
            account_id=current.account_id,
        ),
        session_id=current.id,
        shown_until=now + SHOWN_SECONDS,
        proved_at=None,
        created_at=now,
    )
