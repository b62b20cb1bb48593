"""The demo's two accounts: made at the first start, put back by a reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, EmailAddress, Role
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM
from twostep.core.email_address import read_email_address
from twostep.core.refusal import Refused
from twostep.core.sign_in import password
from twostep.flows.account.accounts import NewAccount, add_account, list_accounts, view_account
from twostep.flows.env import Env
from twostep.main import StartError
from twostep.store.account import accounts, addresses
from twostep.store.audit import trail as audit
from twostep.store.operate import demo_reset
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to sign in as. The password is no secret: it stands in the documentation."""

    name: str
    password: str
    email: str
    role: Role


PEOPLE = (
    Person("alice", "alice-demo-password", "alice@example.com", Role.USER),
    Person("admin", "admin-demo-password", "admin@example.com", Role.OPERATOR),
)
_RESET = "demo reset"


async def add_people(env: Env) -> None:
    """Make the accounts that are not there. Raises `StartError` when one is refused."""
    for person in PEOPLE:
        if not isinstance(await env.store.read(view_account, person.name), Refused):
            continue
        new = NewAccount(
            name=person.name,
            email=person.email,
            role=person.role,
            typed=person.password,
            language=env.settings.default_language,
            time_zone=env.settings.default_time_zone,
        )
        made = await add_account(env, SYSTEM, new, now=env.clock())
        if isinstance(made, Refused):
            raise StartError(f"The account {person.name} cannot be made: {made.reason}")


async def start_over(env: Env) -> None:
    """Put everything back: two accounts as they were made, nothing that hangs on any.

    Keys, settings and the audit trail stay, and the trail says what became of the accounts.
    """
    hashes = {
        person.name: await env.hashes.run_known(
            password.hash_password, person.password, profile=env.profile
        )
        for person in PEOPLE
    }
    await env.store.run(_start_over, env, hashes=hashes, now=env.clock())
    await add_people(env)


def _start_over(tx: Tx, env: Env, *, hashes: Mapping[str, str], now: int) -> None:
    people = {person.name: person for person in PEOPLE}
    found = list_accounts(tx)
    for account in found:
        accounts.lock(tx, account.id)
    demo_reset.wipe(tx)
    for account in found:
        person = people.get(account.name)
        if person is None:
            _remove(tx, account, now=now)
        else:
            _restore(tx, env, account, person, password_hash=hashes[person.name], now=now)


def _remove(tx: Tx, account: Account, *, now: int) -> None:
    said = event.new_event(event.ACCOUNT_DISABLED, reason=_RESET)
    audit.append(tx, said, account_id=account.id, source=SYSTEM, now=now)
    demo_reset.remove_account(tx, account.id)


def _restore(
    tx: Tx, env: Env, account: Account, person: Person, *, password_hash: str, now: int
) -> None:
    demo_reset.restore_account(
        tx,
        account.id,
        password_hash=password_hash,
        language=env.settings.default_language,
        time_zone=env.settings.default_time_zone,
        now=now,
    )
    address = read_email_address(person.email)
    if not isinstance(address, Refused):
        own = EmailAddress(token.new_id(), account.id, address.text, now, now)
        addresses.insert_address(tx, own, address_key=address.key)
    if account.two_step:
        said = event.new_event(event.TWO_STEP_DISABLED, by=_RESET)
        audit.append(tx, said, account_id=account.id, source=SYSTEM, now=now)
