"""What a complete sign-in says about its owner: the language of the pages and the time zone."""

from __future__ import annotations

from dataclasses import replace

from twostep.core.sign_in.session import Session
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held


def adopt_profile(turn: Turn, account: Held, base: Session) -> None:
    """Keep the language and time zone of this sign-in, for mails too.

    A language chosen on the way counts as chosen. Otherwise nothing that the owner chose is replaced.
    Only a complete sign-in counts: a stolen password alone changes nobody's language.
    """
    new = account.preferences
    if base.language:
        new = replace(new, language=base.language, language_chosen=True)
    elif turn.visitor.asked_language and not new.language_chosen:
        new = replace(new, language=turn.visitor.asked_language)
    if base.time_zone and not new.time_zone_chosen:
        new = replace(new, time_zone=base.time_zone)
    if new != account.preferences:
        accounts.save_profile(turn.tx, account, new)
