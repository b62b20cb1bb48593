"""The signal to password managers: the account's valid passkeys and its user name.

Dashboard and Account security, where removing and renaming lead, contain it. A sign-in can lead to any
page, so for a short time after one every page tells its script where to fetch it (WebAuthn level 3,
§5.1.10).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.responses import Response

from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey import encode
from twostep.core.sign_in.session import Level
from twostep.flows.proof.verify_passkey import relying_party
from twostep.flows.sign_in.passkey_step import view_accepted_passkeys
from twostep.web.visit import Visit


JUST_SECONDS = 30  # how long after a sign-in pages fetch it


async def show(visit: Visit) -> Response:
    """GET /settings/security/passkey/signal: for the script; 204 if there is nothing to signal."""
    handle, passkeys = await visit.read(view_accepted_passkeys, visit.owner.id)
    text = signal_of(visit, handle, passkeys)
    media_type = "application/json" if text else None
    headers = {"cache-control": "no-store"}
    return Response(text, 200 if text else 204, headers=headers, media_type=media_type)


def signal_url(visit: Visit) -> str | None:
    """Where the page's script fetches the signal, just after a sign-in with a second step."""
    session, account = visit.session, visit.account
    if session is None or account is None or session.level is not Level.FULL:
        return None
    is_recent = account.two_step and 0 <= visit.now - session.created_at < JUST_SECONDS
    return visit.url("methods.passkey_signal") if is_recent else None


def signal_of(visit: Visit, handle: bytes | None, passkeys: Iterable[Passkey]) -> str:
    """JSON for the page's script; "" if the account has never had a passkey."""
    if handle is None:
        return ""
    signal = {
        "rpId": relying_party(visit.env).id,
        "userId": encode(handle),
        "name": visit.owner.name,
        "ids": [encode(passkey.credential_id) for passkey in passkeys],
    }
    return json.dumps(signal, separators=(",", ":"))
