"""The whole product on one machine, with a fake phone. Imported only by the `demo` command."""

from __future__ import annotations

from twostep.demo.run import run_demo


__all__ = ["run_demo"]
