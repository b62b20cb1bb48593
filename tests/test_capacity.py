"""What the capacity section reckons with is what a sign-in does, and its sums are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.product import TestProduct, open_test_product
from tests.web.metrics.test_metrics import TOKEN, commits_of, metered


PAGE = Path(__file__).resolve().parent.parent / "docs/explanation/performance.md"
ACCOUNTS = 100e6
HOUR = 3600
MONTH = 30 * 24 * HOUR


def numbers(text: str) -> list[float]:
    """Every number of a text, in its order."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@pytest.fixture
def rows() -> dict[str, list[float]]:
    """The numbers of each row of the section's tables, by the row's first words."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Capacity\n")[2]
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    matches = re.findall(r"^\| ([^|]+) \|(.+)\|$", text, re.MULTILINE)
    return {words.strip("*"): numbers(cells) for words, cells in matches}


def written(product: TestProduct) -> tuple[int, int]:
    """Events and transactions so far."""
    counted = product.env.counters
    return sum(counted.events.values()), commits_of(counted)


def test_a_sign_in_writes_as_much_as_the_page_says(
    rows: dict[str, list[float]], tmp_path: Path
) -> None:
    with open_test_product(tmp_path, metrics__token=TOKEN) as opened:
        product = metered(opened)
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        entry = alice.enroll_app()
        alice.post("/sign-out")
        product.clock.forward(HOUR)
        events, transactions = written(product)
        alice.sign_in()
        assert alice.post("/sign-in/code", code=entry.next_code()).status_code == 303
        more_events, more_transactions = written(product)
    assert rows["events"][1] == more_events - events
    assert rows["writes"][1] == more_transactions - transactions


def about(right: float) -> object:
    """Equal, as far as two digits tell."""
    return pytest.approx(right, rel=0.05)


def test_the_sums_are_right(rows: dict[str, list[float]]) -> None:
    _, _, average, peak = rows["sign-ins"]
    assert (average, peak) == (about(2 * ACCOUNTS / MONTH), about(5 * average))
    assert rows["accounts"] == [100, 2.6, about(ACCOUNTS * 2600 / 1e9)]
    a_year, events, size, in_all = rows["events"]
    assert (a_year, in_all) == (24, about(ACCOUNTS * a_year * events * size / 1e9))
    millions, kilobytes, open_ones = rows["sessions that are open"]
    assert (millions, open_ones) == (about(average * 12 * HOUR / 1e6), about(2))
    whole = rows["accounts"][2] + in_all + open_ones
    assert rows["all of it on one primary"] == [about(whole / 1e3)]
    sign_ins, transactions, together, *_ = rows["writes"]
    assert (sign_ins, together) == (peak, about(peak * transactions))
    sign_ins, kilobytes, a_second, a_day = rows["write-ahead log"]
    assert (sign_ins, a_second) == (peak, about(peak * kilobytes / 1e3))
    assert a_day == about(average * kilobytes * 24 * HOUR / 1e6)
    assert rows["events, kept for twelve months"][-1] == about(events * size / 1e3 * 12 * 0.10)


def test_the_costs_add_up(rows: dict[str, list[float]]) -> None:
    parts = ("passwords", "the rest of the sign-in", "fifty session checks each")
    for million, milliseconds, hours, dollars in (rows[part] for part in parts):
        assert hours == about(million * 1e6 * milliseconds / 1e3 / HOUR)
        assert dollars == about(hours * 0.04) or abs(dollars - hours * 0.04) < 0.006
    kept = rows["events, kept for twelve months"][-1]
    together = sum(rows[part][-1] for part in parts) + kept
    assert rows["together, one copy of the data"] == [about(together)]
