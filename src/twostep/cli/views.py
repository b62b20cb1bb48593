"""`twostep keys`, `policy`, `audit`: what is, printed."""

from __future__ import annotations

import sys

import typer

from twostep.cli.shell import AsJson, print_facts, print_json, say, shell_of


keys = typer.Typer(help="The keys that seal secrets.", no_args_is_help=True)
policy = typer.Typer(help="What users may and must do.", no_args_is_help=True)
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
