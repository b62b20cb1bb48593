"""Doctor looks from outside: at the running server, through what stands in front of it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.conftest import SECONDS, call
from tests.cli.test_serve import serving
from tests.support.ports import free_port
from twostep.core.key_file import format_keyring
from twostep.core.sealing import Keyring, new_key


PROXIES = {"TWOSTEP_TRUSTED_PROXIES": "127.0.0.1"}
Hand = Callable[[dict[str, str]], dict[str, str]]


def well(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "X-Forwarded-For": "192.0.2.7"}


def appended(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "X-Forwarded-For": f"{headers['X-Forwarded-For']}, 192.0.2.7"}


def without_address(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "X-Forwarded-For"}


def with_its_host(headers: dict[str, str]) -> dict[str, str]:
    return {**well(headers), "Host": "twostep"}


def findings(result, *abouts: str) -> list[tuple[str, str]]:
    return [
        (item["level"], item["text"]) for item in json.loads(result.out) if item["about"] in abouts
    ]


def write_certificate(folder: Path, *, name: str = "localhost", days: int = 90) -> Path:
    """A certificate that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)  # noqa: TID251  the program runs by the machine's clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@contextmanager
def proxy(certificate: Path, port: int, server: int, hand: Hand) -> Iterator[None]:
    """A proxy with TLS that hands headers on as `hand` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server, timeout=SECONDS)
            try:
                connection.request("GET", self.path, headers=hand(dict(self.headers)))
                answer = connection.getresponse()
                body = answer.read()
            except OSError:
                self.send_error(502)
                return
            finally:
                connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as listening:
        listening.socket = context.wrap_socket(
            listening.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            listening.shutdown()
            thread.join()


def test_a_server_that_is_not_there_is_pointed_out(twostep):
    port = free_port()
    settings = {"TWOSTEP_PUBLIC_URL": f"http://localhost:{port}"}
    result = twostep("doctor", "--json", **settings)
    assert ("warning", True) in [
        (level, text.startswith(f"Nothing listens at localhost port {port}"))
        for level, text in findings(result, "public_url")
    ]
    assert result.code == 0
    offline = findings(twostep("doctor", "--json", "--offline", **settings), "public_url")
    assert ("skipped", f"http://localhost:{port} was not asked.") in offline
    for url, says in (
        (f"https://localhost:{port}", "Nothing listens"),
        ("https://panell.invalid", "No machine is called panell.invalid"),
    ):
        result = twostep("doctor", "--json", TWOSTEP_PUBLIC_URL=url)
        assert (result.code, says in str(findings(result, "public_url"))) == (1, True)


def test_what_a_running_server_was_started_with_is_compared(twostep, folder):
    port = free_port()
    config = folder / "twostep.toml"
    config.write_text(f'{config.read_text()}[smtp]\nhost = "localhost"\nfrom = "a@b.c"\n'
                      'user = "u"\npassword = "hush-1"\nsecurity = "none"\n')  # fmt: skip
    with serving(folder, port):
        url = {"TWOSTEP_PUBLIC_URL": f"http://localhost:{port}"}
        assert findings(twostep("doctor", "--json", **url), "server") == []
        config.write_text(config.read_text().replace("hush-1", "hush-2"))
        result = twostep("doctor", "--json", TWOSTEP_PANEL_NAME="New", **url)
        ((level, text),) = findings(result, "server")
        assert level == "warning"
        assert "another value of panel_name, smtp.password. " in text
        assert "hush" not in result.out
        config.write_text(f'key_file = "other.key"\n{config.read_text()}')
        (folder / "other.key").write_text(format_keyring(Keyring((new_key(),))))
        (folder / "other.key").chmod(0o600)
        result = twostep("doctor", "--json", **url)
        assert "is not this installation, or was started with another key file" in result.out


@pytest.mark.parametrize(
    ("hand", "settings", "about", "says"),
    [
        (well, PROXIES, "", ""),
        (appended, PROXIES, "", ""),
        (with_its_host, PROXIES, "public_url", "hands on the host 'twostep' instead of localhost"),
        (without_address, PROXIES, "trusted_proxies", "does not say where requests come from: all"),
        (dict, PROXIES, "trusted_proxies", "lets them write any address there: all visitors share"),
        (
            well,
            {"TWOSTEP_TRUSTED_PROXIES": "10.0.0.1"},
            "trusted_proxies",
            "is not in trusted_prox",
        ),
    ],
)
def test_a_proxy_that_hands_on_too_little_is_pointed_out(
    twostep, folder, hand, settings, about, says
):
    port, server = free_port(), free_port()
    url = f"https://localhost:{port}"
    certificate = write_certificate(folder)
    with (
        serving(folder, server, **settings, TWOSTEP_PUBLIC_URL=url),
        proxy(certificate, port, server, hand),
    ):
        result = twostep(
            "doctor", "--json", **settings, TWOSTEP_PUBLIC_URL=url, SSL_CERT_FILE=str(certificate)
        )
    errors = [item for item in json.loads(result.out) if item["level"] == "error"]
    assert ("ok", "It is good for 90 more days") in findings(result, "certificate")
    assert [(item["about"], says in item["text"]) for item in errors] == (
        [(about, True)] if about else []
    ), errors


@pytest.mark.parametrize(
    ("made", "level", "says"),
    [
        ({"days": -1}, "error", "certificate has expired"),
        ({"name": "other.example"}, "error", "is for another name"),
        ({"days": 3}, "warning", "good for 3 more days. Look why it was not renewed"),
    ],
)
def test_a_certificate_that_browsers_refuse_is_pointed_out(twostep, folder, made, level, says):
    """And what is behind it is looked at all the same: here, no server."""
    port = free_port()
    certificate = write_certificate(folder, **made)
    with proxy(certificate, port, free_port(), well):
        result = twostep(
            "doctor",
            "--json",
            TWOSTEP_PUBLIC_URL=f"https://localhost:{port}",
            SSL_CERT_FILE=str(certificate),
        )
    ((stated, text),) = findings(result, "certificate")
    assert (stated, says in text) == (level, True), text
    assert "answers HTTP 502: start the server" in str(findings(result, "public_url"))


@pytest.mark.parametrize(
    ("days", "event"),
    [(-1, "serve.certificate_expired"), (3, "serve.certificate_expires"), (90, "")],
)
def test_serve_says_that_its_own_certificate_ends(folder, days, event):
    certificate = str(write_certificate(folder, days=days))
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends by itself
        port = str(taken.getsockname()[1])
        tls = ("--tls-cert", certificate, "--tls-key", certificate)
        result = call(folder, "serve", "--port", port, *tls)
    assert result.code == 75
    assert ("certificate_exp" in result.err, event in result.err) == (bool(event), True)
