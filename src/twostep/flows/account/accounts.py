"""Add, list and look up accounts for the operator's command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from twostep.core import token
from twostep.core.account import Account, EmailAddress, Role
from twostep.core.audit import event
from twostep.core.email_address import email_key, read_email_address
from twostep.core.methods.authenticator import Methods
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password
from twostep.core.sign_in.user_name import read_user_name, user_name_key
from twostep.flows.account.breached import review_breached
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account import addresses as stored_addresses
from twostep.store.methods.all_methods import load_methods


PAGE = 500


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The input of `user add`. `typed`: the password; None to set one later through a link."""

    name: str
    email: str
    role: Role
    typed: str | None = field(repr=False)
    language: str
    time_zone: str


async def add_account(opener: TurnOpener, new: NewAccount) -> Account | Refused:
    """Make an account; its address counts as verified, because an operator vouches for it.

    Refused: USER_NAME_MALFORMED, USER_NAME_TAKEN, EMAIL_MALFORMED, EMAIL_TAKEN, and whatever
    `refuse_password` refuses. If two calls race for the same name or address, the engine retries the
    later one, which then sees the first.
    """
    name = read_user_name(new.name)
    address = read_email_address(new.email)
    if isinstance(name, Refused):
        return name
    if isinstance(address, Refused):
        return address
    password_hash = None
    if new.typed is not None:
        words = [name.text, opener.env.settings.panel_name, opener.env.settings.organisation]
        refused = password.refuse_password(
            new.typed, two_step_on=False, context_words=[word for word in words if word]
        )
        if refused := refused or review_breached(opener.env, new.typed):
            return refused
        password_hash = await opener.env.hashes.run_known(
            name.key, password.hash_password, new.typed, profile=opener.env.profile
        )
    account = _new_account(new, name.text, password_hash=password_hash, now=opener.now)

    def save(turn: Turn) -> Account | Refused:
        if stored_addresses.is_address_taken(turn.tx, address.key):
            return Refused(Reason.EMAIL_TAKEN)
        held = accounts.insert(turn.tx, account, name_key=name.key)
        if held is None:
            return Refused(Reason.USER_NAME_TAKEN)
        verified = EmailAddress(token.new_id(), account.id, address.text, turn.now, turn.now)
        stored_addresses.insert_address(turn.tx, verified, address_key=address.key)
        turn.record(held, event.new_event(event.ACCOUNT_CREATED, role=str(new.role)))
        return account

    return await opener.run(save)


def _new_account(new: NewAccount, name: str, *, password_hash: str | None, now: int) -> Account:
    return Account(
        id=token.new_id(),
        name=name,
        role=new.role,
        language=new.language,
        time_zone=new.time_zone,
        two_step=False,
        two_step_at=None,
        password_hash=password_hash,
        password_version=1,
        password_short=False,
        password_set_at=now if password_hash else None,
        password_retired_at=None,
        disabled_at=None,
        must_enroll=False,
        default_method=None,
        wrong_in_a_row=0,
        guess_millionths=0,
        spare_reminder_at=None,
        created_at=now,
    )


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account with its addresses and methods; never a secret."""

    account: Account
    addresses: tuple[EmailAddress, ...]
    methods: Methods


def list_accounts(turn: Turn) -> list[Account]:
    """List every account by name."""
    listed: list[Account] = []
    after = ""
    while page := accounts.list_all(turn.tx, after=after, limit=PAGE):
        listed += page
        after = user_name_key(page[-1].name)
    return listed


def view_account(turn: Turn, name: str) -> AccountView | Refused:
    """View one account by its name. Refused: NOT_FOUND."""
    return _view(turn, accounts.load_by_name(turn.tx, user_name_key(name)))


def find_account(turn: Turn, address: str) -> AccountView | Refused:
    """View the account that has verified this e-mail address. Refused: NOT_FOUND."""
    return _view(turn, accounts.load_by_address(turn.tx, email_key(address)))


def _view(turn: Turn, account: Account | None) -> AccountView | Refused:
    if account is None:
        return Refused(Reason.NOT_FOUND)
    return AccountView(
        account,
        tuple(stored_addresses.list_addresses(turn.tx, account.id)),
        load_methods(turn.tx, account.id),
    )
