"""The input box and the other ways below it, for the second step and for step-up."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.core.methods import otpauth
from twostep.core.methods.authenticator import MethodKind
from twostep.core.refusal import Reason, Refused
from twostep.flows.proof.verify_passkey import relying_party
from twostep.flows.sign_in.second_step_view import SecondStepView
from twostep.i18n import translator
from twostep.web import view
from twostep.web.frame.rows import passkey_label
from twostep.web.pages.sign_in.delivery_line import delivery_line
from twostep.web.visit import Visit
from twostep.web.words.message_states import trouble_sentence
from twostep.web.words.paused import What
from twostep.web.words.refusals_with_values import PromptKind


@dataclass(frozen=True, slots=True)
class Ask:
    """What the page asks for, and the other ways it offers.

    `wait`: the throttle's refusal for what is asked, if one applies; `what`: what it pauses, for the
    page "Too many tries"; `other_ways`: ways that the wait does not block. `label`: the entry's name
    in the oldest authenticator app.
    """

    box: view.CodeAsk
    ways: tuple[view.WayRow, ...]
    wait: Refused | None
    what: What
    other_ways: tuple[view.WayRow, ...]
    label: str

    @property
    def prompt_kind(self) -> PromptKind:
        """What refusals say was asked for."""
        return "sent" if self.box.kind in CODE_CHANNELS else "app"


def new_ask(visit: Visit, step: SecondStepView, *, way: str) -> Ask:
    """Choose what to ask for: the way that was clicked, a code already sent, or the default."""
    delivery = step.delivery
    kind = _default_kind(visit, step)
    if way == "codes":
        kind = "codes"
    elif way == "app" and step.methods.apps:
        kind = "app"
    elif way == "passkey" and step.methods.passkeys:
        kind = "passkey"
    elif delivery is not None and not delivery.is_over:
        kind = delivery.channel
    ways = _ways(visit, step, kind)
    label = entry_label(visit, number=next((app.entry for app in step.methods.apps), 1))
    if kind == "passkey":  # no wait applies to passkeys
        return Ask(_box(visit, step, kind), ways, None, "page", (), label)
    wait = step.backup_wait if kind == "codes" else step.code_wait
    not_blocked = {MethodKind.PASSKEY, MethodKind.CODES}
    if kind == "codes":
        not_blocked = {MethodKind.PASSKEY, MethodKind.APP, MethodKind.PHONE}
    other_wait = step.code_wait if kind == "codes" else step.backup_wait
    other_ways = tuple(
        row
        for row in ways
        if row.kind in not_blocked and (row.kind is MethodKind.PASSKEY or not other_wait)
    )
    return Ask(
        box=_box(visit, step, kind),
        ways=ways,
        wait=wait,
        what="backup" if kind == "codes" else "code",
        other_ways=other_ways,
        label=label,
    )


def _default_kind(visit: Visit, step: SecondStepView) -> view.AskKind:
    """What to ask for by default. Never a phone, which costs money and takes a click; where it is
    the default, it is the first of the other ways."""
    methods, here = step.methods, relying_party(visit.env).id
    default = methods.default_at(here, chosen=visit.owner.default_method) or ""
    if methods.passkeys and (default.startswith("passkey:") or not methods.apps):
        return "passkey"
    return "app"


def clock_at(refused: Refused | None, ask: Ask, now: int) -> int | None:
    """Our clock, shown after two wrong app codes in a row: the phone's clock may be off."""
    if refused is None or refused.reason is not Reason.CODE_WRONG or ask.box.kind != "app":
        return None
    return now if refused.detail.get("in_a_row", 0) >= 2 else None


def entry_label(visit: Visit, *, number: int) -> str:
    """The name of our entry in the authenticator app."""
    owner = visit.owner
    name = otpauth.entry_label(owner.name, account_id=owner.id, number=number)
    return f"{visit.env.settings.panel_name} ({name})"


def _box(visit: Visit, step: SecondStepView, kind: view.AskKind) -> view.CodeAsk:
    methods, delivery = step.methods, step.delivery
    if kind == "codes":
        sheet = methods.recovery_set
        return view.CodeAsk(
            "codes", method_id=sheet.id if sheet else "", codes_left=methods.codes_left
        )
    if kind == "passkey":
        return view.CodeAsk("passkey", entries=_passkeys(visit, step))
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


def _passkeys(visit: Visit, step: SecondStepView) -> tuple[tuple[str, str], ...]:
    return tuple((passkey.id, passkey_label(visit, passkey)) for passkey in step.methods.passkeys)


def _ways(visit: Visit, step: SecondStepView, kind: view.AskKind) -> tuple[view.WayRow, ...]:
    """Every other way, the owner's default first."""
    words = translator(visit.language)
    rows: list[view.WayRow] = []
    if kind != "app":
        rows += [view.WayRow(app.id, MethodKind.APP, label=app.name) for app in step.methods.apps]
    if kind != "passkey" and (passkeys := _passkeys(visit, step)):
        first_id, label = passkeys[0]
        rows.append(view.WayRow(first_id, MethodKind.PASSKEY, label=label, entries=passkeys))
    for phone in step.methods.phones:
        channels = [
            channel for channel in step.channels if channel is Channel.CALL or phone.line != "fixed"
        ]
        if phone.channel is Channel.CALL:
            channels.reverse()
        trouble = None
        if phone.id in step.closed_phones:
            trouble = words.gettext("We can't send to this country right now.")
        for channel in channels:
            if kind == channel and step.delivery and step.delivery.phone.id == phone.id:
                continue  # the page has "Send again" for it
            rows.append(
                view.WayRow(
                    phone.id,
                    MethodKind.PHONE,
                    channel=channel,
                    hint=phone.hint,
                    trouble=trouble or _channel_trouble(visit, step, channel),
                )
            )
    default = (visit.owner.default_method or "").partition(":")[2]
    rows.sort(key=lambda row: row.id != default)
    sheet = step.methods.recovery_set
    if kind != "codes" and sheet is not None and step.methods.codes_left:
        rows.append(view.WayRow(sheet.id, MethodKind.CODES, codes_left=step.methods.codes_left))
    return tuple(rows)


def _channel_trouble(visit: Visit, step: SecondStepView, channel: Channel) -> str | None:
    if channel not in step.troubled:
        return None
    return trouble_sentence(channel, language=visit.language)
