"""The demo as people start it: a process on a free port, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.support.house import new_database
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from twostep.core.audit.audit_chain import START, hash_record
from twostep.store.operate import demo_reset


STOP_SECONDS = 8
ALICE = {"username": "alice", "password": "alice-demo-password"}
GOOD = "+12025550100"
KEPT = {"accounts", "installation", "system_chains", "alembic_version"} | {
    f"audit_{name}" for name in ("records", "changed", "starts", "checkpoints")
}
BY_CASCADE = {"recovery_codes"}


RUNNING: list[Demo] = []


class Demo:
    """A running demo and a browser in front of it."""

    def __init__(self, folder: Path | None, *extra: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        where = ["--data-dir", str(folder)] if folder else []
        command = [sys.executable, "-m", "twostep", "demo", "--port", str(self.port)]
        environ = {name: value for name, value in os.environ.items() if "TWOSTEP_" not in name}
        self.process = subprocess.Popen(
            [*command, *where, "--set", "password.profile=test", *extra],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        )
        RUNNING.append(self)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.said = self.first_line
        self.client = self.browser()

    def browser(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Origin": self.url},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )

    def post(self, route: str, body: object = None) -> httpx.Response:
        """As scripts do: JSON, without an origin."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False) as script:
            return script.post(f"/_demo/{route}", json=body)

    def messages(self, channel: str | None = None) -> list[dict[str, Any]]:
        messages = self.client.get("/_demo/messages").json()
        return [message for message in messages if channel in {None, message["channel"]}]

    def wait_for(self, channel: str, *, count: int = 1) -> list[dict[str, Any]]:
        wait_until(f"no {channel} came", lambda: len(self.messages(channel)) >= count)
        return self.messages(channel)

    def sign_in(self) -> None:
        answer = self.client.post("/sign-in", data=ALICE)
        assert answer.status_code == 303, answer.text

    def code_on_the_phone(self) -> str:
        page = self.client.get("/_demo/phone?show=apps").text
        digits = re.search(r'class="digits" dir="ltr">(\d{3})<i></i>(\d{3})<', page)
        assert digits is not None
        return "".join(digits.groups())

    def add_app(self) -> None:
        assert self.client.get("/settings/security/app/new").status_code == 200
        assert self.post("apps/scan", {}).status_code == 204
        form = {"code": self.code_on_the_phone(), "name": ""}
        assert self.client.post("/settings/security/app/new", data=form).status_code == 303

    def ask_for_code(self, number: str, channel: str, country: str = "US") -> httpx.Response:
        form = {"country": country, "number": number, "channel": channel}
        return self.client.post("/settings/security/phone/new", data=form)

    def state(self) -> str:
        page = self.client.get("/settings/security/phone/confirm").text
        match = re.search(r'data-delivery-state="(\w+)"', page)
        return match.group(1) if match else ""

    def wait_for_state(self, state: str) -> None:
        wait_until(f"never {state}", lambda: self.state() == state)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.client.close()
        self.process.send_signal(number)
        start = time.monotonic()
        code = self.process.wait(PATIENCE_SECONDS)
        self.stop_took = time.monotonic() - start
        # Not communicate(): the first line's reading ahead has taken more than that line.
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process.stdout as out, self.process.stderr as errors:
            self.said += out.read()
            self.errors = errors.read()
        return code

    def refused(self) -> tuple[int, str]:
        """How a demo that did not start ended."""
        self.client.close()
        _, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, errors


@pytest.fixture(scope="module", autouse=True)
def _no_demo_outlives_a_failed_test() -> Iterator[None]:
    yield
    for demo in RUNNING:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.communicate()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo")
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, running.errors


def test_it_says_when_it_serves_and_ends_cleanly(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    assert demo.first_line == f"Twostep demo ready on {demo.url}\n"
    assert demo.client.get("/sign-in").status_code == 200
    assert demo.stop() == 0
    assert demo.stop_took < STOP_SECONDS
    assert not re.search(r"\b\d{6}\b", demo.said + demo.errors)
    assert "/_demo/phone" in demo.said
    assert (tmp_path / "demo" / "twostep.key").stat().st_mode & 0o777 == 0o600


def test_a_provider_that_hangs_does_not_keep_it(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.sign_in()
    demo.add_app()
    demo.post("delivery", {"channel": "sms", "outcome": "timeout"})
    assert demo.ask_for_code(GOOD, "sms").status_code == 303
    assert demo.stop() == 0, demo.errors
    assert demo.stop_took < STOP_SECONDS
    assert demo.errors == ""


def test_a_temporary_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    demo = Demo(None)
    assert [folder.name[:13] for folder in tmp_path.iterdir()] == ["twostep-demo-"]
    assert demo.stop(signal.SIGINT) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("THR-08")
def test_who_is_let_in_and_how(demo: Demo) -> None:
    port = demo.port
    with httpx.Client(trust_env=False) as other:
        for address in ("127.0.0.1", "[::1]"):
            host = {"Host": f"localhost:{port}"}
            if address == "[::1]" and not socket.has_ipv6:
                continue
            assert other.get(f"http://{address}:{port}/healthz", headers=host).status_code == 200
        same_origin = {"Origin": f"http://127.0.0.1:{port}"}
        signed = other.post(f"http://127.0.0.1:{port}/sign-in", data=ALICE, headers=same_origin)
        assert signed.status_code == 303
        foreign = {"Host": f"panel.example.com:{port}"}
        assert other.get(f"{demo.url}/sign-in", headers=foreign).status_code == 421
        for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host"):
            answer = other.get(f"{demo.url}/sign-in", headers={name: "for=192.0.2.1"})
            assert answer.status_code == 400
        elsewhere = {"Origin": "https://elsewhere.example"}
        assert other.post(f"{demo.url}/_demo/reset", headers=elsewhere).status_code == 403
        assert other.get(f"{demo.url}/_demo/nothing").status_code == 404
        assert other.get(f"{demo.url}/_demo/reset").status_code == 405


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("clock", b"{"),
        ("clock", b"[]"),
        ("clock", b'{"offset_seconds": "60"}'),
        ("clock", b'{"offset_seconds": true}'),
        ("clock", b'{"offset_seconds": 1e3}'),
        ("clock", b'{"offset_seconds": 999999999999}'),
        ("clock", b""),
        ("delivery", b'{"channel": "email", "outcome": "ok"}'),
        ("delivery", b'{"channel": "sms", "outcome": "maybe"}'),
        ("apps", b'{"key": "not a key!"}'),
        ("apps", b'{"key": "otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP"}'),
    ],
)
def test_a_bad_request_is_explained(shared: Demo, route: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shared.client.post(f"/_demo/{route}", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("shared") / "demo")
    yield running
    assert running.stop() == 0, running.errors


@pytest.fixture
def fresh(shared: Demo) -> Demo:
    assert shared.post("reset", {}).status_code == 204
    shared.client.cookies.clear()
    return shared


def test_a_text_arrives_and_its_code_works(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    assert fresh.ask_for_code(GOOD, "sms").status_code == 303
    text = fresh.wait_for("sms")[0]
    assert (text["to"], text["channel"]) == (GOOD, "sms")
    assert re.fullmatch(r"\d{6}", text["code"])
    assert text["text"].startswith(text["code"])
    assert abs(text["created_at"] - time.time()) < 60  # noqa: TID251  the demo's clock is the machine's
    fresh.wait_for_state("delivered")
    page = fresh.client.get("/_demo/phone").text
    assert f"<mark>{text['code']}</mark>" in page
    form = {"code": text["code"]}
    confirmed = fresh.client.post("/settings/security/phone/confirm", data=form)
    assert confirmed.headers["location"] == "/settings/security"
    mails = fresh.wait_for("email", count=2)
    assert [mail["code"] for mail in mails] == [None] * len(mails)
    assert any(f"{fresh.url}/not-me/" in mail["text"] for mail in mails)
    letter = fresh.client.get(f"/_demo/phone?show=mail&id={mails[0]['id']}").text
    assert f'<a href="{fresh.url}/not-me/' in letter
    shown = fresh.client.get(f"/_demo/mail/{mails[0]['id']}")
    assert f'<a href="{fresh.url}/not-me/' in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert fresh.client.get("/_demo/mail/none").status_code == 404


def test_its_pages_say_whom_to_sign_in_as_and_where_the_phone_is(fresh: Demo) -> None:
    for path in ("/sign-in", "/help"):
        page = fresh.client.get(path).text
        for said in ("alice-demo-password", "admin-demo-password", 'href="/_demo/phone"'):
            assert said in page


def test_only_its_own_page_frames_the_panel_beside_the_phone(fresh: Demo) -> None:
    beside = fresh.client.get("/_demo/beside")
    assert '<iframe src="/"' in beside.text
    assert '<iframe src="/_demo/phone"' in beside.text
    framed = {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}
    page = fresh.client.get("/sign-in", headers=framed)
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self';" in page.headers["content-security-policy"]
    for headers in ({}, framed | {"sec-fetch-site": "cross-site"}, {"sec-fetch-dest": "iframe"}):
        page = fresh.client.get("/sign-in", headers=headers)
        assert page.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none';" in page.headers["content-security-policy"]


def test_a_call_reads_its_code_after_the_named_key(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    fresh.ask_for_code(GOOD, "call")
    call = fresh.wait_for("call")[0]
    assert call["code"]
    assert ", ".join(call["code"]) in call["text"]
    key = re.search(r"To hear it, press (\d)", call["text"])
    assert key is not None
    key_route = f"phone/{call['id']}/key"
    assert fresh.post(key_route, {"key": "x"}).status_code == 400
    assert fresh.post("phone/unknown/key", {"key": "4"}).status_code == 404
    read = fresh.post(key_route, {"key": key.group(1)}).json()
    assert read["step"] == "read"
    assert sum(line.startswith("Your code is:") for line in read["heard"]) == 3
    page = fresh.client.get(f"/_demo/phone?show=calls&id={call['id']}").text
    assert "Your code is:" in page
    closing = fresh.post(key_route, {"key": "5"}).json()
    assert closing["over"] is True
    assert fresh.post(key_route, {"key": "1"}).status_code == 409


def test_key_nine_ends_the_code(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    fresh.ask_for_code(GOOD, "call")
    call = fresh.wait_for("call")[0]
    assert fresh.post(f"phone/{call['id']}/key", {"key": "9"}).json()["step"] == "reported"
    answer = fresh.client.post("/settings/security/phone/confirm", data={"code": call["code"]})
    assert answer.status_code == 422


def test_a_missed_call_tells_no_code(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    fresh.ask_for_code(GOOD, "call")
    call = fresh.wait_for("call")[0]
    fresh.post("clock", {"offset_seconds": 40})
    page = fresh.client.get(f"/_demo/phone?show=calls&id={call['id']}").text
    assert "voicemail" in page
    assert "To hear it, press" in page
    assert "Your code is:" not in page


@pytest.mark.parametrize(
    ("number", "outcome", "state"),
    [
        ("+12025550150", "ok", "failed"),
        ("+12025550152", "ok", "failed"),
        ("+12025550153", "ok", "failed"),
        (GOOD, "refused", "failed"),
        (GOOD, "undelivered", "failed"),
        (GOOD, "ok", "delivered"),
    ],
)
def test_the_phone_company_can_fail(fresh: Demo, number: str, outcome: str, state: str) -> None:
    fresh.sign_in()
    fresh.add_app()
    asked = {"channel": "sms", "outcome": outcome}
    assert fresh.post("delivery", asked).status_code == 204
    fresh.ask_for_code(number, "sms")
    fresh.wait_for_state(state)
    assert len(fresh.messages("sms")) == (state == "delivered")


def test_a_landline_takes_calls_only(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    assert fresh.ask_for_code("+442079460000", "sms", "GB").status_code == 422
    assert fresh.ask_for_code("+442079460000", "call", "GB").status_code == 303
    assert fresh.wait_for("call")[0]["to"] == "+442079460000"


def test_the_clock_is_the_whole_products(fresh: Demo) -> None:
    fresh.sign_in()
    before = fresh.client.get("/api/session").json()
    moved = fresh.post("clock", {"offset_seconds": 600})
    assert moved.status_code == 200
    assert moved.json()["now"] >= before["auth_time"] + 600
    assert fresh.client.get("/api/session").status_code == 200
    fresh.post("clock", {"offset_seconds": 13 * 3600})
    assert fresh.client.get("/api/session").status_code == 401
    fresh.post("clock", {"offset_seconds": 0})
    assert fresh.post("clock", {"offset_seconds": -5}).json()["now"] < moved.json()["now"]


def test_the_authenticator_holds_what_is_typed(fresh: Demo) -> None:
    # RFC 6238, appendix B: the SHA-1 secret, here with 8 digits
    uri = "otpauth://totp/Bank:bob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank&digits=8"
    assert fresh.post("apps", {"key": uri}).status_code == 204
    now = fresh.post("clock", {"offset_seconds": 0}).json()["now"]
    # The clock goes on: the appendix's 1111111109 is the last of its 30 seconds, this is the first.
    fresh.post("clock", {"offset_seconds": 1_111_111_080 - now})
    page = fresh.client.get("/_demo/phone?show=apps").text
    assert 'dir="ltr">070<i></i>81804<' in page
    assert "Bank" in page
    fresh.post("clock", {"offset_seconds": 1_111_111_080 - now + 240})
    fresh.post("apps/clock", {"clock": "slow"})
    assert "070<i></i>81804<" in fresh.client.get("/_demo/phone?show=apps").text


def test_the_phone_works_without_scripts(fresh: Demo) -> None:
    form = {"show": "apps", "key": "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"}
    added = fresh.client.post("/_demo/apps", data=form)
    assert (added.status_code, added.headers["location"]) == (303, "/_demo/phone?show=apps")
    refused = fresh.client.post("/_demo/apps", data=form | {"key": "1"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    moved = fresh.client.post("/_demo/clock", data={"offset_seconds": "30", "show": "texts"})
    assert moved.headers["location"] == "/_demo/phone?show=texts"
    assert fresh.client.post("/_demo/reset", data={"show": "texts"}).status_code == 303


def test_a_reset_leads_back_to_the_start(fresh: Demo) -> None:
    fresh.sign_in()
    fresh.add_app()
    for _ in range(6):
        fresh.client.post("/sign-in", data=ALICE | {"password": "wrong wrong wrong"})
    fresh.post("clock", {"offset_seconds": 3600})
    fresh.post("delivery", {"channel": "sms", "outcome": "refused"})
    assert fresh.post("reset", {}).status_code == 204
    assert fresh.messages() == []
    assert "No accounts yet" in fresh.client.get("/_demo/phone?show=apps").text
    assert fresh.client.get("/api/session").status_code == 401
    assert abs(fresh.post("clock", {"offset_seconds": 0}).json()["now"] - time.time()) < 60  # noqa: TID251
    fresh.sign_in()
    assert fresh.client.get("/api/session").json()["aal"] == "aal1"


def test_a_reset_leaves_no_table_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(new_database(tmp_path))) as database:
        made = {
            name
            for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    assert made - KEPT - BY_CASCADE == set(demo_reset._WIPED)


def run_beside(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twostep", "--config", str(folder / "twostep.toml"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, input=stdin, timeout=PATIENCE_SECONDS, check=False
    )


def test_the_command_line_works_beside_it(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    listed = run_beside(folder, "user", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert [(account["name"], account["role"]) for account in json.loads(listed.stdout)] == [
        ("admin", "operator"),
        ("alice", "user"),
    ]
    email = ("--email", "carol@example.com", "--password-stdin")
    added = run_beside(folder, "user", "add", "carol", *email, stdin="a long enough phrase\n")
    assert added.returncode == 0, added.stderr
    carol = {"username": "carol", "password": "a long enough phrase"}
    assert demo.client.post("/sign-in", data=carol).status_code == 303
    assert demo.post("reset", {}).status_code == 204
    demo.client.cookies.clear()
    assert demo.client.post("/sign-in", data=carol).status_code == 422
    assert "carol" not in run_beside(folder, "user", "list").stdout
    refused = run_beside(folder, "serve", "--port", str(free_port()))
    assert refused.returncode == 2
    assert "demo" in refused.stderr


def test_a_reset_keeps_every_audit_chain_whole(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo.sign_in()
    demo.add_app()
    email = ("--email", "carol@example.com", "--password-stdin")
    run_beside(folder, "user", "add", "carol", *email, stdin="a long enough phrase\n")
    assert demo.post("reset", {}).status_code == 204
    with closing(sqlite3.connect(folder / "twostep.sqlite3")) as database:
        heads = dict(database.execute("SELECT id, audit_hash FROM accounts"))
        assert len(heads) == 2
        heads |= dict(database.execute("SELECT chain, audit_hash FROM system_chains"))
        ends: dict[str, bytes] = {}
        kinds: list[str] = []
        records = "SELECT chain, seq, event, body, prev_hash, hash FROM audit_records"
        for chain, _, kind, body, before, digest in database.execute(f"{records} ORDER BY 1, 2"):
            assert before == ends.get(chain, START)
            assert digest == hash_record(before, body)
            ends[chain] = digest
            kinds.append(kind)
    assert ends == {chain: heads[chain] for chain in ends}
    assert kinds.count("account.created") == 3
    assert {"two_step.enabled", "two_step.disabled", "account.disabled"} <= set(kinds)


def test_another_start_finds_everything_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = Demo(folder)
    first.sign_in()
    first.add_app()
    first.post("clock", {"offset_seconds": 300})
    cookies = dict(first.client.cookies)
    keys = (folder / "twostep.key").read_bytes()
    assert first.stop() == 0
    second = Demo(folder, port=first.port)
    try:
        assert (folder / "twostep.key").read_bytes() == keys
        for name, value in cookies.items():
            second.client.cookies.set(name, value)
        session = second.client.get("/api/session")
        assert session.status_code == 200
        assert session.json()["aal"] == "aal2"
        assert abs(second.post("clock", {"offset_seconds": 0}).json()["now"] - time.time()) < 60  # noqa: TID251
    finally:
        assert second.stop() == 0, second.errors


def test_settings_can_be_set_but_not_what_makes_it_a_demo(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo", "--set", "policy.phones=off", "--set", "panel_name=Acme")
    try:
        assert "Acme" in demo.client.get("/sign-in").text
        demo.sign_in()
        demo.add_app()
        assert demo.client.get("/settings/security/phone/new").status_code == 404
        assert "policy.phones" in (tmp_path / "demo" / "twostep.toml").read_text()
    finally:
        assert demo.stop() == 0, demo.errors
    for words in ("public_url=https://panel.example.com", "delivery.sms=twilio", "key=x"):
        code, said = Demo(tmp_path / "other", "--set", words).refused()
        assert code == 2
        assert "the demo decides this itself" in said


def test_a_real_installation_is_left_alone(tmp_path: Path) -> None:
    settings = tmp_path / "twostep.toml"
    settings.write_text('public_url = "https://panel.example.com"\n')
    code, said = Demo(tmp_path).refused()
    assert code == 2
    assert "not a demo" in said
    assert settings.read_text() == 'public_url = "https://panel.example.com"\n'


def test_one_folder_has_one_demo_and_one_port_one_server(demo: Demo, tmp_path: Path) -> None:
    code, said = Demo(tmp_path / "demo").refused()
    assert code == 2
    assert "Another demo" in said
    code, said = Demo(tmp_path / "other", port=demo.port).refused()
    assert code == 75
    assert str(demo.port) in said
