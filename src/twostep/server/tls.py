"""The certificate that `serve` itself shows, when no proxy does."""

from __future__ import annotations

import ssl
from pathlib import Path

import structlog


DAY_SECONDS = 86_400
FEW_DAYS = 14

log = structlog.get_logger(__name__)


class TlsUnusable(Exception):
    """The certificate or key is unusable; the text says which, and what to do."""


class Certificate:
    """A certificate with its key, which can be read again: connections from then on get the new one.

    `context`: for the server. Raises `TlsUnusable`.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self.files = (certificate, key)
        self._newest = self.context = _load(certificate, key)
        # Called in every handshake, whether the client names a host or not.
        self.context.sni_callback = self._choose

    def read_again(self) -> None:
        """Take what is in the files now. Raises `TlsUnusable`, and keeps what it had."""
        self._newest = _load(*self.files)

    def _choose(self, connection: ssl.SSLObject, _name: str, context: ssl.SSLContext) -> None:
        if context is not self._newest:
            connection.context = self._newest


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        raise TlsUnusable(
            f"{certificate} and {key} are no certificate with its key (PEM, without a passphrase)."
        ) from None
    except OSError as error:
        raise TlsUnusable(
            f"{certificate} or {key} cannot be read: {error.strerror}. Check --tls-cert and --tls-key."
        ) from None
    return context


def warn_of_expiry(path: Path, *, now: int) -> None:
    """Say that browsers refuse the certificate, or soon will."""
    from cryptography import x509  # noqa: PLC0415  behind a proxy nobody needs it

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):  # said when it is used
        return
    days = (int(certificate.not_valid_after_utc.timestamp()) - now) // DAY_SECONDS
    if days < 0:
        log.error("serve.certificate_expired", file=str(path), what="browsers refuse it: renew it")
    elif days < FEW_DAYS:
        log.warning("serve.certificate_expires", file=str(path), days=days)
