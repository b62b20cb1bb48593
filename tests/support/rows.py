"""Rows to put into a database: the least that the schema asks for, each field changeable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twostep.core.account import Account, Role
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import App, Phone, RecoveryCode, RecoverySet
from twostep.core.methods.challenge import Challenge
from twostep.core.methods.out_of_band import Purpose
from twostep.core.sign_in.session import Aal, Level, Session
from twostep.store.account import accounts, mail_links
from twostep.store.account.mail_links import MailLink
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import apps, challenges, phones
from twostep.store.methods import backup_codes as recovery_codes
from twostep.store.sign_in import kept_forms as kept_posts
from twostep.store.sign_in import sessions
from twostep.store.sign_in.kept_forms import KeptPost
from twostep.store.tx import Tx


NOW = 1_764_000_000
ACCOUNT = Account(
    "acc", "Alice", Role.USER, "en", "UTC", two_step=True, two_step_at=NOW, password_hash="h",
    password_version=1, password_short=False, password_set_at=NOW, password_retired_at=None,
    disabled_at=None, must_enroll=False, default_method=None, wrong_in_a_row=0, guess_millionths=0,
    spare_reminder_at=None, created_at=NOW,
)  # fmt: skip
SESSION = Session(
    "ses", "acc", Level.HALF, Aal.AAL1, "pwd", "/", "192.0.2.7", "Firefox", None,
    password_version=1, password_at=NOW, second_factor_at=None, created_at=NOW, seen_at=NOW,
    expires_at=NOW + 600,
)  # fmt: skip
APP = App("app", "acc", "App", b"sealed", "sha1", 6, 30, 0, 0, 0, NOW, None, "")
PHONE = Phone(
    "pho", "acc", None, b"sealed", "US", "mobile", "42", Channel.SMS, NOW, confirmed_at=NOW,
    last_used_at=None,
)  # fmt: skip
CHALLENGE = Challenge(
    "cha", "acc", "ses", Purpose.SIGN_IN, "pho", Channel.SMS, b"sealed", b"mac", "4", 5, NOW, NOW + 600,
    ended_at=None,
)  # fmt: skip
CODES = tuple(RecoveryCode(f"code{n}", n, bytes([n]), None) for n in range(10))
RECOVERY_SET = RecoverySet("set", "acc", b"salt", "test", b"sealed", "ses", NOW + 600, None, NOW)
LINK = MailLink("acc", "reset_password", "", NOW, NOW + 3600, None)
LINK_DIGEST = b"link"


def change(tx: Tx, save: Callable[..., object], account_id: str, **values: object) -> None:
    """Lock an account and save something of it."""
    account = accounts.lock(tx, account_id)
    assert account is not None
    save(tx, account, **values)


def save_everything(tx: Tx) -> None:
    """One account with a session, an app, a phone, a sent code, backup codes and a mail link."""
    accounts.insert(tx, ACCOUNT, name_key="alice")
    sessions.insert(tx, SESSION, digest=b"cookie")
    apps.insert_app(tx, APP, origin="enrolled")
    phones.insert(tx, PHONE, fingerprint=b"print")
    challenges.insert(tx, CHALLENGE)
    recovery_codes.replace_set(tx, RECOVERY_SET, CODES)
    mail_links.insert(tx, LINK, digest=LINK_DIGEST)
    kept_posts.insert(tx, KeptPost("post", "acc", "ses", "/", b"sealed", NOW + 600))


def message(row_id: str, **changes: object) -> OutboxRow:
    """A queued notice."""
    row = OutboxRow(
        id=row_id, account_id="acc", channel=Channel.EMAIL, kind="phone.added", payload=b"sealed",
        next_at=NOW, not_after=NOW + 600, created_at=NOW,
    )  # fmt: skip
    return replace(row, **changes)
