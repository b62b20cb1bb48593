"""The wording of texts: one segment, ending in the line that binds the code to our origin.

The code comes first (a locked screen shows the beginning), then the panel and the purpose. Each
purpose has its own words, so that somebody tricked into reading out a code can see that it does not
do what they were told. No links, no user names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twostep.core.methods.out_of_band import CODE_DIGITS, Purpose
from twostep.i18n import N_, languages, translator


# GSM 03.38 section 6.2.1: the default alphabet, and its extension, whose characters cost two.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("\f^{}\\[~]|€")

_WHAT = {
    Purpose.SIGN_IN: N_("{code} is your {panel} sign-in code."),
    Purpose.ADD_PHONE: N_("{code} is your code to add this phone to {panel}."),
    Purpose.STEP_UP: N_("{code} is your code to confirm a change at {panel}."),
}
_WHERE = N_("Only type it at {host}.")
_TEST = N_("This is a test from {panel}. Texts are arriving.")
_NEVER = N_("We will never ask you for it.")
# The link that stops it is mailed: texts have none, so that people do not learn to follow links
# there.
_RECOVERY = (
    N_(
        "{panel}: someone with your password asked to set up two-step sign-in again. Not you? Use the link in our e-mail to stop it, or sign in with a code."
    ),
    N_("{panel}: someone asked to reset two-step sign-in. Not you? See our e-mail."),
    N_("Someone asked to reset two-step sign-in. Not you? See our e-mail."),
)


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text is sent and billed.

    `units`: septets for GSM-7, UTF-16 code units for UCS-2; `limit`: how many one segment holds.
    """

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    limit: int
    count: int


def segments(text: str) -> Segments:
    """Count a text's segments (3GPP TS 23.038, 23.040: each of several parts needs a header)."""
    if all(c in _GSM or c in _GSM_EXTENSION for c in text):
        costs = [2 if c in _GSM_EXTENSION else 1 for c in text]
        return _counted("GSM-7", costs, single=160, part=153)
    costs = [2 if ord(c) > 0xFFFF else 1 for c in text]
    return _counted("UCS-2", costs, single=70, part=67)


def compose(
    *, purpose: Purpose, code: str, panel: str, host: str, language: str, app_hash: str = ""
) -> str:
    """Write the text in the language, with the fullest wording that fits one segment.

    `host`: of the public address, without a port. It goes into the last line, which browsers read
    to fill in the code on that host only. That line is never dropped. There is a second segment
    only if the host is so long that the code and the last line do not fit into one.
    """
    _ = translator(language).gettext
    values = {"code": code, "panel": panel, "host": host}
    what, where, never = (_(s).format(**values) for s in (_WHAT[purpose], _WHERE, _NEVER))
    wordings = (f"{what} {where} {never}", f"{what} {never}", what, f"{code} {panel}", code)
    last = f"@{host} #{code} {app_hash}".rstrip()
    written = [f"{wording}\n\n{last}" for wording in wordings]
    return next((text for text in written if segments(text).count == 1), written[-1])


def fullest(*, panel: str, host: str, app_hash: str = "") -> tuple[tuple[str, Segments], ...]:
    """Return, for each language, how its longest text with a code is sent and billed."""
    longest_texts = []
    for language in languages():
        texts = (
            compose(
                purpose=purpose, code="0" * CODE_DIGITS, panel=panel, host=host,
                language=language.code, app_hash=app_hash,
            )
            for purpose in Purpose
        )  # fmt: skip
        longest = max(map(segments, texts), key=lambda text: (text.count, text.units / text.limit))
        longest_texts.append((language.code, longest))
    return tuple(longest_texts)


def compose_test(*, panel: str, language: str) -> str:
    """Write an operator's test text: it has no code, and so no last line."""
    return translator(language).gettext(_TEST).format(panel=panel)


def compose_recovery(*, panel: str, language: str) -> str:
    """Write that a recovery is pending and how to stop it, with the fullest wording that fits."""
    _ = translator(language).gettext
    written = [_(wording).format(panel=panel) for wording in _RECOVERY]
    return next((text for text in written if segments(text).count == 1), written[-1])


def _counted(
    encoding: Literal["GSM-7", "UCS-2"], costs: list[int], *, single: int, part: int
) -> Segments:
    units = sum(costs)
    if units <= single:
        return Segments(encoding=encoding, units=units, limit=single, count=1)
    count, filled = 1, 0
    for cost in costs:
        # A two-unit character is never split between two parts.
        if filled + cost > part:
            count, filled = count + 1, 0
        filled += cost
    return Segments(encoding=encoding, units=units, limit=single, count=count)
