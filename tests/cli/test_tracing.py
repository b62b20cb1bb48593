"""Traces: handed in to a real collector, about everything but people; and nothing at all where off."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, SECONDS, environment
from tests.cli.test_overload import Running, seed_three
from tests.cli.test_serve import get as fetch
from tests.cli.test_serve import serving
from tests.delivery.mail.test_smtp import Mailbox
from tests.delivery.mail.test_smtp import running as mail_server
from tests.support.collector import Span, collecting
from tests.support.ports import free_port
from tests.support.raw_client import Answer, ask, get, post
from tests.support.waiting import wait_until
from twostep.config import ConfigError, load
from twostep.flows.hash_pool import Overloaded
from twostep.tracing import open_tracing
from twostep.web.routes import PAGES


KEYS = {
    *("http.request.method", "http.route", "http.response.status_code", "db.system.name"),
    *("twostep.waited_ms", "twostep.lane", "twostep.provider", "twostep.message"),
    *("twostep.outcome", "error.type"),
}
AUTHORIZATION = "Bearer the collectors own secret"
USER_AGENT = "Mozilla/5.0 (Nobodyknows) Gecko/20100101 Firefox/140.0"
SOURCE = "127.45.67.89"
SERVER, CLIENT = 2, 3


@contextmanager
def traced(
    folder: Path, endpoint: str, *, mail_port: int = 1, people: Sequence[dict[str, str]] = ()
) -> Iterator[Running]:
    """A server with providers for texts and mail; it ends when the block does, and must end well."""
    server = Running(free_port(), 0, list(people))
    settings = {
        "TWOSTEP_TRACING__ENDPOINT": endpoint,
        "TWOSTEP_TRACING__AUTHORIZATION": AUTHORIZATION,
        "TWOSTEP_POLICY__PHONES": "true",
        "TWOSTEP_DELIVERY__COUNTRIES": "all",
        "TWOSTEP_DELIVERY__SMS": "command",
        "TWOSTEP_COMMAND__ARGV": '["/bin/sh", "-c", "cat >/dev/null", "{to}"]',
        "TWOSTEP_SMTP__HOST": "127.0.0.1",
        "TWOSTEP_SMTP__PORT": str(mail_port),
        "TWOSTEP_SMTP__SECURITY": "none",
        "TWOSTEP_SMTP__FROM": "panel@example.org",
    }
    with serving(folder, server.port, **settings) as process:
        yield server
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert process.wait(SECONDS) == 0
        assert time.monotonic() - started < 12


async def walk(server: Running, mailbox: Mailbox) -> list[str]:
    """Sign in, add a phone, ask for a new password, go astray: what of it is somebody's."""
    port, person = server.port, server.people[0]

    async def form(path: str, cookie: str, **fields: str) -> Answer:
        request = post(port, path, fields, cookie=cookie)
        named = request.replace(b"\r\n", f"\r\nUser-Agent: {USER_AGENT}\r\n".encode(), 1)
        return await ask(port, named, source=SOURCE)

    refused = await form(
        "/sign-in", "", username="somebody.else@example.net", password="my wrong 1"
    )
    assert refused.status == 422
    known = server.browser(0)
    typed = {"username": person["name"], "password": person["password"]}
    half = (await form("/sign-in", known, **typed)).cookies
    code = server.code(0)
    full = (await form("/sign-in/code", half, code=code)).cookies
    number = {"country": "US", "number": "(202) 555-0142", "channel": "sms"}
    phone = await form("/settings/security/phone/new", full, **number)
    assert phone.status == 303, phone.body
    assert (await ask(port, get(port, "/api/session", cookie=full))).status == 200
    assert (await form("/forgot-password", "", username="root@example.com")).status in {200, 303}
    await asyncio.to_thread(wait_until, "no mail comes", lambda: mailbox.mails)
    mail = mailbox.mails[0].content.decode()
    link = mail.partition("/reset-password/")[2].replace("=\r\n", "").split()[0]
    assert (await ask(port, get(port, f"/reset-password/{link}"))).status == 200
    assert (await ask(port, get(port, "/astray?email=a.lice%40example.org"))).status == 404
    assert (await ask(port, get(port, "/healthz"))).status == 200
    cookies = [pair.partition("=")[2] for pair in f"{half}; {full}; {known}".split("; ")]
    return [
        *(person["name"], person["password"], person["secret"], code, link, *cookies),
        *("somebody.else", "my wrong 1", "12025550142", "5550142", "root@", "example.com"),
        *(SOURCE, "Nobodyknows", "Firefox", "astray", "a.lice", "collectors own secret"),
    ]


def test_everything_is_traced_and_nobody_is_in_it(folder: Path) -> None:
    mailbox = Mailbox()
    with (
        mail_server(mailbox) as mail_port,
        collecting() as collector,
        traced(folder, collector.url, mail_port=mail_port, people=seed_three(folder)) as server,
    ):
        somebodys = asyncio.run(walk(server, mailbox))
    assert collector.strange == []
    assert {headers["authorization"] for headers in collector.headers} == {AUTHORIZATION}
    everything = b"".join(collector.bodies)
    assert len(everything) > 5_000
    assert [value for value in somebodys if not value or value.encode() in everything] == []
    assert all(
        set(resource) == {"service.name", "service.version"} for resource in collector.resources()
    )

    spans = collector.spans()
    keys = {key for span in spans for key in span.attributes}
    assert keys | {"error.type"} == KEYS
    patterns = {page.path for page in PAGES}
    for span in spans:
        assert span.attributes.get("http.route", "/") in patterns
    review_requests(spans)
    review_providers(spans)


def review_requests(spans: list[Span]) -> None:
    requests = [span for span in spans if span.kind == SERVER]
    assert {request.parent for request in requests} == {""}  # each begins a trace of its own
    assert len({request.trace for request in requests}) == len(requests)
    asked = [
        (request.name, request.attributes["http.response.status_code"]) for request in requests
    ]
    assert asked == [
        ("POST /sign-in", 422),
        ("POST /sign-in", 303),
        ("POST /sign-in/code", 303),
        ("POST /settings/security/phone/new", 303),
        ("GET /api/session", 200),
        ("POST /forgot-password", asked[5][1]),
        ("GET /reset-password/{token}", 200),
        ("GET", 404),
    ]
    below = [span for span in spans if span.trace == requests[1].trace and span.parent]
    assert {span.parent for span in below} == {requests[1].id}
    names = [span.name for span in below]
    assert names.count("hash") == 1
    assert [span.attributes["twostep.lane"] for span in below if span.name == "hash"] == ["known"]
    assert "read first_step._look_up" in names
    assert "flow first_step._finish" in names
    flow = next(span for span in below if span.name == "flow first_step._finish")
    assert flow.attributes["db.system.name"] == "sqlite"
    assert 0 <= flow.attributes["twostep.waited_ms"] < 10_000
    assert [span for span in spans if span.failed] == []


def review_providers(spans: list[Span]) -> None:
    calls = {span.name: span.attributes for span in spans if span.kind == CLIENT}
    assert calls == {
        "provider command": {
            "twostep.provider": "command",
            "twostep.message": "TextMessage",
            "twostep.outcome": "Accepted",
        },
        "provider smtp": {
            "twostep.provider": "smtp",
            "twostep.message": "MailMessage",
            "twostep.outcome": "Accepted",
        },
    }


def test_an_error_is_its_class_and_not_what_it_says() -> None:
    with collecting() as collector:
        overrides = {
            "public_url": "https://panel.example.com",
            "tracing.endpoint": collector.url,
        }
        settings = load(None, environ={}, overrides=overrides)

        def fail() -> None:
            raise LookupError("nobody is called alice@example.com")

        with open_tracing(settings) as tracing:
            with pytest.raises(LookupError), tracing.hash(known=True):
                fail()
            with pytest.raises(Overloaded), tracing.hash(known=False):
                raise Overloaded
    assert b"alice" not in b"".join(collector.bodies)
    broken, full = collector.spans()
    assert (broken.failed, broken.attributes["error.type"]) == (True, "LookupError")
    assert (full.failed, full.attributes["error.type"]) == (False, "Overloaded")


@pytest.mark.parametrize("listens", [False, True], ids=["nobody is there", "it hangs"])
def test_a_collector_that_is_not_well_holds_up_nothing(folder: Path, *, listens: bool) -> None:
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        if listens:
            hanging.listen()
        endpoint = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        with traced(folder, endpoint) as server:
            for _ in range(20):
                assert fetch(server.port, "/sign-in")[0] == 200


def test_the_share_says_how_many_requests_are_traced(folder: Path) -> None:
    with collecting() as collector:
        port = free_port()
        settings = {
            "TWOSTEP_TRACING__ENDPOINT": f"{collector.url}/v1/traces",
            "TWOSTEP_TRACING__SHARE": "0",
        }
        with serving(folder, port, **settings) as process:
            assert fetch(port, "/sign-in")[0] == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        assert collector.bodies == []


PROBE = """
import asyncio, sys
from twostep.config import load
from twostep.main import build_app, open_product
from twostep.tracing import open_tracing
settings = load(__import__("pathlib").Path("twostep.toml"), environ={})
async def look():
    with open_tracing(settings) as tracing:
        parts = {"stop": sys.exit, "tracing": tracing}
        async with open_product(settings, tracing.carriers({}), **parts) as product:
            app = build_app(product.env)
            plain = tracing.app(app, app.table.pattern_of) is app
            print(plain, type(product.env.store).__name__)
asyncio.run(look())
print([name for name in sys.modules if name.startswith(("opentelemetry", "google"))])
"""


def test_without_the_setting_nothing_is_put_around_anything(folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=folder, env=environment(), capture_output=True,
        text=True, timeout=SECONDS, check=True,
    )  # fmt: skip
    assert result.stdout == "True SqliteStore\n[]\n"


def test_without_the_extra_it_says_what_to_install(folder: Path) -> None:
    probe = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from twostep.__main__ import WIRING, run\n"
        f"sys.exit(run(['serve', '--port', '{free_port()}'], WIRING))"
    )
    settings = {"TWOSTEP_TRACING__ENDPOINT": "http://127.0.0.1:4318"}
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=folder, env={**environment(), **settings},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert f"make -C {ROOT} setup EXTRAS=otel" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("127.0.0.1:4318", "write an address like"),
        ("ftp://collector/v1/traces", "write an address like"),
        ("https://user:secret@collector/v1/traces", "tracing.authorization is for that"),
    ],
)
def test_an_endpoint_is_an_address_without_a_password(endpoint: str, says: str) -> None:
    overrides = {"public_url": "https://panel.example.com", "tracing.endpoint": endpoint}
    with pytest.raises(ConfigError, match=says):
        load(None, environ={}, overrides=overrides)


def test_a_bare_address_means_the_usual_path() -> None:
    def endpoint(given: str) -> str | None:
        overrides = {"public_url": "https://panel.example.com", "tracing.endpoint": given}
        return load(None, environ={}, overrides=overrides).tracing.endpoint

    assert endpoint("http://collector:4318") == "http://collector:4318/v1/traces"
    assert endpoint("https://traces.example.com/otlp/x") == "https://traces.example.com/otlp/x"
