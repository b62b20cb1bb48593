"""Verify a passkey, burn its challenge, and store its new counter and backup state.

Used for the second step, for step-up, and for sign-in with a passkey alone. The visitor always sees
the same refusal; the audit trail has the reason. A refused passkey is not a guess: it uses up the
allowance of the network or known browser, but none of the account's tries.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twostep.core import token
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods.authenticator import MethodKind, Passkey, method_name
from twostep.core.methods.passkey import PasskeyAnswer, RelyingParty, new_handle, refused
from twostep.core.methods.passkey_challenge import (
    AHEAD_SECONDS,
    CHALLENGE_SECONDS,
    Ceremony,
    challenge_digest,
    context_of,
    verify_challenge,
)
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session, throttle
from twostep.core.sign_in.throttle import Rule
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.methods import passkeys
from twostep.store.sign_in import known_browsers, throttles


if TYPE_CHECKING:
    from twostep.core.methods.passkey_response import Asserted


@dataclass(frozen=True, slots=True)
class PasskeyUsed:
    """A passkey was accepted; its challenge is burnt."""

    passkey: Passkey
    amr: str

    @property
    def method(self) -> str:
        """Its name in events."""
        return method_name(MethodKind.PASSKEY, self.passkey.id)


def warm_up() -> None:
    """Import the passkey cryptography; too slow to do at start-up or inside a transaction."""
    importlib.import_module("twostep.core.methods.passkey_response")


def relying_party(env: Env) -> RelyingParty:
    """The WebAuthn relying party of this installation."""
    settings = env.settings
    return RelyingParty(
        settings.passkeys.rp_id or env.public_host, settings.panel_name, settings.public_url
    )


def refuse_waiting(turn: Turn) -> Refused | None:
    """Refuse while the allowance of the network or known browser is used up."""
    key, rule = _counter(turn)
    return throttle.refuse(throttles.load(turn.tx, key), rule, now=turn.now)


def load_handle(turn: Turn, account_id: str) -> bytes:
    """The account's WebAuthn user handle: 64 random bytes, created once."""
    return passkeys.load_handle(turn.tx, account_id) or passkeys.save_handle(
        turn.tx, account_id, handle=new_handle()
    )


def use_passkey(
    turn: Turn, account: Held, *, answer: PasskeyAnswer, ceremony: Ceremony, session_id: str
) -> PasskeyUsed | Refused:
    """Verify an answer against the locked account's passkeys. Refused: PASSKEY_CHANGED,
    PASSKEY_REFUSED."""
    alone = ceremony is Ceremony.ALONE
    passkey = passkeys.load_by_credential(turn.tx, answer.credential_id)
    if passkey is None or passkey.account_id != account.id:
        return refuse(turn, account, refused("unknown"), ceremony=ceremony)
    context = (
        context_of(ceremony)
        if alone
        else context_of(ceremony, account_id=account.id, session_id=session_id)
    )
    verdict = _verify(turn, passkey, answer, context=context, alone=alone)
    if isinstance(verdict, Refused):
        if verdict.reason is Reason.PASSKEY_CHANGED:
            _report_change(turn, account, passkey)
        return refuse(turn, account, verdict, ceremony=ceremony)
    shown = replace(
        passkey,
        sign_count=verdict.sign_count,
        backed_up=verdict.backed_up,
        last_used_at=turn.now,
        last_used_browser=turn.visitor.browser,
        rp_id=relying_party(turn.env).id,
    )
    passkeys.save_used(turn.tx, shown)
    used = PasskeyUsed(passkey, session.amr_of_passkey(synced=passkey.synced, alone=alone))
    if verdict.counted_back:
        _report_counter(turn, account, used=used, shown=verdict.sign_count)
    accepted = event.new_event(event.PASSKEY_ACCEPTED, method=used.method, purpose=str(ceremony))
    turn.record(account, accepted)
    return used


def burn_challenge(turn: Turn, challenge: bytes) -> bool:
    """Burn a challenge that was answered correctly; False if it was already used."""
    return passkeys.consume_challenge(
        turn.tx,
        challenge_digest(challenge),
        expires_at=turn.now + CHALLENGE_SECONDS + AHEAD_SECONDS,
    )


def refuse(turn: Turn, account: Held | None, cause: Refused, *, ceremony: Ceremony) -> Refused:
    """Count a refused passkey against the network or known browser, and record why."""
    key, rule = _counter(turn)
    state = throttles.lock(turn.tx, key, now=turn.now)
    if waiting := throttle.refuse(state, rule, now=turn.now):  # concurrent tries came first
        return waiting
    throttles.save(turn.tx, key, throttle.count(state, rule, now=turn.now), now=turn.now)
    refusal = event.new_event(
        event.PASSKEY_REFUSED,
        Outcome.REFUSED,
        purpose=str(ceremony),
        reason=str(cause.detail.get("why", "")),
    )
    if account is not None:
        turn.record(account, refusal)
    else:
        turn.record_system(refusal, subject=turn.visitor.network)
    return Refused(cause.reason)


def _verify(
    turn: Turn, passkey: Passkey, answer: PasskeyAnswer, *, context: str, alone: bool
) -> Asserted | Refused:
    from twostep.core.methods.passkey_response import verify_assertion  # noqa: PLC0415  see `warm_up`

    if not verify_challenge(turn.env.keyring, answer.challenge, context=context, now=turn.now):
        return refused("challenge")
    verdict = verify_assertion(
        answer,
        expected_challenge=answer.challenge,
        expected_party=relying_party(turn.env),
        expected_handle=passkeys.load_handle(turn.tx, passkey.account_id),
        passkey=passkey,
        must_verify_user=alone,
    )
    if isinstance(verdict, Refused):
        return verdict
    return verdict if burn_challenge(turn, answer.challenge) else refused("challenge_used")


def _report_change(turn: Turn, account: Held, passkey: Passkey) -> None:
    """Mark it, and tell the owner once: trying again will not help."""
    if passkeys.save_changed(turn.tx, passkey.id, now=turn.now):
        turn.notify(account, NoticeKind.PASSKEY_CHANGED, method=passkey.name)


def _report_counter(turn: Turn, account: Held, *, used: PasskeyUsed, shown: int) -> None:
    stored = used.passkey.sign_count
    counted_back = event.new_event(
        event.PASSKEY_COUNTED_BACK, method=used.method, stored=stored, shown=shown
    )
    turn.record(account, counted_back)
    turn.notify(account, NoticeKind.PASSKEY_COUNTED_BACK, method=used.passkey.name)


def _counter(turn: Turn) -> tuple[str, Rule]:
    """The counter's key and rule: a known browser has its own, so strangers on its network cannot use
    it up."""
    rule = throttle.PASSKEY_NETWORK
    digest = token.digest(turn.visitor.browser_token)
    if turn.visitor.browser_token and known_browsers.is_browser_cookie(turn.tx, digest):
        return f"{rule.name}:browser:{digest.hex()[:40]}", throttle.in_browser(rule)
    return f"{rule.name}:{turn.visitor.network}", rule
