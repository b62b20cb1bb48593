"""`kill -9` in the middle of many sign-ins and of recoveries: what was answered holds, nothing counts twice."""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections.abc import Callable

import httpx2 as httpx
import pytest

from tests.support.live import PASSWORD, LiveDemo, live_demo, secret_of
from tests.support.power import kill_during, window
from tests.support.product import setup_uri
from tests.support.waiting import wait_until
from twostep.core.methods import totp


ALICE = {"username": "alice", "password": PASSWORD}
NEW_PASSWORD = "another evening by the sea"
WIZARD = "/settings/security/app/new"
IN_A_BATCH = 10
FIRST_SECONDS = 0.1  # what a sign-in takes, more or less
WAIT_HOURS = 1


def new_chance() -> tuple[int, random.Random]:
    """Where the power goes, and the seed to repeat it."""
    seed = secrets.randbelow(2**32)
    return seed, random.Random(seed)  # noqa: S311  not a secret


def set_up(demo: LiveDemo) -> str:
    """Alice with an app; its address."""
    with window(demo) as alice:
        alice.post("/sign-in", data=ALICE)
        uri = setup_uri(alice.get(WIZARD))
        assert alice.post(WIZARD, data={"code": demo.app_code(uri)}).status_code == 303
        return uri


def count(demo: LiveDemo, event: str) -> int:
    sql = f"SELECT COUNT(*) FROM audit_records WHERE event = '{event}'"  # noqa: S608  our own names
    return int(demo.query(sql)[0][0])


def is_whole(demo: LiveDemo) -> None:
    assert demo.query("PRAGMA integrity_check") == [("ok",)]
    demo.verify_audit()


def batch(demo: LiveDemo, uri: str, chance: random.Random) -> int:
    """Sign-ins one after the other, each with the next code, until the power goes: in the middle of
    whichever; how many there were."""
    acknowledged: list[httpx.Cookies] = []
    tried: list[str] = []
    offset = demo._offset

    def sign_in_on_and_on() -> None:
        for _ in range(IN_A_BATCH):
            with window(demo) as browser:
                try:
                    browser.post("/sign-in", data=ALICE)
                    demo.forward(30)
                    code = totp.at(secret_of(uri), demo.now // 30)
                    tried.append(code)
                    answer = browser.post("/sign-in/code", data={"code": code})
                except httpx.TransportError:
                    return
                assert answer.status_code == 303
                acknowledged.append(browser.cookies)

    accepted, completed = count(demo, "code.accepted"), count(demo, "sign_in.completed")
    working = threading.Thread(target=sign_in_on_and_on)
    working.start()
    whole = chance.randrange(IN_A_BATCH)
    began = time.monotonic()
    wait_until("no sign-in ends", lambda: len(acknowledged) >= whole or not working.is_alive())
    usual = (time.monotonic() - began) / whole if whole else FIRST_SECONDS
    time.sleep(chance.uniform(0, usual))
    demo.process.kill()
    working.join()
    demo.kill()
    demo.forward(offset + 30 * len(tried))
    accepted = count(demo, "code.accepted") - accepted
    assert count(demo, "sign_in.completed") - completed == accepted
    assert len(acknowledged) <= accepted <= len(tried)
    for cookies in acknowledged:
        with window(demo) as browser:
            browser.cookies = cookies
            assert browser.get("/api/session").json()["aal"] == "aal2"
    if tried:
        again = [second_step(demo, tried[-1]) for _ in range(2)]
        assert again == ([422, 422] if accepted == len(tried) else [303, 422])
    return len(tried)


def second_step(demo: LiveDemo, code: str) -> int:
    with window(demo) as half:
        half.post("/sign-in", data=ALICE)
        return half.post("/sign-in/code", data={"code": code}).status_code


@pytest.mark.parametrize("times", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_sign_ins_between_power_cuts(tmp_path_factory: pytest.TempPathFactory, times: int) -> None:
    seed, chance = new_chance()
    folder = tmp_path_factory.mktemp("sign-ins") / "demo"
    with live_demo(folder, "--set", "password.profile=test") as demo:
        uri = set_up(demo)
        finished = 0
        while finished < times:
            try:
                finished += batch(demo, uri, chance)
            except AssertionError as failure:
                raise AssertionError(f"after {finished} sign-ins of seed {seed}") from failure
        is_whole(demo)


# ── recovery ────────────────────────────────────────────────────────────────────────────────────


def mailed(demo: LiveDemo, prefix: str) -> str:
    """Path of the newest mailed link that begins so; waits for it."""
    pattern = re.escape(demo.url + prefix) + r"[\w-]+"

    def links() -> list[str]:
        texts = [mail["text"] for mail in demo.messages("email")]
        return [link for text in texts for link in re.findall(pattern, text)]

    wait_until(f"no mail has a link to {prefix}", links)
    return links()[0].removeprefix(demo.url)


def signs_in(demo: LiveDemo, password: str) -> bool:
    with window(demo) as browser:
        return browser.post("/sign-in", data=ALICE | {"password": password}).status_code == 303


def new_password(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while a new password is set by its link: the old one or the new one works."""
    changed = since(demo, "password.changed")
    set_up(demo)
    with window(demo) as somebody:
        somebody.post("/forgot-password", data={"username": "alice"})
        link = mailed(demo, "/reset-password/")
        form = {"password": NEW_PASSWORD}
        offset = demo._offset  # not 0 if the app's code was about to change
        answer = kill_during(demo, chance, lambda: somebody.post(link, data=form))
        demo.forward(offset)  # a link from the future is dead
        works = (signs_in(demo, PASSWORD), signs_in(demo, NEW_PASSWORD))
        assert works in {(True, False), (False, True)}
        if answer is not None and answer.status_code == 303:
            assert works == (False, True)
        again = somebody.post(link, data=form).status_code
        assert again == (422 if works[1] else 303)
    assert signs_in(demo, NEW_PASSWORD)
    assert changed() == 1


def start(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while a recovery is asked for: it waits, with its mails, or it was never asked for."""
    started = since(demo, "recovery.started")
    set_up(demo)
    with window(demo) as half:
        half.post("/sign-in", data=ALICE)
        offset = demo._offset
        answer = kill_during(demo, chance, lambda: half.post("/recover"))
        demo.forward(offset)
        ((waits,),) = demo.query("SELECT COUNT(*) FROM recoveries")
        sql = "SELECT COUNT(*) FROM outbox WHERE kind = 'recovery_started'"
        assert (waits, demo.query(sql)[0][0], started()) in {
            (0, 0, 0),
            (1, 1, 1),
        }
        if answer is not None and answer.status_code == 303:
            assert waits
        assert half.post("/recover").status_code == 303
    assert started() == 1


def finish(demo: LiveDemo, chance: random.Random) -> None:
    """Power goes while a recovery's link is used: it opens one enrolment."""
    opened_by = since(demo, "recovery.used")
    set_up(demo)
    with window(demo) as half, window(demo) as back:
        half.post("/sign-in", data=ALICE)
        assert half.post("/recover").status_code == 303
        demo.forward(WAIT_HOURS * 3600)
        link = mailed(demo, "/recover?link=").partition("=")[2]
        form = {"link": link, "password": PASSWORD}
        offset = demo._offset
        answer = kill_during(demo, chance, lambda: back.post("/recover", data=form))
        demo.forward(offset)
        used = opened_by()
        if answer is not None and answer.status_code == 303:
            assert used
            assert back.get("/api/session").status_code == 401
            assert back.get("/").headers["location"] == WIZARD
        with window(demo) as again:
            opened = again.post("/recover", data=form)
            assert (opened.status_code == 303) is not bool(used)
    assert opened_by() == 1


def since(demo: LiveDemo, event: str) -> Callable[[], int]:
    """How many such events there are from here on: a reset keeps the trail."""
    before = count(demo, event)
    return lambda: count(demo, event) - before


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_recoveries_between_power_cuts(
    tmp_path_factory: pytest.TempPathFactory, times: int
) -> None:
    seed, chance = new_chance()
    folder = tmp_path_factory.mktemp("recoveries") / "demo"
    settings = (
        "--set",
        "password.profile=test",
        "--set",
        f"policy.recovery_wait_hours={WAIT_HOURS}",
    )
    acts: tuple[Callable[[LiveDemo, random.Random], None], ...] = (new_password, start, finish)
    with live_demo(folder, *settings) as demo:
        for number in range(times):
            act = acts[number % len(acts)]
            try:
                act(demo, chance)
            except AssertionError as failure:
                raise AssertionError(
                    f"cut {number + 1} of seed {seed}: {act.__name__}"
                ) from failure
            demo.reset()
        is_whole(demo)
