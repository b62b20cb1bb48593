"""A disk that is full or may only be read, and files that go away under a running product.

Nobody is let in, a right answer and a wrong one are told the same, nothing that was answered is lost,
and once there is space again it goes on without a restart.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.live import PASSWORD, LiveDemo, live_demo
from tests.support.power import window
from tests.support.product import TestProduct, open_test_product, setup_uri, words
from twostep.flows.audit.checkpoint import checkpoint_all, checkpoint_file_problem
from twostep.flows.audit.verify import verify_database
from twostep.web.door.app import UNAVAILABLE_SECONDS
from twostep.web.metrics.exposition import write_metrics


ALICE = {"username": "alice", "password": PASSWORD}
WIZARD = "/settings/security/app/new"
DISK_BYTES = 16 * 1024 * 1024
NO_MORE = 1024  # bytes a file may have, less than the database has already
INSIDE = ("Traceback", "sqlite", "site-packages", "disk", "database or", "readonly")


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A disk of its own that can be filled."""
    at.mkdir()
    mount = shutil.which("mount")
    made = mount is not None and os.geteuid() == 0
    if made:
        command = [str(mount), "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(at)]
        made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not made:
        pytest.skip("a disk of one's own needs root and mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], capture_output=True, check=True)


@contextmanager
def full_disk(demo: LiveDemo) -> Iterator[None]:
    """Not a byte is free."""
    ballast = demo.folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_longer_files(demo: LiveDemo) -> Iterator[None]:
    """No file may grow: what somebody without rights can do to a process of his own."""
    before = resource.prlimit(demo.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(demo.process.pid, resource.RLIMIT_FSIZE, (NO_MORE, before[1]))
    try:
        yield
    finally:
        resource.prlimit(demo.process.pid, resource.RLIMIT_FSIZE, before)


def unavailable(answer: httpx.Response) -> str:
    """It must say that it cannot now, and when to try again; what it says without its reference."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert "set-cookie" not in answer.headers
    said = words(answer)
    assert "Nothing was changed" in said
    assert not any(word in answer.text for word in INSIDE)
    return said


def full_sessions(demo: LiveDemo) -> int:
    return int(demo.query("SELECT COUNT(*) FROM sessions WHERE level = 'full'")[0][0])


def harm_and_mend(demo: LiveDemo, trouble: Callable[[LiveDemo], object]) -> None:
    """Right and wrong answers in the middle of a disk's trouble, and after it."""
    with window(demo) as alice, window(demo) as half, window(demo) as late:
        alice.post("/sign-in", data=ALICE)
        uri = setup_uri(alice.get(WIZARD))
        assert alice.post(WIZARD, data={"code": demo.app_code(uri)}).status_code == 303
        half.post("/sign-in", data=ALICE)
        code = demo.next_app_code(uri)
        before = full_sessions(demo)
        with trouble(demo):  # type: ignore[attr-defined]  a context manager
            wrong_code = f"{(int(code) + 1) % 10**6:06}"
            right_said = unavailable(half.post("/sign-in/code", data={"code": code}))
            wrong_said = unavailable(half.post("/sign-in/code", data={"code": wrong_code}))
            assert right_said == wrong_said
            right_said = unavailable(late.post("/sign-in", data=ALICE))
            wrong_said = unavailable(late.post("/sign-in", data=ALICE | {"password": "wrong"}))
            assert right_said == wrong_said
            assert half.get("/api/session").status_code == 401
            # Who only looks is served on.
            assert alice.get("/api/session").json()["aal"] == "aal2"
            assert alice.get("/healthz").status_code == 200
            assert full_sessions(demo) == before
        # Neither consumed nor counted, and no restart.
        assert half.post("/sign-in/code", data={"code": code}).status_code == 303
        assert half.get("/api/session").json()["account"] == "alice"
        late.post("/sign-in", data=ALICE)
        assert late.post("/sign-in/code", data={"code": code}).status_code == 422
    ((verdict,),) = demo.query("PRAGMA integrity_check")
    assert verdict == "ok"
    demo.verify_audit()


def test_a_full_disk_lets_nobody_in_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        folder = disk / "demo"
        with live_demo(folder, "--set", "password.profile=test") as demo:
            harm_and_mend(demo, full_disk)


def test_files_that_may_not_grow_let_nobody_in_and_lose_nothing(tmp_path: Path) -> None:
    with live_demo(tmp_path / "demo", "--set", "password.profile=test") as demo:
        harm_and_mend(demo, no_longer_files)


# ── inside one process ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        opened.add_account("alice")
        yield opened


def database(product: TestProduct) -> Path:
    return product.env.settings.data_dir / "twostep.sqlite3"


def test_a_database_that_may_only_be_read_still_shows_and_changes_nothing(
    product: TestProduct,
) -> None:
    alice = product.browser()
    alice.sign_in()
    entry = alice.enroll_app()
    half = product.browser()
    half.sign_in()
    code = entry.next_code()
    writer = product.env.store._writer  # type: ignore[attr-defined]
    writer.execute("PRAGMA query_only = ON")
    said = [
        unavailable(answer)
        for answer in (
            half.post("/sign-in/code", code=code),
            half.post("/sign-in/code", code="000000"),
            product.browser().sign_in(),
            product.browser().sign_in(password="wrong password here"),
            product.browser().sign_in("nobody"),
        )
    ]
    assert len(set(said[:2])) == len(set(said[2:])) == 1
    assert alice.get("/api/session").json()["account"] == "alice"
    assert half.get("/api/session").status_code == 401
    writer.execute("PRAGMA query_only = OFF")
    assert half.post("/sign-in/code", code=code).status_code == 303


def clobber_truncated(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(path, 4096)


def clobber_overwritten(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(b"\xa5" * path.stat().st_size)


@pytest.mark.parametrize("clobber", [clobber_truncated, clobber_overwritten])
def test_a_database_that_is_ruined_while_running_lets_nobody_in(
    product: TestProduct, clobber: Callable[[Path], None]
) -> None:
    alice = product.browser()
    alice.sign_in()
    entry = alice.enroll_app()
    half = product.browser()
    half.sign_in()
    code = entry.next_code()
    clobber(database(product))
    for answer in (
        half.post("/sign-in/code", code=code),
        half.post("/sign-in/code", code="000000"),
        half.get("/"),
        alice.get("/"),
        alice.get("/api/session"),
        product.browser().sign_in(),
        product.browser().sign_in(password="wrong password here"),
    ):
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"] == str(UNAVAILABLE_SECONDS)
        assert not any(word in answer.text for word in INSIDE)
        assert "set-cookie" not in answer.headers
    assert product.browser().get("/healthz").status_code == 200
    assert product.browser().get("/readyz").status_code == 503


@pytest.mark.parametrize("copied", [False, True], ids=["deleted", "replaced"])
def test_what_is_written_to_a_file_that_is_gone_is_never_called_done(
    product: TestProduct, tmp_path: Path, *, copied: bool
) -> None:
    alice = product.browser()
    alice.sign_in()
    entry = alice.enroll_app()
    half, code = product.browser(), entry.next_code()
    half.sign_in()
    path, away = database(product), tmp_path / "away.sqlite3"
    path.rename(away)
    if copied:  # as a backup is put back under a running server
        shutil.copy(away, path)
    for answer in (
        half.post("/sign-in/code", code=code),
        half.post("/sign-in/code", code="000000"),
        alice.get("/api/session"),
        product.browser().sign_in(),
    ):
        assert answer.status_code == 503
        assert "set-cookie" not in answer.headers
    assert product.browser().get("/readyz").status_code == 503
    away.rename(path)  # put back: it goes on, and nothing was used up
    assert half.post("/sign-in/code", code=code).status_code == 303
    assert alice.get("/api/session").status_code == 200


def test_a_checkpoint_file_that_cannot_be_written_stops_nobody_and_catches_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "checkpoints.jsonl"
    path.mkdir()  # nothing can be appended to a folder, by whoever
    with open_test_product(tmp_path, audit_checkpoint_file=str(path)) as product:
        env = product.env
        for name in ("alice", "bob", "carol"):
            product.add_account(name)
            assert product.browser().sign_in(name).status_code == 303
            assert product.run(checkpoint_all(product.house.by())) > 0
        assert "cannot be written" in product.house.see(checkpoint_file_problem, path)
        figures = product.run(write_metrics(env, now=product.clock.now))
        assert "\ntwostep_checkpoint_file_failures_total 3.0\n" in figures
        path.rmdir()
        newest = product.run(checkpoint_all(product.house.by()))
        numbers = [json.loads(line)["checkpoint"] for line in path.read_text().splitlines()]
        assert numbers == list(range(1, newest + 1))
        assert product.run(verify_database(env, now=product.clock.now)).findings == ()
