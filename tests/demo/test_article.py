"""The help article without any browser: plain requests and plain forms (conformance UX-05, FLW-08)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.article import Article
from tests.support.live import live_demo
from tests.support.plain_walker import PlainWalker


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.row("FLW-08", "UX-05", "OOB-07", "OOB-19", "BKP-07", "UX-02", "IOP-04")
def test_the_article_needs_no_browser(tmp_path: Path) -> None:
    with live_demo(tmp_path / "demo") as demo:
        with closing(PlainWalker(demo.url, FIREFOX)) as walker:
            Article(demo, walker).walk()
        state = demo.state()
        assert state["apps"] == state["phones"] == state["recovery_sets"] == {}
        assert [event for event, _ in state["events"]][-1] == "two_step.disabled"
        demo.verify_audit()
