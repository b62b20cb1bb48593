"""Where a right is missing, every verb says so in one sentence, and ends with 2."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

from tests.cli.conftest import PASSWORD
from twostep.cli.app import root


STRANGER = 65_534
MAIL = {
    "TWOSTEP_SMTP__HOST": "localhost",
    "TWOSTEP_SMTP__FROM": "a@example.com",
    "TWOSTEP_SMTP__SECURITY": "none",
}
REASON = ("--reason", "x")
# What a verb needs to get as far as its files. `serve` and `worker` would run; they open the same.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "doctor": ("--offline",),
    "db copy": ("--from", "sqlite:data/twostep.sqlite3", "--to", "sqlite:data/other.sqlite3"),
    "db backup": ("copy",),
    "user add": ("bob", "--email", "bob@example.com", "--password-stdin"),
    "user show": ("root",),
    "user find": ("--reference", "ABCD-EFGH"),
    "user disable": ("root", *REASON),
    "user enable": ("root", *REASON),
    "user sessions-end": ("root", *REASON),
    "user reset-mfa": ("root", *REASON),
    "user temporary-code": ("root", *REASON),
    "user password-link": ("root", *REASON),
    "keys remove": ("415eeff9",),
    "audit accept": ("system-01", *REASON),
}
ELSEWHERE = {"demo", "init", "serve", "worker"}  # each has tests of its own


def _verbs() -> list[str]:
    return [
        f"{prefix}{name}".strip()
        for prefix, group in _groups(typer.main.get_command(root), "")
        for name, command in group.commands.items()
        if not hasattr(command, "commands") and f"{prefix}{name}" not in ELSEWHERE
    ]


def _groups(group, prefix: str):
    yield prefix, group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _groups(command, f"{prefix}{name} ")


class _Powers(ctypes.Structure):
    """What Linux calls capabilities, of one thread: the lower and the upper half of the bits."""

    _fields_ = [(f"{name}_{half}", ctypes.c_uint32) for half in "01" for name in "epi"]


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


@contextmanager
def without_powers() -> Iterator[None]:
    """Root as everybody else is: what belongs to another user and is closed stays closed."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = _Header(0x20080522, 0), _Powers()
    assert libc.capget(ctypes.byref(header), ctypes.byref(before)) == 0
    none = _Powers(p_0=before.p_0, p_1=before.p_1, i_0=before.i_0, i_1=before.i_1)
    assert libc.capset(ctypes.byref(header), ctypes.byref(none)) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), ctypes.byref(before)) == 0


def _close(folder: Path, what: str) -> None:
    path = {
        "settings": folder / "twostep.toml",
        "data": folder / "data",
        "key": folder / "data" / "twostep.key",
        "database": folder / "data" / "twostep.sqlite3",
    }[what]
    os.chown(path, STRANGER, STRANGER)
    path.chmod(0o700 if what == "data" else 0o600)


# Verbs that need less than settings, keys and database.
NEEDS = {
    "policy show": {"settings"},
    "db upgrade": {"settings", "data", "database"},
    "db backup": {"settings", "data", "database"},
    "db reopen": {"settings", "data", "database"},
}
SAYS = ("ermission denied", "may not", "cannot be written", "cannot be read", "belongs to")


@pytest.mark.parametrize("what", ["settings", "data", "key", "database"])
def test_every_verb_says_in_one_sentence_which_right_is_missing(twostep, folder, what) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    _close(folder, what)
    for verb in _verbs():
        words = (*verb.split(), *ARGUMENTS.get(verb, ()))
        with without_powers():
            result = twostep("--config", "twostep.toml", *words, typed=PASSWORD, **MAIL)
        if what not in NEEDS.get(verb, {"settings", "data", "key", "database"}):
            assert result.code == 0, (verb, result)
            continue
        said = result.err or result.out
        findings = verb == "doctor" and what != "settings"
        assert result.code == (1 if findings else 2), (verb, result)
        assert findings or len(said.splitlines()) == 1, (verb, said)
        assert any(part in said for part in SAYS), (verb, said)
