"""The demo's two accounts: created at the first start, restored by a reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import EmailAddress, Role
from twostep.core.audit import event
from twostep.core.email_address import read_email_address
from twostep.core.refusal import Refused
from twostep.core.sign_in import password
from twostep.flows.account.accounts import NewAccount, add_account, list_accounts, view_account
from twostep.flows.env import Env
from twostep.flows.turn import Turn, by_system
from twostep.main import StartError
from twostep.store.account import accounts, addresses
from twostep.store.account.accounts import Held
from twostep.store.operate import demo_reset


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to sign in as. The password is no secret: the documentation names it."""

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
    """Create missing accounts. Raises `StartError` if one is refused."""
    for person in PEOPLE:
        if not isinstance(await by_system(env).read(view_account, person.name), Refused):
            continue
        new = NewAccount(
            name=person.name,
            email=person.email,
            role=person.role,
            typed=person.password,
            language=env.settings.default_language,
            time_zone=env.settings.default_time_zone,
        )
        answer = await by_system(env).do(add_account, new)
        if isinstance(answer, Refused):
            raise StartError(f"The account {person.name} cannot be made: {answer.reason}")


async def start_over(env: Env) -> None:
    """Restore the two accounts as they were created, and delete everything else of any account.

    Keys, settings and the audit trail stay; the trail records what happened to the accounts.
    """
    hashes = {
        person.name: await env.hashes.run_known(
            person.name, password.hash_password, person.password, profile=env.profile
        )
        for person in PEOPLE
    }
    await by_system(env).do(_start_over, hashes=hashes)
    await add_people(env)


def _start_over(turn: Turn, *, hashes: Mapping[str, str]) -> None:
    people = {person.name: person for person in PEOPLE}
    held = [accounts.lock(turn.tx, account.id) for account in list_accounts(turn)]
    demo_reset.wipe(turn.tx)
    for account in held:
        if account is None:
            continue
        person = people.get(account.name)
        if person is None:
            _remove(turn, account)
        else:
            _restore(turn, account, person, password_hash=hashes[person.name])


def _remove(turn: Turn, account: Held) -> None:
    turn.record(account, event.new_event(event.ACCOUNT_DISABLED, reason=_RESET))
    demo_reset.remove_account(turn.tx, account)


def _restore(turn: Turn, account: Held, person: Person, *, password_hash: str) -> None:
    settings = turn.env.settings
    demo_reset.restore_account(
        turn.tx,
        account,
        password_hash=password_hash,
        language=settings.default_language,
        time_zone=settings.default_time_zone,
        now=turn.now,
    )
    address = read_email_address(person.email)
    if not isinstance(address, Refused):
        restored = EmailAddress(token.new_id(), account.id, address.text, turn.now, turn.now)
        addresses.insert_address(turn.tx, restored, address_key=address.key)
    if account.two_step:
        turn.record(account, event.new_event(event.TWO_STEP_DISABLED, by=_RESET))
