"""Kill -9 at every named instant of a turn and of a send: nothing lost, nothing twice, answered soon after (N1, N4)."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from domain.messages import Provider
from domain.pix import parse_pix
from tests.fakes.providers import Json
from tests.system.conftest import NewDatabase
from tests.system.customers import (
    AMOUNT_CENTS,
    Customer,
    Webhook,
    add_debtors,
    deliver,
    message_webhook,
    meta_status_webhook,
    post,
    received,
    say,
    until_settled,
)
from tests.system.stack import RECOVERY_SECONDS, Stack, open_stack, wait_for
from wiring.failpoints import NAMES

Mode = Literal["alone", "beside another", "alone, unreported"]
MODES: tuple[Mode, ...] = ("alone", "beside another")
UNREPORTED: Mode = "alone, unreported"  # no status ever comes for the message that was accepted
UNKNOWN = ("send.sending", "send.accepted")  # nobody can know what became of the send
# Of a conversation; those of campaigns and imports have tests of their own.
POINTS = tuple(name for name in NAMES if name.partition(".")[0] in ("inbox", "turn", "send"))
CUSTOMERS = [Customer(number=100 + at) for at in range(12)]
_AT_ONCE = 6
_LAST_FREE_ROUND = 10  # then the other api is held, so that the armed one gets the turn


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A database in which every customer has only to say yes to a promise."""

    database_url: str
    accounts: dict[Provider, Any]


@dataclass(kw_only=True)
class Outcome:
    """What one crash left behind."""

    failpoint: str
    is_reported: bool
    said: list[Customer] = field(default_factory=list)
    texts: dict[Customer, list[str]] = field(default_factory=dict)
    inbound: list[dict[str, Any]] = field(default_factory=list)
    outbound: list[dict[str, Any]] = field(default_factory=list)
    promises: Counter[str] = field(default_factory=Counter)
    ledger: list[Json] = field(default_factory=list)
    resumed_seconds: float = 0.0
    error: BaseException | None = None


async def _prepare(stack: Stack) -> None:
    await stack.create_tenant()
    await add_debtors(stack, CUSTOMERS)
    await stack.start()
    day = datetime.now(UTC) + timedelta(days=6)

    async def propose(customer: Customer) -> None:
        await say(stack, customer, "oi, quero ver minha fatura")
        await say(stack, customer, customer.document)
        (text,) = await say(stack, customer, f"pago tudo dia {day:%d/%m}")
        assert "Posso registrar?" in text

    await asyncio.gather(*map(propose, CUSTOMERS))


@pytest.fixture(scope="module")
def prepared(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Hold twelve conversations up to the proposal; every crash then starts from a copy of this database."""
    url = new_database(None)
    with open_stack(url, tmp_path_factory.mktemp("prepare"), redis_url="redis://127.0.0.1:1/0") as stack:
        asyncio.run(_prepare(stack))
        return Prepared(database_url=url, accounts=dict(stack.accounts))


@pytest.fixture(scope="module")
def outcomes(
    prepared: Prepared, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[Mode, str], Outcome]:
    """Crash at every failpoint, each in a database of its own, some at the same time."""
    found: dict[tuple[Mode, str], Outcome] = {}
    folder = tmp_path_factory.mktemp("crash")

    async def crash(mode: Mode, failpoint: str, room: asyncio.Semaphore) -> None:
        outcome = found[mode, failpoint] = Outcome(failpoint=failpoint, is_reported=mode != UNREPORTED)
        async with room:
            url = new_database(prepared.database_url)
            place = folder / str(len(found))
            with open_stack(url, place, redis_url="redis://127.0.0.1:1/0") as stack:
                stack.accounts = prepared.accounts
                try:
                    await (_crash_beside_another if mode == "beside another" else _crash_alone)(stack, outcome)
                    await _look(stack, outcome)
                except Exception as error:
                    error.add_note(stack.logs()[-3000:])
                    outcome.error = error

    async def crash_everywhere() -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        # Those that wait longest go first.
        failpoints = sorted(POINTS, key=lambda name: name not in UNKNOWN)
        cases = [(UNREPORTED, "send.accepted"), *((mode, failpoint) for failpoint in failpoints for mode in MODES)]
        await asyncio.gather(*(crash(mode, failpoint, room) for mode, failpoint in cases))

    asyncio.run(crash_everywhere())
    return found


async def _crash_alone(stack: Stack, outcome: Outcome) -> None:
    """The one api dies, a fresh one takes its place."""
    customer = CUSTOMERS[0]
    await stack.start(FAILPOINT=outcome.failpoint)
    webhook = message_webhook(stack, customer, "sim")
    is_answered = await post(stack, webhook) is not None
    assert is_answered or outcome.failpoint == "inbox.stored"
    await stack.until_killed()
    await stack.start()
    await _after_the_crash(stack, outcome, [customer], [] if is_answered else [webhook], slot=0)


async def _crash_beside_another(stack: Stack, outcome: Outcome) -> None:
    """One of two apis dies, the other takes over."""
    stack.start_api(0, FAILPOINT=outcome.failpoint)
    stack.start_api(1)
    await stack.until_healthy(0)
    await stack.until_healthy(1)
    said: list[Customer] = []
    unanswered: list[Webhook] = []
    for customer in CUSTOMERS:
        if len(said) == _LAST_FREE_ROUND:
            stack.pause(1)
        webhook = message_webhook(stack, customer, "sim")
        said.append(customer)
        if await post(stack, webhook) is None:
            unanswered.append(webhook)
        await wait_for("a death or an answer", lambda: _is_dead_or_answered(stack, said[-1]))
        if not stack.is_alive(0):
            break
    await stack.until_killed()
    stack.resume(1)
    await _after_the_crash(stack, outcome, said, unanswered, slot=1)


async def _is_dead_or_answered(stack: Stack, customer: Customer) -> bool:
    rows = await stack.query(
        """
        SELECT count(*) FILTER (WHERE m.status = 'sent') AS sent FROM messages m
        JOIN addresses a ON a.value = %s
        JOIN conversations c ON c.contact_id = a.contact_id AND c.id = m.conversation_id
        WHERE m.direction = 'out'
        """,
        customer.digits,
    )
    return not stack.is_alive(0) or rows[0]["sent"] > _SENT_BEFORE


_SENT_BEFORE = 3  # the answers of the preparation


async def _after_the_crash(
    stack: Stack, outcome: Outcome, said: list[Customer], unanswered: Sequence[Webhook], *, slot: int
) -> None:
    """Let Meta do its part, wait for the answers, then let everybody go on."""
    recovered = time.monotonic()
    for webhook in unanswered:
        await deliver(stack, webhook, slots=[slot])
    if outcome.failpoint == "send.accepted" and outcome.is_reported:
        await _report_delivery(stack, slot=slot)
    for customer in said:
        await until_settled(stack, customer, seconds=RECOVERY_SECONDS)
    outcome.resumed_seconds = time.monotonic() - recovered
    outcome.said = said
    outcome.texts = {customer: received(stack, customer) for customer in said}
    for customer in said:
        outcome.texts[customer] += await say(stack, customer, "me manda o pix", slots=[slot])


async def _report_delivery(stack: Stack, *, slot: int) -> None:
    """Report on the message whose sender died with Meta's answer in its hands; Meta does so until it is heard."""
    rows = await stack.query("SELECT id FROM messages WHERE direction = 'out' AND status IN ('sending', 'unknown')")
    (reference,) = (str(row["id"]) for row in rows)
    (taken,) = (row for row in stack.ledger if row["reference"] == reference)
    customer = next(customer for customer in CUSTOMERS if customer.digits == taken["to"].lstrip("+"))
    webhook = meta_status_webhook(
        stack, customer, status="delivered", reference=reference, provider_message_id=taken["provider_message_id"]
    )
    await deliver(stack, webhook, slots=[slot])


async def _look(stack: Stack, outcome: Outcome) -> None:
    outcome.inbound = await stack.query("SELECT provider_message_id FROM messages WHERE direction = 'in'")
    outcome.outbound = await stack.query(
        "SELECT id, status, text, provider_message_id FROM messages WHERE direction = 'out' ORDER BY seq"
    )
    outcome.promises = Counter(row["document"] for row in await stack.query("SELECT document FROM promises"))
    outcome.ledger = stack.ledger


CASES = [pytest.param(mode, failpoint, id=f"{failpoint}, {mode}") for mode in MODES for failpoint in POINTS]


@pytest.mark.parametrize(("mode", "failpoint"), CASES)
def test_crash_loses_nothing_and_repeats_nothing(
    outcomes: dict[tuple[Mode, str], Outcome], mode: Mode, failpoint: str
) -> None:
    outcome = outcomes[mode, failpoint]
    if outcome.error is not None:
        raise outcome.error
    assert outcome.said, "the armed api never came to the instant"
    _check_inbound(outcome)
    _check_promises(outcome)
    _check_ledger(outcome)
    _check_answers(outcome)
    _check_statuses(outcome)


def _check_inbound(outcome: Outcome) -> None:
    ids = [row["provider_message_id"] for row in outcome.inbound]
    assert len(ids) == len(set(ids))
    assert len(ids) == 3 * len(CUSTOMERS) + 2 * len(outcome.said)


def _check_promises(outcome: Outcome) -> None:
    assert outcome.promises == Counter(customer.document for customer in outcome.said)


def _check_ledger(outcome: Outcome) -> None:
    references = [row["reference"] for row in outcome.ledger]
    assert len(references) == len(set(references))
    words = [(row["to"], row["text"]) for row in outcome.ledger]
    assert len(words) == len(set(words))
    assert outcome.resumed_seconds < RECOVERY_SECONDS


def _check_answers(outcome: Outcome) -> None:
    silent = 0
    for texts in outcome.texts.values():
        *confirmed, announced, code = texts
        if not confirmed:
            silent += 1
        else:
            (text,) = confirmed
            assert text.startswith("Combinado, Maria! Registrei o seu compromisso de pagar R$ 119,90")
        assert "código Pix" in announced
        assert parse_pix(code).amount_cents == AMOUNT_CENTS
    # Only a send that died before the provider was called may stay unsaid, because nobody can tell it from one that
    # died after.
    assert silent == (1 if outcome.failpoint == "send.sending" else 0)


def _check_statuses(outcome: Outcome) -> None:
    counted = Counter(row["status"] for row in outcome.outbound)
    assert counted.pop("unknown", 0) == (1 if outcome.failpoint == "send.sending" else 0)
    assert counted.pop("delivered", 0) == (1 if outcome.failpoint == "send.accepted" else 0)
    assert set(counted) == {"sent"}
    unknown = {str(row["id"]) for row in outcome.outbound if row["status"] == "unknown"}
    assert unknown.isdisjoint(row["reference"] for row in outcome.ledger)


def test_every_failpoint_has_its_case() -> None:
    others = {name for name in NAMES if name.startswith(("contact.", "import."))}
    assert {param.values[1] for param in CASES} == set(NAMES) - others
    assert set(UNKNOWN) < set(NAMES)


def test_send_whose_outcome_nobody_reports_stays_unknown_and_is_never_repeated(
    outcomes: dict[tuple[Mode, str], Outcome],
) -> None:
    outcome = outcomes[UNREPORTED, "send.accepted"]
    if outcome.error is not None:
        raise outcome.error
    _check_inbound(outcome)
    _check_promises(outcome)
    _check_ledger(outcome)
    (unknown,) = (str(row["id"]) for row in outcome.outbound if row["status"] == "unknown")
    assert [row["reference"] for row in outcome.ledger].count(unknown) == 1
