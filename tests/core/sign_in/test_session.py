"""How long a proof counts before a change, to the second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import AHEAD_SECONDS, FRESH_SECONDS, Aal, Level, Session


NOW = 1_764_000_000
FAR = 86_400
SESSION = Session(
    id="s", account_id="a", level=Level.FULL, aal=Aal.AAL2, amr="pwd otp mfa", next_path="",
    network="203.0.113.5", browser="", browser_id=None, password_version=1, password_at=None,
    second_factor_at=None, created_at=NOW, seen_at=NOW, expires_at=NOW + FAR,
)  # fmt: skip


@pytest.mark.parametrize("two_step", [True, False])
@pytest.mark.parametrize(
    ("age", "needed"),
    [
        (-FAR, True),
        (-AHEAD_SECONDS - 1, True),
        (-AHEAD_SECONDS, False),
        (-1, False),
        (0, False),
        (FRESH_SECONDS - 1, False),
        (FRESH_SECONDS, True),
        (FAR, True),
    ],
)
def test_a_proof_counts_ten_minutes_and_a_little_ahead(
    *, two_step: bool, age: int, needed: bool
) -> None:
    proved = {"second_factor_at" if two_step else "password_at": NOW - age}
    session = replace(SESSION, **proved)
    assert session_core.needs_step_up(session, two_step=two_step, now=NOW) is needed
    # The other proof says nothing.
    assert session_core.needs_step_up(session, two_step=not two_step, now=NOW)


def test_without_a_proof_there_is_none() -> None:
    assert session_core.needs_step_up(SESSION, two_step=True, now=NOW)
    assert session_core.needs_step_up(SESSION, two_step=False, now=NOW)
