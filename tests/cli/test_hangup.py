"""SIGHUP: certificate and secrets are read again, connections live on, and nothing ends the server."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.cli.conftest import call
from tests.cli.doctor.test_address import write_certificate
from tests.delivery.mail.test_smtp import Mailbox, running
from tests.support.logged import LoggedServer, logged_server
from tests.support.waiting import PATIENCE_SECONDS, wait_until


TLS = ("--tls-cert", "server.pem", "--tls-key", "server.key")
TOKENS = ("the first token of sixteen letters", "the second token, which is longer")
KEPT = "serve.not_read_again"


def put_certificate(folder: Path) -> bytes:
    """A new certificate and its key in their two files; the certificate, as in a handshake."""
    made = write_certificate(folder)
    shutil.copy(made, folder / "server.pem")
    shutil.copy(made, folder / "server.key")
    return ssl.PEM_cert_to_DER_cert(made.read_text("ascii").partition("-----BEGIN PRIVATE")[0])


def shake_hands(server: LoggedServer, *, name: str | None = "localhost") -> ssl.SSLSocket:
    """A connection as a browser makes it; None names no host, as for an address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
    return context.wrap_socket(plain, server_hostname=name)


def shown(server: LoggedServer, *, name: str | None = "localhost") -> bytes | None:
    """The certificate in a new connection's handshake."""
    with shake_hands(server, name=name) as line:
        return line.getpeercert(binary_form=True)


def ask(line: ssl.SSLSocket) -> bytes:
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\nok\n"):
        part = line.recv(4096)
        assert part, answer
        answer += part
    return answer


def hang_up(server: LoggedServer) -> dict[str, Any]:
    """Send SIGHUP; the line that says what was read."""
    count = len(server.lines("serve.read_again"))
    server.process.send_signal(signal.SIGHUP)
    return server.wait_for("serve.read_again", count=count + 1)


def test_new_connections_get_the_new_certificate_and_old_ones_go_on(folder: Path) -> None:
    first = put_certificate(folder)
    with logged_server(folder, *TLS) as server, shake_hands(server) as line:
        assert shown(server) == first
        assert b"200 OK" in ask(line)
        second = put_certificate(folder)
        assert shown(server) == first  # nothing is read without being asked
        said = hang_up(server)
        assert [shown(server), shown(server, name=None)] == [second, second]
        assert b"200 OK" in ask(line)
        third = put_certificate(folder)
        hang_up(server)
        assert shown(server) == third
        assert b"200 OK" in ask(line)
        with shake_hands(server) as new:
            assert b"200 OK" in ask(new)
    assert said["files"][:2] == ["server.pem", "server.key"]
    assert (said["settings"], said["level"]) == ("unchanged", "info")
    assert server.process.returncode == 0


def test_a_certificate_that_does_not_fit_changes_nothing(folder: Path) -> None:
    first = put_certificate(folder)
    key = folder / "server.key"
    fitting = key.read_bytes()
    with logged_server(folder, *TLS) as server:
        put_certificate(folder)
        key.write_bytes(fitting)  # of the certificate before
        assert hang_up(server)["files"] == [str(folder / "data/twostep.key")]
        (mismatch,) = server.lines(KEPT)
        assert (mismatch["what"], mismatch["level"]) == ("certificate", "error")
        assert "server.pem and server.key are no certificate with its key" in mismatch["error"]
        for number, content in enumerate([b"", b"no PEM", None], start=2):
            key.unlink()
            if content is not None:
                key.write_bytes(content)
            hang_up(server)
            assert len(server.lines(KEPT)) == number
            assert shown(server) == first
        assert "cannot be read: No such file" in server.lines(KEPT)[-1]["error"]
        newest = put_certificate(folder)
        hang_up(server)
        assert shown(server) == newest
        assert len(server.lines(KEPT)) == 4


@pytest.fixture
def token_file(folder: Path) -> Path:
    path = folder / "metrics.token"
    path.write_text(TOKENS[0], encoding="utf-8")
    settings = folder / "twostep.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[metrics]\ntoken_file = "metrics.token"\n')
    return path


def opens(server: LoggedServer, token: str) -> bool:
    with server.browser(authorization=f"Bearer {token}") as browser:
        return browser.get("/metrics").status_code == 200


def test_a_secret_is_taken_from_its_file_and_kept_if_the_file_is_no_good(
    folder: Path, token_file: Path
) -> None:
    with logged_server(folder) as server:
        assert opens(server, TOKENS[0])
        token_file.write_text(TOKENS[1], encoding="utf-8")
        assert hang_up(server)["changed"] == ["metrics.token"]
        assert [opens(server, token) for token in TOKENS] == [False, True]
        assert hang_up(server)["changed"] == []
        for content in (b"", b"short", b"\xff\xfe", None):
            token_file.unlink()
            if content is not None:
                token_file.write_bytes(content)
            hang_up(server)
            problem = server.lines(KEPT)[-1]
            assert "metrics.token" in problem["error"]
            assert "short" not in problem["error"].replace("write", "")
            assert opens(server, TOKENS[1])
        assert len(server.lines(KEPT)) == 4
        log = server.log.read_text("utf-8")
    assert not [token for token in TOKENS if token in log]


def test_other_settings_are_not_read_again_and_it_says_so(folder: Path, token_file: Path) -> None:
    settings = folder / "twostep.toml"
    with logged_server(folder) as server:
        text = settings.read_text("utf-8")
        settings.write_text(text.replace("metrics.token", "elsewhere") + "nonsense = 1\n", "utf-8")
        said = hang_up(server)
        assert said["settings"] == "changed since the start: restart to use them"
        assert said["files"][0] == str(token_file)
        assert not server.lines(KEPT)
        settings.write_text(text, encoding="utf-8")
        assert hang_up(server)["settings"] == "unchanged"


def test_a_key_file_is_read_again_and_one_that_is_not_ours_is_refused(folder: Path) -> None:
    key_file = folder / "data/twostep.key"
    with logged_server(folder) as server:
        hang_up(server)
        assert call(folder, "keys", "rotate").code == 0
        hang_up(server)
        assert server.wait_for("keys.read_again")["level"] == "info"
        key_file.write_bytes(b"")
        hang_up(server)
        assert "cannot be read" in server.wait_for("keys.not_read_again")["error"]
        with server.browser() as browser:
            assert browser.get("/readyz").status_code == 200


def test_signals_in_a_row_end_nothing(folder: Path) -> None:
    put_certificate(folder)
    with logged_server(folder, *TLS) as server:
        for _ in range(50):
            server.process.send_signal(signal.SIGHUP)
        hang_up(server)
        with shake_hands(server) as line:
            assert b"200 OK" in ask(line)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def mail_password(folder: Path) -> Iterator[tuple[list[bytes], Path]]:
    """A mail server that takes one password only; the passwords it was given, and our file."""
    given: list[bytes] = []

    def decide(
        _server: object, _session: object, _envelope: object, _how: str, login: object
    ) -> Any:
        assert isinstance(login, LoginPassword)
        given.append(login.password)
        return AuthResult(success=login.password == b"the new one")

    path = folder / "smtp.password"
    path.write_text("the old one\n", encoding="utf-8")
    with running(Mailbox(), authenticator=decide, auth_require_tls=False) as port:
        settings = folder / "twostep.toml"
        settings.write_text(
            f'{settings.read_text("utf-8")}\n[smtp]\nhost = "127.0.0.1"\nport = {port}\n'
            'security = "none"\nfrom = "panel@example.org"\nuser = "panel"\n'
            'password_file = "smtp.password"\n'
        )
        yield given, path


def test_mail_that_a_wrong_password_held_up_leaves_with_the_new_one(
    folder: Path, mail_password: tuple[list[bytes], Path]
) -> None:
    given, path = mail_password
    with logged_server(folder) as server:
        with server.browser() as browser:
            answer = browser.post("/forgot-password", data={"username": "root"})
            assert answer.status_code in {200, 303}, answer.text
        wait_until("no mail was tried", lambda: given)
        path.write_text("the new one\n", encoding="utf-8")
        assert hang_up(server)["changed"] == ["smtp.password"]
        wait_until("the new password was not used", lambda: b"the new one" in given)
        wait_until("it was not sent", lambda: '"notice.sent"' in server.log.read_text("utf-8"))
    assert b"the old one" in given


def test_a_connection_that_is_kept_gets_the_panel_with_the_new_secret(
    folder: Path, token_file: Path
) -> None:
    with logged_server(folder) as server, server.browser() as proxy:
        assert proxy.get("/healthz").status_code == 200
        token_file.write_text(TOKENS[1], encoding="utf-8")
        hang_up(server)
        answer = proxy.get("/metrics", headers={"authorization": f"Bearer {TOKENS[1]}"})
        assert answer.status_code == 200
