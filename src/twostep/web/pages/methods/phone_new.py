"""Backup phone, step one: the number, and whether to text or call."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from twostep import i18n, names
from twostep.core.messages.channel import Channel, read_channel
from twostep.core.methods import phone_number, phone_regions
from twostep.core.refusal import Reason, Refused
from twostep.flows.methods.enroll_phone import begin_phone
from twostep.flows.methods.phone_view import PhoneChoices, view_choices
from twostep.web import view
from twostep.web.frame.frame import page, refused_status, see_other
from twostep.web.frame.throttled import throttled
from twostep.web.pages.methods.refused import refused_page
from twostep.web.visit import Visit


CONFIRM = "methods.phone_confirm"
LONGEST = 200


async def show(visit: Visit) -> Response:
    """GET /settings/security/phone/new."""
    return await _form(visit, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/phone/new: sends a code to the number."""
    answer = await visit.do(
        begin_phone,
        visit.current,
        # The button below "That is a number in Canada" names a country of its own.
        region=(visit.field("other_country") or visit.field("country"))[:3].upper(),
        typed=visit.field("number")[:LONGEST],
        channel=visit.field("channel")[:10],
    )
    if not isinstance(answer, Refused):
        return see_other(visit.url(CONFIRM))
    if refused_status(answer) == 429 and answer.reason is not Reason.SEND_TOO_SOON:
        return throttled(visit, answer, what="send", back_url=visit.url("methods.phone_new"))
    return await _form(visit, answer)


async def _form(visit: Visit, refused: Refused | None) -> Response:
    choices = await visit.read(view_choices, visit.owner)
    if isinstance(choices, Refused):
        return refused_page(visit, choices)
    return page(
        visit,
        "phone_new.html",
        refused=refused,
        form=_filled(visit, choices, refused),
        cancel_url=visit.url("account.security"),
    )


def _filled(visit: Visit, choices: PhoneChoices, refused: Refused | None) -> view.PhoneForm:
    """The form, filled with what was typed or with a likely country."""
    regions = sorted(
        (
            view.RegionRow(
                region.code,
                names.country_name(region.code, visit.language),
                region.prefix,
                phone_number.example_national(region.code),
            )
            for region in choices.regions
        ),
        key=lambda region: names.sort_key(region.name),
    )
    by_code = {region.code: region for region in regions}
    likely = phone_regions.likely_regions(
        phone_regions=choices.own_regions,
        languages=i18n.accepted_tags(visit.headers.get("accept-language")),
        zone_region=names.zone_region(visit.time_zone),
        open_regions=by_code,
    )
    country = (visit.field("other_country") or visit.field("country"))[:3].upper()
    country = phone_number.region_typed(visit.field("number")[:LONGEST], chosen=country)
    if country not in by_code:
        country = next(iter((*likely, *by_code)), "")
    texts, calls = (channel in choices.channels for channel in (Channel.SMS, Channel.CALL))
    call = calls if read_channel(visit.field("channel")) is Channel.CALL else not texts
    return view.PhoneForm(
        likely=tuple(by_code[code] for code in likely),
        regions=tuple(regions),
        country=country,
        example=phone_number.example_national(country) if country else "",
        number=visit.field("number")[:LONGEST],
        channel=Channel.CALL if call else Channel.SMS,
        texts_work=texts,
        calls_work=calls,
        elsewhere=_elsewhere(by_code, refused),
    )


def _elsewhere(
    by_code: Mapping[str, view.RegionRow], refused: Refused | None
) -> view.RegionRow | None:
    if refused is None or refused.reason is not Reason.NUMBER_ELSEWHERE:
        return None
    return by_code.get(str(refused.detail.get("region")))
