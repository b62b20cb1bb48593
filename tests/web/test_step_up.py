"""What counts when somebody confirms who is there, and what each answer costs."""

from __future__ import annotations

from tests.support.house import PASSWORD
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    method_ids,
    problem,
    words,
)
from tests.support.rows import change
from twostep.core.account import Account
from twostep.core.sign_in.session import AHEAD_SECONDS
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.store.account import accounts


SECURITY = "/settings/security"
STALE = 601
FORGOTTEN = "lost"


def act(reason: str = FORGOTTEN) -> Act:
    return Act("alice", reason)


def temporary_code(product: TestProduct) -> str:
    answer = product.run(help_desk.give_temporary_code(product.house.by(SHELL), act()))
    assert isinstance(answer, str)
    return answer


def test_a_temporary_code_is_no_second_factor_and_costs_a_try(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    code = temporary_code(product)
    product.clock.forward(STALE)
    for _ in range(4):
        answer = owner.post("/confirm", r=ENROLMENT, code=code)
        assert answer.status_code == 422
        assert "That backup code is not right." in problem(answer)
    newest = product.events(alice)[0]
    assert (newest.event, newest.data["reason"]) == ("code.refused", "recovery_code.wrong")
    stored = product.env.store.read_now(accounts.load, alice.id)
    assert stored is not None
    assert stored.wrong_in_a_row == 0  # they count in the known browser's own allowance
    assert "not accepting backup codes for this account in this browser until" in problem(
        owner.post("/confirm", r=ENROLMENT, code=code)
    )
    assert owner.post("/confirm", r=ENROLMENT, code=code).status_code == 429
    # Backup codes wait now, the app does not; and the help desk's code still opens its own door.
    answer = owner.post("/confirm", r=ENROLMENT, code=entry.next_code())
    assert answer.headers["location"] == ENROLMENT
    other = product.browser()
    other.sign_in()
    assert other.post("/sign-in/code", code=code).headers["location"] == ENROLMENT


def retire(product: TestProduct, account: Account) -> None:
    store, now = product.env.store, product.clock.now
    product.run(store.run(change, accounts.retire_password, account.id, now=now))


def test_a_code_confirms_whatever_became_of_the_password(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    retire(product, alice)
    product.clock.forward(STALE)
    answer = owner.post("/confirm", r=ENROLMENT, code=entry.next_code())
    assert (answer.status_code, answer.headers["location"]) == (303, ENROLMENT)


def test_a_retired_password_confirms_nothing(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    retire(product, alice)
    product.clock.forward(STALE)
    answer = owner.post("/confirm", r="/settings/emails", password=PASSWORD)
    assert answer.status_code == 422
    assert "This password no longer works" in problem(answer)
    assert product.events(alice)[1].data == {"reason": "password.retired"}
    assert product.newest_link("/reset-password/")
    assert owner.get("/settings/emails").status_code == 303  # still asked for
    assert owner.get("/api/session").status_code == 200  # the session itself lives


def test_a_name_and_the_first_way_are_changes_too(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    phone = owner.add_phone()
    app = method_ids(owner.get(SECURITY), "app")[0]
    product.clock.forward(STALE)
    for path in (f"{SECURITY}/method/{app}/rename", f"{SECURITY}/method/{phone}/default"):
        assert owner.get(path).headers["location"] == f"/confirm?r={path}"
        assert owner.post(path, name="x").headers["location"].startswith("/confirm?r=")
    owner.post("/confirm", r=f"{SECURITY}/method/{app}/rename", code=entry.next_code())
    before = len(product.events(alice))
    for _ in range(2):  # the same name again is no change
        owner.post(f"{SECURITY}/method/{app}/rename", name="Work phone")
    newest = product.events(alice)
    assert len(newest) == before + 1
    assert (newest[0].event, newest[0].data) == ("method.renamed", {"name": "Work phone"})
    assert "is now called “Work phone”" in words(owner.get("/settings/activity"))
    assert owner.post(f"{SECURITY}/method/{phone}/rename", name="x").status_code == 404
    owner.post(f"{SECURITY}/method/{phone}/default")
    mail = product.mails()[-1]
    assert mail.subject == "Example Panel: default way to sign in changed"
    assert "“”" not in mail.text


def test_mails_about_an_app_without_a_name_have_no_empty_quotes(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    owner.enroll_app()  # the first one's mail says that two-step sign-in is on
    notice = next(mail for mail in product.mails() if "authenticator app added" in mail.subject)
    assert "An authenticator app was added to your account." in notice.text
    assert "“”" not in notice.text + notice.html


def enrolment(product: TestProduct) -> Browser:
    """A session that the help desk's code has opened."""
    browser = product.browser()
    browser.sign_in()
    answer = browser.post("/sign-in/code", code=temporary_code(product))
    assert answer.headers["location"] == ENROLMENT
    return browser


def test_a_session_for_enrolment_ends_when_idle_like_any_other(
    product: TestProduct, entry: AppEntry
) -> None:
    assert entry
    browser = enrolment(product)
    product.clock.forward(29 * 60)
    assert browser.get(ENROLMENT).status_code == 200
    product.clock.forward(31 * 60)
    assert browser.get(ENROLMENT).headers["location"].startswith("/sign-in")


def test_a_session_for_enrolment_ends_in_any_case_like_any_other(
    product: TestProduct, entry: AppEntry
) -> None:
    assert entry
    browser = enrolment(product)
    for _ in range(12 * 3600 // 1200 - 1):
        product.clock.forward(1200)
        assert browser.get(ENROLMENT).status_code == 200
    product.clock.forward(1200)
    assert browser.get(ENROLMENT).headers["location"].startswith("/sign-in")


def test_a_link_that_an_address_got_before_it_was_removed_still_secures_the_account(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    """A thief who removes the owner's address must not take the owner's way to stop it along."""
    owner.post("/settings/emails", email="thief@evil.example")
    owner.post(product.newest_link("/settings/emails/confirm/"))
    hers = next(
        mail
        for mail in product.mails()
        if mail.to == "alice@example.com" and "/not-me/" in mail.text
    )
    link = hers.text.partition(product.url + "/not-me/")[2].split()[0]
    page = owner.get("/settings/emails").text
    first = page.index("/settings/emails/", page.index("alice@example.com"))
    remove = page[first:].partition('"')[0]
    assert owner.post(remove).status_code == 303
    answer = product.browser().post(f"/not-me/{link}")
    assert answer.headers["location"].startswith("/not-me/done")
    assert owner.get("/api/session").status_code == 401
    assert entry


def test_a_node_whose_clock_is_a_little_behind_takes_the_proof(
    product: TestProduct, owner: Browser
) -> None:
    product.clock.forward(-AHEAD_SECONDS)
    assert owner.get(ENROLMENT).status_code == 200
    product.clock.forward(-1)
    answer = owner.get(ENROLMENT)
    assert answer.headers["location"] == f"/confirm?r={ENROLMENT}"
    # The page that asks agrees with the door, so nobody is sent to and fro.
    assert owner.get(answer.headers["location"]).status_code == 200
