"""The fake phone company: what it does with a text or call, and what it reports afterwards."""

from __future__ import annotations

from contextlib import suppress

from twostep.core.messages.channel import Channel
from twostep.core.outage import StoreUnavailable
from twostep.delivery.console import Behaviour, Inbox, channel_of
from twostep.delivery.message import Message
from twostep.delivery.port import StatusReport
from twostep.flows.env import Env
from twostep.flows.messages import reports as telephony
from twostep.flows.turn import by_system
from twostep.store.messages import outbox


OUTCOMES = (Behaviour.OK, Behaviour.REFUSED, Behaviour.TIMEOUT, Behaviour.UNDELIVERED)
SPOILT = (Channel.SMS, Channel.CALL)
NUMBERS = {
    "+12025550150": Behaviour.REFUSED,
    "+12025550151": Behaviour.TIMEOUT,
    "+12025550152": Behaviour.UNDELIVERED,
    "+12025550153": Behaviour.OPTED_OUT,
}
LANDLINE = "+442079460000"
PROVIDER = "console"


class PhoneCompany:
    """Behaves by number, or as badly as `outcomes` says for a whole channel."""

    def __init__(self, inbox: Inbox) -> None:
        self.outcomes = dict.fromkeys(SPOILT, Behaviour.OK)
        self._inbox = inbox
        self._env: Env | None = None

    def connect(self, env: Env) -> None:
        """Name the product whose messages these are."""
        self._env = env

    def behave(self, message: Message) -> Behaviour:
        """Choose what becomes of a message."""
        channel = channel_of(message)
        if self._is_forgotten(message):
            return Behaviour.REFUSED
        if channel not in self.outcomes:
            return Behaviour.OK
        if message.to == LANDLINE and channel is Channel.SMS:
            return Behaviour.LANDLINE
        own = NUMBERS.get(message.to, Behaviour.OK)
        if own is Behaviour.OPTED_OUT and channel is Channel.CALL:
            own = Behaviour.OK  # STOP is for texts; the phone still rings
        return self.outcomes[channel] if own is Behaviour.OK else own

    async def report(self, news: StatusReport) -> None:
        """Tell the product how a text or call went on. Mail servers report nothing."""
        received = self._inbox.find(news.message_id)
        if self._env is None or (received is not None and received.channel is Channel.EMAIL):
            return
        with suppress(StoreUnavailable):  # the demo is ending
            await by_system(self._env).run(telephony.record_status, news, provider=PROVIDER)

    def _is_forgotten(self, message: Message) -> bool:
        """Whether a reset came between claiming the message and sending it."""
        if self._env is None:
            return False
        # A carrier chooses without waiting; the demo's own small database answers at once.
        return self._env.store.read_now(outbox.load, message.id) is None
