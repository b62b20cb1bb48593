"""Settings of OpenTelemetry traces."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from twostep.config.kinds import Section


TRACES_PATH = "/v1/traces"


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("write an address like http://127.0.0.1:4318/v1/traces")
    if "@" in parts.netloc:
        raise ValueError("put no password into the address; tracing.authorization is for that")
    return value if parts.path.strip("/") else value.rstrip("/") + TRACES_PATH


class Tracing(Section):
    """OpenTelemetry traces. They need: pip install 'twostep[otel]'"""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None,
        description="Address that takes them as OTLP over HTTP, like "
        "http://127.0.0.1:4318/v1/traces. Default: no traces.",
    )
    authorization: SecretStr | None = Field(
        default=None, description="Value of the Authorization header sent there."
    )
    share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Which part of the requests is traced: 1 all, 0.01 one in a hundred.",
    )
