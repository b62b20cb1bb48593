"""The one box and the other ways below it, for the second step and for step-up."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.core.methods.authenticator import MethodKind
from twostep.core.refusal import Reason, Refused
from twostep.flows.sign_in.second_step_view import SecondStepView
from twostep.i18n import translator
from twostep.web import view
from twostep.web.frame.rows import passkey_label
from twostep.web.pages.sign_in.delivery_line import delivery_line
from twostep.web.visit import Visit
from twostep.web.words.message_states import trouble_sentence
from twostep.web.words.refusals_with_values import Asked


@dataclass(frozen=True, slots=True)
class Ask:
    """What the page asks for, and the ways that it offers besides.

    `wait`: the throttle's refusal that runs for what is asked; `scope`: its name for the page of
    waits; `other_ways`: ways that this wait does not touch.
    """

    ask: view.CodeAsk
    ways: tuple[view.WayRow, ...]
    wait: Refused | None
    scope: str
    other_ways: tuple[view.WayRow, ...]

    @property
    def asked(self) -> Asked:
        """For the sentences of refusals."""
        return "sent" if self.ask.kind in CODE_CHANNELS else "app"


def new_ask(visit: Visit, found: SecondStepView, *, way: str) -> Ask:
    """Choose what is asked for: the way that was clicked, else the code on its way, else the app."""
    delivery = found.delivery
    kind = _first(visit, found)
    if way == "codes":
        kind = "codes"
    elif way == "app" and found.methods.apps:
        kind = "app"
    elif way == "passkey" and found.methods.passkeys:
        kind = "passkey"
    elif delivery is not None and not delivery.is_over:
        kind = delivery.channel
    ways = _ways(visit, found, kind)
    if kind == "passkey":  # no wait touches it
        return Ask(_ask(visit, found, kind), ways, None, "page", ())
    wait = found.backup_wait if kind == "codes" else found.code_wait
    untouched = {MethodKind.PASSKEY, MethodKind.CODES}
    if kind == "codes":
        untouched = {MethodKind.PASSKEY, MethodKind.APP, MethodKind.PHONE}
    other_wait = found.code_wait if kind == "codes" else found.backup_wait
    other = tuple(
        row
        for row in ways
        if row.kind in untouched and (row.kind is MethodKind.PASSKEY or not other_wait)
    )
    return Ask(
        ask=_ask(visit, found, kind),
        ways=ways,
        wait=wait,
        scope="backup" if kind == "codes" else "code",
        other_ways=other,
    )


def _first(visit: Visit, found: SecondStepView) -> view.AskKind:
    """What is asked for where nothing was chosen: a passkey if its owner prefers it, or has no app."""
    methods = found.methods
    favourite = (visit.owner.default_method or "").partition(":")[0]
    if methods.passkeys and (favourite == "passkey" or not methods.apps):
        return "passkey"
    return "app"


def clock_at(refused: Refused | None, ask: Ask, now: int) -> int | None:
    """Our clock, shown from the second wrong app code on: perhaps the phone's is off."""
    if refused is None or refused.reason is not Reason.CODE_WRONG or ask.ask.kind != "app":
        return None
    return now if int(refused.detail.get("in_a_row", 0)) >= 2 else None


def entry_label(visit: Visit) -> str:
    """The entry's name in the app."""
    return f"{visit.env.settings.panel_name} ({visit.owner.name})"


def _ask(visit: Visit, found: SecondStepView, kind: view.AskKind) -> view.CodeAsk:
    methods, delivery = found.methods, found.delivery
    if kind == "codes":
        own = methods.recovery_set
        return view.CodeAsk("codes", method_id=own.id if own else "", codes_left=methods.codes_left)
    if kind == "passkey":
        return view.CodeAsk("passkey", entries=_passkeys(visit, found))
    if kind == "app" or delivery is None:
        words = translator(visit.language)
        entries = tuple(
            (app.id, app.name or words.gettext("Authenticator app")) for app in methods.apps
        )
        return view.CodeAsk("app", entries=entries)
    return view.CodeAsk(
        kind,
        method_id=delivery.phone.id,
        hint=delivery.phone.hint,
        valid_until=delivery.expires_at,
        delivery=delivery_line(visit, delivery),
        can_send_at=delivery.can_send_at,
    )


def _passkeys(visit: Visit, found: SecondStepView) -> tuple[tuple[str, str], ...]:
    return tuple((one.id, passkey_label(visit, one)) for one in found.methods.passkeys)


def _ways(visit: Visit, found: SecondStepView, kind: view.AskKind) -> tuple[view.WayRow, ...]:
    """Every other way, the owner's favourite first."""
    words = translator(visit.language)
    rows: list[view.WayRow] = []
    if kind != "app":
        rows += [view.WayRow(app.id, MethodKind.APP, label=app.name) for app in found.methods.apps]
    if kind != "passkey" and (own := _passkeys(visit, found)):
        rows.append(view.WayRow(own[0][0], MethodKind.PASSKEY, label=own[0][1], entries=own))
    for phone in found.methods.phones:
        channels = [one for one in found.channels if one is Channel.CALL or phone.line != "fixed"]
        if phone.channel is Channel.CALL:
            channels.reverse()
        trouble = None
        if phone.id in found.closed_phones:
            trouble = words.gettext("We can't send to this country right now.")
        for channel in channels:
            if kind == channel and found.delivery and found.delivery.phone.id == phone.id:
                continue  # "Send again" stands above
            rows.append(
                view.WayRow(
                    phone.id,
                    MethodKind.PHONE,
                    channel=channel,
                    hint=phone.hint,
                    trouble=trouble or _channel_trouble(visit, found, channel),
                )
            )
    favourite = (visit.owner.default_method or "").partition(":")[2]
    rows.sort(key=lambda row: row.id != favourite)
    sheet = found.methods.recovery_set
    if kind != "codes" and sheet is not None and found.methods.codes_left:
        rows.append(view.WayRow(sheet.id, MethodKind.CODES, codes_left=found.methods.codes_left))
    return tuple(rows)


def _channel_trouble(visit: Visit, found: SecondStepView, channel: Channel) -> str | None:
    if channel not in found.troubled:
        return None
    return trouble_sentence(channel, language=visit.language)
