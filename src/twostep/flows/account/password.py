"""Change a password, or set a new one through a mailed link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.email_address import email_key
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, throttle
from twostep.core.sign_in.session import Session
from twostep.core.sign_in.user_name import user_name_key
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.account.breached import review_breached
from twostep.flows.env import Env
from twostep.flows.limits import count_all
from twostep.flows.mail_links import NOT_ME, RESET_PASSWORD
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.known_browsers import known_id
from twostep.flows.proof.password_tries import (
    count_password_try,
    forget_in_a_row,
    refuse_password_tries,
)
from twostep.flows.proof.proven_browsers import remember_as_proven
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.proof.retired_password import send_password_links
from twostep.flows.sign_in.waiting_recovery import settle_recovery
from twostep.flows.turn import Done, Turn, TurnOpener
from twostep.store.account import accounts, mail_links
from twostep.store.account.accounts import Held
from twostep.store.recovery import support_references
from twostep.store.sign_in import known_browsers, sessions


# Queueing mails takes time, so every answer waits this long to look the same.
LEAST_SECONDS = 0.25


def review_new_password(
    env: Env, account: Account, new: str, *, two_step: bool | None = None
) -> Refused | None:
    """Check a new password for this account (ASVS 6.2). `two_step`: the new state, if it changes."""
    words = (account.name, env.settings.panel_name, env.settings.organisation, env.public_host)
    refused = password.refuse_password(
        new,
        two_step_on=account.two_step if two_step is None else two_step,
        context_words=[word for word in words if word],
    )
    return refused or review_breached(env, new)


async def change_password(
    opener: TurnOpener, current: Session, *, typed: str, new: str
) -> Done | Refused:
    """Change the password; other sessions end and known browsers are forgotten.

    Refused: PASSWORD_CURRENT_WRONG, PASSWORD_UNCHANGED, THROTTLED, CHANGED, and whatever
    `review_new_password` refuses. Raises `Overloaded`.
    """
    account = await opener.env.store.read(accounts.load, current.account_id)
    if account is None or account.password_hash is None:
        return Refused(Reason.CHANGED)
    if refused := await opener.read(refuse_password_tries, current):
        return refused
    verdict = await opener.env.hashes.run_known(
        account.id, password.verify_hash, account.password_hash, typed, profile=opener.env.profile
    )
    refused = review_new_password(opener.env, account, new)
    if refused is None and new == typed:
        refused = Refused(Reason.PASSWORD_UNCHANGED)
    new_hash = ""
    if verdict.ok and refused is None:
        new_hash = await opener.env.hashes.run_known(
            account.id, password.hash_password, new, profile=opener.env.profile
        )
    version = account.password_version

    def finish(turn: Turn) -> Done | Refused:
        locked = turn.lock(current)
        if locked is None or locked.password_version != version:
            return Refused(Reason.CHANGED)
        refused_try = count_password_try(turn, locked, current, right=verdict.ok)
        if refused_try or refused:
            return refused_try or refused or Refused(Reason.CHANGED)
        sessions.remove_others(turn.tx, locked.id, keep=current.id)
        save_new(turn, locked, new=new, new_hash=new_hash, by="owner")
        return Done()

    return await opener.run(finish)


async def forgot_password(opener: TurnOpener, *, identifier: str) -> Done:
    """Mail a link for a new password. The answer is the same for known and unknown names.

    At most three mails an hour per account and ten per network of unknown browsers; requests beyond that are dropped
    silently, because an answer would reveal whether the name is known.
    """

    def send(turn: Turn) -> Done:
        if "@" in identifier:
            named = accounts.load_by_address(turn.tx, email_key(identifier))
        else:
            named = accounts.load_by_name(turn.tx, user_name_key(identifier))
        account = accounts.lock(turn.tx, named.id) if named else None
        per_network, per_account = throttle.RESET_MAIL_NETWORK, throttle.RESET_MAIL_ACCOUNT
        # Separately: the network's count must not reveal whether the name is known. Neighbours
        # cannot use up what a browser that the account knows may ask for.
        refused = None
        if account is None or known_id(turn, account) is None:
            refused = count_all(
                turn.tx, [(f"{per_network.name}:{turn.visitor.network}", per_network)], now=turn.now
            )
        if account and refused is None:
            refused = count_all(
                turn.tx, [(f"{per_account.name}:{account.id}", per_account)], now=turn.now
            )
        if account and account.disabled_at is None and refused is None:
            kind = NoticeKind.PASSWORD_RESET_LINK
            send_password_links(turn, account, kind=kind, by="forgot_password")
        return Done()

    answer, _ = await asyncio.gather(opener.run(send), asyncio.sleep(LEAST_SECONDS))
    return answer


def view_reset(turn: Turn, *, link: str) -> Account | Refused:
    """The account whose password a link can set. Refused: LINK_DEAD."""
    row = mail_links.load(turn.tx, token.digest(link), purpose=RESET_PASSWORD)
    if row is None or row.used_at is not None or not row.created_at <= turn.now < row.expires_at:
        return Refused(Reason.LINK_DEAD)
    account = accounts.load(turn.tx, row.account_id)
    if account is None or account.disabled_at is not None:
        return Refused(Reason.LINK_DEAD)
    return account


@dataclass(frozen=True, slots=True)
class MailProved:
    """The browser is proven. `browser_token`: its cookie value, if it is new."""

    browser_token: str | None = field(repr=False)


def keep_password(turn: Turn, *, link: str) -> MailProved | Refused:
    """Use up a mailed link without a new password: this browser may try the one there is.

    Refused: LINK_DEAD.
    """
    viewed = view_reset(turn, link=link)
    account = None if isinstance(viewed, Refused) else accounts.lock(turn.tx, viewed.id)
    digest = token.digest(link)
    if account is None or not mail_links.consume(
        turn.tx, digest, purpose=RESET_PASSWORD, now=turn.now
    ):
        return Refused(Reason.LINK_DEAD)
    turn.record(account, event.new_event(event.BROWSER_PROVEN))
    return MailProved(remember_as_proven(turn, account))


async def reset_password(opener: TurnOpener, *, link: str, new: str) -> MailProved | Refused:
    """Set a new password through a mailed link; never signs in, never skips the second step.

    A refused password does not use the link up. Refused: LINK_DEAD, CHANGED, and whatever
    `review_new_password` refuses. Raises `Overloaded`.
    """
    account = await opener.read(view_reset, link=link)
    if isinstance(account, Refused):
        return account
    if refused := review_new_password(opener.env, account, new):
        return refused
    new_hash = await opener.env.hashes.run(
        account.id, password.hash_password, new, profile=opener.env.profile
    )

    def finish(turn: Turn) -> MailProved | Refused:
        locked = accounts.lock(turn.tx, account.id)
        if locked is None or locked.disabled_at is not None:
            return Refused(Reason.LINK_DEAD)
        if locked.two_step is not account.two_step:
            return Refused(Reason.CHANGED)
        digest = token.digest(link)
        if not mail_links.consume(turn.tx, digest, purpose=RESET_PASSWORD, now=turn.now):
            return Refused(Reason.LINK_DEAD)
        sessions.remove_others(turn.tx, locked.id, keep="")
        save_new(turn, locked, new=new, new_hash=new_hash, by="link")
        return MailProved(remember_as_proven(turn, locked))

    return await opener.run(finish)


def save_new(turn: Turn, account: Held, *, new: str, new_hash: str, by: str) -> None:
    """Save a new password: forget browsers and notify the owner.

    Open reset links end, and so does every older link that could undo something: it belongs to the
    time of the old password.
    """
    settle_recovery(turn, account)
    accounts.save_password(
        turn.tx, account, password_hash=new_hash, short=password.is_short(new), now=turn.now
    )
    mail_links.remove_open(turn.tx, account.id, purpose=RESET_PASSWORD)
    mail_links.remove_undoing(turn.tx, account.id, purpose=NOT_ME)
    wrong_tries.forget_all(turn, account)
    forget_in_a_row(turn, account)
    known_browsers.remove_known_browsers(turn.tx, account.id)
    support_references.remove_of(turn.tx, account.id)
    forget_browsers(turn, account)
    turn.record(account, event.new_event(event.PASSWORD_CHANGED, by=by))
    turn.notify(account, NoticeKind.PASSWORD_CHANGED)
