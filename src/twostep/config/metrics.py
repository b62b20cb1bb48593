"""Settings of figures for Prometheus."""

from __future__ import annotations

from pydantic import Field, SecretStr

from twostep.config.kinds import Section


class Metrics(Section):
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
