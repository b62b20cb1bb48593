"""The demo's routes: the fake phone's page, its messages, and controls for scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources

from starlette.responses import JSONResponse, Response

from twostep.core import sealing
from twostep.core.messages.channel import Channel
from twostep.delivery.console import Behaviour, Received
from twostep.delivery.message import MailMessage
from twostep.demo.apps import NoKey, new_entry, read_entry
from twostep.demo.asked import BadRequest, DemoRequest, problem, read_request
from twostep.demo.beside import show_beside
from twostep.demo.calls import KEYS
from twostep.demo.company import CHANNELS, OUTCOMES
from twostep.demo.parts import Demo
from twostep.demo.phone_page import NO_KEY, NOTHING_TO_SCAN, show_mail, show_phone
from twostep.flows.methods.enroll_app import PENDING_SECRET
from twostep.store.account import accounts
from twostep.store.operate import demo_reset
from twostep.web.visit import Access, Page, Visit


PREFIX = "/_demo/"
Action = Callable[[Demo, Visit, DemoRequest], Awaitable[Response]]


def pages(demo: Demo) -> list[Page]:
    """All routes of the demo, in addition to the product's."""
    actions: tuple[tuple[str, str, Action], ...] = (
        ("clock", "clock", _move_clock),
        ("delivery", "delivery", _change_delivery),
        ("reset", "reset", _reset),
        ("call_key", "phone/{id}/key", _press_key),
        ("call_answer", "phone/{id}/answer", _answer),
        ("call_hang_up", "phone/{id}/hang-up", _hang_up),
        ("app_new", "apps", _add_entry),
        ("app_scan", "apps/scan", _scan),
        ("phone_clock", "apps/clock", _change_phone_clock),
        ("app_remove", "apps/{id}/remove", _remove_entry),
    )
    return [
        _page("phone", "phone", get=partial(show_phone, demo)),
        _page("messages", "messages", get=partial(_list_messages, demo)),
        _page("beside", "beside", get=show_beside),
        _page("mail_html", "mail/{id}", get=partial(show_mail, demo)),
        _page("phone_css", "phone.css", get=partial(_send_file, "phone.css", "text/css")),
        _page("phone_js", "phone.js", get=partial(_send_file, "phone.js", "text/javascript")),
        *(_page(name, path, post=partial(_run, demo, action)) for name, path, action in actions),
    ]


def _page(
    name: str,
    path: str,
    *,
    get: Callable[[Visit], Awaitable[Response]] | None = None,
    post: Callable[[Visit], Awaitable[Response]] | None = None,
) -> Page:
    access = Access.OPEN
    return Page(
        f"demo.{name}", PREFIX + path, get=get, post=post, access=access, extends=False, raw=True
    )


async def _run(demo: Demo, action: Action, visit: Visit) -> Response:
    try:
        return await action(demo, visit, read_request(visit))
    except BadRequest as refused:
        return problem(refused)


async def _send_file(name: str, kind: str, _visit: Visit) -> Response:
    content = resources.files("twostep.demo").joinpath("static", name).read_bytes()
    return Response(content, media_type=kind, headers={"cache-control": "no-cache"})


# ── messages ────────────────────────────────────────────────────────────────────────────────────


async def _list_messages(demo: Demo, _visit: Visit) -> Response:
    return JSONResponse(
        [_as_json(received) for received in demo.inbox.received],
        headers={"cache-control": "no-store"},
    )


def _as_json(received: Received) -> dict[str, str | int | None]:
    match received.message:
        case MailMessage() as mail:
            text, code = f"{mail.subject}\n\n{mail.text}", None
        case message:
            text, code = message.text, message.code
    return {
        "id": received.message.id,
        "channel": str(received.channel),
        "to": received.message.to,
        "text": text,
        "code": code,
        "created_at": received.at,
    }


# ── controls ────────────────────────────────────────────────────────────────────────────────────


async def _move_clock(demo: Demo, _visit: Visit, request: DemoRequest) -> Response:
    if not demo.clock.move(request.number("offset_seconds")):
        raise BadRequest('"offset_seconds" leads beyond the years 1970 to 9999')
    demo.env.wake_outbox()
    return request.answer({"now": demo.clock()})


async def _change_delivery(demo: Demo, _visit: Visit, request: DemoRequest) -> Response:
    channel = Channel(request.choice("channel", tuple(map(str, CHANNELS))))
    demo.company.outcomes[channel] = Behaviour(request.choice("outcome", tuple(map(str, OUTCOMES))))
    return request.answer()


async def _reset(demo: Demo, _visit: Visit, request: DemoRequest) -> Response:
    await demo.reset()
    return request.answer()


# ── calls ───────────────────────────────────────────────────────────────────────────────────────


def _find_call(demo: Demo, visit: Visit) -> str:
    received = demo.inbox.find(visit.params["id"])
    if received is None or received.channel is not Channel.CALL:
        raise BadRequest("there is no such call", status=404)
    return received.message.id


async def _press_key(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    call_id = _find_call(demo, visit)
    key = request.text("key")
    if len(key) != 1 or key not in KEYS:
        raise BadRequest(f'"key" must be one of {" ".join(KEYS)}')
    ongoing = demo.calls.find(call_id)
    if ongoing is not None and ongoing.is_over:
        raise BadRequest("this call is over", status=409)
    call = await demo.calls.press(demo.env, call_id, key)
    heard = [line.words for line in call.heard if line.by == "voice"]
    return request.answer({"step": str(call.step), "over": call.is_over, "heard": heard})


async def _answer(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    call = await demo.calls.answer(demo.env, _find_call(demo, visit))
    return request.answer({"step": str(call.step), "over": call.is_over})


async def _hang_up(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    demo.calls.hang_up(_find_call(demo, visit))
    return request.answer()


# ── authenticator ───────────────────────────────────────────────────────────────────────────────


async def _add_entry(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    typed = request.text("key")
    try:
        entry = read_entry(typed, issuer=demo.env.settings.panel_name)
    except NoKey:
        if request.back is not None:
            return await show_phone(demo, visit, tab="apps", error=NO_KEY, typed=typed)
        raise BadRequest('"key" must be a setup key (base32) or an otpauth:// address') from None
    demo.apps.add(entry)
    return request.answer()


async def _scan(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    """Act as the camera: read the QR code that a page of the panel shows."""
    env = demo.env
    pending = await env.store.read(demo_reset.load_newest_pending, now=visit.now)
    account = await env.store.read(accounts.load, pending.account_id) if pending else None
    if pending is None or account is None:
        if request.back is not None:
            return await show_phone(demo, visit, tab="apps", error=NOTHING_TO_SCAN)
        raise BadRequest("no page shows a QR code", status=404)
    secret = sealing.open_sealed(
        env.keyring,
        pending.secret,
        purpose=PENDING_SECRET,
        row_id=pending.id,
        account_id=pending.account_id,
    )
    demo.apps.add(new_entry(env.settings.panel_name, account.name, secret))
    return request.answer()


async def _change_phone_clock(demo: Demo, _visit: Visit, request: DemoRequest) -> Response:
    demo.apps.is_slow = request.choice("clock", ("right", "slow")) == "slow"
    return request.answer()


async def _remove_entry(demo: Demo, visit: Visit, request: DemoRequest) -> Response:
    if not demo.apps.remove(visit.params["id"]):
        raise BadRequest("there is no such entry", status=404)
    return request.answer()
