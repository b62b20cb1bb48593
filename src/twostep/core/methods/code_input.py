"""The single input field for all codes: the format of the input decides what kind it is.

A stressed person cannot pick the wrong field. Input that cannot be a code is refused here, before
any throttle or hash, and does not count as a try. Nothing here raises, whatever was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.methods import recovery_codes
from twostep.core.methods.keystrokes import LONGEST, squeeze
from twostep.core.refusal import Reason, RefusalDetail, Refused


DIGITS = 6


@dataclass(frozen=True, slots=True)
class SixDigits:
    """An app's code, or a texted or spoken one: six ASCII digits."""

    code: str


@dataclass(frozen=True, slots=True)
class TypedBackupCode:
    """A backup code, normalised: 15 characters."""

    code: str


@dataclass(frozen=True, slots=True)
class TypedTemporaryCode:
    """The help desk's code, normalised: eight characters, at least one letter."""

    code: str


def read_code(typed: str) -> SixDigits | TypedBackupCode | TypedTemporaryCode | Refused:
    """Recognise the kind of `typed`. Refused as in `read_six_digits`, and also:

    letters and digits with almost the length of a backup code are `CODE_SHORT` or `CODE_LONG` with
    `expected` 15.
    """
    if len(typed) == DIGITS and typed.isascii() and typed.isdecimal():
        return SixDigits(typed)  # the common case
    if (code := recovery_codes.normalise(typed)) is not None:
        return TypedBackupCode(code)
    if (code := recovery_codes.normalise_temporary(typed)) is not None:
        return TypedTemporaryCode(code)
    six = read_six_digits(typed)
    if isinstance(six, Refused) and six.reason is Reason.CODE_NOT_DIGITS:
        return _near_backup_code(recovery_codes.read_look_alikes(squeeze(typed))) or six
    return six


def read_six_digits(typed: str) -> SixDigits | Refused:
    """Read six digits of any script, with O read as 0, and I and L as 1.

    Refused: `CODE_EMPTY`; `CODE_SHORT` and `CODE_LONG` with `length` and `expected`;
    `CODE_NOT_DIGITS`.
    """
    code = squeeze(typed)
    if not code:
        return Refused(Reason.CODE_EMPTY)
    if any(mark.isdecimal() for mark in code):
        code = recovery_codes.read_look_alikes(code)
    if len(code) <= LONGEST and not (code.isascii() and code.isdecimal()):
        return Refused(Reason.CODE_NOT_DIGITS)
    return _wrong_length(len(code), expected=DIGITS) or SixDigits(code)


def _near_backup_code(code: str) -> Refused | None:
    near = range(recovery_codes.TEMPORARY_LENGTH + 1, 2 * recovery_codes.CODE_LENGTH)
    if len(code) in near and set(code) <= set(recovery_codes.ALPHABET):
        return _wrong_length(len(code), expected=recovery_codes.CODE_LENGTH)
    return None


def _wrong_length(length: int, *, expected: int) -> Refused | None:
    detail = RefusalDetail(length=length, expected=expected)
    if length < expected:
        return Refused(Reason.CODE_SHORT, detail=detail)
    if length > expected:
        return Refused(Reason.CODE_LONG, detail=detail)
    return None
