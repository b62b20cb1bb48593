"""`twostep policy show`, and the groups `keys`, `policy` and `audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from twostep.cli.shell import AsJson, print_facts, print_json, print_table, shell_of
from twostep.core.sign_in.session import FRESH_SECONDS, HALF_SESSION_SECONDS
from twostep.core.sign_in.throttle import RULES, Rule


if TYPE_CHECKING:
    from twostep.config import Settings


keys = typer.Typer(help="The keys that seal secrets.", no_args_is_help=True)
policy = typer.Typer(help="What users may and must do.", no_args_is_help=True)
audit = typer.Typer(help="The audit trail.", no_args_is_help=True)


@policy.command("show")
def show_policy(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every limit, and the chance that a thief with a password gets in by guessing."""
    settings = shell_of(context).load_settings()
    if as_json:
        print_json(_policy_as_json(settings))
        return
    print_facts(_policy_facts(settings))
    print()
    print_table(("LIMIT", "TRIES", "WITHIN", "THEN"), map(_limit_row, RULES))


def _policy_facts(settings: Settings) -> list[tuple[str, str]]:
    from twostep.flows.operate.guess_chance import most_guess_millionths
    from twostep.flows.policy.decide import rules_of
    from twostep.flows.proof import retired_password
    from twostep.flows.proof.wrong_tries import WRONG_IN_A_ROW_TO_NOTIFY

    rules, session = rules_of(settings), settings.session
    days, hours = settings.policy.remember_browser_days, rules.recovery_wait_hours
    sum_to_retire = retired_password.MILLIONTHS_TO_RETIRE / 10_000
    chance = most_guess_millionths(settings) / 10_000
    return [
        ("two-step sign-in is required of", rules.required_of),
        ("backup phones", "on" if rules.phones else "off"),
        ("countries of phones", ", ".join(settings.delivery.countries) or "none"),
        ("browsers are remembered", f"for {days} days" if days else "never"),
        ("recovery by e-mail", f"after {hours} hours" if hours else "off"),
        ("sessions end", f"after {session.idle_minutes} minutes without a request,"),
        ("", f"after {session.total_hours} hours in any case"),
        ("the second step must be completed", f"within {_span(HALF_SESSION_SECONDS)}"),
        ("changes ask for it again", f"after {_span(FRESH_SECONDS)}"),
        ("app codes are taken", f"±{settings.totp.tolerance_steps * 30} seconds"),
        ("texts and calls", f"{settings.delivery.hourly_budget} an hour,"),
        ("", f"{settings.delivery.daily_budget} a day at most"),
        ("the owner is told", f"at {WRONG_IN_A_ROW_TO_NOTIFY} wrong codes in a row"),
        ("the password is retired", f"at {retired_password.WRONG_IN_A_ROW_TO_RETIRE} of them, or"),
        ("", f"when their chances add up to {sum_to_retire:.3f} %"),
        ("guessing with a stolen password", f"gets in {chance:.4f} % of the time"),
        ("", "at most; then the password is retired, not the phone"),
    ]


def _policy_as_json(settings: Settings) -> dict[str, object]:
    from twostep.flows.operate.guess_chance import most_guess_millionths
    from twostep.flows.proof import retired_password
    from twostep.flows.proof.wrong_tries import WRONG_IN_A_ROW_TO_NOTIFY

    return {
        **settings.policy.model_dump(),
        "totp.tolerance_steps": settings.totp.tolerance_steps,
        "session.idle_minutes": settings.session.idle_minutes,
        "session.total_hours": settings.session.total_hours,
        "delivery.countries": settings.delivery.countries,
        "delivery.hourly_budget": settings.delivery.hourly_budget,
        "delivery.daily_budget": settings.delivery.daily_budget,
        "half_session_seconds": HALF_SESSION_SECONDS,
        "fresh_seconds": FRESH_SECONDS,
        "wrong_codes_to_tell": WRONG_IN_A_ROW_TO_NOTIFY,
        "wrong_codes_to_retire": retired_password.WRONG_IN_A_ROW_TO_RETIRE,
        "chance_to_retire": retired_password.MILLIONTHS_TO_RETIRE / 1_000_000,
        "most_guess_chance": most_guess_millionths(settings) / 1_000_000,
        "limits": [asdict(rule) for rule in RULES],
    }


def _limit_row(rule: Rule) -> tuple[str, str, str, str]:
    within = "in a row" if rule.window_seconds is None else _span(rule.window_seconds)
    then = "wait until that is over"
    if rule.first_wait_seconds is not None:
        longest = _span(rule.longest_wait_seconds)
        then = f"wait {rule.first_wait_seconds} seconds, doubled up to {longest}"
    return rule.name, str(rule.limit), within, then


def _span(seconds: int) -> str:
    """A span in whole hours or minutes, in words."""
    count, unit = (seconds // 3600, "hour") if seconds % 3600 == 0 else (seconds // 60, "minute")
    return f"{count} {unit}{'s' * (count != 1)}"
