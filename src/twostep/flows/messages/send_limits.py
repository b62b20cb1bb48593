"""Limits on texts and calls per number, per account, per network and overall.

A send counts when it is queued, so parallel requests cannot exceed a limit. An unconfirmed number
counts for everybody who types it; a confirmed one counts for each account, so that neither people who
share it nor somebody who only types it take its owner's. An account's last two sends an hour, four a
day and two calls a day to it are reserved for known browsers, so that a thief with the password cannot
use them up, and known browsers are outside their network's count.
Sources: delivery: Abuse; OWASP API4, OAT-003.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.refusal import Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule
from twostep.flows.env import Env, Visitor
from twostep.flows.limits import count_all
from twostep.flows.messages.abuse_watch import refuse_new_number
from twostep.flows.messages.budget import budgets, watch_budgets
from twostep.flows.messages.numbers import fingerprints
from twostep.flows.messages.opt_out import refuse_opted_out
from twostep.flows.turn import Turn


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requested send. `confirmed`: the account's owner has proved control of the number."""

    e164: str
    region: str
    channel: Channel
    confirmed: bool
    known_browser: bool


def count_send(turn: Turn, account: Account, wanted: Wanted) -> Refused | None:
    """Count a send against every limit, or refuse it without counting."""
    if wanted.channel is Channel.SMS and (refused := refuse_opted_out(turn, wanted.e164)):
        return refused
    if not wanted.confirmed and (
        refused := refuse_new_number(turn, e164=wanted.e164, region=wanted.region)
    ):
        return refused
    rules = _rules(turn.env, account, turn.visitor, wanted)
    rules += [
        (budget.key, budget.rule(confirmed=wanted.confirmed))
        for budget in budgets(turn.env, now=turn.now)
    ]
    refused = count_all(turn.tx, rules, now=turn.now)
    if refused is None:
        watch_budgets(turn)
    return refused


def _rules(env: Env, account: Account, visitor: Visitor, wanted: Wanted) -> list[tuple[str, Rule]]:
    of_number = [throttle.SEND_NUMBER_HOUR, throttle.SEND_NUMBER_DAY]
    if wanted.channel is Channel.CALL:
        of_number.append(throttle.CALL_NUMBER_DAY)
    rules = []
    if not wanted.known_browser and visitor.network:  # empty: the product sends by itself
        rules.append((f"{throttle.SEND_NETWORK.name}:{visitor.network}", throttle.SEND_NETWORK))
    whose = ""
    if wanted.confirmed:
        whose = f":{account.id}"
        if not wanted.known_browser:
            of_number += [throttle.SEND_NUMBER_HOUR_STRANGERS, throttle.SEND_NUMBER_DAY_STRANGERS]
            if wanted.channel is Channel.CALL:
                of_number.append(throttle.CALL_NUMBER_DAY_STRANGERS)
    else:
        rules.append((f"{throttle.SEND_ACCOUNT_NEW.name}:{account.id}", throttle.SEND_ACCOUNT_NEW))
    # Under every key, so that a key rotation does not reset the counts.
    for digest in fingerprints(env, wanted.e164):
        rules += [(f"{rule.name}:{digest.hex()[-40:]}{whose}", rule) for rule in of_number]
    return rules


def count_new_number(turn: Turn, account: Account) -> Refused | None:
    """Count a number that is new to the account."""
    rule = throttle.NEW_NUMBERS
    return count_all(turn.tx, [(f"{rule.name}:{account.id}", rule)], now=turn.now)
