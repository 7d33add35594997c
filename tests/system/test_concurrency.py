"""Hundreds of conversations in one process while the model takes its time (design 3)."""

import asyncio
from collections import Counter
from pathlib import Path

from tests.system.conftest import NewDatabase
from tests.system.customers import Customer, deliver, message_webhook, received, until_settled
from tests.system.fake_openai import Behaviour, run_fake_openai
from tests.system.stack import running_stack, wait_for

_CUSTOMERS = 200
_MODEL_SECONDS = 4.0  # so long that most wait at the same time, however slowly they came
_POSTS_AT_ONCE = 20
_BOUND_SECONDS = 300.0  # of a machine that has much else to do; one after the other they would take 800 s


async def test_two_hundred_conversations_at_once_are_all_answered_once(
    new_database: NewDatabase, tmp_path: Path, no_redis_url: str
) -> None:
    customers = [Customer(number=1000 + at) for at in range(_CUSTOMERS)]
    room = asyncio.Semaphore(_POSTS_AT_ONCE)
    with run_fake_openai() as model:
        model.behaviour = Behaviour(delay_seconds=_MODEL_SECONDS)
        url = new_database(None)
        async with running_stack(url, tmp_path, redis_url=no_redis_url, environment=model.environment()) as stack:

            async def write(customer: Customer) -> None:
                async with room:
                    await deliver(stack, message_webhook(stack, customer, "quero ver minha fatura"))

            async def is_everybody_answered() -> bool:
                return len(stack.ledger) >= _CUSTOMERS

            await asyncio.gather(*map(write, customers))
            await wait_for("everybody is answered", is_everybody_answered, seconds=_BOUND_SECONDS)
            for customer in customers:
                await until_settled(stack, customer)
            assert Counter(len(received(stack, customer)) for customer in customers) == {1: _CUSTOMERS}
            assert all("CPF" in received(stack, customer)[0] for customer in customers)
            # The model was thinking for most of them at the same time.
            assert model.most_waiting > _CUSTOMERS / 4
            models = await stack.query("SELECT model, count(*) AS n FROM turns GROUP BY model")
            assert models == [{"model": "openai:gpt-5-mini", "n": _CUSTOMERS}]
