"""The part of `twostep doctor` that checks the database, and repairs what a wrong clock did to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twostep.cli.doctor.finding import ERROR, OK, WARNING, Finding


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings
    from twostep.flows.operate.health import Health
    from twostep.flows.turn import TurnOpener

MENDED_AT_ONCE = 100


def examine_database(shell: Shell, settings: Settings) -> Iterator[Finding]:
    """Check that the keys load, that the database opens with them and that its contents are sound."""
    from twostep.flows.operate.database_rights import find_fault
    from twostep.flows.operate.health import find_damage, view_health

    try:
        keyring = shell.wiring.load_keyring(settings)
    except shell.wiring.operator_errors() as error:
        yield Finding(ERROR, "keys", str(error))
        return
    yield Finding(OK, "keys", f"{len(keyring.keys)} found, {keyring.newest.id} seals")

    async def read(opener: TurnOpener) -> Health | str:
        fault = await find_damage(opener.env) or await find_fault(opener.env)
        return fault or await opener.read(view_health)

    try:
        health = shell.run(read, settings, any_keys=True)
    except shell.wiring.operator_errors() as error:
        health = str(error)
    if isinstance(health, str):
        yield Finding(ERROR, "database", health)
        return
    accounts = f"{health.accounts} account{'s' * (health.accounts != 1)}"
    yield Finding(OK, "database", f"{accounts} in {shell.wiring.database(settings)}")
    yield from _examine_checkpoints(shell, settings)
    yield from _judge(health, settings)


def mend_clock(shell: Shell, settings: Settings, clock: Finding) -> Finding:
    """Unlock apps that were used while the clock was ahead. Not while the clock may be wrong, because
    codes that were already accepted could then be accepted again."""
    from twostep.flows.proof.apps_ahead import mend_clock as mend

    if clock.level in {ERROR, WARNING}:
        return Finding(ERROR, "clock", "nothing was mended, because the clock may be wrong.")

    async def work(opener: TurnOpener) -> int:
        total = 0
        while count := await opener.do(mend, limit=MENDED_AT_ONCE):
            total += count
        return total

    try:
        count = shell.run(work, settings)
    except shell.wiring.operator_errors() as error:
        return Finding(ERROR, "clock", f"nothing was mended: {error}")
    apps = "1 authenticator app takes" if count == 1 else f"{count} authenticator apps take"
    return Finding(OK, "clock", f"{apps} codes again")


def _examine_checkpoints(shell: Shell, settings: Settings) -> Iterator[Finding]:
    from twostep.flows.audit.checkpoint import checkpoint_file_problem
    from twostep.flows.audit.tags import count_untagged

    if count := shell.run(lambda opener: opener.read(count_untagged), settings, any_keys=True):
        chains = "1 chain has an end" if count == 1 else f"{count} chains have ends"
        text = f"{chains} that Twostep did not write. Run: twostep audit verify"
        yield Finding(ERROR, "audit", text)
    path = settings.audit_checkpoint_file
    if path is None:
        return

    problem = shell.run(
        lambda opener: opener.read(checkpoint_file_problem, path), settings, any_keys=True
    )
    if problem:
        yield Finding(WARNING, "audit", problem)
    else:
        yield Finding(OK, "audit", f"checkpoints are also in {path}")


def _judge(health: Health, settings: Settings) -> Iterator[Finding]:
    yield from _judge_keys(health, settings)
    if health.apps_ahead:
        yield Finding(
            WARNING,
            "clock",
            f"{health.apps_ahead} authenticator app{'s' * (health.apps_ahead != 1)} used while this"
            " machine's clock was ahead: every code is refused. Once the clock is right, run:"
            " twostep doctor --mend-clock",
        )
    for domain, (count, owners) in health.passkeys_elsewhere.items():
        yield Finding(
            WARNING,
            "passkeys",
            f"{count} passkey{'s' * (count != 1)} of {owners} account{'s' * (owners != 1)} belong"
            f"{'s' * (count == 1)} to {domain} and cannot be used at"
            f" {settings.public_url}. docs/how-to/change-the-address.md says what to do.",
        )
    if health.allowed_connections is not None:
        yield Finding(
            WARNING,
            "database",
            f"Each process may take {health.connections} connections, and the server allows"
            f" {health.allowed_connections} in all: some requests will wait and fail. Lower"
            " database_connections, or raise max_connections there or the limit of the database or"
            " the user.",
        )
    if not health.has_operator:
        yield Finding(
            WARNING,
            "database",
            "There is no operator. Run: twostep user add NAME --email ADDRESS --role operator",
        )
    if health.seeded:
        yield Finding(
            WARNING,
            "database",
            f"It holds {health.seeded} account{'s' * (health.seeded != 1)} made for a benchmark:"
            " whoever has the file with their secrets can sign in. Use another database for real"
            " people.",
        )


def _judge_keys(health: Health, settings: Settings) -> Iterator[Finding]:
    from twostep.flows.operate.missing_keys import describe_missing

    about = "keys"
    missing = {k: uses for k, uses in health.missing_keys.items() if k not in settings.lost_keys}
    if missing:
        yield Finding(ERROR, about, describe_missing(missing, settings.key_path))
    elif health.keys_open is False and not health.missing_keys:
        yield Finding(
            ERROR,
            about,
            "The newest app's secret does not open although its key is there: the value was changed by"
            " hand, or the key. Restore a backup, or the key file's copy.",
        )
    for key_id in settings.lost_keys:
        count = sum(health.missing_keys.get(key_id, {}).values())
        text = f"{key_id} is lost, and {count} values that it sealed cannot be opened"
        if count:
            yield Finding(WARNING, about, f"{text}: docs/how-to/rotate-keys.md says what to do.")
        else:
            yield Finding(
                WARNING, about, f"Nothing is sealed with {key_id}: take it out of lost_keys."
            )
