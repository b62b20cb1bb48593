"""`twostep user …`: acts on somebody's account. Each has a reason, is an event, and is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from twostep.cli.failure import MISUSED, Failure, unknown_account
from twostep.cli.people.accounts import Name, require_mail
from twostep.cli.shell import AsJson, print_json, shell_of
from twostep.core.audit import event
from twostep.core.refusal import Refused


if TYPE_CHECKING:
    from twostep.core.account import Account
    from twostep.flows.env import Env
    from twostep.flows.help_desk.acts import Act

LONGEST_REASON = 200

T = TypeVar("T")

Reason = Annotated[str, typer.Option("--reason", help="Why; the owner of the account reads it.")]


def disable(context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False) -> None:
    """Switch an account off: its sessions end, and nothing signs in."""
    from twostep.flows.help_desk.acts import disable_account

    async def act(env: Env, done: Act, now: int) -> None:
        await env.store.run(disable_account, env, done, now=now)

    _, account = _act(context, name, reason, act)
    _tell(account, f"{account.name} is disabled, its sessions have ended.", as_json=as_json)


def enable(context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False) -> None:
    """Switch a disabled account on again, as it was."""
    from twostep.flows.help_desk.acts import enable_account

    async def act(env: Env, done: Act, now: int) -> None:
        if isinstance(await env.store.run(enable_account, env, done, now=now), Refused):
            raise Failure(f"{name} is not disabled. See: twostep user show {name}")

    _, account = _act(context, name, reason, act)
    _tell(account, f"{account.name} can sign in again.", as_json=as_json)


def sessions_end(
    context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False
) -> None:
    """End every session of an account."""
    from twostep.flows.help_desk.acts import end_sessions

    async def act(env: Env, done: Act, now: int) -> int:
        ended = await env.store.run(end_sessions, env, done, now=now)
        return 0 if isinstance(ended, Refused) else ended.sessions

    count, account = _act(context, name, reason, act)
    text = f"Ended {count} {'session' if count == 1 else 'sessions'} of {account.name}."
    _tell(account, text, as_json=as_json, sessions=count)


def reset_mfa(
    context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False
) -> None:
    """Remove every way to sign in and retire the password; a link is mailed to every address."""
    from twostep.flows.help_desk.acts import reset_methods

    async def act(env: Env, done: Act, now: int) -> None:
        await env.store.run(reset_methods, env, done, now=now)

    require_mail(shell_of(context).load_settings().email_providers)
    _, account = _act(context, name, reason, act)
    text = (
        f"{account.name} starts again: every app, passkey, phone and backup code is gone, and a link"
        " for a new password is on its way to every address; it works for an hour."
    )
    _tell(account, text, as_json=as_json)


def temporary_code(
    context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False
) -> None:
    """Make a code that passes the second step once, within an hour; it opens set-up only."""
    from twostep.flows.help_desk.acts import give_temporary_code

    async def act(env: Env, done: Act, now: int) -> str:
        code = await give_temporary_code(env, done, now=now)
        if isinstance(code, Refused):
            raise Failure(
                f"{name} needs no temporary code: two-step sign-in is off, or the account is"
                f" disabled. See: twostep user show {name}"
            )
        return code

    code, account = _act(context, name, reason, act)
    _tell(account, code, as_json=as_json, code=code)


def password_link(
    context: typer.Context, name: Name, *, reason: Reason, as_json: AsJson = False
) -> None:
    """Mail a link for a new password to every confirmed address."""
    from twostep.flows.help_desk.acts import send_password_link

    async def act(env: Env, done: Act, now: int) -> None:
        if isinstance(await env.store.run(send_password_link, env, done, now=now), Refused):
            raise Failure(f"{name} is disabled: a new password would not sign in.")

    require_mail(shell_of(context).load_settings().email_providers)
    _, account = _act(context, name, reason, act)
    text = f"A link for a new password of {account.name} is on its way; it works for an hour."
    _tell(account, text, as_json=as_json)


def _act(
    context: typer.Context,
    name: str,
    reason: str,
    act: Callable[[Env, Act, int], Awaitable[T]],
) -> tuple[T, Account]:
    """Carry an act out on an account that exists; what it gave, and the account before it."""
    from twostep.flows.account.accounts import view_account
    from twostep.flows.help_desk.acts import Act

    shell = shell_of(context)
    said = " ".join(reason.split())
    if not 0 < len(said) <= LONGEST_REASON:
        raise Failure(f"--reason takes 1 to {LONGEST_REASON} characters.", MISUSED)

    async def work(env: Env) -> tuple[T, Account]:
        view = env.store.read_now(view_account, name)
        if isinstance(view, Refused):
            raise unknown_account(name)
        done = Act(view.account.name, event.CLI, said)
        return await act(env, done, shell.wiring.clock()), view.account

    return shell.run(work)


def _tell(account: Account, text: str, *, as_json: bool, **found: object) -> None:
    if as_json:
        print_json({"name": account.name, **found})
    else:
        print(text)
