"""A turn: one use case, in one transaction, with everything a use case needs.

Pages, commands and jobs open turns through a `TurnOpener` and never touch the transaction. A use case
that does slow work (a password hash) takes the opener instead and opens its own turns around it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.audit.event import Event, Source
from twostep.core.messages.channel import Channel
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import NOBODY, SHELL, Env, Visitor
from twostep.flows.event_log import EventLog
from twostep.flows.mail_links import NOT_ME, NOT_ME_SECONDS
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.account.accounts import Held
from twostep.store.account.mail_links import MailLink
from twostep.store.audit import refusals, trail
from twostep.store.messages import outbox
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


P = ParamSpec("P")
T = TypeVar("T")

PAYLOAD = "outbox.payload"
NOTICE_LIFE_SECONDS = 86_400  # if the mail server is down for longer, the notice is dropped

# No undo link: these mails carry a link that was asked for, or announce a password's retirement.
_WITHOUT_NOT_ME = frozenset(
    {
        NoticeKind.HELP_REQUEST,
        NoticeKind.PASSWORD_GUESSED,
        NoticeKind.PASSWORD_RESET_LINK,
        NoticeKind.PASSWORD_RETIRED,
        NoticeKind.PASSWORD_SECURED,
        NoticeKind.EMAIL_CONFIRM,
    }
)


# What can be done over and over, with nothing to undo: a mailbox is told five times an hour, the
# history every time.
HOUR_SECONDS = 3600
MOST_OF_A_KIND = 5
_REPEATED = frozenset(
    {NoticeKind.BROWSER_NEW, NoticeKind.DEFAULT_CHANGED, NoticeKind.PASSKEY_COUNTED_BACK}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One use case in progress.

    `now`: Unix seconds, read once per request, so that every check in the turn agrees on the time.
    """

    tx: Tx
    env: Env
    visitor: Visitor
    now: int

    def lock(self, session: Session) -> Held | None:
        """Lock the session's account; None if the session has ended since the request was read.

        The re-check keeps a session that "end all sessions" has just ended from making changes.
        """
        account = accounts.lock(self.tx, session.account_id)
        return account if account and sessions.exists(self.tx, session.id) else None

    def record(self, account: Held, *events: Event) -> None:
        """Append events to the account's audit trail, with the visitor as their source.

        Repeated refusals are counted instead.
        """
        source, now = self.visitor.source, self.now
        merged = [
            event
            for each in events
            if (event := refusals.merge(self.tx, each, account=account, source=source, now=now))
        ]
        if merged:
            keyring = self.env.keyring
            trail.append_all(
                self.tx, merged, account=account, source=source, now=now, keyring=keyring
            )

    def record_system(self, event: Event, *, subject: str) -> None:
        """Append an event that belongs to no account.

        Call it last: other turns append to the same chain and wait until this one commits.
        """
        self.record_system_by(self.visitor.source, event, subject=subject)

    def record_system_by(self, source: Source, event: Event, *, subject: str) -> None:
        """As `record_system`, by somebody else than the visitor."""
        keyring = self.env.keyring
        trail.append_system(
            self.tx, event, subject=subject, source=source, now=self.now, keyring=keyring
        )

    def notify(
        self,
        account: Account,
        kind: NoticeKind,
        *,
        undo: str = "",
        to: tuple[str, ...] | None = None,
        **data: str | int,
    ) -> None:
        """Queue a notice to `to`, by default every verified address of the account.

        `undo`: what "This wasn't me" reverts, such as `phone:ID`. `data`: fields of
        `delivery.Notice`.
        """
        if to is None:
            known = addresses.list_addresses(self.tx, account.id)
            to = tuple(row.address for row in known if row.verified_at is not None)
        if kind in _REPEATED and self._were_told(account, kind, addresses=len(to)):
            return
        for address in to:
            payload: dict[str, object] = {"to": address, "data": data}
            if kind not in _WITHOUT_NOT_ME:
                payload["not_me"] = self.new_link(
                    account, purpose=NOT_ME, subject_id=undo, seconds=NOT_ME_SECONDS
                )
            self.queue_mail(account, kind, payload)

    def announce_notice(self, account: Account, kind: NoticeKind) -> None:
        """Announce what `notify` will read."""
        self.tx.ahead(addresses.list_addresses, account.id)
        if kind in _REPEATED:
            hour = self.now - HOUR_SECONDS
            self.tx.ahead(outbox.count_notices, account.id, kind=kind, since=hour, now=self.now)

    def _were_told(self, account: Account, kind: NoticeKind, *, addresses: int) -> bool:
        """Whether the owner has had enough notices of this kind within the hour."""
        hour = self.now - HOUR_SECONDS
        count = outbox.count_notices(self.tx, account.id, kind=kind, since=hour, now=self.now)
        return count >= MOST_OF_A_KIND * addresses

    def queue_mail(self, account: Account, kind: NoticeKind, payload: Mapping[str, object]) -> None:
        """Queue one mail; its payload stays sealed until it is sent.

        The mail states the time, and the browser and network unless the system itself is acting.
        """
        visitor = self.visitor
        context: dict[str, object] = {"at": self.now}
        if visitor.network:
            context |= {"browser": visitor.browser, "network": visitor.network}
        row_id = token.new_id()
        self.tx.on_commit(self.env.wake_outbox)
        outbox.insert(
            self.tx,
            outbox.OutboxRow(
                id=row_id,
                account_id=account.id,
                channel=Channel.EMAIL,
                kind=str(kind),
                payload=sealing.seal(
                    self.env.keyring,
                    json.dumps({**context, **payload}).encode(),
                    purpose=PAYLOAD,
                    row_id=row_id,
                    account_id=account.id,
                ),
                next_at=self.now,
                not_after=self.now + NOTICE_LIFE_SECONDS,
                created_at=self.now,
            ),
        )

    def new_link(self, account: Account, *, purpose: str, subject_id: str, seconds: int) -> str:
        """Create the token of a single-use link; only its digest is stored."""
        link = token.new_token()
        mail_links.insert(
            self.tx,
            MailLink(
                account_id=account.id,
                purpose=purpose,
                subject_id=subject_id,
                created_at=self.now,
                expires_at=self.now + seconds,
                used_at=None,
            ),
            digest=token.digest(link),
        )
        return link


class _InTurn(Generic[P, T]):
    """Adapts a use case to the store: each transaction, retries included, gets a turn of its own."""

    __slots__ = ("__wrapped__", "_log", "_opener")

    def __init__(
        self,
        opener: TurnOpener,
        use_case: Callable[Concatenate[Turn, P], T],
        log: EventLog | None = None,
    ) -> None:
        self.__wrapped__ = use_case  # traces show its name
        self._opener = opener
        self._log = log

    def __call__(self, tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> T:
        opener, log = self._opener, self._log
        turn = Turn(tx, opener.env, opener.visitor, opener.now)
        answer = self.__wrapped__(turn, *args, **kwargs)
        if log is not None and tx.events:
            tx.on_commit(partial(log.write, tx.events, now=opener.now))
        return answer


@dataclass(frozen=True, slots=True)
class TurnOpener:
    """Opens turns for one visitor at one instant. `now`: Unix seconds."""

    env: Env
    visitor: Visitor
    now: int

    @overload
    async def do(
        self, use_case: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...

    @overload
    async def do(
        self,
        use_case: Callable[Concatenate[TurnOpener, P], Awaitable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T: ...

    async def do(self, use_case: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Carry out a use case, whether it takes a turn or opens its own turns.

        Raises `StoreUnavailable`, and `Overloaded` if the use case hashes a password or code.
        """
        if inspect.iscoroutinefunction(use_case):
            return await use_case(self, *args, **kwargs)
        return await self.run(use_case, *args, **kwargs)

    async def run(
        self, use_case: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a use case in one durable transaction; raises `StoreUnavailable`."""
        return await self.env.store.run(
            _InTurn(self, use_case, self.env.event_log), *args, **kwargs
        )

    async def read(
        self, view: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read-only view outside any transaction; raises `StoreUnavailable`."""
        return await self.env.store.read(_InTurn(self, view), *args, **kwargs)

    async def read_aside(
        self, view: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `read`, for slow views: runs off the event loop. Raises `StoreUnavailable`."""
        return await self.env.store.read_aside(_InTurn(self, view), *args, **kwargs)


def by_system(env: Env) -> TurnOpener:
    """Return an opener for turns in which the product itself acts, such as a background job."""
    return TurnOpener(env, NOBODY, env.clock())


def by_shell(env: Env) -> TurnOpener:
    """Return an opener for turns run from the command line."""
    return TurnOpener(env, SHELL, env.clock())


@dataclass(frozen=True, slots=True)
class Done:
    """The change was made."""
