"""What a page shows, as plain values.

Every template begins with a comment that names its context; the values in it are the frozen
dataclasses below, strings, integers and tuples of them. Nothing here knows a flow, a table or a
request: page modules fill these in, templates lay them out.

Instants are Unix seconds (`*_at`, `*_until`), spans are seconds (`*_seconds`). Templates show them
with the filters that `web/frame/render.py` installs, in the reader's language and time zone:

    |instant      24 Nov 2026, 09:12     a `<time>` element, the zone in its title
    |day          24 Nov 2026            the same without the hour
    |clock_time   14:32                  with the zone's name behind it when that is UTC
    |exact_time   14:05:20               to compare two clocks with
    |recently     today 09:12            today and yesterday by name, else like |day
    |duration     8 minutes              a span, rounded up to what a person would say
    |groups       JBSW Y3DP ...          a set-up key in fours
    |ltr          isolates a code, address or number in right-to-left text

Sentences that depend on what happened (`FieldError.sentence`, `ActivityRow.sentence`,
`StatusBox.text`, `DeliveryLine.sentence`) arrive translated, from `web/words`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind


NoticeTone = Literal["ok", "info", "warn", "danger"]
AskKind = Literal["app", "codes", "passkey", "password"] | Channel
DeliveryState = Literal["queued", "accepted", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Link:
    """An address on this site and the words to click."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusBox:
    """A status box: what happened, and at most one thing to do about it."""

    kind: NoticeTone
    text: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing to put right. `field` is the form field's name; None when no field is to blame."""

    field: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """A language by its own name; `direction` is `ltr` or `rtl`."""

    code: str
    name: str
    direction: str


@dataclass(frozen=True, slots=True)
class Support:
    """How to reach the operator's help desk; each may be missing."""

    email: str | None = None
    phone: str | None = None
    hours: str | None = None


@dataclass(frozen=True, slots=True)
class AccountMenu:
    """The menu under the login name; only with a full session."""

    user_name: str
    two_step: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page.

    `stage` fills the two bars at the top: 0 signed out, 1 password given, 2 signed in.
    `here` is path and query of this page, for the language form to come back to.
    `flash` is said once, `banner` stays until its cause is gone.
    `idle_seconds` is how long the session outlives the last request; None without a full session.
    `signal_url` is where the script asks what password managers are told, just after a sign-in.
    """

    panel_name: str
    public_host: str
    language: str
    direction: str
    languages: tuple[LanguageChoice, ...]
    here: str
    now: int
    support: Support
    stage: int = 0
    account: AccountMenu | None = None
    logo_url: str | None = None
    flash: StatusBox | None = None
    banner: StatusBox | None = None
    idle_seconds: int | None = None
    signal_url: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """How the text or call is doing; also the page's JSON status (`state`, `sentence`)."""

    state: DeliveryState
    sentence: str


@dataclass(frozen=True, slots=True)
class CodeAsk:
    """What the one box on the second-step and step-up pages asks for.

    `method_id` and `hint` (last two digits) belong to the phone, `valid_until` to the sent code.
    `entries` are the apps or passkeys that may answer, as (id, name), for those two kinds.
    `can_send_at`: when the same phone may be sent to again; None when it may not.
    """

    kind: AskKind
    method_id: str = ""
    hint: str = ""
    valid_until: int | None = None
    delivery: DeliveryLine | None = None
    can_send_at: int | None = None
    entries: tuple[tuple[str, str], ...] = ()
    codes_left: int | None = None


@dataclass(frozen=True, slots=True)
class WayRow:
    """Another way to prove it, offered below the box.

    A phone that takes both texts and calls is two rows; all passkeys together are one, and
    `entries` names them, as (id, name). `trouble` greys the row and says why.
    """

    id: str
    kind: MethodKind
    channel: Channel | None = None
    label: str = ""
    hint: str = ""
    codes_left: int | None = None
    trouble: str | None = None
    entries: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PasskeyUrls:
    """Where a page asks for a passkey's options, sends the answer, and goes without scripts."""

    options_url: str
    post: str
    action: str


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to sign in, on Account security.

    `label` is an app's or passkey's name, `hint` a phone's last two digits, `channel` how the
    phone is reached first, `codes_left` of `codes_total` the backup codes not used yet.
    `used_with` names browser and system of the last use, `synced` a passkey that can be copied.
    """

    id: str
    kind: MethodKind
    added_at: int
    label: str = ""
    hint: str = ""
    channel: Channel | None = None
    is_default: bool = False
    last_used_at: int | None = None
    used_with: str | None = None
    codes_left: int | None = None
    codes_total: int | None = None
    saved: bool = True
    synced: bool = False


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A place where this account is signed in; `network` is shortened for IPv6."""

    id: str
    browser: str
    network: str
    last_seen_at: int
    started_at: int
    is_this: bool = False
    place: str | None = None
    half: bool = False


@dataclass(frozen=True, slots=True)
class BrowserRow:
    """A browser that skips the code until `until`."""

    id: str
    browser: str
    until: int
    last_used_at: int
    network: str = ""
    is_this: bool = False


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One event as a sentence; `tone` colours its dot: ok, warn or plain."""

    at: int
    sentence: str
    browser: str | None = None
    network: str | None = None
    place: str | None = None
    tone: str = "plain"
    not_me_url: str | None = None


@dataclass(frozen=True, slots=True)
class EmailRow:
    """An address of the account."""

    id: str
    address: str
    verified: bool
    is_removable: bool = True


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A line of the country list: `DE`, Germany, 49."""

    code: str
    name: str
    calling_code: int


@dataclass(frozen=True, slots=True)
class PhoneForm:
    """What was typed, and what can be chosen. `example` is a local number of `country`."""

    likely: tuple[RegionRow, ...]
    regions: tuple[RegionRow, ...]
    country: str
    example: str
    number: str = ""
    channel: Channel = Channel.SMS
    texts_work: bool = True
    calls_work: bool = True


@dataclass(frozen=True, slots=True)
class CodeSheet:
    """Ten backup codes for screen and paper; shown until proof or `visible_until`.

    `sign_in_at`: the panel's address, for the paper. `text_url` is a `data:text/plain` address,
    `file_name` what the browser saves it as.
    """

    codes: tuple[str, ...]
    sign_in_at: str
    made_at: int
    visible_until: int
    text_url: str
    file_name: str
