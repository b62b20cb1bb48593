"""Rows of accounts in bulk, for benchmarks: with known secrets and, where asked for, open sessions.

All have one password, random and hashed once, and one app each. Whoever has the file that comes of
it can sign in, so nothing is seeded beside real accounts unless that is asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import sealing, token
from twostep.core.account import Account, EmailAddress, Role
from twostep.core.audit import event
from twostep.core.methods import totp
from twostep.core.methods.authenticator import MOST_KNOWN_BROWSERS, App, KnownBrowser
from twostep.core.methods.otpauth import encode_key
from twostep.core.sign_in import password
from twostep.core.sign_in.session import AMR_OF_SECOND_FACTOR, Aal, Level
from twostep.flows.env import Env, Visitor
from twostep.flows.operate.health import SEEDED
from twostep.flows.sign_in.complete import Proof, complete_sign_in, open_session
from twostep.flows.turn import Turn
from twostep.flows.unseal import APP_SECRET
from twostep.store import installation
from twostep.store.account import accounts, addresses
from twostep.store.account.accounts import Held
from twostep.store.audit import trail as audit
from twostep.store.methods import apps
from twostep.store.sign_in import known_browsers
from twostep.store.tx import Tx


NETWORK = "127.0.0.1"
BROWSER = "Benchmark"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much. `sessions` and `events` are spread over the accounts; `half`: password only."""

    accounts: int
    sessions: int
    half: bool
    events: int

    def share(self, total: int, index: int) -> int:
        """Which part of `total` the account at `index` has."""
        return total // self.accounts + (index < total % self.accounts)


@dataclass(frozen=True, slots=True)
class Seeded:
    """One account as a load generator needs it: password, app secret (base32), cookie values."""

    name: str
    password: str
    secret: str
    browser: str
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What all accounts share, and where they count from. `ids`: sorted, because rows that come in
    the order of their key fill one page after the other; in a large table that is many times
    faster."""

    plan: Plan
    ids: tuple[str, ...]
    password: str
    password_hash: str
    first: int


def count_real(tx: Tx) -> int:
    """Accounts that were not seeded."""
    return accounts.count(tx) - _count_seeded(tx)


async def new_batch(env: Env, plan: Plan) -> Batch:
    """Make the shared password and its one hash."""
    word = token.new_token()
    hashed = await env.hashes.run_known("bench", password.hash_password, word, profile=env.profile)
    ids = tuple(sorted(token.new_id() for _ in range(plan.accounts)))
    return Batch(plan, ids, word, hashed, await env.store.read(_count_seeded))


def seed_accounts(
    tx: Tx, env: Env, batch: Batch, *, indexes: range, now: int
) -> tuple[Seeded, ...]:
    """Make the accounts of these indexes, 0 being the plan's first."""
    made = tuple(_seed(tx, env, batch, index=index, now=now) for index in indexes)
    installation.save(tx, SEEDED, str(batch.first + indexes.stop))
    return made


def _count_seeded(tx: Tx) -> int:
    return int(installation.load(tx, SEEDED) or 0)


def _seed(tx: Tx, env: Env, batch: Batch, *, index: int, now: int) -> Seeded:
    plan = batch.plan
    account = _insert_account(tx, batch, index=index, now=now)
    secret = insert_app(tx, env, account, now=now)
    browser = token.new_token()
    known = KnownBrowser(token.new_id(), account.id, token.digest(browser), BROWSER, now)
    browser_id = known_browsers.save_known_browser(tx, known, most=MOST_KNOWN_BROWSERS)
    passed = event.new_event(event.STEP_UP_COMPLETED, by="app")
    audit.append_all(
        tx,
        [event.new_event(event.ACCOUNT_CREATED, role=str(account.role))]
        + [passed] * plan.share(plan.events, index),
        account=account,
        source=event.CLI,
        now=now,
        keyring=env.keyring,
    )
    visitor = Visitor(NETWORK, BROWSER, browser_token=browser)
    turn = Turn(tx, env, visitor, now)
    cookies = tuple(
        _open_half(turn, account, browser_id=browser_id) if plan.half else _open_full(turn, account)
        for _ in range(plan.share(plan.sessions, index))
    )
    return Seeded(account.name, batch.password, encode_key(secret), browser, cookies)


def _open_half(turn: Turn, account: Account, *, browser_id: str) -> str:
    return open_session(turn, account, level=Level.HALF, browser_id=browser_id, next_path="/").token


def _open_full(turn: Turn, account: Held) -> str:
    proof = Proof(AMR_OF_SECOND_FACTOR["app"], Aal.AAL2, "")
    return complete_sign_in(turn, account, half=None, proof=proof, next_path="/").token


def _insert_account(tx: Tx, batch: Batch, *, index: int, now: int) -> Held:
    name = f"seed-{batch.first + index + 1:07}"
    account = Account(
        id=batch.ids[index],
        name=name,
        role=Role.USER,
        language="en",
        time_zone="UTC",
        two_step=True,
        two_step_at=now,
        password_hash=batch.password_hash,
        password_version=1,
        password_short=False,
        password_set_at=now,
        password_retired_at=None,
        disabled_at=None,
        must_enroll=False,
        default_method=None,
        wrong_in_a_row=0,
        guess_millionths=0,
        spare_reminder_at=None,
        created_at=now,
    )
    held = accounts.insert(tx, account, name_key=name)
    if held is None:
        raise ValueError(f"the name {name} is taken")
    address = f"{name}@seed.invalid"
    email = EmailAddress(token.new_id(), account.id, address, now, now)
    addresses.insert_address(tx, email, address_key=address)
    return held


def insert_app(tx: Tx, env: Env, account: Account, *, now: int) -> bytes:
    """Give an account one app more; its secret."""
    secret = totp.new_secret()
    app_id = token.new_id()
    app = App(
        id=app_id,
        account_id=account.id,
        name="Benchmark",
        secret=sealing.seal(
            env.keyring, secret, purpose=APP_SECRET, row_id=app_id, account_id=account.id
        ),
        algorithm="SHA1",
        digits=6,
        period_seconds=30,
        last_step=totp.NEVER_USED,
        centre=0,
        edge_run=0,
        created_at=now,
        last_used_at=None,
        last_used_browser="",
    )
    apps.insert_app(tx, app, origin="seed")
    return secret
