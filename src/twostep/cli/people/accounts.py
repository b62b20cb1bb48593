"""`twostep user …`: add, list, show and find accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.failure import MISUSED, CommandFailed, sentence, unknown_account
from twostep.cli.shell import (
    AsJson,
    instant,
    print_facts,
    print_json,
    print_table,
    read_password,
    shell_of,
)
from twostep.core.account import Role
from twostep.core.refusal import Refused


if TYPE_CHECKING:
    from twostep.core.account import Account
    from twostep.flows.account.accounts import AccountView, NewAccount
    from twostep.flows.turn import TurnOpener

users = typer.Typer(help="Accounts, and help for people who cannot sign in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="User name.")]


@users.command("add")
def add(
    context: typer.Context,
    name: Name,
    *,
    email: Annotated[str, typer.Option(help="Address; counts as verified.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")] = Role.USER,
    language: Annotated[
        str, typer.Option(help="Until its owner's browser or profile says otherwise.")
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an account; without --password-stdin, a link to set the password is mailed."""
    from twostep.flows.account.accounts import NewAccount

    shell = shell_of(context)
    settings = shell.load_settings()
    if not password_stdin:
        require_mail(settings.email_providers, instead="Use --password-stdin")
    new = NewAccount(
        name=name,
        email=email,
        role=role,
        typed=read_password() if password_stdin else None,
        language=language or settings.default_language,
        time_zone=settings.default_time_zone,
    )
    account = shell.run(lambda opener: add_account(opener, new), settings)
    if as_json:
        print_json(row_of(account))
    else:
        print(f"Created the account {account.name}.")
        if not password_stdin:
            print("A link to set the password is on its way to the address; it works for an hour.")


def require_mail(providers: tuple[str, ...], *, instead: str = "") -> None:
    """Refuse to mail a link without a mail server. `instead`: the alternative to suggest."""
    if not providers:
        do = f"{instead}, or add" if instead else "Add"
        raise CommandFailed(
            f"No link can be mailed: no mail server is set. {do} a table [smtp] to the"
            " configuration.",
            MISUSED,
        )


async def add_account(opener: TurnOpener, new: NewAccount) -> Account:
    """Make an account, and queue a link if no password was given. Raises `CommandFailed`."""
    from twostep import i18n
    from twostep.flows.account import accounts
    from twostep.flows.help_desk import acts

    if not i18n.has_language(new.language):
        known = ", ".join(language.code for language in i18n.languages())
        raise CommandFailed(f"There is no language {new.language}; choose one of {known}.", MISUSED)
    account = await opener.do(accounts.add_account, new)
    if isinstance(account, Refused):
        raise CommandFailed(sentence(account))
    if new.typed is None:
        act = acts.Act(account.name, "new account")
        await opener.do(acts.send_password_link, act)
    return account


@users.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List every account by name."""
    from twostep.flows.account.accounts import list_accounts

    accounts = shell_of(context).run(lambda opener: opener.read(list_accounts))
    if as_json:
        print_json([row_of(account) for account in accounts])
        return
    print_table(
        ("NAME", "ROLE", "STATUS", "TWO-STEP", "MADE"),
        [
            (
                account.name,
                account.role,
                account.status,
                "on" if account.two_step else "off",
                instant(account.created_at),
            )
            for account in accounts
        ],
    )


@users.command("show")
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show one account with its addresses and ways to sign in."""
    from twostep.flows.account.accounts import view_account

    view = shell_of(context).run(lambda opener: opener.read(view_account, name))
    if isinstance(view, Refused):
        raise unknown_account(name)
    _print_view(view, as_json=as_json)


@users.command("find")
def find(
    context: typer.Context,
    *,
    email: Annotated[str, typer.Option(help="An address that the account has confirmed.")] = "",
    reference: Annotated[
        str, typer.Option(help="From the help page: proves that the caller knows the password.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find the account that someone asks about, and show it."""
    from twostep.flows.account.accounts import find_account

    if bool(email) == bool(reference):
        raise CommandFailed("Give either --email or --reference.", MISUSED)
    if reference:
        _find_reference(context, reference, as_json=as_json)
        return

    view = shell_of(context).run(lambda opener: opener.read(find_account, email))
    if isinstance(view, Refused):
        raise CommandFailed(f"No account has confirmed the address {email}.")
    _print_view(view, as_json=as_json)


def _find_reference(context: typer.Context, typed: str, *, as_json: bool) -> None:
    """Show whose reference it is, and where it was requested from."""
    from twostep.flows.help_desk.caller import view_caller

    shell = shell_of(context)

    caller = shell.run(lambda opener: opener.read(view_caller, typed))
    if isinstance(caller, Refused):
        raise CommandFailed(
            f"The reference {typed} is unknown or older than 15 minutes: the caller has not proved"
            " that they know the password."
        )
    if as_json:
        proof = {
            "made_at": caller.proved_at,
            "expires_at": caller.expires_at,
            "network": caller.network,
            "browser": caller.browser,
        }
        print_json({**_json_of(caller.view), "reference": proof})
        return
    print(
        f"The caller entered the password at {instant(caller.proved_at)}:"
        f" {caller.browser}, network {caller.network}."
    )
    _print_view(caller.view, as_json=False)


def row_of(account: Account) -> dict[str, object]:
    """An account as JSON, without secrets."""
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "status": account.status,
        "two_step": account.two_step,
        "must_enroll": account.must_enroll,
        "language": account.language,
        "time_zone": account.time_zone,
        "created_at": account.created_at,
    }


def _print_view(view: AccountView, *, as_json: bool) -> None:
    account, methods = view.account, view.methods
    if as_json:
        print_json(_json_of(view))
        return
    facts = [
        ("name", account.name),
        ("role", account.role),
        ("status", account.status),
        ("two-step", f"on since {instant(account.two_step_at)}" if account.two_step else "off"),
        ("made", instant(account.created_at)),
        ("language", account.language),
        ("time zone", account.time_zone),
    ]
    facts += [
        ("e-mail", row.address + ("" if row.verified_at else " (not confirmed)"))
        for row in view.addresses
    ]
    facts += [
        ("came back", f"mail to {row.address} on {instant(row.bounced_at)}")
        for row in view.addresses
        if row.bounced_at
    ]
    facts += [
        ("app", f"{app.name or 'app'}, last used {instant(app.last_used_at)}")
        for app in methods.apps
    ]
    facts += [
        (
            "passkey",
            f"{passkey.name or 'passkey'}, last used {instant(passkey.last_used_at)}"
            + (f", for {passkey.rp_id}" if passkey.rp_id else ""),
        )
        for passkey in methods.passkeys
    ]
    facts += [
        ("phone", f"ending {phone.hint}, last used {instant(phone.last_used_at)}")
        for phone in methods.phones
    ]
    if methods.codes:
        facts.append(("backup codes", f"{methods.codes_left} of {len(methods.codes)} left"))
    print_facts(facts)


def _json_of(view: AccountView) -> dict[str, object]:
    methods = view.methods
    return {
        **row_of(view.account),
        "two_step_at": view.account.two_step_at,
        "addresses": [
            {
                "address": row.address,
                "verified": row.verified_at is not None,
                "bounced_at": row.bounced_at,
            }
            for row in view.addresses
        ],
        "apps": [
            {"id": app.id, "name": app.name, "last_used_at": app.last_used_at}
            for app in methods.apps
        ],
        "passkeys": [
            {
                "id": passkey.id,
                "name": passkey.name,
                "synced": passkey.synced,
                "rp_id": passkey.rp_id,
                "last_used_at": passkey.last_used_at,
            }
            for passkey in methods.passkeys
        ],
        "phones": [
            {"id": phone.id, "ending": phone.hint, "last_used_at": phone.last_used_at}
            for phone in methods.phones
        ],
        "backup_codes_left": methods.codes_left,
    }
