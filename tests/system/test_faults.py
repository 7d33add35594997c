"""Redis, PostgreSQL, the model or the provider in trouble: nothing lost, nothing twice, answers stay good."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis as redis_client

from domain.messages import Provider
from domain.reply_rules import find_foreign_or_internal
from store.migrate import migrate
from tests.fakes.providers import TWILIO_TOKEN, Json
from tests.system.conftest import NewDatabase
from tests.system.customers import (
    Customer,
    add_debtors,
    deliver,
    message_webhook,
    received,
    say,
    until_settled,
)
from tests.system.fake_openai import Behaviour, FakeModel, completion, run_fake_openai
from tests.system.stack import META_APP_SECRET, PROVIDERS, Stack, open_stack, running_stack, wait_for
from wiring.embedded import EmbeddedServer, start_embedded

_NOWHERE = "redis://127.0.0.1:1/0"


# --- Redis


async def test_losing_redis_in_every_way_costs_no_message(new_database: NewDatabase, tmp_path: Path) -> None:
    with start_embedded(tmp_path / "redis", postgres=False) as services:
        assert services.redis_url
        (server,) = services.servers
        async with running_stack(new_database(None), tmp_path, redis_url=services.redis_url) as stack:
            stack.start_worker()
            stack.start_clock()
            customers = iter(Customer(number=400 + at) for at in range(10))

            await _is_answered(stack, next(customers))
            with redis_client.Redis.from_url(services.redis_url) as client:
                client.flushall()
            await _is_answered(stack, next(customers))

            server.process.stop()
            await _is_answered(stack, next(customers))
            # What one send could not do at once is done later, without Redis to ring for it.
            stack.fakes.program("meta", {"status": 500})
            await _is_answered(stack, next(customers))

            server.process.start()
            await _until_ready(server)
            await _is_answered(stack, next(customers))
            assert stack.processes["api0"].is_alive()
            assert stack.processes["clock"].is_alive()


async def test_service_starts_and_answers_without_redis(new_database: NewDatabase, tmp_path: Path) -> None:
    async with running_stack(new_database(None), tmp_path, redis_url=_NOWHERE) as stack:
        for provider in PROVIDERS:
            await _is_answered(stack, Customer(number=420, provider=provider))


async def test_worker_sends_what_no_api_sends(new_database: NewDatabase, tmp_path: Path, clean_redis_url: str) -> None:
    async with running_stack(new_database(None), tmp_path, redis_url=clean_redis_url) as stack:
        customer = Customer(number=430)
        stack.fakes.program("meta", {"status": 429, "retry_after": 2})
        await deliver(stack, message_webhook(stack, customer, "oi"))

        async def is_refused() -> bool:
            return bool(await stack.query("SELECT FROM messages WHERE error_code IS NOT NULL AND status = 'queued'"))

        await wait_for("the first try is refused", is_refused)
        await stack.kill()

        async def is_due() -> bool:
            return bool(await stack.query("SELECT FROM messages WHERE status = 'queued' AND due_at <= now()"))

        await wait_for("the second try is due", is_due)
        stack.start_worker()
        stack.start_clock()
        await until_settled(stack, customer)
        assert len(received(stack, customer)) == 1


async def _is_answered(stack: Stack, customer: Customer) -> None:
    assert len(await say(stack, customer, "oi")) == 1


async def _until_ready(server: EmbeddedServer) -> None:
    async def is_ready() -> bool:
        return server.is_ready()

    await wait_for(f"{server.process.name} answers", is_ready)


# --- PostgreSQL


async def test_postgres_dies_during_a_burst(tmp_path: Path) -> None:
    # A server of its own that does not trust a commit before it is written, as in production.
    with start_embedded(tmp_path / "postgres", redis=False) as services:
        assert services.database_url
        (server,) = services.servers
        with psycopg.connect(services.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE burst")
        url = urlunsplit(urlsplit(services.database_url)._replace(path="/burst"))
        migrate(url)
        async with running_stack(url, tmp_path, redis_url=_NOWHERE, apis=2) as stack:
            customers = [Customer(number=440 + at) for at in range(16)]
            _report_meta(stack)
            writing = [asyncio.create_task(_write(stack, customer)) for customer in customers]
            await wait_for("some are answered", lambda: _has_ledger(stack, 3))
            assert server.process.process is not None
            server.process.process.send_signal(signal.SIGQUIT)  # "immediate": no checkpoint, connections cut
            server.process.process.wait()
            server.process.start()
            await _until_ready(server)
            await asyncio.gather(*writing)
            for customer in customers:
                await until_settled(stack, customer)
            await _check_burst(stack, customers)
            # Everybody is served as before.
            for customer in customers[:3]:
                assert len(await say(stack, customer, "qual o horário de atendimento?")) == 1


async def _write(stack: Stack, customer: Customer) -> None:
    slot = customer.number % 2
    for text in ("oi", "bom dia"):
        await deliver(stack, message_webhook(stack, customer, text), slots=[slot, 1 - slot])


async def _has_ledger(stack: Stack, count: int) -> bool:
    return len(stack.ledger) >= count


def _report_meta(stack: Stack) -> None:
    url = f"{stack.base_url()}/webhooks/meta/{stack.accounts[Provider.META].webhook_key}"
    stack.fakes.report_to("meta", url=url, secret=META_APP_SECRET, statuses=["sent", "delivered"])


async def _check_burst(stack: Stack, customers: Sequence[Customer]) -> None:
    inbound = await stack.query("SELECT provider_message_id FROM messages WHERE direction = 'in'")
    assert len(inbound) == 2 * len(customers)
    references = [row["reference"] for row in stack.ledger]
    assert len(references) == len(set(references))
    outbound = await stack.query(
        "SELECT m.id::text, m.status, c.address_value FROM messages m JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.direction = 'out'"
    )
    assert set(references) <= {row["id"] for row in outbound}, "sent, and not in the outbox"
    # A crash between the mark `sending` and the call leaves a message that may have left: it stays unknown.
    unsent = [row for row in outbound if row["id"] not in references]
    assert {row["status"] for row in unsent} <= {"unknown"}
    in_doubt = {row["address_value"] for row in unsent}
    for customer in customers:
        assert received(stack, customer) or customer.digits in in_doubt


# --- the model


@pytest.fixture(scope="module")
def thinking(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, FakeModel]]:
    """Run an api whose model a test can break; its circuit breaker would hide a model for 30 s, so it is new each."""
    with (
        run_fake_openai() as model,
        open_stack(
            new_database(None), tmp_path_factory.mktemp("model"), redis_url=_NOWHERE, environment=model.environment()
        ) as stack,
    ):
        asyncio.run(stack.create_tenant())
        yield stack, model


_INVENTED = "Registrei sua promessa! Você deve R$ 987,65 e o protocolo é PABC123. Já paguei pra você."
_NONSENSE = [
    pytest.param(Behaviour(status=500, body=b'{"error": {"message": "upstream"}}'), id="500"),
    pytest.param(Behaviour(status=429, body=b'{"error": {"message": "slow down"}}'), id="429"),
    pytest.param(Behaviour(status=401, body=b'{"error": {"message": "bad key"}}'), id="401"),
    pytest.param(Behaviour(body=b"<html>Bad gateway</html>", content_type="text/html"), id="html"),
    pytest.param(Behaviour(body=b"{}"), id="empty-object"),
    pytest.param(Behaviour(body=completion("")), id="empty-text"),
    pytest.param(
        Behaviour(text="I'm sorry, but I cannot help with that request. Please try again later."), id="english"
    ),
    pytest.param(
        Behaviour(text='Traceback (most recent call last): File "/app/x.py", line 3, KeyError'), id="internal"
    ),
    pytest.param(Behaviour(text=_INVENTED), id="invented"),
]


@pytest.mark.parametrize("behaviour", _NONSENSE)
async def test_customer_hears_good_portuguese_whatever_the_model_says(
    thinking: tuple[Stack, FakeModel], behaviour: Behaviour
) -> None:
    stack, model = thinking
    model.behaviour = behaviour
    customer = Customer(number=500 + [param.values[0] for param in _NONSENSE].index(behaviour))
    await add_debtors(stack, [customer])
    if "api0" in stack.processes:
        await stack.kill()
    await stack.start()
    texts = await say(stack, customer, "oi, quero ver minha fatura")
    handlers = await stack.query("SELECT handler FROM conversations ORDER BY created_at DESC LIMIT 1")
    if behaviour.text is None:  # nothing usable came: the offline model leads on
        texts += await say(stack, customer, customer.document)
        assert "CPF" in texts[0]
        assert "R$ 119,90" in texts[1]
        assert handlers == [{"handler": "bot"}]
    else:  # what came was unfit, and rewriting did not help: a person takes over
        assert handlers == [{"handler": "human"}]
    assert len(texts) == (2 if behaviour.text is None else 1)
    assert model.asked
    _check_words(texts)
    assert await stack.query("SELECT FROM promises") == []


def _check_words(texts: Sequence[str]) -> None:
    for text in texts:
        assert not list(find_foreign_or_internal(text, allowed_words=("TR Telecom", "Lia"))), text
        assert "987,65" not in text
        assert "PABC123" not in text
        assert "Registrei" not in text


async def test_message_that_comes_while_the_model_thinks_is_in_the_answer(
    thinking: tuple[Stack, FakeModel],
) -> None:
    stack, model = thinking
    if "api0" in stack.processes:
        await stack.kill()
    await stack.start()
    customer = Customer(number=520)
    await add_debtors(stack, [customer])
    model.behaviour = Behaviour(delay_seconds=1.5)
    asked = len(model.asked)
    await deliver(stack, message_webhook(stack, customer, "oi, quero ver minha fatura"))

    async def is_thinking() -> bool:
        return len(model.asked) > asked

    await wait_for("the model is asked", is_thinking)
    await deliver(stack, message_webhook(stack, customer, customer.document))
    await until_settled(stack, customer)
    (text,) = received(stack, customer)
    assert "R$ 119,90" in text  # the answer to both, not "pode me informar o CPF?"
    turns = await stack.query(
        "SELECT reruns FROM turns t JOIN conversations c ON c.id = t.conversation_id "
        "JOIN addresses a ON a.contact_id = c.contact_id WHERE a.value = %s",
        customer.digits,
    )
    assert [row["reruns"] for row in turns] == [1]


# --- the provider


@asynccontextmanager
async def _sending(new_database: NewDatabase, folder: Path) -> AsyncIterator[Stack]:
    async with running_stack(new_database(None), folder, redis_url=_NOWHERE) as stack:
        keys = {provider: account.webhook_key for provider, account in stack.accounts.items()}
        _report_meta(stack)
        stack.fakes.report_to("twilio", secret=TWILIO_TOKEN, statuses=["sent", "delivered"])
        stack.fakes.report_to(
            "evolution", url=f"{stack.base_url()}/webhooks/evolution/{keys[Provider.EVOLUTION]}",
            secret="segredo-evolution", statuses=["echo", "delivered"],
        )  # fmt: skip
        yield stack


_TROUBLE: list[tuple[str, Json, int]] = [  # what the provider does, and how many are left unsent
    ("429 with Retry-After", {"status": 429, "retry_after": 2}, 0),
    ("500", {"status": 500}, 0),
    ("dropped after accepting", {"accept_then_drop": True}, 0),
    ("nonsense after accepting", {"accept_then_garbage": True}, 0),
    ("dropped before", {"drop_connection": True}, 1),
]


async def test_provider_in_trouble_never_delivers_twice(new_database: NewDatabase, tmp_path: Path) -> None:
    async with _sending(new_database, tmp_path) as stack:
        for at, (trouble, step, unsent) in enumerate(_TROUBLE):
            customers = [
                Customer(number=600 + 10 * at + place, provider=provider)
                for place, provider in enumerate((Provider.META, Provider.EVOLUTION, Provider.TWILIO_SMS))
            ]
            for customer in customers:
                stack.fakes.program(str(customer.provider).split("_")[0], step)
            asked_at = time.monotonic()
            await asyncio.gather(*(deliver(stack, message_webhook(stack, customer, "oi")) for customer in customers))
            for customer in customers:
                await until_settled(stack, customer)
                assert len(received(stack, customer)) == 1 - unsent, (trouble, customer.provider)
            if "retry_after" in step:
                assert time.monotonic() - asked_at >= step["retry_after"]
        await _until_reported(stack, unknown=3)
        references = [row["reference"] for row in stack.ledger if row["reference"]]
        assert len(references) == len(set(references))


async def test_provider_that_accepts_and_never_answers_gets_it_once(new_database: NewDatabase, tmp_path: Path) -> None:
    async with _sending(new_database, tmp_path) as stack:
        customers = [
            Customer(number=680 + place, provider=provider)
            for place, provider in enumerate((Provider.META, Provider.TWILIO_SMS))
        ]
        for customer in customers:
            stack.fakes.program(str(customer.provider).split("_")[0], {"accept_then_timeout": True})
            await deliver(stack, message_webhook(stack, customer, "oi"))
        await _until_reported(stack, unknown=0)  # the report comes while we still wait for the answer
        for customer in customers:
            await until_settled(stack, customer)
            assert len(received(stack, customer)) == 1
            assert len(await say(stack, customer, "bom dia")) == 1


async def _until_reported(stack: Stack, *, unknown: int) -> None:
    """Wait until reports have said of all but `unknown` messages that they were delivered."""

    async def is_reported() -> bool:
        rows = await stack.query("SELECT status FROM messages WHERE direction = 'out'")
        counted = Counter(row["status"] for row in rows)
        return counted["delivered"] == sum(counted.values()) - unknown and counted["unknown"] == unknown

    await wait_for("the providers' reports", is_reported)


async def test_rate_of_the_account_is_kept_to(new_database: NewDatabase, tmp_path: Path) -> None:
    with open_stack(new_database(None), tmp_path, redis_url=_NOWHERE) as stack:
        await stack.create_tenant()
        await stack.query("UPDATE channel_accounts SET sends_per_second = 5, burst = 5 RETURNING id")
        await stack.start()
        customers = [Customer(number=700 + at) for at in range(20)]
        await asyncio.gather(*(deliver(stack, message_webhook(stack, customer, "oi")) for customer in customers))
        for customer in customers:
            await until_settled(stack, customer)
        sent_at = sorted(datetime.fromisoformat(row["at"]).timestamp() for row in stack.ledger)
        assert len(sent_at) == len(customers)
        # A bucket of 5 that gains 5 a second: in any window of t seconds at most 5 + 5 t, and the call's own jitter.
        for at, first in enumerate(sent_at):
            for later in range(at, len(sent_at)):
                assert later - at + 1 <= 5 + 5 * (sent_at[later] - first + 0.2)
