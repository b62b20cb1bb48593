"""`twostep user …`: acts on somebody's account. Each has a reason, is recorded and notifies the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from twostep.cli.failure import MISUSED, CommandFailed, unknown_account
from twostep.cli.people.accounts import Name, require_mail
from twostep.cli.shell import AsJson, print_json, shell_of
from twostep.core.refusal import Refused


if TYPE_CHECKING:
    from twostep.core.account import Account
    from twostep.flows.help_desk.acts import Act
    from twostep.flows.turn import Turn, TurnOpener

LONGEST_REASON = 200

T = TypeVar("T")

ActReason = Annotated[str, typer.Option("--reason", help="Why; the owner of the account sees it.")]


def disable(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """Disable an account: its sessions end, and nobody can sign in to it."""
    from twostep.flows.help_desk.acts import disable_account

    _, account = _act(context, name, reason, disable_account)
    _print_result(
        account, f"{account.name} is disabled, and its sessions have ended.", as_json=as_json
    )


def enable(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """Enable a disabled account again, unchanged."""
    from twostep.flows.help_desk.acts import enable_account

    answer, account = _act(context, name, reason, enable_account)
    if isinstance(answer, Refused):
        raise CommandFailed(f"{name} is not disabled. See: twostep user show {name}")
    _print_result(account, f"{account.name} can sign in again.", as_json=as_json)


def sessions_end(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """End every session of an account."""
    from twostep.flows.help_desk.acts import end_sessions

    answer, account = _act(context, name, reason, end_sessions)
    count = 0 if isinstance(answer, Refused) else answer.sessions
    text = f"Ended {count} {'session' if count == 1 else 'sessions'} of {account.name}."
    _print_result(account, text, as_json=as_json, sessions=count)


def reset_mfa(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """Remove every way to sign in and retire the password; a link is mailed to every address."""
    from twostep.flows.help_desk.acts import reset_methods

    require_mail(shell_of(context).load_settings().email_providers)
    _, account = _act(context, name, reason, reset_methods)
    text = (
        f"{account.name} starts over: every app, passkey, phone and backup code is gone, and a link"
        " for a new password is on its way to every address; it works for an hour."
    )
    _print_result(account, text, as_json=as_json)


def temporary_code(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """Create a code for one use within an hour: in place of the second step, or for the first setup."""
    from twostep.flows.help_desk.acts import give_temporary_code

    code, account = _act(context, name, reason, give_temporary_code)
    if isinstance(code, Refused):
        raise CommandFailed(
            f"{name} is disabled, so a temporary code would open nothing. First: twostep user enable"
            f" {name}"
        )
    _print_result(account, code, as_json=as_json, code=code)


def password_link(
    context: typer.Context, name: Name, *, reason: ActReason, as_json: AsJson = False
) -> None:
    """Mail a link for a new password to every confirmed address."""
    from twostep.flows.help_desk.acts import send_password_link

    require_mail(shell_of(context).load_settings().email_providers)
    answer, account = _act(context, name, reason, send_password_link)
    if isinstance(answer, Refused):
        raise CommandFailed(f"{name} is disabled: a new password would not let anyone sign in.")
    text = f"A link to set a new password for {account.name} is on its way; it works for an hour."
    _print_result(account, text, as_json=as_json)


def _act(
    context: typer.Context,
    name: str,
    reason: str,
    use_case: Callable[[Turn, Act], T] | Callable[[TurnOpener, Act], Awaitable[T]],
) -> tuple[T, Account]:
    """Carry out an act on an account; returns its answer and the account as it was before."""
    from twostep.flows.account.accounts import view_account
    from twostep.flows.help_desk.acts import Act

    why = " ".join(reason.split())
    if not 0 < len(why) <= LONGEST_REASON:
        raise CommandFailed(f"--reason takes 1 to {LONGEST_REASON} characters.", MISUSED)

    async def work(opener: TurnOpener) -> tuple[T, Account]:
        view = await opener.read(view_account, name)
        if isinstance(view, Refused):
            raise unknown_account(name)
        answer = await opener.do(use_case, Act(view.account.name, why))
        return answer, view.account

    return shell_of(context).run(work)


def _print_result(account: Account, text: str, *, as_json: bool, **more: object) -> None:
    if as_json:
        print_json({"name": account.name, **more})
    else:
        print(text)
