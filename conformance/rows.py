"""Every row of the card: id, weight, the requirement behind it, what it says.

Weights: M must, S should, X best in class. If nothing of the kind is built, a last column says why.
A row is checked by one or more tests with the mark `@pytest.mark.row("OTP-01")`.
"""

from __future__ import annotations

from dataclasses import dataclass


POINTS = {"M": 3, "S": 2, "X": 1}


@dataclass(frozen=True)
class Row:
    """One row. `absent`: why nothing of the kind is built; empty if tests check it."""

    id: str
    weight: str
    source: str
    says: str
    absent: str = ""

    @property
    def points(self) -> int:
        """What it counts for."""
        return POINTS[self.weight]


TABLE = """
FLW-01 | M | ASVS 2.3.1 | the code page without the first step leads to sign-in
FLW-02 | M | ASVS 2.3.1 | half a session opens no page that needs a full one
FLW-03 | M | ASVS 6.3.4 | half a session gets 401 from the API
FLW-04 | M | ASVS 6.4.3 | a reset by link sets no session and skips no second step
FLW-05 | M | ASVS 7.2.4 | the cookie changes at every step of signing in, old values stop working
FLW-06 | S | ASVS 2.3.1 | half a session ends after ten minutes and is bound to its cookie
FLW-07 | M | ASVS 3.7.2 | next stays on this site
FLW-08 | M | seed | the whole path of the article, with every label present
ENR-01 | M | ASVS 7.5.1, NIST 4.1.2.1 | every change asks for a proof that is at most ten minutes old
ENR-02 | M | NIST 4.1.2.1 | two apps and two phones can be added, and apps can be named
ENR-03 | M | ASVS 8.2.2 | someone else's method is 404, and nothing changes
ENR-04 | M | ASVS 6.5.6 | a removed method is refused at once, on an open code page too
ENR-05 | M | NIST 4.5 | turning it off wipes everything; turning it on again starts clean
ENR-06 | M | NIST 4.1 | the history of every method is kept, with time and network
ENR-07 | S | lock-out guard | removing the last app is refused, with the two ways out named
ENR-09 | M | ASVS 2.2.3 | a national number is read by its own country
ADM-01 | M | ASVS 6.4.6 | the help desk cannot set a password; it sends a link
ADM-02 | M | ASVS 6.4.4 | a reset needs a reason, ends sessions, tells the user, is recorded
ADM-03 | M | ASVS 7.4.2, 7.4.5 | disabling and ending sessions take effect at the next request
ADM-04 | M | ASVS 6.3.2 | no accounts except those that were created
NTF-01 | M | NIST 4.6, ASVS 6.3.7 | each change is told by mail: time, place, "This wasn't me"
NTF-02 | M | NIST 4.6 | two addresses: both are told
NTF-03 | S | ASVS 6.3.5 | right password, three wrong codes: a mail at once, a banner at the next sign-in
NTF-04 | S | NIST 3.1.4.2 | a code that is used twice: open sessions are told
NTF-05 | M | ASVS 6.3.7 | a removed address is told too
SES-01 | M | ASVS 3.3, NIST 5.1.1 | the session cookie on loopback: HttpOnly, SameSite, Path=/
SES-02 | M | ASVS 7.2.3 | 22 characters or more; only a digest in the database
SES-03 | M | ASVS 7.3.1 | 31 minutes idle: signed out
SES-04 | M | NIST 2.2.3 | twelve hours, however busy: signed out
SES-05 | M | ASVS 7.4.1 | sign-out is by POST, the old cookie stops working, other cookies stay
SES-06 | M | ASVS 7.4.3, 7.5.2 | sessions are listed and can be ended, and this is offered after a change
SES-07 | M | NIST 5.1 | no browser is remembered by default
API-02 | S | RFC 8176 | amr, aal and auth_time are as documented, for each way
OTP-01 | M | RFC 4226 App. D | ten HOTP vectors match
OTP-02 | M | RFC 6238 App. B | eighteen TOTP vectors match, zero-padded
OTP-03 | M | RFC 4226 R6, NIST 3.1.4.1 | a hundred secrets: 20 bytes each, all different
OTP-04 | M | ASVS 6.5.5 | period 30, six digits, SHA-1 in the address
OTP-05 | M | RFC 6238 §5.2 | codes of T-1 and T accepted, T-2 refused
OTP-06 | M | RFC 6238 §6 | T+1 accepted, T+2 refused
OTP-07 | M | RFC 6238 §5.2, ASVS 6.5.1 | the same code twice: second refused
OTP-08 | M | RFC 6238 §5.2 | after step T was used, the unused code of T-1 is refused
OTP-09 | M | ASVS 2.3.4, 15.4.2 | twenty parallel posts of one code: one works (app, text, backup)
OTP-10 | M | NIST 4.1 | a wrong code in the wizard leaves two-step sign-in off
OTP-11 | S | UX | at the next sign-in, the enrolment code is reported as already used
OTP-12 | M | ASVS 6.5.8 | a Date header or a time field changes nothing
OTP-13 | M | ASVS 13.3.1, 11.3 | no dump holds a secret in any encoding; its ciphertext names its key
OTP-14 | S | ASVS 11.3.3 | swapped ciphertext fails closed, with an event
OTP-15 | S | ASVS 11.2.2, 13.3.4 | keys are rotated while serving; the old one can be removed
OTP-16 | M | secret shown once | after confirmation, the secret is on no page
OTP-17 | S | drift | an app that is one step slow twice in a row moves the centre, but never by more than one step
IOP-01 | M | Key URI, FreeOTP, Aegis | hostile names: one colon, nothing escaped but spaces
IOP-02 | M | 2FAS | decoding the whole address first gives the same values
IOP-03 | M | Key URI | the secret is unpadded base32 of 32 letters; the QR code is on the page
IOP-04 | S | WCAG, desktop | the key as text, and a link for the same phone
OOB-12 | X | ASVS 6.6.1 L3 | policy.phones = off: every phone route is gone
OOB-16 | S | API4 | a daily budget of three: the fourth is not sent, the app still works
OOB-17 | S | OAT-003 | more than five new numbers with one prefix in an hour: no more for a day
THR-07 | M | counters in the database | the count survives a restart between tries
ENR-08 | S | ASVS 6.3.3 | require_two_step = all: led to enrolment, and nowhere else
BKP-10 | S | DoS | a wrong backup code costs no more than a wrong password: one hash
UX-05 | M | no JavaScript | the whole path works without scripts
UX-06 | M | axe-core | no serious finding on any page: light, dark, 320 px
API-01 | S | RFC 9470 | a stale session gets 401, naming the proof it needs | comes later, with the API that changes things: /api/session only reads
API-03 | S | RFC 9101, ASVS 9 | forged requests of the redirect sign-in are refused | comes later, with the redirect sign-in
WAN-01 | M | NIST 2.2.2 | a passkey is added, and used as second step, alone, and to confirm
WAN-02 | M | WebAuthn test vectors | vectors of supported algorithms pass, cross-origin ones do not
WAN-03 | M | #sctn-verifying | eight forged answers are refused with one message
WAN-04 | M | #dictionary-makecredentialoptions | options of a new passkey
WAN-05 | S | App. B | an unverified user needs the password; a verified one counts as two
WAN-06 | S | signCount | with a counter that does not increase, the user is let in, it is logged, and the owner is told
WAN-07 | X | L3 | passkeys in the user name's menu; password managers are told
BKP-01 | M | NIST 4.2.1.1 | 64 bits or more in each code
BKP-02 | M | ASVS 6.5.2 | Argon2id digests, one random salt per set, none in the clear after proof
BKP-03 | M | ASVS 6.5.1 | a code works once, and one fewer is left
BKP-04 | M | NIST 4.2.1.1 | a new set invalidates the old one
BKP-05 | M | NIST 3.1.2.1, ASVS 7.5.1 | showing codes asks for a fresh second factor
BKP-06 | M | ASVS 14.3.2 | the codes' page is not stored
BKP-07 | S | UX | lower case, spaces, O for 0 and I for 1 are forgiven
BKP-08 | S | print | print rules exist; the download has panel, account, date and ten lines
BKP-09 | S | NIST 4.2.1.1 | the use of a code is reported by mail; after the last one, a new set is asked for
THR-01 | M | NIST 3.2.2 | 20 wrong codes: the password is retired; the mailed link and the same app work
THR-02 | M | NIST 3.2.2 | app and text share a counter; backup codes are not affected by it
THR-03 | M | NIST 3.2.2 | a full sign-in resets the count in a row, not the total chance
THR-04 | M | RFC 4226 §7.3 | the wait grows, and is given in words on the page and in Retry-After
THR-05 | M | ASVS 6.1.1 | a correct code during the wait is refused without being used up
THR-06 | M | ASVS 6.1.1 | a thousand wrong passwords from strangers do not keep the owner out
THR-08 | M | ASVS 4.1.3 | forged X-Forwarded-For does not evade the network's count
THR-09 | S | NIST usability | at least ten wrong tries before the password is retired
THR-10 | S | spraying | one code against many accounts from one network: the network's count trips
WEB-01 | M | ASVS 3.4 | headers of every page
WEB-02 | M | ASVS 3.5.1, NIST 5.1 | a POST with a foreign, null or no origin is 403 on every route
WEB-03 | M | ASVS 3.5.3 | GET changes nothing: 405, or the form
WEB-04 | M | ASVS 14.2.1 | no secret, code or token in an address
WEB-05 | M | ASVS 14.3.2 | no-store on every page of the sign-in and after it
WEB-06 | M | ASVS 6.3.8 | unknown and known names: the same answer, in the same time
WEB-07 | M | ASVS 6.2 | password rules: length, common ones, the user's name, any character, no truncation
WEB-08 | M | ASVS 1.2, 16.4.1 | a hostile name is escaped on pages and in the record
WEB-09 | S | ASVS 13.4 | TRACE is 405, no server version
WEB-10 | S | well-known | the change-password address leads to the page
UX-01 | M | WCAG 3.3.8, GOV.UK | one code field: numeric keyboard, one-time-code, no maxlength
UX-02 | M | GOV.UK | spaces, dashes and non-Latin digits are accepted
UX-03 | M | GOV.UK | each mistake has its own sentence; the title says Error, the summary links
UX-04 | M | WCAG 4.1.3 | sending is announced as a status, mistakes as an alert
UX-07 | S | NIST usability | after a wrong code, the chosen way stays selected
UX-08 | S | WCAG 2.2.1 | a warning before the idle end, with a button
LOG-01 | M | ASVS 16.3.1 | every sign-in, failure and factor is recorded with who, what, where, when
LOG-02 | M | ASVS 16.2.5 | no code, secret, password, number or cookie in log or record
LOG-03 | S | ASVS 16.4.2 | an edited record is found by audit verify
LOG-04 | M | ASVS 16.3.3 | forged forms, replays and throttles are recorded
DOC-01 | M | ASVS 6.1.1, 7.1, 11.1, 14.1, 16.1 | the documents exist, and their limits match the program
OOB-01 | M | ASVS 6.5.4 | 10,000 codes: six digits, uniform, leading zeros occur
OOB-02 | M | NIST 3.1.3.2, ASVS 6.5.5 | at +9:45 accepted, at +10:01 refused as expired
OOB-03 | M | ASVS 6.5.1 | a sent code works once
OOB-04 | M | ASVS 6.6.2 | a code for one sign-in is refused in another, and for another purpose
OOB-05 | M | ASVS 6.6.3 | five wrong codes: the sent one no longer works, even if it is sent again
OOB-06 | M | GOV.UK | after a resend the first message's code still works
OOB-07 | M | WICG origin-bound codes | the last line is @host #code
OOB-08 | S | NIST usability | the text names the service, fits one segment, has no link
OOB-09 | M | ASVS 6.6.1, NIST 3.2.9 | without an app or passkey no phone can be added
OOB-10 | M | NIST 3.2.9(2) | the page says that phones are weaker, and names what is stronger
OOB-11 | M | ASVS 6.6.1 | an unconfirmed number is never offered
OOB-13 | M | OAT-003 | without a password no text or call goes out
OOB-14 | M | ASVS 2.4.1 | the fifth send in one sign-in: 429 with the wait
OOB-15 | M | OAT-003 | premium and service numbers are refused before anything is sent
OOB-18 | M | ASVS 16.5.2, 16.5.3 | a provider that refuses or hangs: the page answers at once and says so in 20 s
OOB-19 | S | voice | the call reads the digits one by one, three times
OOB-20 | M | GOV.UK | at sign-in, at most two digits of the number
"""
ROWS = tuple(Row(*line.split(" | ")) for line in TABLE.strip().splitlines())
