"""Heads and bodies that two readers could read in two ways: refused, with the connection closed.

What stands behind them on the same connection is what an attacker wants to be taken for the next
visitor's request. It never reaches the application, unless the request is one that everybody reads
alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.recorder import Line, open_line


FORM = b"POST /form HTTP/1.1\r\nHost: x\r\n"
BODY = b"a=b&c"
CHUNKS = b"5\r\na=b&c\r\n0\r\n\r\n"
BEHIND = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\nGET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BOTH = [("GET", "/hidden", b""), ("GET", "/last", b"")]


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with open_line() as opened:
        yield opened


def bytewise(request: bytes) -> list[bytes]:
    return [request[at : at + 1] for at in range(len(request))]


def is_refused(line: Line, request: bytes) -> None:
    for talk in line.hold([request + BEHIND], bytewise(request + BEHIND)):
        assert (talk.statuses, talk.seen) == ([400], []), request
    (talk,) = line.hold([b"GET /before HTTP/1.1\r\nHost: x\r\n\r\n", request + BEHIND])
    assert (talk.statuses, talk.seen) == ([200, 400], [("GET", "/before", b"")]), request


CODINGS = (
    *(b"xchunked", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked, chunked"),
    *(b"\x0bchunked", b'"chunked"', b"chunked;a=b", b"", b"chunked, ", b", chunked", b"deflate"),
)


@pytest.mark.parametrize(
    "nonsense",
    [b"Content-Length: 0\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET /hidden HTTP/3.0\r\n\r\n"],
)
def test_a_request_with_nonsense_behind_it_is_answered_and_the_last(
    line: Line, nonsense: bytes
) -> None:
    first = b"GET /before HTTP/1.1\r\nHost: x\r\n\r\n"
    (talk,) = line.hold([first + nonsense + BEHIND])
    assert (talk.statuses, talk.seen) == ([200], [("GET", "/before", b"")])


@pytest.mark.parametrize("coding", CODINGS)
def test_one_transfer_coding_is_read_and_no_other(line: Line, coding: bytes) -> None:
    is_refused(line, FORM + b"Transfer-Encoding: %s\r\n\r\n" % coding + CHUNKS)


@pytest.mark.parametrize("coding", [*CODINGS, b"chunked", b"CHUNKED"])
def test_a_coding_and_a_length_are_refused(line: Line, coding: bytes) -> None:
    both = [b"Content-Length: 5\r\n", b"Transfer-Encoding: %s\r\n" % coding]
    for lines in (both, both[::-1]):
        is_refused(line, FORM + b"".join(lines) + b"\r\n" + CHUNKS)


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding\x00: chunked\r\n",
        b"X: a\nTransfer-Encoding: chunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
    ],
)
def test_a_coding_is_written_in_one_way(line: Line, field: bytes) -> None:
    is_refused(line, FORM + field + b"\r\n" + CHUNKS)


@pytest.mark.parametrize(
    "length",
    [
        *(b"+5", b"5, 5", b"5,", b"-1", b"0x5", b"", b"5 5", b"5;a", b"1_0", b"5.0", b"5e0"),
        *(b"9" * 23, b"18446744073709551621", b"5\x00", b"\xb2", b"5\r\n 5", b"\r\n 5"),
    ],
)
def test_a_length_is_a_plain_number(line: Line, length: bytes) -> None:
    is_refused(line, FORM + b"Content-Length: %s\r\n\r\n" % length + BODY)
    is_refused(line, FORM + b"Content-Length : 5\r\n\r\n" + BODY)


@pytest.mark.parametrize(
    "chunks",
    [
        *(b"0x5\r\na=b&c\r\n", b"+5\r\na=b&c\r\n", b"-5\r\na=b&c\r\n", b" 5\r\na=b&c\r\n"),
        *(b"5 \r\na=b&c\r\n", b"5 ;a\r\na=b&c\r\n", b"5;a\n\r\na=b&c\r\n", b"5;a\rb\r\na=b&c\r\n"),
        *(b"5\na=b&c\r\n", b"5\r\na=b&c\n", b"5\ra=b&c\r\n", b"5\r\na=b&c", b"5\r\na=b&c\r"),
        *(b"0_5\r\na=b&c\r\n", b"10000000000000005\r\na=b&c\r\n", b"5;a\x00\r\na=b&c\r\n"),
        *(b"\r\n", b"5\r\na=b&c\r\n0\n", b"5\r\na=b&c\r\n0\r\n\n", b"5\r\na=b&c\r\n0\r\nX : a\r\n"),
        *(b"5\r\na=b&c\r\n0\r\nX: a\n", b"5\r\na=b&c\r\n0\r\nX: a\r\n b\r\n", b"g\r\na=b&c\r\n"),
    ],
)
def test_a_chunk_is_written_in_one_way(line: Line, chunks: bytes) -> None:
    request = FORM + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    is_refused(line, request + b"0\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        *(b"GET /form HTTP/1.1\nHost: x\n\n", b"GET /form HTTP/1.1\r\nHost: x\r\n\n"),
        *(b"GET /form HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", b"GET /form HTTP/1.1\r\nX\r\nHost: x\r\n\r\n"),
        *(b"GET /form HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", b"GET\t/form\tHTTP/1.1\r\nHost: x\r\n\r\n"),
        *(b"GET /form HTTP/1.1\r\nHost: x\r\nX Y: a\r\n\r\n", b"GET /fo rm HTTP/1.1\r\nHost: x\r\n\r\n"),
        *(b"GET /form HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", b"get /form HTTP/1.1\r\nHost: x\r\n\r\n"),
        *(b"GET /form HTTP/1.1 \r\nHost: x\r\n\r\n", b"GET /form HTTP/1.2\r\nHost: x\r\n\r\n"),
        *(b"GET /form HTTP/2.0\r\nHost: x\r\n\r\n", b"GET /form HTTP/0.9\r\nHost: x\r\n\r\n"),
        *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /form HTTP/1.10\r\nHost: x\r\n\r\n"),
        *(b"GET /form\r\n\r\n", b"GET /f\xe4rm HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
)  # fmt: skip
def test_a_head_is_written_in_one_way(line: Line, head: bytes) -> None:
    is_refused(line, head)


@pytest.mark.parametrize("keep", [b"", b"Connection: keep-alive\r\n"])
def test_an_old_request_ends_its_connection_and_has_no_chunks(line: Line, keep: bytes) -> None:
    old = b"POST /form HTTP/1.0\r\nHost: x\r\n" + keep
    is_refused(line, old + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS)
    (whole, without) = line.hold(
        [old + b"Content-Length: 5\r\n\r\n" + BODY + BEHIND], [old + b"\r\n" + BEHIND]
    )
    assert (whole.statuses, whole.seen) == ([200], [("POST", "/form", BODY)])
    assert (without.statuses, without.seen) == ([200], [("POST", "/form", b"")])


@pytest.mark.parametrize("wish", [b"100-continue", b"100-Continue", b"y 100-continue", b"foo", b""])
@pytest.mark.parametrize("method", [b"POST", b"GET", b"HEAD"])
def test_who_expects_something_is_answered_and_has_no_next_request(
    line: Line, method: bytes, wish: bytes
) -> None:
    head = b"%s /form HTTP/1.1\r\nHost: x\r\nExpect: %s\r\nContent-Length: 5\r\n\r\n" % (
        method,
        wish,
    )
    for talk in line.hold([head + BODY + BEHIND], [head, BODY + BEHIND], bytewise(head + BODY)):
        assert talk.statuses[-1] == 200
        assert talk.seen == [(method.decode(), "/form", BODY)]
        assert b"connection: close" in talk.answer


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (FORM + b"Content-Length: 0005\r\n\r\n" + BODY, BODY),
        (FORM + b"Content-Length: \t5 \r\n\r\n" + BODY, BODY),
        (FORM + b"Transfer-Encoding: \tCHUNKED\r\n\r\n" + CHUNKS, BODY),
        (FORM + b'Transfer-Encoding: chunked\r\n\r\n0005;a="b"\r\na=b&c\r\n0;a\r\n\r\n', BODY),
        (FORM + b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + BODY, BODY),
        (b"\r\n\r\nPOST /form HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (FORM + b"\r\n", b""),
    ],
)
def test_what_everybody_reads_alike_is_read(line: Line, request_: bytes, body: bytes) -> None:
    for talk in line.hold([request_ + BEHIND], bytewise(request_ + BEHIND)):
        assert talk.seen == [("POST", "/form", body), *BOTH]
        assert talk.statuses == [200, 200, 200]
