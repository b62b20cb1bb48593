"""Where a request ends, and which of its fields count: raw bytes at the real server, in front of an
application that writes down what reaches it.

A proxy keeps one connection for many visitors. If it and we ever disagree about where a request ends,
what one visitor sends becomes the beginning of another's request.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.recorder import Line, open_line
from twostep.server.door import LARGEST_HEAD, MOST_PIPELINED


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
AFTERWARDS = [("GET", "/next", b""), ("GET", "/last", b"")]
# As sent by Java's HttpClient on plain http, by a browser's script, and by people with bad intentions.
WISHES = {
    "java": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIA\r\n",
    "lower_case": b"connection: upgrade\r\nupgrade: h2c\r\n",
    "keep_alive": b"Upgrade: foo\r\nConnection: Upgrade, keep-alive\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "two_lines": b"UPGRADE: h2c\r\nConnection: te\r\nConnection: Upgrade\r\nupgrade: TLS/1.0\r\n",
    "proxy": b"Proxy-Connection: upgrade\r\nUpgrade: foo\r\n",
}
FRAMINGS = {
    "length": b"Content-Length: %d\r\n\r\n%s" % (len(HIDDEN), HIDDEN),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\nX-Late: 1\r\n\r\n"
    % (5, HIDDEN[:5], len(HIDDEN) - 5, HIDDEN[5:]),
}


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with open_line() as opened:
        yield opened


def form(*lines: bytes, framing: bytes, version: bytes = b"1.1") -> bytes:
    """A request with a body. `lines`: further headers, with their line ends."""
    return b"POST /form HTTP/%s\r\nHost: x\r\n%s%s" % (version, b"".join(lines), framing)


def bytewise(request: bytes) -> list[bytes]:
    return [request[at : at + 1] for at in range(len(request))]


# ── who asks for another protocol ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("wish", WISHES)
def test_a_request_that_asks_for_another_protocol_is_read_with_its_body(
    line: Line, wish: str, framing: str
) -> None:
    request = form(WISHES[wish], framing=FRAMINGS[framing])
    head = request.index(b"\r\n\r\n") + 4
    talks = line.hold(
        [request + NEXT + LAST],
        [request[:head], request[head:], NEXT + LAST],
        [request, NEXT, LAST],
        bytewise(request + NEXT + LAST),
    )
    for talk in talks:
        assert talk.seen == [("POST", "/form", HIDDEN), *AFTERWARDS]
        assert talk.statuses == [200, 200, 200]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_it_does_not_matter_where_it_is_cut(line: Line, framing: str) -> None:
    request = form(WISHES["java"], framing=FRAMINGS[framing]) + NEXT + LAST
    for talk in line.hold(*([request[:at], request[at:]] for at in range(1, len(request)))):
        assert talk.seen == [("POST", "/form", HIDDEN), *AFTERWARDS]
        assert talk.statuses == [200, 200, 200]


def test_all_but_the_wish_itself_reaches_the_application_as_it_came(line: Line) -> None:
    lines = (
        b"X-Empty:\r\nX-Odd: \t a, b  c\r\nCookie: a=1\r\nCookie: b=2\r\nExpect: 100-continue\r\n"
    )
    asked = form(lines, WISHES["java"], framing=FRAMINGS["length"])
    plain = form(lines, b"Connection: close\r\n", framing=FRAMINGS["length"])
    wishful, (usual,) = line.hold([asked + LAST])[0], line.hold([plain])[0].fields
    assert wishful.statuses == [100, 200]  # who expects has no next request
    (fields,) = wishful.fields
    del fields["http2-settings"]
    assert fields == {**usual, "connection": ["Upgrade, HTTP2-Settings"]}


def test_a_page_is_answered_and_so_is_what_was_sent_right_behind_it(line: Line) -> None:
    for wish in WISHES.values():
        asked = b"GET /page?a=b HTTP/1.1\r\nHost: x\r\n%s\r\n" % wish
        (talk, bit_by_bit) = line.hold([asked + NEXT + LAST], bytewise(asked + NEXT + LAST))
        assert talk.seen == bit_by_bit.seen == [("GET", "/page", b""), *AFTERWARDS]
        assert talk.statuses == bit_by_bit.statuses == [200, 200, 200]


def test_many_in_a_row_are_read_one_by_one_and_not_without_end(line: Line) -> None:
    asked = form(WISHES["java"], framing=FRAMINGS["length"])
    (some, endless) = line.hold([asked * MOST_PIPELINED + LAST], [asked * 500])
    assert some.seen == [*[("POST", "/form", HIDDEN)] * MOST_PIPELINED, ("GET", "/last", b"")]
    assert len(endless.seen) <= 1  # cut off, as without the wish


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_connection_that_is_to_close_closes_after_the_whole_body(
    line: Line, framing: str
) -> None:
    wish = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
    body = FRAMINGS[framing]
    whole = form(wish, framing=body)
    head = whole.index(b"\r\n\r\n") + 4
    requests = [[whole + NEXT], [whole[:head], whole[head:] + NEXT]]
    if framing == "length":
        old = form(WISHES["java"], framing=body, version=b"1.0")
        requests += [[old + NEXT], bytewise(old)]
    for talk in line.hold(*requests):
        assert talk.seen == [("POST", "/form", HIDDEN)]
        assert talk.statuses == [200]


def test_a_head_that_is_too_large_is_no_smaller_for_its_wish(line: Line) -> None:
    huge = b"X-Huge: %s\r\n" % (b"a" * LARGEST_HEAD)
    (talk,) = line.hold([form(WISHES["java"], huge, framing=FRAMINGS["length"])])
    assert (talk.statuses, talk.seen) == ([431], [])


@pytest.mark.parametrize("wish", [b"", WISHES["java"]])
def test_nobody_connects_to_elsewhere_through_us(line: Line, wish: bytes) -> None:
    for target in (b"x:443", b"/form", b"http://x/form", b"*"):
        asked = b"CONNECT %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (target, wish)
        for talk in line.hold([asked + HIDDEN], [asked, HIDDEN], [NEXT, asked + HIDDEN]):
            assert talk.statuses[-1] == 400
            assert talk.seen in ([], [("GET", "/next", b"")])


# ── what follows a body ──────────────────────────────────────────────────────────────────────────


LATE = (
    b"X-Forwarded-For: 203.0.113.9\r\nHost: elsewhere\r\nOrigin: https://elsewhere\r\n"
    b"Cookie: a=b\r\nExpect: 100-continue\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
)


@pytest.mark.parametrize("wish", [b"", WISHES["java"]])
def test_a_field_after_the_body_is_no_header(line: Line, wish: bytes) -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n%s\r\n" % LATE
    request = form(wish, b"Trailer: X-Forwarded-For\r\n", framing=body) + NEXT + LAST
    cuts = ([request[:at], request[at:]] for at in range(1, len(request), 7))
    for talk in line.hold([request], bytewise(request), *cuts):
        assert talk.seen == [("POST", "/form", b"a=b"), *AFTERWARDS]
        assert talk.statuses == [200, 200, 200]
        (fields, behind, _) = talk.fields
        assert fields["host"] == behind["host"] == ["x"]
        assert not {"x-forwarded-for", "origin", "cookie", "expect", "upgrade"} & fields.keys()
        assert list(behind) == ["host"]


# ── what may stand in a request once ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wish", [b"", WISHES["java"]])
@pytest.mark.parametrize(
    "again",
    [
        b"Host: x\r\n",  # the same again is one too many, too
        b"hOST: elsewhere\r\n",
        b"Origin: https://x\r\nAccept: */*\r\norigin: https://elsewhere\r\n",
        b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin\r\n",
        b"Content-Length: %d\r\n" % len(HIDDEN),
        b"Content-Length: 0\r\n",
    ],
)
def test_a_second_line_of_what_we_decide_by_is_refused(
    line: Line, again: bytes, wish: bytes
) -> None:
    request = form(wish, again, framing=FRAMINGS["length"])
    for talk in line.hold([request + NEXT], [request, NEXT], bytewise(request)):
        assert (talk.statuses, talk.seen) == ([400], [])
    (behind,) = line.hold([NEXT, request + NEXT])
    assert (behind.statuses, behind.seen) == ([200, 400], [("GET", "/next", b"")])


def test_lists_may_come_in_several_lines(line: Line) -> None:
    lines = b"X-Forwarded-For: 203.0.113.7\r\nCookie: a=b\r\nX-Forwarded-For: 127.0.0.1\r\nCookie: c=d\r\n"
    (talk,) = line.hold([form(lines, framing=FRAMINGS["length"]) + LAST])
    assert talk.statuses == [200, 200]
    assert talk.fields[0]["x-forwarded-for"] == ["203.0.113.7", "127.0.0.1"]
    assert talk.fields[0]["cookie"] == ["a=b", "c=d"]


# ── whose request it is ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wish", [b"", WISHES["java"]])
@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"http://other.example/form", "other.example", "/form"),
        (b"https://other.example:8443?a=b", "other.example:8443", "/"),
        (b"http://x@other.example/form", "x@other.example", "/form"),
        (b"http://[::1]:80/form", "[::1]:80", "/form"),
        (b"HTTP://x", "x", "/"),
    ],
)
def test_an_absolute_target_names_the_host_whatever_the_field_says(
    line: Line, target: bytes, host: str, path: str, wish: bytes
) -> None:
    request = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (target, wish)
    for talk in line.hold([request + LAST], bytewise(request + LAST)):
        assert talk.seen == [("GET", path, b""), ("GET", "/last", b"")]
        assert talk.fields[0]["host"] == [host]


@pytest.mark.parametrize(
    "request_line", [b"GET /form HTTP/1.1", b"GET http://x/form HTTP/1.1", b"OPTIONS * HTTP/1.1"]
)
def test_a_request_without_a_host_is_refused(line: Line, request_line: bytes) -> None:
    for talk in line.hold([request_line + b"\r\n\r\n" + NEXT], [NEXT, request_line + b"\r\n\r\n"]):
        assert talk.statuses[-1] == 400
        assert talk.seen in ([], [("GET", "/next", b"")])


@pytest.mark.parametrize("target", [b"foo:bar", b"http:///form", b"http://:80/form", b"x"])
def test_a_target_that_names_nothing_is_refused(line: Line, target: bytes) -> None:
    (talk,) = line.hold([b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target + NEXT])
    assert (talk.statuses, talk.seen) == ([400], [])


def test_a_head_that_is_too_large_is_refused_in_words(line: Line) -> None:
    huge = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=%s\r\n\r\n" % (b"a" * LARGEST_HEAD)
    (talk,) = line.hold([huge])
    assert (talk.statuses, talk.seen) == ([431], [])
    assert b"Delete the cookies of this site" in talk.answer
