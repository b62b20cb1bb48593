"""The parts that the demo adds to the product, and their reset."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.delivery.console import Behaviour, Inbox
from twostep.demo.apps import PhoneApps
from twostep.demo.calls import Calls
from twostep.demo.clock import DemoClock
from twostep.demo.company import PhoneCompany
from twostep.demo.people import start_over
from twostep.flows.env import Env


@dataclass(frozen=True, slots=True)
class Demo:
    """The parts that the demo's routes work on; all but `env` are in memory only."""

    env: Env
    clock: DemoClock
    inbox: Inbox
    company: PhoneCompany
    calls: Calls
    apps: PhoneApps

    async def reset(self) -> None:
        """Return to the state after the first start in an empty folder."""
        self.clock.move(0)
        self.company.outcomes.update(dict.fromkeys(self.company.outcomes, Behaviour.OK))
        await start_over(self.env)
        self.inbox.clear()
        self.calls.clear()
        self.apps.clear()
