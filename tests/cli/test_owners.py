"""What root writes belongs to the service, so that it can use it."""

from __future__ import annotations

import os

import pytest

from tests.cli.conftest import PASSWORD, URL, call


SERVICE = 65_534


@pytest.fixture(autouse=True)
def _as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can write for somebody else")


def owners(folder) -> dict[str, int]:
    return {path.name: path.stat().st_uid for path in folder.iterdir()}


def test_init_by_root_leaves_everything_to_the_folders_owner(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, SERVICE, SERVICE)
    (tmp_path / "secret").write_text("hush\n")
    result = call(
        tmp_path, "init", "--yes", "--public-url", URL, "--data-dir", "data", "--operator", "root",
        "--email", "root@example.com", "--password-stdin", "--smtp-host", "localhost",
        "--smtp-security", "none", "--smtp-from", "a@b.c", "--smtp-user", "u",
        "--smtp-password-file", "secret", typed=f"{PASSWORD}\n",
    )  # fmt: skip
    assert result.code == 0, result.err
    made = owners(data)
    assert {"twostep.key", "twostep.sqlite3", "smtp.password"} <= made.keys()
    assert set(made.values()) == {SERVICE}
    assert (tmp_path / "twostep.toml").stat().st_uid == 0


@pytest.mark.parametrize("verb", [("doctor", "--offline"), ("keys", "rotate")])
def test_a_checkpoint_file_made_by_root_belongs_to_the_service(twostep, folder, verb):
    os.chown(folder / "data", SERVICE, SERVICE)
    anchor = folder / "anchor.jsonl"
    twostep(*verb, TWOSTEP_AUDIT_CHECKPOINT_FILE=str(anchor))
    assert (anchor.stat().st_uid, anchor.stat().st_mode & 0o777) == (SERVICE, 0o600)


def test_a_database_made_by_root_belongs_to_the_service(twostep, folder):
    data = folder / "data"
    (data / "twostep.sqlite3").unlink()
    os.chown(data, SERVICE, SERVICE)
    assert twostep("db", "upgrade").code == 0
    assert (data / "twostep.sqlite3").stat().st_uid == SERVICE
