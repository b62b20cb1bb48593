"""What a page shows, as plain values.

Every template begins with a comment that lists its context: the frozen dataclasses below, strings,
integers and tuples of them. This module knows no flow, table or request: page modules fill the values
in, templates lay them out.

Instants are Unix seconds (`*_at`, `*_until`), spans are seconds (`*_seconds`). Templates format them
with the filters that `web/frame/render.py` lists.

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
    """A path on this site and the text to click."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusBox:
    """A status box: what happened, and optionally one thing to do about it."""

    kind: NoticeTone
    text: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing to correct. `field`: the form field's name; None if it concerns no field."""

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
    """How to reach the operator's help desk. `opens_at`: when it opens, if it is known to be closed."""

    email: str | None = None
    phone: str | None = None
    hours: str | None = None
    opens_at: int | None = None


@dataclass(frozen=True, slots=True)
class AccountMenu:
    """The menu under the user name; only with a full session."""

    user_name: str
    two_step: bool
    is_operator: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame around every page.

    `stage`: 0 signed out, 1 password given, 2 signed in.
    `full_path` is the path and query of this page, where the language form returns to.
    `appearance`: `light` or `dark` if the person chose one; empty: as the device is set.
    `flash` is shown once, `banner` until its cause is gone.
    `idle_seconds`: how long the session lasts after a request; None without a full session.
    `required_by`: who requires two-step sign-in, while it is being set up because of that.
    `demo_accounts`: names and passwords to try, `demo_urls`: the fake phone, alone and beside the
    panel; empty but in the demo.
    `signal_url`: where the script fetches the signal to password managers, just after a sign-in.
    """

    panel_name: str
    public_host: str
    language: str
    direction: str
    languages: tuple[LanguageChoice, ...]
    full_path: str
    now: int
    support: Support
    stage: int = 0
    account: AccountMenu | None = None
    logo_url: str | None = None
    flash: StatusBox | None = None
    banner: StatusBox | None = None
    idle_seconds: int | None = None
    signal_url: str | None = None
    required_by: str = ""
    may_only_enrol: bool = False
    appearance: str = ""
    demo_accounts: tuple[tuple[str, str], ...] = ()
    demo_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """The state of a text or call; also the page's JSON status (`state`, `sentence`)."""

    state: DeliveryState
    sentence: str


@dataclass(frozen=True, slots=True)
class CodeAsk:
    """What the input box on the second-step and step-up pages asks for.

    `method_id` and `hint` (last two digits) belong to the phone, `valid_until` to the sent code.
    `entries`: the account's apps or passkeys as (id, name), for those two kinds.
    `can_send_at`: when a code may be sent to the same phone again; None: it may not.
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
    """Another way to sign in, offered below the box.

    A phone that takes both texts and calls has two rows; all passkeys share one, with `entries`
    as (id, name). `trouble` says why the row is disabled.
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
    """Where a page fetches a passkey's options, posts the response, and leads without scripts."""

    options_url: str
    post: str
    action: str


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to sign in. `name`: what its owner calls it; `label`: that, or its kind and day; `hint`: a
    phone's last two digits; `channel`: how it is reached first; `codes_left`: unused backup codes, of
    `codes_total`; `used_with`: browser and system of the last use; `synced`: the passkey can be copied;
    `elsewhere`: the domain it is bound to, if not ours; `is_changed`: a password manager changed it."""

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
    elsewhere: str = ""
    is_changed: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session of the account; an IPv6 `network` is shortened to its prefix."""

    id: str
    browser: str
    network: str
    last_seen_at: int
    started_at: int
    is_this: bool = False
    place: str | None = None
    half: bool = False


@dataclass(frozen=True, slots=True)
class KnownBrowserRow:
    """A browser that has signed in to the account, last at `seen_at`."""

    id: str
    browser: str
    seen_at: int
    is_this: bool = False


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
    """One act as a sentence. `tone`, the colour of its dot: ok, warn or plain; `day`: a heading, on the
    first row of each day; `details`: its events, when they happened and as sentences."""

    at: int
    sentence: str
    browser: str | None = None
    network: str | None = None
    place: str | None = None
    tone: str = "plain"
    not_me_url: str | None = None
    day: str = ""
    details: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EmailRow:
    """An e-mail address of the account."""

    id: str
    address: str
    verified: bool
    is_removable: bool = True


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A line of the country list: `DE`, Germany, +49, and a national number for the hint."""

    code: str
    name: str
    prefix: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class PhoneForm:
    """What was typed, and the choices. `example`: a national number of `country`. `elsewhere`: the
    region whose number was typed, if it is another one.
    """

    likely: tuple[RegionRow, ...]
    regions: tuple[RegionRow, ...]
    country: str
    example: str
    number: str = ""
    channel: Channel = Channel.SMS
    texts_work: bool = True
    calls_work: bool = True
    elsewhere: RegionRow | None = None


@dataclass(frozen=True, slots=True)
class CodeSheet:
    """Ten backup codes for screen and paper; shown until proved or until `visible_until`.

    `sign_in_at`: the panel's address, for the printout. `text_url`: the codes as a `data:text/plain`
    URL, which the browser saves as `file_name`.
    """

    codes: tuple[str, ...]
    sign_in_at: str
    made_at: int
    visible_until: int
    text_url: str
    file_name: str
