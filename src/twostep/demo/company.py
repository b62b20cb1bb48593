"""The fake phone company: how it handles a text or call, and what it reports afterwards."""

from __future__ import annotations

from contextlib import suppress

from twostep.core.messages.channel import Channel
from twostep.core.outage import StoreUnavailable
from twostep.delivery.console import Behaviour, Inbox, channel_of
from twostep.delivery.message import Message
from twostep.delivery.port import StatusReport
from twostep.flows.env import Env
from twostep.flows.messages import reports
from twostep.flows.turn import by_system
from twostep.store.messages import outbox


OUTCOMES = (Behaviour.OK, Behaviour.REFUSED, Behaviour.TIMEOUT, Behaviour.UNDELIVERED)
CHANNELS = (Channel.SMS, Channel.CALL)
NUMBERS = {
    "+12025550150": Behaviour.REFUSED,
    "+12025550151": Behaviour.TIMEOUT,
    "+12025550152": Behaviour.UNDELIVERED,
    "+12025550153": Behaviour.OPTED_OUT,
}
LANDLINE = "+442079460000"
PROVIDER = "console"


class PhoneCompany:
    """Behaves by phone number, or as `outcomes` says for a whole channel."""

    def __init__(self, inbox: Inbox) -> None:
        self.outcomes = dict.fromkeys(CHANNELS, Behaviour.OK)
        self._inbox = inbox
        self._env: Env | None = None

    def connect(self, env: Env) -> None:
        """Set the product that sends the messages."""
        self._env = env

    def behave(self, message: Message) -> Behaviour:
        """Choose what happens to a message."""
        channel = channel_of(message)
        if self._is_forgotten(message):
            return Behaviour.REFUSED
        if channel not in self.outcomes:
            return Behaviour.OK
        if message.to == LANDLINE and channel is Channel.SMS:
            return Behaviour.LANDLINE
        behaviour = NUMBERS.get(message.to, Behaviour.OK)
        if behaviour is Behaviour.OPTED_OUT and channel is Channel.CALL:
            behaviour = Behaviour.OK  # STOP applies to texts; the phone still rings
        return self.outcomes[channel] if behaviour is Behaviour.OK else behaviour

    async def report(self, status: StatusReport) -> None:
        """Report the status of a text or call to the product. Mail servers report nothing."""
        received = self._inbox.find(status.message_id)
        if self._env is None or (received is not None and received.channel is Channel.EMAIL):
            return
        with suppress(StoreUnavailable):  # the demo is stopping
            await by_system(self._env).run(reports.record_status, status, provider=PROVIDER)

    def _is_forgotten(self, message: Message) -> bool:
        """Whether a reset happened between claiming the message and sending it."""
        if self._env is None:
            return False
        # `behave` is synchronous, and reads of the demo's small database are fast.
        return self._env.store.read_now(outbox.load, message.id) is None
