"""A program of the operator's: a real one (gammu), and ones that fail in every way."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from tests.support.fake_provider import CALL, NOW, TEXT
from tests.support.waiting import PATIENCE_SECONDS, longer_and_longer, wait_until
from twostep.delivery.carriers.command import Command, Program
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
)


def run(*argv: str, seconds: float = PATIENCE_SECONDS) -> SendOutcome:
    return asyncio.run(Command(Program(argv, seconds)).send(TEXT, now=NOW))


def python(code: str, *arguments: str, seconds: float = PATIENCE_SECONDS) -> SendOutcome:
    return run(sys.executable, "-c", code, *arguments, seconds=seconds)


def test_number_and_id_are_arguments_and_the_text_comes_on_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import sys; open(sys.argv[1], 'w').write(repr((sys.argv[2:], sys.stdin.read())))"
    assert isinstance(python(code, str(out), "--to={to}", "{id}", "$HOME; `id`"), Accepted)
    assert out.read_text() == repr((["--to=+12025550100", "out-1", "$HOME; `id`"], TEXT.text))


def test_nothing_of_our_own_surroundings_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOSTEP_KEY", "hush")
    out = tmp_path / "out"
    code = "import os, sys; open(sys.argv[1], 'w').write(' '.join(sorted(os.environ)))"
    python(code, str(out))
    assert "TWOSTEP_KEY" not in out.read_text()
    assert "PATH" in out.read_text()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0, Accepted),
        (65, Permanent),
        (67, Permanent),
        (64, Misconfigured),
        (77, Misconfigured),
        (78, Misconfigured),
        (127, Misconfigured),
        (75, Temporary),
        (69, Temporary),
        (1, Temporary),
    ],
)
def test_the_exit_status_says_what_came_of_it(status: int, kind: type) -> None:
    code = f"import sys; print('sent to +12025550100'); sys.exit({status})"
    outcome = python(code)
    assert isinstance(outcome, kind)
    assert "2025550100" not in repr(outcome)


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_program_that_reads_nothing_may_have_sent(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Thirty times: it ends before, while or after its input is written."""
    true = shutil.which("true") or ""

    async def story() -> list[SendOutcome]:
        return [await Command(Program((true,))).send(TEXT, now=NOW) for _ in range(30)]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert {type(outcome) for outcome in runner.run(story())} == {Accepted}


def test_no_such_program_is_the_operators() -> None:
    assert isinstance(run("/nowhere/sendsms", "{to}"), Misconfigured)


def test_one_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0: open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    for seconds in longer_and_longer(0.5):
        assert isinstance(python(code, str(mark), seconds=seconds), Ambiguous)
        if mark.exists() and mark.read_text():  # it came as far as that
            break
    wait_until("its child lives on", lambda: not _runs(int(mark.read_text())))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_one_that_was_killed_may_have_sent() -> None:
    assert isinstance(python("import os; os.kill(os.getpid(), 9)"), Ambiguous)


def test_one_that_reads_nothing_or_writes_without_end_does_no_harm() -> None:
    assert isinstance(python("import sys; sys.stdin.close()"), Accepted)
    assert isinstance(python("print('x' * 1_000_000)"), Accepted)


def test_it_carries_texts_only() -> None:
    channel = Command(Program(("/bin/true",)))
    assert isinstance(asyncio.run(channel.send(CALL, now=NOW)), Misconfigured)


def test_gammu_sends_it(tmp_path: Path) -> None:
    """Its dummy phone throws messages away, but its log says what it was told to send."""
    gammu = shutil.which("gammu")
    if gammu is None:
        pytest.skip("gammu is not here: apt-get install gammu")
    phone = tmp_path / "phone"
    phone.mkdir()
    settings = tmp_path / "gammurc"
    log = tmp_path / "log"
    settings.write_text(
        f"[gammu]\nmodel = dummy\nconnection = none\ndevice = {phone}/\n"
        f"logfile = {log}\nlogformat = textall\n",
        encoding="utf-8",
    )
    outcome = run(gammu, "-c", str(settings), "sendsms", "TEXT", "{to}")
    assert isinstance(outcome, Accepted)
    logged = log.read_text(encoding="utf-8", errors="replace")
    assert f'Recipient number "{TEXT.to}"' in logged
    assert TEXT.text.splitlines()[0] in logged
    broken = run(gammu, "-c", os.devnull, "sendsms", "TEXT", "{to}")
    assert not isinstance(broken, Accepted)
    assert Failure.UNUSABLE not in repr(broken)
