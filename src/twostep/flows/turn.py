"""A turn: one use case in one transaction, with everything that every use case is given.

A door opens turns with a `TurnOpener`; it never sees the transaction. A use case that does slow work
(a password hash) takes the opener instead of a turn, and opens its turns itself.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.audit.event import Event
from twostep.core.messages.channel import Channel
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import NOBODY, SHELL, Env, Visitor
from twostep.flows.mail_links import NOT_ME, NOT_ME_SECONDS
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.account.accounts import Held
from twostep.store.account.mail_links import MailLink
from twostep.store.audit import trail
from twostep.store.messages import outbox
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


P = ParamSpec("P")
T = TypeVar("T")

PAYLOAD = "outbox.payload"
NOTICE_LIFE_SECONDS = 86_400  # a mail server that is down for longer has lost it

# Acts that no link undoes: they tell of something that was asked for by mail, or of its end.
_WITHOUT_NOT_ME = frozenset(
    {
        NoticeKind.PASSWORD_RESET_LINK,
        NoticeKind.PASSWORD_RETIRED,
        NoticeKind.PASSWORD_SECURED,
        NoticeKind.EMAIL_CONFIRM,
    }
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One use case under way. `now`: Unix seconds, read once at the door."""

    tx: Tx
    env: Env
    visitor: Visitor
    now: int

    def lock(self, session: Session) -> Held | None:
        """Lock the session's account; None: the session was ended since the request was read.

        Without it a change could be made by a session that "end all sessions" has just ended.
        """
        account = accounts.lock(self.tx, session.account_id)
        return account if account and sessions.exists(self.tx, session.id) else None

    def record(self, account: Held, *events: Event) -> None:
        """Append to the account's trail what the visitor has done."""
        source = self.visitor.source
        trail.append_all(self.tx, events, account=account, source=source, now=self.now)

    def record_system(self, event: Event, *, subject: str) -> None:
        """Append an event without an account. Comes last in a use case: the chain is shared."""
        source = self.visitor.source
        trail.append_system(self.tx, event, subject=subject, source=source, now=self.now)

    def notify(
        self,
        account: Account,
        kind: NoticeKind,
        *,
        undo: str = "",
        to: tuple[str, ...] | None = None,
        **data: str | int,
    ) -> None:
        """Queue a notice to every verified address of the account, or to the addresses `to`.

        `undo`: what "This wasn't me" takes back, as `phone:ID`. `data`: fields of `delivery.Notice`.
        """
        if to is None:
            every = addresses.list_addresses(self.tx, account.id)
            to = tuple(item.address for item in every if item.verified_at is not None)
        for address in to:
            payload: dict[str, object] = {"to": address, "data": data}
            if kind not in _WITHOUT_NOT_ME:
                payload["not_me"] = self.new_link(
                    account, purpose=NOT_ME, subject_id=undo, seconds=NOT_ME_SECONDS
                )
            self.queue_mail(account, kind, payload)

    def queue_mail(self, account: Account, kind: NoticeKind, payload: Mapping[str, object]) -> None:
        """Queue one mail; the payload is sealed until the mail has left.

        The mail says when, and from which browser and network, unless the system itself acts.
        """
        visitor = self.visitor
        about: dict[str, object] = {"at": self.now}
        if visitor.network:
            about |= {"browser": visitor.browser, "network": visitor.network}
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
                    json.dumps({**about, **payload}).encode(),
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
        """Make the token of a link that works once; only its digest is kept."""
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
    """A use case as the store runs it: a turn is made around each transaction, at a retry too."""

    __slots__ = ("__wrapped__", "_opener")

    def __init__(self, opener: TurnOpener, use_case: Callable[Concatenate[Turn, P], T]) -> None:
        self.__wrapped__ = use_case  # whose name a trace shows
        self._opener = opener

    def __call__(self, tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> T:
        opener = self._opener
        return self.__wrapped__(Turn(tx, opener.env, opener.visitor, opener.now), *args, **kwargs)


@dataclass(frozen=True, slots=True)
class TurnOpener:
    """Opens turns for one visitor at one instant (Unix seconds)."""

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
        """Carry out a use case, whether it takes a turn or opens its own.

        Raises `StoreUnavailable`; a use case that hashes raises `Overloaded` too.
        """
        if inspect.iscoroutinefunction(use_case):
            return await use_case(self, *args, **kwargs)
        return await self.run(use_case, *args, **kwargs)

    async def run(
        self, use_case: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a use case in one durable transaction; raises `StoreUnavailable`."""
        return await self.env.store.run(_InTurn(self, use_case), *args, **kwargs)

    async def read(
        self, view: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run what only reads, outside any transaction; raises `StoreUnavailable`."""
        return await self.env.store.read(_InTurn(self, view), *args, **kwargs)

    async def read_aside(
        self, view: Callable[Concatenate[Turn, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, for what takes long: the process goes on with other things meanwhile."""
        return await self.env.store.read_aside(_InTurn(self, view), *args, **kwargs)


def by_system(env: Env) -> TurnOpener:
    """Opens turns in which the product itself acts, such as a background job's."""
    return TurnOpener(env, NOBODY, env.clock())


def by_shell(env: Env) -> TurnOpener:
    """Opens turns in which somebody acts on the command line."""
    return TurnOpener(env, SHELL, env.clock())


@dataclass(frozen=True, slots=True)
class Done:
    """The change was made."""
