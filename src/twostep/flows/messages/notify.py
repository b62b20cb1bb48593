"""Notices by e-mail, queued in the transaction of the act they tell about.

Every verified address of the account gets one. Each carries its own "This wasn't me" link, which
names what it would undo.
"""

from __future__ import annotations

import json

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.store.account import addresses as stored_addresses
from twostep.store.account import mail_links
from twostep.store.account.mail_links import MailLink
from twostep.store.messages import outbox
from twostep.store.tx import Tx


NOT_ME = "not_me"
RESET_PASSWORD = "reset_password"
CONFIRM_EMAIL = "confirm_email"

NOT_ME_SECONDS = 14 * 86_400
RESET_SECONDS = 3600
CONFIRM_SECONDS = 86_400
NOTICE_LIFE_SECONDS = 86_400  # a mail server that is down for longer has lost it
PAYLOAD = "outbox.payload"

# Acts that nobody undoes by a link: they tell of something that was asked for by mail, or of its end.
_WITHOUT_NOT_ME = frozenset(
    {
        NoticeKind.PASSWORD_RESET_LINK,
        NoticeKind.PASSWORD_RETIRED,
        NoticeKind.PASSWORD_SECURED,
        NoticeKind.EMAIL_CONFIRM,
    }
)


def notify(
    tx: Tx,
    env: Env,
    account: Account,
    kind: NoticeKind,
    *,
    visitor: Visitor | None,
    now: int,
    undo: str = "",
    to: tuple[str, ...] | None = None,
    **data: str | int,
) -> None:
    """Queue a notice to every verified address, or to the addresses `to`.

    `undo`: what "This wasn't me" takes back, as `phone:ID`. `data`: fields of `delivery.Notice`.
    """
    if to is None:
        addresses = stored_addresses.list_addresses(tx, account.id)
        to = tuple(one.address for one in addresses if one.verified_at is not None)
    for address in to:
        payload: dict[str, object] = {"to": address, "at": now, "data": data}
        if visitor is not None:
            payload |= {"browser": visitor.browser, "network": visitor.network}
        if kind not in _WITHOUT_NOT_ME:
            payload["not_me"] = new_link(
                tx, account, purpose=NOT_ME, subject_id=undo, seconds=NOT_ME_SECONDS, now=now
            )
        queue_mail(tx, env, account, kind, payload=payload, now=now)


def queue_mail(
    tx: Tx, env: Env, account: Account, kind: NoticeKind, *, payload: dict[str, object], now: int
) -> None:
    """Queue one mail; the payload is sealed until the mail has left."""
    row_id = token.new_id()
    tx.on_commit(env.wake_outbox)
    outbox.insert(
        tx,
        outbox.OutboxRow(
            id=row_id,
            account_id=account.id,
            session_id=None,
            challenge_id=None,
            channel="email",
            kind=str(kind),
            phone_id=None,
            payload=sealing.seal(
                env.keyring,
                json.dumps(payload).encode(),
                purpose=PAYLOAD,
                row_id=row_id,
                account_id=account.id,
            ),
            state="queued",
            reason="",
            provider="",
            provider_id="",
            attempt=0,
            next_at=now,
            not_after=now + NOTICE_LIFE_SECONDS,
            created_at=now,
            accepted_at=None,
        ),
    )


def new_link(
    tx: Tx, account: Account, *, purpose: str, subject_id: str, seconds: int, now: int
) -> str:
    """Make a one-use link's token; only its digest is kept."""
    link = token.new_token()
    mail_links.insert(
        tx,
        MailLink(
            account_id=account.id,
            purpose=purpose,
            subject_id=subject_id,
            created_at=now,
            expires_at=now + seconds,
            used_at=None,
        ),
        digest=token.digest(link),
    )
    return link
