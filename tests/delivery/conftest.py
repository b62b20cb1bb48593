"""Providers on this machine answer as soon as there is a processor for them."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.waiting import PATIENCE_SECONDS
from twostep.delivery import wire


@pytest.fixture(autouse=True)
def _patient_with_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product gives a provider three seconds to take a connection, which other work on the
    machine may take from the tests. Those of time-outs set their own."""
    monkeypatch.setattr(wire, "TIMEOUT", httpx2.Timeout(PATIENCE_SECONDS))
