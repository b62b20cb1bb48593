"""Settings of traces, metrics, and how long things are kept."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from twostep.config.kinds import Section


class MetricsSettings(Section):
    """Figures for Prometheus."""

    port: int | None = Field(
        default=None, ge=1, le=65535, description="Own loopback port that serves /metrics."
    )
    worker_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="The same for `twostep worker`, which may run on the same machine.",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Bearer value that opens /metrics on the main port, 16 characters or more.",
    )

    @property
    def is_on(self) -> bool:
        """Whether anybody can read them."""
        return any(one is not None for one in (self.port, self.worker_port, self.token))


class RetentionSettings(Section):
    """How long the past is kept."""

    events_months: int = Field(
        default=12,
        ge=1,
        le=120,
        description="Months after which events leave the audit trail; what stays can still be "
        "verified.",
    )


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


class TracingSettings(Section):
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
