"""Compose a queued message: a code from its challenge, a notice from its sealed payload."""

from __future__ import annotations

import json

from twostep.core.account import Account
from twostep.core.messages import links
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.challenge import Challenge, is_open
from twostep.delivery import spoken, text_message
from twostep.delivery.mail import notice_mail as mail
from twostep.delivery.mail.notice import HelpDeskAct, Notice, NoticeKind
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.flows.env import Env
from twostep.flows.messages.numbers import open_number
from twostep.flows.messages.queue_message import RECOVERY, TEST
from twostep.flows.messages.sent_code import open_code
from twostep.flows.places import place_of
from twostep.flows.turn import PAYLOAD, Turn
from twostep.flows.unseal import unseal
from twostep.store.account import accounts
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import challenges, phones


_ACTIONS = {
    NoticeKind.PASSWORD_RESET_LINK: links.RESET_PASSWORD,
    NoticeKind.PASSWORD_RETIRED: links.RESET_PASSWORD,
    NoticeKind.PASSWORD_SECURED: links.RESET_PASSWORD,
    NoticeKind.EMAIL_CONFIRM: links.CONFIRM_EMAIL,
    NoticeKind.RECOVERY_STARTED: links.CANCEL_RECOVERY,
    NoticeKind.RECOVERY_DAILY: links.CANCEL_RECOVERY,
    NoticeKind.RECOVERY_DONE: links.FINISH_RECOVERY,
    NoticeKind.HELP_DESK_ACT: links.RESET_PASSWORD,
}

_WITHOUT_CODE = {TEST: text_message.compose_test, RECOVERY: text_message.compose_recovery}


def compose(turn: Turn, row: OutboxRow) -> Message | None:
    """The message for an outbox row; None if it is no longer wanted. Raises `SealBroken`."""
    account = accounts.load(turn.tx, row.account_id)
    if account is None or turn.now >= row.not_after:
        return None
    if row.channel is Channel.EMAIL:
        return _compose_notice(turn.env, account, row)
    phone = phones.load(turn.tx, row.phone_id or "", account_id=account.id)
    if phone is None:
        return None
    if row.challenge_id is None:
        return _compose_text(turn.env, account, row, phone)
    challenge = challenges.load(turn.tx, row.challenge_id)
    if challenge is None or not is_open(challenge, now=turn.now):
        return None
    code = open_code(turn.env, challenge)
    if row.channel is Channel.CALL:
        return CallMessage(
            id=row.id,
            to=open_number(turn.env, phone),
            script=script_of(turn.env, account, challenge, code=code),
            expires_at=challenge.expires_at,
        )
    text = text_message.compose(
        purpose=challenge.purpose,
        code=code,
        panel=turn.env.settings.panel_name,
        host=turn.env.public_host,
        language=account.language,
        app_hash=turn.env.settings.delivery.app_hash,
    )
    return TextMessage(
        id=row.id,
        to=open_number(turn.env, phone),
        text=text,
        code=code,
        language=account.language,
        expires_at=challenge.expires_at,
    )


def _compose_text(env: Env, account: Account, row: OutboxRow, phone: Phone) -> TextMessage:
    """A text message without a code."""
    compose_text = _WITHOUT_CODE[row.kind]
    return TextMessage(
        id=row.id,
        to=open_number(env, phone),
        text=compose_text(panel=env.settings.panel_name, language=account.language),
        code="",
        language=account.language,
        expires_at=row.not_after,
    )


def script_of(env: Env, account: Account, challenge: Challenge, *, code: str) -> spoken.Script:
    """The script that a call reads out."""
    return spoken.new_script(
        code=code,
        key=challenge.call_key,
        panel=env.settings.panel_name,
        purpose=challenge.purpose,
        language=account.language,
    )


def _compose_notice(env: Env, account: Account, row: OutboxRow) -> MailMessage:
    sealed = row.payload or b""
    opened = unseal(env, sealed, purpose=PAYLOAD, row_id=row.id, account_id=row.account_id)
    payload = json.loads(opened)
    settings = env.settings
    kind = NoticeKind(row.kind)
    data = dict(payload["data"])
    if "act" in data:
        data["act"] = HelpDeskAct(data["act"])
    notice = Notice(
        kind=kind,
        at=payload["at"],
        user_name=account.name,
        browser=payload.get("browser") or None,
        network=payload.get("network") or None,
        place=place_of(settings, payload.get("network"), account.language),
        not_me_link=_link(env, links.NOT_ME, payload.get("not_me")),
        action_link=_link(env, _ACTIONS.get(kind, ""), payload.get("action")),
        settings_link=f"{env.site_url}{links.SECURITY}",
        **data,
    )
    sender = mail.Sender(
        panel=settings.panel_name,
        public_url=env.site_url,
        support_email=settings.support_email,
        support_phone=settings.support_phone,
        support_hours=settings.support_hours,
    )
    rendered = mail.render(
        notice, sender=sender, language_code=account.language, time_zone=account.time_zone
    )
    return MailMessage(
        id=row.id,
        to=payload["to"],
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        language=account.language,
        made_at=row.created_at,
        thread=f"{account.id}.{kind}",
    )


def _link(env: Env, path: str, token: str | None) -> str | None:
    return env.site_url + path.format(token=token) if token else None
