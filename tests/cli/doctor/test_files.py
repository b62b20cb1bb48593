"""Doctor looks at this machine: free space, owners and rights of files, logo, libraries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import call


STRANGER = 65_534


def findings(result, level: str, about: str) -> list[str]:
    return [
        item["text"]
        for item in json.loads(result.out)
        if (item["level"], item["about"]) == (level, about)
    ]


def test_a_database_that_others_may_read_is_noticed(twostep, folder):
    database = folder / "data" / "twostep.sqlite3"
    assert findings(twostep("doctor", "--json", "--offline"), "warning", "database") == []
    database.chmod(0o644)
    (text,) = findings(twostep("doctor", "--json", "--offline"), "warning", "database")
    assert text.endswith(f"Run: chmod 600 {database}")


def test_a_file_of_another_owner_is_noticed(twostep, folder):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    key = folder / "data" / "twostep.key"
    os.chown(key, STRANGER, STRANGER)
    (text,) = findings(twostep("doctor", "--json", "--offline"), "error", "data_dir")
    assert text.startswith(f"{key} belongs to nobody, but {folder / 'data'} to root")
    assert text.endswith(f"Run: chown root {key}")


def test_a_damaged_database_is_noticed(twostep, folder):
    database = folder / "data" / "twostep.sqlite3"
    content = bytearray(database.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = bytes(8192)
    database.write_bytes(content)
    result = twostep("doctor", "--json", "--offline")
    assert result.code == 1
    assert "restore a backup" in str(findings(result, "error", "database"))


@pytest.mark.parametrize(
    ("made", "level", "says"),
    [
        ("", "error", "is not there or cannot be read"),
        ("logo.gif", "warning", "is neither SVG nor PNG"),
        ("logo.svg", "ok", "can be read"),
    ],
)
def test_a_logo_is_looked_at(twostep, folder, made, level, says):
    if made:
        (folder / made).write_text("<svg/>")
    logo = {"TWOSTEP_PANEL_LOGO": str(folder / (made or "none.svg"))}
    result = twostep("doctor", "--json", "--offline", **logo)
    assert says in str(findings(result, level, "panel_logo"))
    assert result.code == (1 if level == "error" else 0)


def test_whatever_keeps_the_server_from_starting_is_an_error(twostep, monkeypatch):
    traced = {"TWOSTEP_TRACING__ENDPOINT": "http://127.0.0.1:4318"}
    assert findings(twostep("doctor", "--json", "--offline", **traced), "error", "tracing") == []
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace", raising=False)
    result = twostep("doctor", "--json", "--offline", **traced)
    (text,) = findings(result, "error", "tracing")
    assert "setup EXTRAS=otel" in text
    assert result.code == 1


@pytest.mark.parametrize(("fill", "level"), [("0", "warning"), ("64", "error")])
def test_a_full_disk_is_noticed(folder, fill, level):
    """`fill`: MiB written to a file system that holds 8."""
    on_small_disk = (
        "cp -a data kept && mount -t tmpfs -o size=8m,mode=700 tmpfs data && cp -a kept/. data"
        f' && (head -c {fill}M /dev/zero > data/filler 2> /dev/null; true) && exec "$@"'
    )
    through = ("unshare", "--mount", "sh", "-c", on_small_disk, "sh")
    probe = ("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    result = call(folder, "doctor", "--json", "--offline", through=through)
    (text,) = findings(result, level, "disk")
    assert text.endswith("ake room.")
    if level == "error":
        listed = call(folder, "user", "disable", "root", "--reason", "x", through=through)
        assert listed.code == 75
        assert f"the file system of {folder / 'data'} is full" in listed.err
