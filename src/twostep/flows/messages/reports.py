"""What providers tell us afterwards: how far a message got, and which key a called person pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM, Outcome
from twostep.core.methods.authenticator import MethodKind, method_name
from twostep.core.methods.challenge import is_open
from twostep.core.methods.out_of_band import NO_ANSWER, Purpose, SendState, merge_state
from twostep.core.sealing import SealBroken
from twostep.delivery.channel import CallbackRequest, Forged, KeyReport, OptReport, StatusReport
from twostep.delivery.mail.notice import NoticeKind
from twostep.delivery.spoken import Script, Step, new_script
from twostep.flows.env import Env
from twostep.flows.messages.compose import script_of
from twostep.flows.messages.notify import notify
from twostep.flows.messages.opt_out import note_refusal, take_opt_report
from twostep.flows.messages.sent_code import CODE, open_code
from twostep.flows.unseal import tell_broken
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import challenges, phones
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the call says next."""

    script: Script
    step: Step


def record_status(
    tx: Tx, report: StatusReport, *, provider: str, now: int, env: Env | None = None
) -> None:
    """Take a report on a message; reports may come twice and in any order, unknown ids are nothing.

    `provider`: empty where the channel itself reports. `env`: to remember who opted out.
    """
    found = outbox.load(tx, report.message_id)
    account = accounts.lock(tx, found.account_id) if found else None
    row = outbox.load(tx, report.message_id)
    if account is None or row is None or row.state == "expired":
        return
    old = SendState(row.state)
    settled = old is SendState.FAILED and row.reason != NO_ANSWER
    new = merge_state(old, report.state, settled=settled)
    if new is old:
        return
    reason = str(report.failure or "") if new is SendState.FAILED else ""
    provider = provider or row.provider
    outbox.save_state(
        tx, row.id, state=str(new), reason=reason, provider=provider, provider_id="", now=now
    )
    if row.channel == "email":  # code events tell of codes; a notice has its own, when it leaves
        return
    method = method_name(MethodKind.PHONE, row.phone_id or "")
    if new is SendState.FAILED:
        told = event.new_event(
            event.CODE_DELIVERY_FAILED,
            Outcome.FAILED,
            method=method,
            provider=provider,
            reason=reason,
        )
    else:
        told = event.new_event(
            event.CODE_DELIVERED, method=method, state=str(new), provider=provider
        )
    audit.append(tx, told, account_id=account.id, source=SYSTEM, now=now)
    if env is not None:
        phone = phones.load(tx, row.phone_id or "", account_id=account.id)
        note_refusal(tx, env, phone, reason=reason, provider=provider, now=now)


def answer_call(tx: Tx, env: Env, report: KeyReport, *, now: int) -> Spoken | None:
    """What a call in progress says next; None: no such call, or its code is dead (hang up).

    The code is read only after the announced key. Key 9 ends the code and tells the owner.
    """
    found = outbox.load(tx, report.message_id)
    if found is None or found.channel != "call" or found.challenge_id is None:
        return None
    account = accounts.lock(tx, found.account_id)
    challenge = challenges.load(tx, found.challenge_id)
    if account is None or challenge is None or not is_open(challenge, now=now):
        return None
    try:
        code = open_code(env, challenge)
    except SealBroken:
        tell_broken(tx, account.id, purpose=CODE, now=now)
        return None
    script = script_of(env, account, challenge, code=code)
    if report.pressed is None:
        return Spoken(script, report.step)
    step = script.next_step(report.step, report.pressed)
    if step is Step.REPORTED:
        _report(tx, env, found, now=now)
    return Spoken(script, step)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider is answered."""

    status: int
    media_type: str = "text/plain"
    body: str = ""


async def receive(
    env: Env, *, provider: str, path: str, headers: Mapping[str, str], body: bytes, now: int
) -> Answer:
    """Take a provider's request: its signature proves who sends it.

    404 for a provider that is not set up, 403 for a forged request, 204 for reports (unknown ids
    too), the provider's markup for a call that asks what to say.
    """
    callbacks = env.callbacks.get(provider)
    if callbacks is None:
        return Answer(404)
    report = callbacks.read(CallbackRequest(path, headers, body, now))
    if isinstance(report, Forged):
        return Answer(403)
    if isinstance(report, StatusReport):
        await env.store.run(record_status, report, provider=provider, now=now, env=env)
    if isinstance(report, OptReport):
        await env.store.run(take_opt_report, env, report, provider=provider, now=now)
    if not isinstance(report, KeyReport):
        return Answer(204)
    spoken = await env.store.run(answer_call, env, report, now=now)
    if spoken is None:  # without a live code the call ends
        nothing = new_script(code="", key="", panel="", purpose=Purpose.SIGN_IN, language="en")
        spoken = Spoken(nothing, Step.GOODBYE)
    reply = callbacks.render(spoken.script, spoken.step, message_id=report.message_id)
    return Answer(200, reply.media_type, reply.body)


def _report(tx: Tx, env: Env, row: OutboxRow, *, now: int) -> None:
    """Somebody was called who had not asked for it."""
    account = accounts.lock(tx, row.account_id)
    if account is None or row.challenge_id is None:
        return
    challenges.end(tx, row.challenge_id, now=now)
    phone = phones.load(tx, row.phone_id or "", account_id=account.id)
    audit.append(
        tx,
        event.new_event(
            event.CODE_REPORTED,
            Outcome.REFUSED,
            method=method_name(MethodKind.PHONE, row.phone_id or ""),
        ),
        account_id=account.id,
        source=SYSTEM,
        now=now,
    )
    notify(
        tx,
        env,
        account,
        NoticeKind.CODE_REPORTED,
        visitor=None,
        now=now,
        hint=phone.hint if phone else "",
    )
