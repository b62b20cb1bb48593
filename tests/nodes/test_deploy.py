"""The example in `deploy/`: HAProxy takes it, a whole cluster runs from it, and systemd is patient."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support import patroni
from tests.support.crowd import Crowd, new_ledgers
from tests.support.failover import Servers, review, review_database, under_load
from tests.support.nodes import install
from twostep import server
from twostep.flows.operate import jobs as works
from twostep.store.engine.postgres_wire import MOST_SILENCE_SECONDS


def test_haproxy_takes_the_example(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("haproxy is missing: run tools/test_packages.sh")
    command = [program, "-c", "-f", patroni.haproxy_file(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_systemd_waits_as_long_as_a_stop_may_take() -> None:
    unit = (patroni.DEPLOY / "twostep.service").read_text(encoding="utf-8")
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    sending = server.GRACEFUL_SECONDS + works.GRACEFUL_SECONDS
    assert int(seconds) > sending + MOST_SILENCE_SECONDS


def test_systemd_takes_the_unit_and_a_reload_is_a_hangup(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing: run tools/test_packages.sh")
    text = (patroni.DEPLOY / "twostep.service").read_text(encoding="utf-8")
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in text
    unit = tmp_path / "twostep.service"
    unit.write_text(text.replace("/opt/twostep/.venv/bin/twostep", sys.executable), "utf-8")
    result = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.soak
def test_a_machine_of_the_example_dies_under_load_and_nothing_is_lost(tmp_path: Path) -> None:
    patroni.skip_without_programs()
    with tempfile.TemporaryDirectory(prefix="twostep-patroni-") as folder, ExitStack() as stack:
        cluster = stack.enter_context(patroni.run_cluster(Path(folder).resolve()))
        trusted = {"TWOSTEP_TRUSTED_PROXIES": '["127.0.0.1"]'}
        installed = install(tmp_path, cluster.url, **trusted)
        ledgers = new_ledgers(installed.seed(6000))
        nodes = [
            stack.enter_context(installed.run("serve", host=host, port=port))
            for host, port in patroni.NODES
        ]
        crowd = Crowd([patroni.FRONT], ledgers)
        servers = Servers(cluster.kill, cluster.promote)
        outcome, seen = asyncio.run(under_load(crowd, nodes, servers, people=50))
        print(outcome, seen, crowd.tally.figures())  # noqa: T201  for whoever runs it with -rP
        review(crowd, nodes, outcome)
        assert seen["codes used"] > 0
        review_database(cluster.url)
        installed.verify_audit()


@pytest.mark.soak
def test_patroni_tells_prometheus_that_there_is_a_sync_standby() -> None:
    """What the alert TwostepNoSyncStandby asks for."""
    patroni.skip_without_programs()
    with (
        tempfile.TemporaryDirectory(prefix="twostep-patroni-") as folder,
        patroni.run_cluster(Path(folder).resolve()),
    ):
        figures = [
            httpx.get(f"http://127.0.0.2{number}:8008/metrics", trust_env=False).text
            for number in patroni.MACHINES
        ]
        figure = re.compile(r'^patroni_sync_standby\{scope="twostep"\} (\d)$', re.MULTILINE)
        assert sorted(figure.findall("\n".join(figures))) == ["0", "0", "1"]
