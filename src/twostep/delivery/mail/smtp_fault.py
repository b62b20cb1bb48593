"""Explains to the operator why a connection to a mail server failed."""

from __future__ import annotations

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from twostep.delivery.examination import explain
from twostep.delivery.port import redact


def unwrap(error: Exception) -> Exception:
    """Return the network error that the library wraps while connecting."""
    cause = error.__cause__
    return cause if isinstance(error, SMTPConnectError) and isinstance(cause, Exception) else error


def is_not_offered(error: Exception) -> bool:
    """Whether the server lacks STARTTLS or login, for which the library has no exception class."""
    return type(error) is SMTPException


def explain_smtp(error: Exception, *, host: str, port: int) -> str:
    """Say what is wrong and what to do, without a full stop at the end."""
    place = f"{host} port {port}"
    match error:
        case SMTPAuthenticationError(code=code) if code >= 500:
            return f"{place} refuses our login. Check smtp.user and smtp.password"
        case SMTPAuthenticationError(code=code):
            return f"{place} takes no login just now (SMTP {code}). Look again in a few minutes"
        case SMTPException(message=reply) if is_not_offered(error) and "STARTTLS ext" not in reply:
            return (
                f"{place} asks for no login, or not on this line. Check smtp.port and"
                " smtp.security, or leave smtp.user and smtp.password out"
            )
        case SMTPException() if is_not_offered(error):
            return (
                f"{place} offers no STARTTLS. Check smtp.port; for a server that speaks TLS from the"
                ' first byte set smtp.security = "tls"'
            )
        case SMTPServerDisconnected():
            return (
                f"{place} hangs up or does not speak SMTP. Check smtp.port and smtp.security (587"
                ' is "starttls", 465 is "tls"), and its own log'
            )
        case SMTPResponseException(code=code, message=reply):
            return f"{place} turns us away (SMTP {code}: {redact(reply)}). See its own log"
        case _:
            return explain(error, host=host, port=port)
