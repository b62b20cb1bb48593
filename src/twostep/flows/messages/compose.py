"""Compose a queued message: a code from its challenge, a notice from its sealed payload."""

from __future__ import annotations

import json
from typing import Any

from twostep.core import token
from twostep.core.account import Account
from twostep.core.brand import DEFAULT_ACCENT, shades
from twostep.core.messages import links
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.challenge import Challenge, is_open
from twostep.delivery import spoken, text_message
from twostep.delivery.mail import notice_mail as mail
from twostep.delivery.mail.logo import read_logo
from twostep.delivery.mail.notice import HelpDeskAct, Notice, NoticeKind
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.flows.env import Env
from twostep.flows.mail_links import (
    CONFIRM_EMAIL,
    CONFIRM_SECONDS,
    CONFIRM_SETUP,
    RESET_PASSWORD,
    RESET_SECONDS,
    SETUP_SECONDS,
)
from twostep.flows.messages.numbers import open_number
from twostep.flows.messages.queue_message import RECOVERY, TEST
from twostep.flows.messages.sent_code import open_code
from twostep.flows.places import place_of
from twostep.flows.turn import PAYLOAD, Turn
from twostep.flows.unseal import unseal
from twostep.store.account import accounts, mail_links
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import challenges, phones


_ACTIONS = {
    NoticeKind.PASSWORD_RESET_LINK: links.RESET_PASSWORD,
    NoticeKind.PASSWORD_RETIRED: links.RESET_PASSWORD,
    NoticeKind.PASSWORD_SECURED: links.RESET_PASSWORD,
    NoticeKind.EMAIL_CONFIRM: links.CONFIRM_EMAIL,
    NoticeKind.SETUP_CONFIRM: links.CONFIRM_SETUP,
    NoticeKind.RECOVERY_STARTED: links.CANCEL_RECOVERY,
    NoticeKind.RECOVERY_DAILY: links.CANCEL_RECOVERY,
    NoticeKind.RECOVERY_DONE: links.FINISH_RECOVERY,
    NoticeKind.HELP_DESK_ACT: links.RESET_PASSWORD,
}

# Links that end within hours: a mail that was delayed gives them their whole time again.
_RENEWED = {
    NoticeKind.PASSWORD_RESET_LINK: (RESET_PASSWORD, RESET_SECONDS),
    NoticeKind.PASSWORD_RETIRED: (RESET_PASSWORD, RESET_SECONDS),
    NoticeKind.PASSWORD_SECURED: (RESET_PASSWORD, RESET_SECONDS),
    NoticeKind.HELP_DESK_ACT: (RESET_PASSWORD, RESET_SECONDS),
    NoticeKind.EMAIL_CONFIRM: (CONFIRM_EMAIL, CONFIRM_SECONDS),
    NoticeKind.SETUP_CONFIRM: (CONFIRM_SETUP, SETUP_SECONDS),
}
_FOR_THE_LINK_ONLY = frozenset({NoticeKind.PASSWORD_RESET_LINK, NoticeKind.EMAIL_CONFIRM})
DELAYED_SECONDS = 60  # a mail that is sent later than this was delayed

_WITHOUT_CODE = {TEST: text_message.compose_test, RECOVERY: text_message.compose_recovery}


def renew_link(turn: Turn, row: OutboxRow) -> bool:
    """Before a delayed mail is sent: its link is valid from now on, not from when it was queued.

    False if the mail is no longer wanted, because it was for a link that was used or withdrawn.
    """
    kind = NoticeKind(row.kind) if row.channel is Channel.EMAIL else None
    renewed = _RENEWED.get(kind) if kind else None
    account = accounts.lock(turn.tx, row.account_id)
    if renewed is None or account is None or not row.payload:
        return True
    action = _open_payload(turn.env, row).get("action")
    if not isinstance(action, str):
        return True
    purpose, seconds = renewed
    lives = mail_links.renew(
        turn.tx, token.digest(action), purpose=purpose, until=turn.now + seconds
    )
    return lives or kind not in _FOR_THE_LINK_ONLY


def compose(turn: Turn, row: OutboxRow) -> Message | None:
    """The message for an outbox row; None if it is no longer wanted. Raises `SealBroken`."""
    account = accounts.load(turn.tx, row.account_id)
    if account is None or turn.now >= row.not_after:
        return None
    if row.channel is Channel.EMAIL:
        return _compose_notice(turn.env, account, row, now=turn.now)
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
        language=challenge.language or account.language,
        app_hash=turn.env.settings.delivery.app_hash,
    )
    return TextMessage(
        id=row.id,
        to=open_number(turn.env, phone),
        text=text,
        code=code,
        language=challenge.language or account.language,
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
        language=challenge.language or account.language,
    )


def _open_payload(env: Env, row: OutboxRow) -> dict[str, Any]:
    sealed = row.payload or b""
    opened = unseal(env, sealed, purpose=PAYLOAD, row_id=row.id, account_id=row.account_id)
    payload: dict[str, Any] = json.loads(opened)
    return payload


def _compose_notice(env: Env, account: Account, row: OutboxRow, *, now: int) -> MailMessage:
    payload = _open_payload(env, row)
    settings = env.settings
    kind = NoticeKind(row.kind)
    data = dict(payload["data"])
    data["new_browser"] = bool(data.get("new_browser"))
    if "act" in data:
        data["act"] = HelpDeskAct(data["act"])
    security_url = f"{env.site_url}{links.SECURITY}"
    notice = Notice(
        kind=kind,
        at=payload["at"],
        user_name=account.name,
        browser=payload.get("browser") or None,
        network=payload.get("network") or None,
        place=place_of(settings, payload.get("network"), account.language),
        not_me_link=_link(env, links.NOT_ME, payload.get("not_me")),
        action_link=_link(env, _ACTIONS.get(kind, ""), payload.get("action"))
        or (security_url if kind is NoticeKind.RECOVERY_CODE_USED else None),
        settings_link=security_url,
        **data,
    )
    language, zone = account.language, account.time_zone
    if kind is NoticeKind.HELP_REQUEST:  # to the help desk, not to the account's owner
        language, zone = settings.default_language, settings.default_time_zone
    logo = read_logo(settings.panel_logo)
    rendered = mail.render(
        notice,
        sender=_sender(env, has_logo=logo is not None),
        language_code=language,
        time_zone=zone,
    )
    return MailMessage(
        id=row.id,
        to=payload["to"],
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        logo=logo,
        language=language,
        made_at=now,
        thread=f"{account.id}.{kind}",
    )


def _sender(env: Env, *, has_logo: bool) -> mail.Sender:
    settings = env.settings
    return mail.Sender(
        panel=settings.panel_name,
        public_url=env.site_url,
        support_email=settings.support_email,
        support_phone=settings.support_phone,
        support_hours=settings.support_hours,
        shades=shades(settings.accent_colour or DEFAULT_ACCENT),
        has_logo=has_logo,
    )


def _link(env: Env, path: str, token: str | None) -> str | None:
    return env.site_url + path.format(token=token) if token else None
