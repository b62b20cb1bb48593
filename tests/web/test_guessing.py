"""A thief who has the password guesses codes on every path, for weeks, while the owner goes on."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from tests.support.product import AppEntry, Browser, TestProduct, problem
from twostep.core.account import Account
from twostep.flows.operate.guess_chance import most_guess_millionths
from twostep.flows.proof.retired_password import MILLIONTHS_TO_RETIRE
from twostep.store.account import accounts
from twostep.store.sign_in.known_browsers import KNOWN_SECONDS
from twostep.store.tx import Tx


DAY = 86_400
WEEKS = 30
TRIES_A_DAY = 12
CHANCES = 3  # of one app: the code of this step, of the one before and of the one after
NOT_RIGHT = "That code is not right"
STALE = 700

Path = Callable[[TestProduct, Browser], Callable[[int], Browser]]


def unknown(product: TestProduct, _owner: Browser) -> Callable[[int], Browser]:
    return lambda _: product.browser(network="203.0.113.5")


def many_networks(product: TestProduct, _owner: Browser) -> Callable[[int], Browser]:
    return lambda number: product.browser(network=f"203.0.113.{number % 200}")


def looked_in_before(product: TestProduct, _owner: Browser) -> Callable[[int], Browser]:
    """A browser that knew the account before two-step sign-in was on."""
    thief = product.browser(network="203.0.113.5")
    thief.sign_in()
    return lambda _: thief


def copied_cookies(_product: TestProduct, owner: Browser) -> Callable[[int], Browser]:
    """The owner's own browser, without its session."""

    def again(_number: int) -> Browser:
        thief = Browser(owner.product, owner.network, owner.user_agent)
        thief.jar.update(owner.jar)
        thief.jar.delete("__Host-twostep")
        return thief

    return again


def by_turns(product: TestProduct, owner: Browser) -> Callable[[int], Browser]:
    """All of them, one after the other."""
    ways = [path(product, owner) for path in (looked_in_before, unknown, many_networks)]
    ways.append(copied_cookies(product, owner))
    return lambda number: ways[number % len(ways)](number)


def wrong_code(entry: AppEntry) -> str:
    right = {entry.code(steps=step) for step in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def guess(product: TestProduct, thief: Browser, entry: AppEntry) -> bool | None:
    """One try at the second step: whether it was evaluated; None if the password has been retired."""
    if thief.sign_in().status_code != 303:
        return None
    answer = thief.post("/sign-in/code", code=wrong_code(entry))
    return judge(product, answer)


def stored(product: TestProduct, account: Account) -> Account:
    now = product.env.store.read_now(accounts.load, account.id)
    assert now is not None
    return now


def judge(product: TestProduct, answer: httpx2.Response) -> bool:
    if answer.status_code == 429:
        product.clock.forward(int(answer.headers["retry-after"]))
        return False
    if answer.status_code == 422:
        assert NOT_RIGHT in problem(answer)
    else:  # the try that retires the password answers like the end of the step
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    return True


def owner_goes_in(product: TestProduct, owner: Browser, entry: AppEntry) -> bool:
    product.clock.forward(60)
    if owner.sign_in().status_code != 303:
        return False
    answer = owner.post("/sign-in/code", code=entry.code())
    while answer.status_code == 429:
        product.clock.forward(int(answer.headers["retry-after"]))
        owner.sign_in()
        answer = owner.post("/sign-in/code", code=entry.code())
    assert answer.headers["location"] != "/sign-in"
    return True


@pytest.mark.parametrize(
    "path", [unknown, many_networks, looked_in_before, copied_cookies, by_turns],
    ids=lambda path: path.__name__,
)  # fmt: skip
def test_the_printed_bound_holds_however_long_the_thief_stays(
    product: TestProduct, alice: Account, path: Path
) -> None:
    owner = product.browser()
    owner.sign_in()
    thieves = path(product, owner)
    entry = owner.enroll_app()
    evaluated = tried = 0
    for _ in range(7 * WEEKS):
        if not owner_goes_in(product, owner, entry):
            break
        for _ in range(TRIES_A_DAY):
            tried += 1
            answer = guess(product, thieves(tried), entry)
            if answer is None:
                break
            evaluated += answer
        product.clock.forward(DAY)
    else:
        pytest.fail("nothing ends the guessing")
    assert evaluated >= 20
    assert CHANCES * evaluated <= most_guess_millionths(product.env.settings)
    assert stored(product, alice).guess_millionths == CHANCES * evaluated


def test_no_stolen_session_gets_a_try_beyond_the_bound(
    product: TestProduct, alice: Account
) -> None:
    """Step-up counts in the same sum, and its last try leaves none to the other sessions."""
    browsers = [product.browser(network=f"198.51.100.{number}") for number in range(3)]
    browsers[0].sign_in()
    entry = browsers[0].enroll_app()
    for browser in browsers[1:]:
        product.clock.forward(60)
        browser.sign_in()
        assert browser.post("/sign-in/code", code=entry.code()).status_code == 303
    nearly = MILLIONTHS_TO_RETIRE - CHANCES

    def guessed_before(tx: Tx) -> None:
        account = accounts.lock(tx, alice.id)
        assert account is not None
        accounts.save_guesses(tx, account, in_a_row=0, millionths=nearly)

    product.run(product.env.store.run(guessed_before))
    product.clock.forward(STALE)
    for browser in browsers:
        browser.post("/confirm", r="/settings/security/codes", code=wrong_code(entry))
        assert stored(product, alice).guess_millionths == MILLIONTHS_TO_RETIRE
        assert browser.get("/settings").headers["location"].startswith("/sign-in")
    assert stored(product, alice).password_retired_at is not None


def test_a_known_browser_is_forgotten_after_its_allowance_and_counts_as_a_stranger(
    product: TestProduct, alice: Account
) -> None:
    owner = product.browser()
    owner.sign_in()
    entry = owner.enroll_app()
    thief, evaluated = copied_cookies(product, owner)(0), 0
    while "known_browser.forgotten" not in [activity.event for activity in product.events(alice)]:
        evaluated += bool(guess(product, thief, entry))
        assert evaluated <= 30
    assert evaluated == 30
    account = stored(product, alice)
    assert (account.wrong_in_a_row, account.password_retired_at) == (0, None)
    guess(product, thief, entry)
    assert stored(product, alice).wrong_in_a_row == 1


def known(page: httpx2.Response) -> int:
    return page.text.count("/known-browsers/")


def test_known_browsers_are_listed_and_can_be_forgotten(
    product: TestProduct, alice: Account
) -> None:
    owner = product.browser()
    owner.sign_in()
    before = product.browser(network="203.0.113.5")
    before.sign_in()
    assert known(owner.get("/settings/security")) == 2
    entry = owner.enroll_app()
    # Only the browser in hand is still known: the other was let in by the password alone.
    page = owner.get("/settings/security")
    assert known(page) == 1
    assert product.events(alice)[0].event != "known_browser.forgotten"
    path = page.text.partition('action="/settings/security/known-browsers/')[2].partition('"')[0]
    answer = owner.post(f"/settings/security/known-browsers/{path}")
    assert answer.status_code == 303
    page = owner.get("/settings/security")
    assert known(page) == 0
    assert "That browser counts as new from now on." in page.text
    assert owner.post(f"/settings/security/known-browsers/{path}").status_code == 404
    for _ in range(5):
        guess(product, owner, entry)
    assert stored(product, alice).wrong_in_a_row > 0  # it counts as a stranger


def test_a_known_browser_ends_half_a_year_after_its_last_sign_in(
    product: TestProduct, alice: Account
) -> None:
    owner = product.browser()
    owner.sign_in()
    entry = owner.enroll_app()
    product.clock.forward(KNOWN_SECONDS + DAY)
    guess(product, owner, entry)
    assert stored(product, alice).wrong_in_a_row == 1
