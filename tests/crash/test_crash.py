"""`kill -9` at random points of set-up and sign-in: afterwards it is wholly on or wholly off, what was
answered holds, and no code works twice."""

from __future__ import annotations

import random

import httpx2 as httpx
import pytest

from tests.support.live import PASSWORD, LiveDemo, live_demo
from tests.support.power import kill_during, window
from tests.support.product import backup_codes, setup_uri


ALICE = {"username": "alice", "password": PASSWORD}
WIZARD = "/settings/security/app/new"
CODES = "/settings/security/codes"


def is_on(demo: LiveDemo) -> bool:
    """Whether two-step sign-in is on: every trace of it must say the same."""
    ((on, at),) = demo.query("SELECT two_step, two_step_at FROM accounts WHERE name = 'alice'")
    ((apps,),) = demo.query("SELECT COUNT(*) FROM apps")
    ((pending,),) = demo.query("SELECT COUNT(*) FROM pending_apps")
    ((proved,),) = demo.query("SELECT COUNT(*) FROM sessions WHERE second_factor_at IS NOT NULL")
    ((notices,),) = demo.query("SELECT COUNT(*) FROM outbox WHERE kind = 'two_step_enabled'")
    ((enabled,),) = demo.query(
        "SELECT SUM(CASE event WHEN 'two_step.enabled' THEN 1 WHEN 'two_step.disabled' THEN -1"
        " ELSE 0 END) FROM audit_records"
    )
    state = (on, at is not None, apps, pending, proved, notices, enabled or 0)
    assert state in {(1, True, 1, 0, 1, 1, 1), (0, False, 0, 1, 0, 0, 0)}
    return bool(on)


def accepted(demo: LiveDemo) -> int:
    """Second steps that were passed, by the audit trail."""
    return int(demo.query("SELECT COUNT(*) FROM audit_records WHERE event = 'code.accepted'")[0][0])


def second_step(demo: LiveDemo, code: str) -> httpx.Response:
    """A sign-in in a new browser, with this code."""
    with window(demo) as half:
        answer = half.post("/sign-in", data=ALICE)
        assert answer.headers.get("location") == "/sign-in/code", answer.text + demo.errors
        return half.post("/sign-in/code", data={"code": code})


def set_up(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while the first code is confirmed."""
    with window(demo) as alice:
        alice.post("/sign-in", data=ALICE)
        uri = setup_uri(alice.get(WIZARD))
        code = demo.app_code_at(uri, seconds=0)
        answer = kill_during(demo, chance, lambda: alice.post(WIZARD, data={"code": code}))
        on = is_on(demo)
        if answer is not None and answer.status_code == 303:
            assert on
            assert alice.get("/api/session").json()["aal"] == "aal2"
        if on:
            assert second_step(demo, code).status_code == 422
            return
        # Nothing happened: the same page, the same secret, and it can be finished.
        assert setup_uri(alice.get(WIZARD)) == uri
        assert (
            alice.post(WIZARD, data={"code": demo.app_code_at(uri, seconds=0)}).status_code == 303
        )
        assert is_on(demo)


def sign_in(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while an app's code is answered."""
    with window(demo) as alice, window(demo) as other:
        alice.post("/sign-in", data=ALICE)
        uri = setup_uri(alice.get(WIZARD))
        assert (
            alice.post(WIZARD, data={"code": demo.app_code_at(uri, seconds=0)}).status_code == 303
        )
        other.post("/sign-in", data=ALICE)
        code = demo.app_code_at(uri, seconds=30)
        burn(demo, chance, other, code)


def sign_in_from_paper(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while a backup code is answered."""
    with window(demo) as alice, window(demo) as other:
        alice.post("/sign-in", data=ALICE)
        uri = setup_uri(alice.get(WIZARD))
        assert (
            alice.post(WIZARD, data={"code": demo.app_code_at(uri, seconds=0)}).status_code == 303
        )
        alice.post(CODES)
        code = backup_codes(alice.get(CODES))[chance.randrange(10)]
        other.post("/sign-in", data=ALICE)
        burn(demo, chance, other, code)


def burn(demo: LiveDemo, chance: random.Random, other: httpx.Client, code: str) -> None:
    """Answer the second step while the power goes, then try the code again and again."""
    before = accepted(demo)
    answer = kill_during(demo, chance, lambda: other.post("/sign-in/code", data={"code": code}))
    burnt = accepted(demo) - before
    ((full,),) = demo.query("SELECT COUNT(*) FROM sessions WHERE level = 'full'")
    assert full == 1 + burnt
    if answer is not None and answer.status_code == 303:
        assert burnt == 1
        assert other.get("/api/session").status_code == 200
    answers = [second_step(demo, code).status_code for _ in range(2)]
    assert answers == ([422, 422] if burnt else [303, 422])
    assert accepted(demo) == before + 1


@pytest.mark.parametrize("times", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_power_cuts_leave_nothing_half_done(
    tmp_path_factory: pytest.TempPathFactory, times: int
) -> None:
    seed = random.randrange(2**32)  # noqa: S311  where the power goes, not a secret
    chance = random.Random(seed)  # noqa: S311  the same
    acts = (set_up, sign_in, sign_in_from_paper)
    folder = tmp_path_factory.mktemp("crash") / "demo"
    with live_demo(folder, "--set", "password.profile=test") as demo:
        for number in range(times):
            act = acts[number % len(acts)]
            try:
                act(demo, chance)
            except AssertionError as failure:
                raise AssertionError(
                    f"cut {number + 1} of seed {seed}: {act.__name__}"
                ) from failure
            demo.reset()
        demo.verify_audit()
        assert demo.audit_seq() > times
