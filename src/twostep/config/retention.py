"""Settings for how long the past is kept."""

from __future__ import annotations

from pydantic import Field

from twostep.config.kinds import Section


class Retention(Section):
    """How long the past is kept."""

    events_months: int = Field(
        default=12,
        ge=1,
        le=120,
        description="Months after which events leave the audit trail; what stays can still be "
        "verified.",
    )
