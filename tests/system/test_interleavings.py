"""Random interleavings of messages, redeliveries and crashes: one reply per burst, in order, nothing twice (N1, N2)."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx

from tests.system.conftest import NewDatabase
from tests.system.customers import (
    Customer,
    Webhook,
    add_debtors,
    deliver,
    message_webhook,
    post,
    received,
    until_settled,
)
from tests.system.fake_openai import Behaviour, run_fake_openai
from tests.system.stack import Stack, running_stack, wait_for

_QUIET_SECONDS = 0.6
_SETTINGS = {
    "LEASE_SECONDS": "2",
    "QUIET_COMPLETE_SECONDS": str(_QUIET_SECONDS),
    "QUIET_BROKEN_SECONDS": "0.8",
    "QUIET_CAP_SECONDS": "5",
}
_MODEL_SECONDS = 0.2
_CRASHES = 4
_SEEDS = (1, 2)
_SETTLED_SECONDS = 90.0  # the last crash may come late
_WORDS_OF_ANSWERS = ("CPF", "R$ 119,90", "Posso registrar?", "Registrei", "código Pix")


@dataclass(kw_only=True)
class Conversation:
    """What one customer wrote, and how many turns each burst took."""

    customer: Customer
    posted: list[Webhook] = field(default_factory=list)
    turns_of_bursts: list[int] = field(default_factory=list)
    were_together: list[bool] = field(default_factory=list)  # all of the burst came within the quiet window


def _bursts(customer: Customer, random: Random) -> list[list[str]]:
    day = datetime.now(UTC) + timedelta(days=6)
    greetings = random.choice([["oi"], ["oi", "tudo bem?"], ["bom dia"], []])
    return [
        [*greetings, "quero ver minha fatura"],
        random.choice([[customer.document], ["meu cpf é", customer.document]]),
        [f"pago tudo dia {day:%d/%m}"],
        random.choice([["sim"], ["sim", "pode registrar"]]),
        ["me manda o pix"],
    ]


async def _hold(stack: Stack, conversation: Conversation, random: Random) -> None:
    customer = conversation.customer
    for texts in _bursts(customer, random):
        before = await _turns(stack, customer)
        started = time.monotonic()
        for text in texts:
            webhook = message_webhook(stack, customer, text)
            conversation.posted.append(webhook)
            await deliver(stack, webhook, slots=random.sample([0, 1], 2))
            if random.random() < 0.4:  # the provider sends an earlier one again
                await post(stack, random.choice(conversation.posted), slot=random.randrange(2))
        conversation.were_together.append(time.monotonic() - started < _QUIET_SECONDS * 0.8)
        await until_settled(stack, customer, seconds=_SETTLED_SECONDS)
        conversation.turns_of_bursts.append(await _turns(stack, customer) - before)


async def _turns(stack: Stack, customer: Customer) -> int:
    rows = await stack.query(
        "SELECT count(*) AS n FROM turns t JOIN conversations c ON c.id = t.conversation_id "
        "JOIN addresses a ON a.contact_id = c.contact_id WHERE a.value = %s",
        customer.digits,
    )
    return int(rows[0]["n"])


async def _crash_now_and_then(stack: Stack, random: Random) -> None:
    for _ in range(_CRASHES):
        await asyncio.sleep(random.uniform(0.2, 1.5))  # a moment of chance, not a wait for anything
        slot = random.randrange(2)
        await stack.kill(f"api{slot}")
        await stack.start(slot)


async def test_any_interleaving_gives_one_reply_per_burst_in_order(
    new_database: NewDatabase, tmp_path: Path, no_redis_url: str
) -> None:
    """Two services at the same time, because most of it is waiting; a seed names what failed."""

    async def interleave(seed: int) -> None:
        try:
            await _interleave(new_database(None), tmp_path / str(seed), no_redis_url, Random(seed))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise

    await asyncio.gather(*map(interleave, _SEEDS))


async def _interleave(database_url: str, folder: Path, redis_url: str, random: Random) -> None:
    conversations = [Conversation(customer=Customer(number=800 + at)) for at in range(6)]
    with run_fake_openai() as model:
        model.behaviour = Behaviour(delay_seconds=_MODEL_SECONDS)
        settings = _SETTINGS | model.environment()
        async with running_stack(database_url, folder, redis_url=redis_url, apis=2, environment=settings) as stack:
            await add_debtors(stack, [conversation.customer for conversation in conversations])
            await asyncio.gather(
                _crash_now_and_then(stack, Random(random.random())),
                *(_hold(stack, conversation, Random(random.random())) for conversation in conversations),
            )
            await _check_inbound(stack, conversations)
            await _check_turns_do_not_overlap(stack)
            for conversation in conversations:
                await _check_answers(stack, conversation)
            references = [row["reference"] for row in stack.ledger]
            assert len(references) == len(set(references))


async def _check_inbound(stack: Stack, conversations: Sequence[Conversation]) -> None:
    rows = await stack.query("SELECT provider_message_id FROM messages WHERE direction = 'in'")
    assert len(rows) == sum(len(conversation.posted) for conversation in conversations)
    late = await stack.query("SELECT FROM conversations WHERE answered_seq < last_inbound_seq OR handler <> 'bot'")
    assert late == []


async def _check_turns_do_not_overlap(stack: Stack) -> None:
    rows = await stack.query(
        """
        SELECT FROM turns a JOIN turns b
            ON a.conversation_id = b.conversation_id AND a.turn_seq < b.turn_seq AND a.finished_at > b.started_at
        """
    )
    assert rows == []


async def _check_answers(stack: Stack, conversation: Conversation) -> None:
    customer = conversation.customer
    rows = await stack.query(
        """
        SELECT m.turn_seq, m.text, m.status FROM messages m JOIN conversations c ON c.id = m.conversation_id
        JOIN addresses a ON a.contact_id = c.contact_id
        WHERE a.value = %s AND m.direction = 'out' ORDER BY m.seq
        """,
        customer.digits,
    )
    written = [str(row["text"]) for row in rows]
    taken = received(stack, customer)
    # The provider has all of it in our order, but for sends that a crash cut in two.
    unknown = [str(row["text"]) for row in rows if row["status"] == "unknown"]
    assert {row["status"] for row in rows} <= {"sent", "unknown"}
    assert Counter(written) - Counter(taken) <= Counter(unknown)
    assert taken == [text for text in written if text in taken]
    for turns, was_together in zip(conversation.turns_of_bursts, conversation.were_together, strict=True):
        assert turns == 1 if was_together else turns >= 1
    if all(conversation.were_together):
        *answers, code = written
        assert all(word in text for word, text in zip(_WORDS_OF_ANSWERS, answers, strict=True)), written
        assert code.startswith("000201")
    assert sum("Registrei" in text for text in written) == 1
    assert len(await stack.query("SELECT FROM promises WHERE document = %s", customer.document)) == 1


async def test_api_that_hangs_in_a_turn_and_comes_back_does_not_answer_again(
    new_database: NewDatabase, tmp_path: Path, no_redis_url: str
) -> None:
    customer = Customer(number=890)
    with run_fake_openai() as model:
        model.behaviour = Behaviour(delay_seconds=1.0)
        settings = _SETTINGS | model.environment()
        async with running_stack(
            new_database(None), tmp_path, redis_url=no_redis_url, apis=2, environment=settings
        ) as stack:

            async def is_thinking() -> bool:
                return model.waiting > 0

            await deliver(stack, message_webhook(stack, customer, "quero ver minha fatura"))
            await wait_for("the model is asked", is_thinking)
            hanging = await _slot_of_the_turn(stack)
            stack.pause(hanging)
            await until_settled(stack, customer)  # the other one took the turn over when the lease had run out
            assert len(received(stack, customer)) == 1
            stack.resume(hanging)
            await wait_for("the late turn is thrown away", lambda: _has_lost_a_turn(stack, hanging))
            await until_settled(stack, customer)
            assert len(received(stack, customer)) == 1
            assert await _turns(stack, customer) == 1


async def _slot_of_the_turn(stack: Stack) -> int:
    """Say which api has claimed the one conversation: a lease names the process."""
    (row,) = await stack.query("SELECT locked_by FROM conversations")
    pids = [stack.processes[f"api{slot}"].pid for slot in (0, 1)]
    return pids.index(int(row["locked_by"].split(":")[1]))


async def _has_lost_a_turn(stack: Stack, slot: int) -> bool:
    async with httpx.AsyncClient(verify=False) as http:
        answer = await http.get(stack.base_url(slot) + "/metrics")
    return 'master_ia_turns_total{outcome="lost"} 1.0' in answer.text
