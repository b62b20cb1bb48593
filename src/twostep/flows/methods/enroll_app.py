"""The app wizard: set up an authenticator app by QR code and confirm it with its first code.

The pending secret has its own row, bound to account and session, so a reload, the back button, a
second tab, a stray GET or a wrong code changes nothing. It expires after 15 minutes, or when the user
asks for a new one. The confirming code is burnt, and is this session's fresh second factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twostep.core import sealing, token
from twostep.core.audit import event
from twostep.core.methods import totp
from twostep.core.methods.authenticator import (
    LONGEST_NAME,
    MOST_APPS,
    App,
    MethodKind,
    PendingApp,
    method_name,
)
from twostep.core.methods.code_input import read_six_digits
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import AMR_OF_SECOND_FACTOR, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows import limits
from twostep.flows.env import Env
from twostep.flows.methods.first_setup import refuse_unconfirmed
from twostep.flows.methods.two_step import turn_on
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.proof.verify_code import use_up_code
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_enrolled
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import Turn
from twostep.flows.unseal import APP_SECRET, record_broken_seal, unseal
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import apps


PENDING_SECRET = "pending_apps.secret"
PENDING_SECONDS = 900
SEARCH_STEPS = 40
# The person typing the code has seen the secret, so guessing gains nothing; the limit only bounds
# how often the clock diagnosis runs.
CONFIRMING = throttle.Rule("app.confirming", 30, 900)


@dataclass(frozen=True, slots=True)
class Pending:
    """What the wizard shows. `secret`: in clear, for this page only. `number`: of the new entry,
    which no entry of the account's apps has; 1 if there is no app yet."""

    id: str
    secret: bytes = field(repr=False)
    expires_at: int
    is_expired: bool
    number: int

    @property
    def first(self) -> bool:
        """Whether there is no app yet."""
        return self.number == 1


@dataclass(frozen=True, slots=True)
class AppAdded:
    """The app was added. `turned_on`: this turned two-step sign-in on."""

    app_id: str
    signed_in: SignedIn
    turned_on: bool


def view_pending(turn: Turn, current: Session) -> Pending | None:
    """The session's pending secret, if there is one and the account may add an app."""
    pending = apps.load_pending(turn.tx, current.id)
    account_apps = apps.list_apps(turn.tx, current.account_id)
    if pending is None or len(account_apps) >= MOST_APPS:
        return None
    try:
        return _shown(turn.env, pending, number=_next_number(account_apps), now=turn.now)
    except sealing.SealBroken:  # the page then asks for a new one
        return None


def begin_app(turn: Turn, current: Session, *, replace_pending: bool = False) -> Pending | Refused:
    """The session's pending secret; created if missing, replaced with `replace_pending`.

    An expired secret is shown as expired until the user asks for a new one: otherwise the page could
    silently differ from what an app has already scanned.
    """
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    if refused := refuse_unconfirmed(turn, account, current):
        return refused
    account_apps = apps.list_apps(turn.tx, account.id)
    if len(account_apps) >= MOST_APPS:
        return Refused(Reason.APP_LIMIT)
    pending = apps.load_pending(turn.tx, current.id)
    if pending is None or replace_pending or not _opens(turn, pending):
        pending = _new_pending(turn.env, current, now=turn.now)
        apps.save_pending(turn.tx, pending)
    return _shown(turn.env, pending, number=_next_number(account_apps), now=turn.now)


def finish_app(turn: Turn, current: Session, *, typed: str, name: str) -> AppAdded | Refused:
    """Confirm the pending secret with a code from the app.

    Refused: what `read_six_digits` refuses, CODE_WRONG, CODE_OF_OTHER_APP, CLOCK_OFF (minutes),
    SETUP_EXPIRED, APP_LIMIT, NAME_TOO_LONG, STEP_ENDED (the session has ended, or another tab was first).
    """
    account = accounts.lock(turn.tx, current.account_id)
    pending = apps.load_pending(turn.tx, current.id)
    if account is None or not is_current(turn, current, turn.visitor.session_token):
        return Refused(Reason.STEP_ENDED)
    if refused := refuse_unconfirmed(turn, account, current):
        return refused
    if pending is None or not _is_open(pending, now=turn.now):
        return Refused(Reason.SETUP_EXPIRED)
    if len(apps.list_apps(turn.tx, account.id)) >= MOST_APPS:
        return Refused(Reason.APP_LIMIT)
    code = read_six_digits(typed)
    if isinstance(code, Refused):
        return code
    if len(name.strip()) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    accepted = _verify(turn, account, pending, code=code.code)
    if isinstance(accepted, Refused):
        return accepted
    apps.take_pending(turn.tx, pending.id, session_id=current.id)
    return _add(turn, account, current, pending=pending, accepted=accepted, name=name.strip())


def _new_pending(env: Env, current: Session, *, now: int) -> PendingApp:
    row_id = token.new_id()
    return PendingApp(
        id=row_id,
        account_id=current.account_id,
        session_id=current.id,
        secret=sealing.seal(
            env.keyring,
            totp.new_secret(),
            purpose=PENDING_SECRET,
            row_id=row_id,
            account_id=current.account_id,
        ),
        expires_at=now + PENDING_SECONDS,
    )


def _shown(env: Env, pending: PendingApp, *, number: int, now: int) -> Pending:
    return Pending(
        id=pending.id,
        secret=_open(env, pending),
        expires_at=pending.expires_at,
        is_expired=not _is_open(pending, now=now),
        number=number,
    )


def _next_number(account_apps: Sequence[App]) -> int:
    return 1 + max((app.entry for app in account_apps), default=0)


def _is_open(pending: PendingApp, *, now: int) -> bool:
    return 0 < pending.expires_at - now <= PENDING_SECONDS


def _open(env: Env, pending: PendingApp) -> bytes:
    return unseal(
        env,
        pending.secret,
        purpose=PENDING_SECRET,
        row_id=pending.id,
        account_id=pending.account_id,
    )


def _opens(turn: Turn, pending: PendingApp) -> bool:
    """Whether the pending secret can be unsealed; a broken seal is recorded."""
    try:
        _open(turn.env, pending)
    except sealing.SealBroken:
        record_broken_seal(
            turn.tx,
            pending.account_id,
            purpose=PENDING_SECRET,
            keyring=turn.env.keyring,
            now=turn.now,
        )
        return False
    return True


def _verify(
    turn: Turn, account: Held, pending: PendingApp, *, code: str
) -> totp.MatchedStep | Refused:
    """Verify the first code; if it is wrong, check whether it is another entry's, or whether the
    phone's clock is to blame."""
    if not _opens(turn, pending):
        return Refused(Reason.SETUP_EXPIRED)
    secret = _open(turn.env, pending)
    answer = totp.verify(
        secret,
        code,
        now=turn.now,
        last_step=totp.NEVER_USED,
        window=totp.Window(tolerance_steps=turn.env.settings.totp.tolerance_steps),
    )
    if isinstance(answer, totp.MatchedStep):
        return answer
    key = f"{CONFIRMING.name}:{account.id}"
    if limits.count_all(turn.tx, [(key, CONFIRMING)], now=turn.now) is None:
        if use_up_code(turn, account.id, code=code):
            answer = Refused(Reason.CODE_OF_OTHER_APP)
            return _refused(turn, account, answer)
        steps = totp.find_offset(secret, code, now=turn.now, within_steps=SEARCH_STEPS)
        if steps is not None:
            seconds = steps * totp.DEFAULT.period_seconds
            minutes = round(seconds / 60) or (1 if seconds > 0 else -1)
            answer = Refused(Reason.CLOCK_OFF, detail={"minutes": minutes})
    return _refused(turn, account, answer)


def _refused(turn: Turn, account: Held, refused: Refused) -> Refused:
    turn.record(
        account,
        event.new_event(event.APP_REFUSED, event.Outcome.REFUSED, reason=str(refused.reason)),
    )
    return refused


def _add(
    turn: Turn,
    account: Held,
    current: Session,
    *,
    pending: PendingApp,
    accepted: totp.MatchedStep,
    name: str,
) -> AppAdded:
    app = _new_app(turn, pending, accepted=accepted, name=name)
    apps.insert_app(turn.tx, app, origin="enrolled")
    method = method_name(MethodKind.APP, app.id)
    added = event.new_event(event.APP_ADDED, method=method, name=name)
    turn.record(account, added)
    forget_browsers(turn, account)
    turned_on = not account.two_step
    if turned_on:
        turn_on(turn, account, current)
    kind = NoticeKind.TWO_STEP_ENABLED if turned_on else NoticeKind.APP_ADDED
    turn.notify(account, kind, undo=method, method=name)
    amr = AMR_OF_SECOND_FACTOR["app"]
    signed_in = raise_enrolled(turn, account, current, amr=amr, method=method)
    return AppAdded(app.id, signed_in, turned_on)


def _new_app(turn: Turn, pending: PendingApp, *, accepted: totp.MatchedStep, name: str) -> App:
    app_id = token.new_id()
    clear = _open(turn.env, pending)
    return App(
        id=app_id,
        account_id=pending.account_id,
        name=name,
        secret=sealing.seal(
            turn.env.keyring,
            clear,
            purpose=APP_SECRET,
            row_id=app_id,
            account_id=pending.account_id,
        ),
        algorithm=totp.DEFAULT.algorithm,
        digits=totp.DEFAULT.digits,
        period_seconds=totp.DEFAULT.period_seconds,
        last_step=accepted.step,
        centre=0,
        edge_run=0,
        created_at=turn.now,
        last_used_at=turn.now,
        last_used_browser=turn.visitor.browser,
        entry=_next_number(apps.list_apps(turn.tx, pending.account_id)),
    )
