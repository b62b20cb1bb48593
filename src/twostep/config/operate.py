"""Settings for metrics, traces and retention."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from twostep.config.kinds import Section


class MetricsSettings(Section):
    """Metrics for Prometheus."""

    port: int | None = Field(
        default=None, ge=1, le=65535, description="Separate loopback port that serves /metrics."
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
        description="Bearer token for /metrics on the main port, at least 16 characters. "
        "Default: not served there.",
    )

    @property
    def is_on(self) -> bool:
        """Whether metrics can be read anywhere."""
        return any(value is not None for value in (self.port, self.worker_port, self.token))


class RetentionSettings(Section):
    """How long records are kept."""

    events_months: int = Field(
        default=12,
        ge=1,
        le=120,
        description="Months after which events are deleted from the audit trail; the rest can "
        "still be verified.",
    )


_PROGRAM = Path(__file__).resolve().parents[3]


def lacks_extra(subject: str, extra: str) -> str:
    """What to say if `subject` needs an extra that is not installed: the command that installs it, in
    the versions of its lock file."""
    command = f"make setup EXTRAS={extra}, where Twostep was unpacked"
    if (_PROGRAM / "Makefile").exists():
        command = f"make -C {_PROGRAM} setup EXTRAS={extra}"
        if not os.access(_PROGRAM, os.W_OK):
            command = f"sudo {command}"
    return f"{subject} that is not installed. Run: {command}"


TRACES_PATH = "/v1/traces"
NO_TRACER = lacks_extra("tracing.endpoint needs a library", "otel")


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
    """OpenTelemetry traces. Needs: make setup EXTRAS=otel"""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None,
        description="Address to send traces to, as OTLP over HTTP, like "
        "http://127.0.0.1:4318/v1/traces. Default: no traces.",
    )
    authorization: SecretStr | None = Field(
        default=None, description="Value of the Authorization header sent with them."
    )
    share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of requests that are traced: 1 is all, 0.01 is one in a hundred.",
    )
