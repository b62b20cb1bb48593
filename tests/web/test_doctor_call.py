"""What the server tells doctor it tells nobody else."""

from __future__ import annotations

import json

from tests.support.product import TestProduct
from twostep.core.sealing import Keyring, new_key
from twostep.flows.operate.doctor_call import HEADER, new_question, read_answer


def test_only_who_has_the_keys_is_answered_and_only_for_a_minute(product: TestProduct) -> None:
    ring, now = product.env.keyring, product.clock.now
    browser = product.browser()
    question = new_question(ring, now=now)
    nowhere = browser.get("/nowhere")
    foreign = new_question(Keyring((new_key(),)), now=now)
    forged = question.replace(str(now), str(now + 1))
    for asked in (
        "",
        "x",
        "a.b.c",
        foreign,
        forged,
        question + "00",
        new_question(ring, now=now - 61),
    ):
        answer = browser.get("/doctor", **{HEADER: asked})
        assert answer.status_code == 404
        assert answer.text.replace("/doctor", "/nowhere") == nowhere.text
    assert browser.get("/doctor").status_code == 404
    assert browser.post("/doctor").status_code == 405
    answer = browser.get("/doctor", **{HEADER: question})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    report = read_answer(ring, product.env.settings, question, answer.content)
    assert report is not None
    assert report.changed == ()
    another = new_question(ring, now=now)
    assert read_answer(ring, product.env.settings, another, answer.content) is None
    assert read_answer(ring, product.env.settings, question, answer.content[:-9]) is None
    told_twice = browser.get("/doctor", **{HEADER: another})
    macs = [json.loads(item.json()["answer"])["settings"] for item in (answer, told_twice)]
    assert not set(macs[0].values()) & set(macs[1].values())
