"""Says why a conversation with a mail server came to nothing, in the operator's words."""

from __future__ import annotations

import smtplib

from twostep.delivery.examination import explain
from twostep.delivery.port import redact


def explain_smtp(error: Exception, *, host: str, port: int) -> str:
    """Say what is wrong and what to do; without a full stop at the end."""
    place = f"{host} port {port}"
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code) if code >= 500:
            return f"{place} refuses our login. Check smtp.user and smtp.password"
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return f"{place} takes no login just now (SMTP {code}). Look again in a few minutes"
        case smtplib.SMTPNotSupportedError() if "AUTH" in str(error):
            return (
                f"{place} asks for no login, or not on this line. Check smtp.port and"
                " smtp.security, or leave smtp.user and smtp.password out"
            )
        case smtplib.SMTPNotSupportedError():
            return (
                f"{place} offers no STARTTLS. Check smtp.port; for a server that speaks TLS from the"
                ' first byte set smtp.security = "tls"'
            )
        case smtplib.SMTPServerDisconnected():
            return (
                f"{place} hangs up or does not speak SMTP. Check smtp.port and smtp.security (587"
                ' is "starttls", 465 is "tls"), and its own log'
            )
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
            return f"{place} turns us away (SMTP {code}: {redact(words)}). See its own log"
        case _:
            return explain(error, host=host, port=port)
