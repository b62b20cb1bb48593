"""What somebody did, as one act: the events that belong together, newest first.

One sign-in writes three or four events, one new phone three. The history keeps them all; its page shows
one line for each act. Events of one act come from one browser on one network within ten minutes, and
only those that its last event implies belong to it: a wrong code never hides in a sign-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twostep.core.audit import event
from twostep.flows.account.activity import Activity


ACT_SECONDS = 600
DAY_SECONDS = 86_400
_PROOFS = frozenset(
    {
        event.CODE_ACCEPTED,
        event.CODE_SENT,
        event.PASSKEY_ACCEPTED,
        event.PASSWORD_ACCEPTED,
        event.RECOVERY_CODE_USED,
        event.TEMPORARY_CODE_USED,
    }
)
# What each act consists of, besides its last event.
_PARTS = {
    event.SIGN_IN_COMPLETED: _PROOFS | {event.BROWSER_NEW, event.BROWSER_REMEMBERED},
    event.BROWSER_REMEMBERED: _PROOFS | {event.BROWSER_NEW, event.SIGN_IN_COMPLETED},
    event.STEP_UP_COMPLETED: _PROOFS,
    event.TWO_STEP_ENABLED: frozenset({event.APP_ADDED, event.PASSKEY_ADDED, event.CODE_ACCEPTED}),
    event.PHONE_ADDED: frozenset({event.CODE_ACCEPTED, event.CODE_SENT}),
    event.PASSWORD_LINK_SENT: frozenset({event.CONTAINMENT_DONE, event.PASSWORD_RETIRED}),
}
# What an act is named after, where that is not its last event.
_NAMED_AFTER = (event.SIGN_IN_COMPLETED, event.CONTAINMENT_DONE, event.PASSWORD_RETIRED)
# The first event of an act: an older one belongs to another.
_FIRST = frozenset({event.PASSWORD_ACCEPTED})


@dataclass(frozen=True, slots=True)
class AccountAct:
    """`event`: what names it. `events`: all of it, newest first; a repeated event as often as it was."""

    event: Activity
    events: tuple[Activity, ...]

    @property
    def count(self) -> int:
        """How often the same was tried in a row; 1 for everything else."""
        if self.event.event not in event.MERGED:
            return 1
        return sum(int(entry.data.get("count", 1)) for entry in self.events)


def fold(entries: Sequence[Activity]) -> list[AccountAct]:
    """Acts of these events, which come newest first."""
    acts: list[AccountAct] = []
    for entry in entries:
        place = next(
            (
                place
                for place in range(len(acts) - 1, max(-1, len(acts) - 4), -1)
                if _belongs(entry, acts[place])
            ),
            None,
        )
        if place is None:
            acts.append(AccountAct(entry, (entry,)))
        else:
            acts[place] = _with(acts[place], entry)
    return acts


def whole_acts(entries: Sequence[Activity], *, limit: int) -> tuple[list[AccountAct], int | None]:
    """The acts of a page of about `limit` events, and before which event the next page begins.

    `entries` holds more than `limit` events if there are more, so that no act is cut in two; the
    second is None if there are none.
    """
    acts = fold(entries)
    if len(entries) <= limit:
        return acts, None
    end_seq, ends = entries[limit - 1].seq, 0
    while end_seq != ends:  # acts may lie across each other
        ends = end_seq
        whole = [act for act in acts if act.events[0].seq >= ends]
        end_seq = min(act.events[-1].seq for act in whole)
    return whole, end_seq


def _belongs(entry: Activity, act: AccountAct) -> bool:
    newest, oldest = act.events[0], act.events[-1]
    if (entry.actor, entry.browser, entry.network) != (
        newest.actor,
        newest.browser,
        newest.network,
    ):
        return False
    if entry.event in event.MERGED:
        return _kind(entry) == _kind(oldest) and entry.at // DAY_SECONDS == newest.at // DAY_SECONDS
    if newest.at - entry.at > ACT_SECONDS or oldest.event in _FIRST:
        return False
    return entry.event in _PARTS.get(newest.event, ())


def _kind(entry: Activity) -> tuple[str, str, str]:
    return entry.event, entry.outcome, str(entry.data.get("reason", ""))


def _with(act: AccountAct, entry: Activity) -> AccountAct:
    is_name = entry.event in _NAMED_AFTER and act.event.event not in _NAMED_AFTER
    named = entry if is_name else act.event
    return replace(act, event=named, events=(*act.events, entry))
