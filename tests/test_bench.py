"""The benchmarks' own parts: what they print, keep and draw. Their timings are nobody's test."""

from __future__ import annotations

import asyncio
import json
import tempfile
import xml.etree.ElementTree as ET  # our own pictures
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench import crowd, load, pace, peer, plots, results
from bench.results import Line, Results
from bench.serving import free_port


KEYS = ["id", "what", "value", "unit", "ratio", "against", "target", "met"]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_figure_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = Results()
    said.say("P1", "steps", 1234.567, "/s", target="2000/s", met=False, ratio=8.1234567)
    said.say("P1", "steps of a peer", 200, "/s")
    first, second = capsys.readouterr().out.splitlines()
    assert list(json.loads(first)) == KEYS
    assert json.loads(first)["value"] == 1234.57
    assert json.loads(first)["ratio"] == 8.1235
    assert json.loads(first)["met"] is False
    assert json.loads(second)["ratio"] is None


def test_a_run_in_parts_is_kept_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl"
    for what, value in (("old", 1.0), ("measured again", 2.0)):
        monkeypatch.setattr(results, "RESULTS", Results())
        results.RESULTS.lines += [
            Line("P1", what, value, "/s", None, "", "", met=True),
            Line("P2", "both times", value, "/s", None, "", "", met=True),
        ]
        results.save(path, {"a-peer": "1.0"})
    assert {line.what: line.value for line in results.read(path)} == {
        "old": 1.0, "both times": 2.0, "measured again": 2.0,
    }  # fmt: skip
    assert results.read_surroundings(path)["versions"]["a-peer"] == "1.0"


def test_every_picture_has_its_figures_and_is_of_the_kept_run() -> None:
    lines = results.read(plots.RUN)
    for figure in plots.FIGURES:
        drawn = plots.draw(figure, lines)
        assert (plots.IMAGES / f"{figure.name}.svg").read_text(encoding="utf-8") == drawn, (
            "run: .venv/bin/python -m bench.plots"
        )


def test_a_picture_says_in_words_what_it_shows() -> None:
    lines = results.read(plots.RUN)
    for figure in plots.FIGURES:
        root = ET.fromstring(plots.draw(figure, lines))  # noqa: S314  our own
        words = root.findtext(f"{SVG}desc") or ""
        assert root.findtext(f"{SVG}title") == figure.title
        assert root.get("role") == "img"
        for bar in figure.bars:
            assert f"{bar.label}: {plots.number(plots.value_of(bar, lines))}" in words
        assert len(root.findall(f"{SVG}rect")) == len(figure.bars)


def test_a_missing_figure_is_noticed() -> None:
    lines = results.read(plots.RUN)
    figure = plots.FIGURES[0]
    lost = replace(figure.bars[0], what="something that nobody measured")
    with pytest.raises(LookupError, match="nobody measured"):
        plots.draw(replace(figure, bars=(lost,)), lines)


def test_the_page_holds_the_kept_run_and_every_picture() -> None:
    page = plots.PAGE.read_text(encoding="utf-8")
    assert plots.page_text(page, plots.RUN) == page, "run: .venv/bin/python -m bench.plots"
    assert [figure.name for figure in plots.FIGURES if f"{figure.name}.svg" not in page] == []


def test_the_peer_is_pinned_with_hashes() -> None:
    pinned = peer.LOCK.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    packages = [line for line in pinned if line and not line.lstrip().startswith("#")]
    assert any(line.startswith(f"{peer.NAME}==") for line in packages)
    assert [line for line in packages if "--hash=sha256:" not in line] == []


@asynccontextmanager
async def _server(*, wait_seconds: float = 0) -> AsyncIterator[int]:
    """Answers every request with 303 and five bytes, in two pieces, as a network may cut them."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            while head.strip():
                head = await reader.readline()
            await asyncio.sleep(wait_seconds)
            writer.write(b"HTTP/1.1 303 See Other\r\nContent-")
            await writer.drain()
            writer.write(b"Length: 5\r\n\r\nhello")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(talk, "127.0.0.1", port):
        yield port


def test_every_request_is_sent_once_and_counted() -> None:
    async def story() -> load.Result:
        async with _server() as port:
            requests = [load.get(f"/{number}", host="localhost") for number in range(50)]
            return await load.run(requests, port=port, clients=4)

    result = asyncio.run(story())
    assert result.statuses == {303: 50}
    assert len(result.latencies) == 50


def test_a_slow_server_cannot_hide_behind_its_own_pace() -> None:
    """Requests fall due whether or not the last one was answered."""

    async def story() -> load.Result:
        async with _server(wait_seconds=0.2) as port:
            requests = [load.get("/", host="localhost")] * 20
            (result,) = await pace.run(pace.Stream(requests, 200, port))
            return result

    result = asyncio.run(story())
    assert result.statuses == {303: 20}
    assert result.seconds < 20 * 0.2
    assert result.percentile(0.5) >= 200


@pytest.mark.soak
def test_a_million_accounts_do_not_slow_a_second_step() -> None:
    # Not tmp_path: its parents are closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="twostep-crowd-") as folder:
        crowd.on_both_engines(Path(folder))
    ratios = [line.ratio for line in results.RESULTS.lines if line.id == "P8" and line.ratio]
    assert len(ratios) == 2
    assert max(ratios) <= crowd.MOST
