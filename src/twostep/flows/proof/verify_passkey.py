"""Verify that a passkey was used, burn its challenge, and keep what it said of itself.

For the second step, for step-up, and alone. Every refusal is the same to who asks; the audit trail
says why. A passkey is no guess: a refused one costs no try of the account, only the allowance of the
network or of the known browser.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods.authenticator import MethodKind, Passkey, method_name
from twostep.core.methods.passkey import Answer, RelyingParty, new_handle, refused
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
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.turn import record
from twostep.store.audit import trail as audit
from twostep.store.methods import passkeys
from twostep.store.sign_in import known_browsers, throttles
from twostep.store.tx import Tx


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
    """Import the cryptography of passkeys; slow, so not at the start and not in a transaction."""
    importlib.import_module("twostep.core.methods.passkey_response")


def relying_party(env: Env) -> RelyingParty:
    """Who asks for passkeys here."""
    settings = env.settings
    return RelyingParty(
        settings.passkeys.rp_id or env.public_host, settings.panel_name, settings.public_url
    )


def refuse_waiting(tx: Tx, visitor: Visitor, *, now: int) -> Refused | None:
    """Refuse while the network's allowance is used up, or the known browser's own."""
    key = _key(tx, visitor)
    return throttle.refuse(throttles.load(tx, key), throttle.PASSKEY_NETWORK, now=now)


def load_handle(tx: Tx, account_id: str) -> bytes:
    """The handle by which authenticators know the account: 64 random bytes, made once, meaningless."""
    return passkeys.load_handle(tx, account_id) or passkeys.save_handle(
        tx, account_id, handle=new_handle()
    )


def use_passkey(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    answer: Answer,
    ceremony: Ceremony,
    session_id: str,
    now: int,
) -> PasskeyUsed | Refused:
    """Verify an answer against the locked account's passkeys. Refused: PASSKEY_REFUSED."""
    alone = ceremony is Ceremony.ALONE
    passkey = passkeys.load_by_credential(tx, answer.credential_id)
    if passkey is None or passkey.account_id != account.id:
        return refuse(tx, account, visitor, refused("unknown"), ceremony=ceremony, now=now)
    context = (
        context_of(ceremony)
        if alone
        else context_of(ceremony, account_id=account.id, session_id=session_id)
    )
    verdict = _verify(tx, env, passkey, answer, context=context, alone=alone, now=now)
    if isinstance(verdict, Refused):
        return refuse(tx, account, visitor, verdict, ceremony=ceremony, now=now)
    passkeys.save_used(
        tx,
        passkey.id,
        sign_count=verdict.sign_count,
        backed_up=verdict.backed_up,
        now=now,
        browser=visitor.browser,
    )
    used = PasskeyUsed(passkey, session.amr_of_passkey(synced=passkey.synced, alone=alone))
    if verdict.counted_back:
        _tell_of_counter(tx, env, account, visitor, used=used, shown=verdict.sign_count, now=now)
    accepted = event.new_event(event.PASSKEY_ACCEPTED, method=used.method, purpose=str(ceremony))
    record(tx, account, visitor, accepted, now=now)
    return used


def burn_challenge(tx: Tx, challenge: bytes, *, now: int) -> bool:
    """Take a challenge that was answered well. False: it was answered before."""
    return passkeys.consume_challenge(
        tx, challenge_digest(challenge), expires_at=now + CHALLENGE_SECONDS + AHEAD_SECONDS
    )


def refuse(
    tx: Tx,
    account: Account | None,
    visitor: Visitor,
    no: Refused,
    *,
    ceremony: Ceremony,
    now: int,
) -> Refused:
    """Count a refused passkey against the network and write down why."""
    key = _key(tx, visitor)
    rule = throttle.PASSKEY_NETWORK
    state = throttles.lock(tx, key, now=now)
    if waiting := throttle.refuse(state, rule, now=now):  # others came first
        return waiting
    throttles.save(tx, key, throttle.count(state, rule, now=now), now=now)
    why = event.new_event(
        event.PASSKEY_REFUSED,
        Outcome.REFUSED,
        purpose=str(ceremony),
        reason=str(no.detail.get("why", "")),
    )
    if account is not None:
        record(tx, account, visitor, why, now=now)
    else:
        audit.append_system(tx, why, subject=visitor.network, source=visitor.source, now=now)
    return Refused(Reason.PASSKEY_REFUSED)


def _verify(
    tx: Tx, env: Env, passkey: Passkey, answer: Answer, *, context: str, alone: bool, now: int
) -> Asserted | Refused:
    from twostep.core.methods.passkey_response import verify_assertion  # noqa: PLC0415  see `warm_up`

    if not verify_challenge(env.keyring, answer.challenge, context=context, now=now):
        return refused("challenge")
    verdict = verify_assertion(
        answer,
        expected_challenge=answer.challenge,
        expected_party=relying_party(env),
        expected_handle=passkeys.load_handle(tx, passkey.account_id),
        passkey=passkey,
        must_verify_user=alone,
    )
    if isinstance(verdict, Refused):
        return verdict
    return verdict if burn_challenge(tx, answer.challenge, now=now) else refused("challenge_used")


def _tell_of_counter(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    used: PasskeyUsed,
    shown: int,
    now: int,
) -> None:
    stored = used.passkey.sign_count
    behind = event.new_event(
        event.PASSKEY_COUNTED_BACK, method=used.method, stored=stored, shown=shown
    )
    record(tx, account, visitor, behind, now=now)
    notify(
        tx, env, account, NoticeKind.PASSKEY_COUNTED_BACK, visitor=visitor, now=now,
        method=used.passkey.name,
    )  # fmt: skip


def _key(tx: Tx, visitor: Visitor) -> str:
    """A known browser has its own allowance: a stranger behind the same address costs it nothing."""
    digest = token.digest(visitor.browser_token)
    if visitor.browser_token and known_browsers.is_browser_cookie(tx, digest):
        return f"{throttle.PASSKEY_NETWORK.name}:browser:{digest.hex()[:40]}"
    return f"{throttle.PASSKEY_NETWORK.name}:{visitor.network}"
