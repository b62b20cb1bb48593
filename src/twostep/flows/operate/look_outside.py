"""Ask `public_url` as a visitor's browser would: name, certificate, and whoever answers there."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from twostep.delivery.examination import explain


ANSWER_SECONDS = 5.0
HTTPS_PORT = 443
LARGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it. `fault`: why nothing answered; `certificate_fault`: why a browser would refuse
    the certificate, which ends at `expires_at` (Unix seconds; None without TLS)."""

    fault: str = ""
    certificate_fault: str = ""
    expires_at: int | None = None
    status: int = 0
    location: str = ""
    body: bytes = b""


def look_outside(url: str, path: str, headers: Mapping[str, str]) -> Look:
    """GET a path of this address. Looks further behind a certificate that is refused, because what
    is asked and answered is no secret."""
    parts = urlsplit(url)
    port = parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    try:
        if parts.scheme == "http":
            return _ask(
                http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS), path, headers
            )
        try:
            return _ask(_connect(host, port, ssl.create_default_context()), path, headers)
        except ssl.SSLCertVerificationError as error:
            fault = explain(error, host=host, port=port)
            return replace(
                _ask(_connect(host, port, _trusting()), path, headers), certificate_fault=fault
            )
    except http.client.HTTPException:
        return Look(fault=f"What answers at {host} port {port} does not speak HTTP. Check the port")
    except OSError as error:
        return Look(fault=explain(error, host=host, port=port))


def _connect(host: str, port: int, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=context)


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> Look:
    try:
        connection.connect()
        expires_at = None
        if isinstance(connection.sock, ssl.SSLSocket) and (held := connection.sock.getpeercert()):
            expires_at = ssl.cert_time_to_seconds(str(held["notAfter"]))
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return Look(
            expires_at=expires_at,
            status=answer.status,
            location=answer.headers.get("location", ""),
            body=answer.read(LARGEST_ANSWER),
        )
    finally:
        connection.close()
