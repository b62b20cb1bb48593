"""The headers of a request as one value for each name."""

from __future__ import annotations

from collections.abc import Iterable


def read(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Join lines of one name in the order in which they came (RFC 9110 §5.3).

    A proxy may add a line of its own to a list, as HAProxy does with X-Forwarded-For; from HTTP/2,
    cookies may come in several lines (RFC 9113 §8.2.3). A field that may not come twice gets a value
    that means nothing; the server has already refused the ones that decide something.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers:
            separator = "; " if name == "cookie" else ", "
            headers[name] += separator + value
        else:
            headers[name] = value
    return headers
