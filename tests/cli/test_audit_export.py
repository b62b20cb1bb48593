"""The trail in parts that follow each other, and what verifying says of a part."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SECONDS, Result, call, environment
from tests.support.logged import logged_server


def act(twostep: Any, name: str) -> None:
    """An event in each of two chains."""
    for add in (("user", "add", name, "--email", f"{name}@example.com", "--password-stdin"),):
        assert twostep(*add, typed="a quiet evening by the lake\n").code == 0
    assert twostep("user", "disable", "root", "--reason", f"for {name}").code == 0


def records(result: Result) -> list[tuple[str, int]]:
    assert result.code == 0, result.err
    lines = [json.loads(line) for line in result.out.splitlines()]
    return [(line["chain"], line["seq"]) for line in lines]


def next_part(result: Result) -> str:
    return re.fullmatch(r"\d+ events\. The next part: --since (\d+)\n", result.err)[1]  # type: ignore[index]


def export(twostep: Any, since: str) -> Result:
    return twostep("audit", "export", "--since", since)


def test_every_event_is_in_exactly_one_part(twostep, folder):
    act(twostep, "carol")
    parts = [export(twostep, "0")]
    for name in ("dave", "erin"):
        act(twostep, name)
        parts.append(export(twostep, next_part(parts[-1])))
    parts.append(export(twostep, next_part(parts[-1])))
    whole = twostep("audit", "export")
    numbers = [record for part in parts for record in records(part)]
    assert len(numbers) == len(set(numbers))
    assert set(records(whole)) - set(numbers) == {(records(parts[-1])[0][0], len(parts) + 1)}
    assert all(records(part) == sorted(records(part)) for part in (*parts, whole))
    # Nothing has happened: it holds only its own event.
    (line,) = parts[-1].out.splitlines()
    (kind, data) = (json.loads(line)[name] for name in ("event", "data"))
    assert (kind, data["since"]) == ("audit.exported", int(next_part(parts[-2])))
    # After a whole export one can go on in parts.
    assert len(records(export(twostep, next_part(whole)))) == 1


def test_a_part_is_verified_from_its_checkpoint_on(twostep, folder, tmp_path):
    act(twostep, "carol")
    first = export(twostep, "0")
    number = next_part(first)
    act(twostep, "dave")
    part = export(twostep, number)
    path = tmp_path / "part.jsonl"

    def verify(text: str) -> Result:
        path.write_text(text, encoding="utf-8")
        return twostep("audit", "verify", str(path))

    starts = f"This export starts at checkpoint {number}: what that one covers is not in it"
    good = verify(part.out)
    assert (good.code, starts in good.out, "Nothing wrong" in good.out) == (0, True, True)
    together = verify(first.out + part.out)
    assert (together.code, "Nothing wrong" in together.out) == (0, True)
    assert "starts at" not in verify(first.out).out
    assert json.loads(twostep("audit", "verify", "--json", str(path)).out)["since"] == 0
    lines = part.out.splitlines(keepends=True)
    itself = [line for line in lines if '"audit.exported"' in line]
    for line in lines:  # whichever is missing, it is missed
        assert verify("".join(other for other in lines if other != line)).code == 1, line
    changed = part.out.replace('"for dave"', '"for erin"')
    assert (verify(changed).code, changed != part.out) == (1, True)
    nothing_else = verify("".join(itself))
    assert (nothing_else.code, "missing at the end" in nothing_else.out) == (1, True)
    (folder / "twostep.toml").unlink()
    alone = verify(part.out)
    assert (alone.code, starts in alone.out) == (0, True)
    assert "only the installation can say" in alone.out


def test_a_time_is_the_checkpoint_before_it(twostep, folder):
    act(twostep, "carol")
    everything = records(export(twostep, "0"))
    for early in (
        "2001-01-01",
        "2001-01-01T08:00",
        "2001-01-01T08:00:00+02:00",
        "2001-01-01T08:00Z",
    ):
        assert set(everything) < set(records(export(twostep, early)))


@pytest.mark.parametrize(
    ("since", "says"),
    [
        *(
            (text, "takes the number of a checkpoint or a time like 2026-12-01T08:00Z, not")
            for text in ("", "yesterday", "-1", "1.5", "²", "2026-13-01", "12:00", "1 OR 1=1")
        ),
        ("99999", "There is no checkpoint 99999: the newest is 1."),
        ("9" * 400, "There is no checkpoint"),
        ("2999-01-01", "That time has not come yet."),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(twostep, folder, since, says):
    result = export(twostep, since)
    assert (result.code, result.out) == (2, "")
    assert says in result.err, result.err
    assert result.err.count("\n") == 1


def test_a_reader_that_goes_away_ends_it_quietly(folder: Path) -> None:
    for reader in ("head -1 >/dev/null", "true"):
        command = f"set -o pipefail; {sys.executable} -m twostep audit export --since 0 | {reader}"
        result = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        assert "Traceback" not in result.stderr
        assert "ignored" not in result.stderr


def test_parts_lose_nothing_while_the_server_writes(folder: Path) -> None:
    parts, since = [], "0"
    with logged_server(folder) as server:
        for number in range(4):
            with server.browser() as browser:
                for _ in range(5):
                    form = {"username": f"nobody-{number}", "password": "wrong"}
                    browser.post("/sign-in", data=form)
            parts.append(call(folder, "audit", "export", "--since", since))
            since = next_part(parts[-1])
        logged = {(line["chain"], line["seq"]) for line in server.audit() if line["seq"]}
    parts.append(call(folder, "audit", "export", "--since", since))
    numbers = [record for part in parts for record in records(part)]
    assert len(numbers) == len(set(numbers))
    assert logged <= set(numbers)
