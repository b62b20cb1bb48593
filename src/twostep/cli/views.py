"""`twostep keys`, `policy`, `delivery`, `audit`: what is, printed."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from twostep.cli.shell import (
    AsJson,
    instant,
    print_facts,
    print_json,
    print_table,
    say,
    shell_of,
)


if TYPE_CHECKING:
    from twostep.flows.delivery_status import DeliveryStatus
    from twostep.flows.env import Env

keys = typer.Typer(help="The keys that seal secrets.", no_args_is_help=True)
policy = typer.Typer(help="What users may and must do.", no_args_is_help=True)
delivery = typer.Typer(help="Texts, calls and mails.", no_args_is_help=True)
audit = typer.Typer(help="The audit trail.", no_args_is_help=True)


@policy.command("show")
def show_policy(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the policy, and the chance that a thief with a password gets in by guessing."""
    from twostep.flows.policy import most_guess_millionths

    settings = shell_of(context).load_settings()
    millionths = most_guess_millionths(settings)
    if as_json:
        print_json(
            {
                **settings.policy.model_dump(),
                "totp.tolerance_steps": settings.totp.tolerance_steps,
                "session.idle_minutes": settings.session.idle_minutes,
                "session.total_hours": settings.session.total_hours,
                "delivery.countries": settings.delivery.countries,
                "most_guess_chance": millionths / 1_000_000,
            }
        )
        return
    rules = settings.policy
    days, hours = rules.remember_browser_days, rules.recovery_wait_hours
    print_facts(
        [
            ("two-step sign-in is required of", rules.require_two_step),
            ("backup phones", "on" if rules.phones else "off"),
            ("countries of phones", ", ".join(settings.delivery.countries) or "none"),
            ("browsers are remembered", f"for {days} days" if days else "never"),
            ("recovery by e-mail", f"after {hours} hours" if hours else "off"),
            ("sessions end", f"after {settings.session.idle_minutes} minutes without a request,"),
            ("", f"after {settings.session.total_hours} hours in any case"),
            ("app codes are taken", f"±{settings.totp.tolerance_steps * 30} seconds"),
            ("guessing with a stolen password", f"gets in {millionths / 10_000:.4f} % of the time"),
            ("", "at most; then the password is retired, not the phone"),
        ]
    )


@delivery.command("status")
def delivery_status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the last 24 hours: what waits, what arrived, what failed and why."""
    from twostep.flows.delivery_status import view_delivery_status

    shell = shell_of(context)

    async def read(env: Env) -> DeliveryStatus:
        return env.store.read(view_delivery_status, env, now=shell.wiring.clock())

    status = shell.run(read)
    if as_json:
        print_json(asdict(status))
        return
    print_facts(
        [
            (channel, ", ".join(names) or "no provider")
            for channel, names in status.providers.items()
        ]
        + [("today", f"{status.sent_today} of {status.daily_budget} texts and calls")]
    )
    if status.messages:
        print()
        print_table(
            ("CHANNEL", "PROVIDER", "STATE", "REASON", "COUNT", "OLDEST"),
            [
                (m.channel, m.provider, m.state, m.reason, str(m.count), instant(m.oldest_at))
                for m in status.messages
            ],
        )


@audit.command("export")
def export(context: typer.Context) -> None:
    """Write every event as a JSON line to standard output; the export is an event itself."""
    from twostep.core import event
    from twostep.flows.audit_export import export_audit

    shell = shell_of(context)
    count = shell.run(
        lambda env: export_audit(env, event.CLI, sys.stdout.write, now=shell.wiring.clock())
    )
    say(f"{count} events.")
