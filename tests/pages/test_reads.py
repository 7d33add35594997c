"""The reads behind the simulator's faces, on a real PostgreSQL."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from agents.prices import cost_usd
from domain.messages import Address, AddressKind, InboundMessage, MessageKind
from domain.turns import ModelUsage
from server.simulation import SimulatedCustomer, SimulatorApi, find_api_url
from services.demo import DEMO_CONTACTS, seed_demo
from services.simulation import Simulation, Simulator
from store import conversations, turns
from tests.factories import webhook
from tests.fakes_clock import FakeClock
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

MARIA = DEMO_CONTACTS[0]


@pytest.fixture
async def deps(database_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    key = SecretStr(f"test:{base64.b64encode(b'k' * 32).decode()}")
    settings = Settings(_env_file=None, database_url=SecretStr(database_url), encryption_keys=key)  # type: ignore[call-arg]
    async with open_deps(settings, clock=clock) as opened:
        yield opened


async def open_simulation(deps: Deps) -> tuple[Simulation, Simulator]:
    await seed_demo(deps.database, deps.knowledge, deps.cipher, now=deps.clock.now())
    simulation = Simulation(deps.database, deps.accounts, deps.clock)
    simulator = await simulation.find()
    assert simulator is not None
    return simulation, simulator


async def receive(deps: Deps, simulator: Simulator, text: str, phone: str = MARIA.phone) -> None:
    message = InboundMessage(
        provider_message_id=f"in-{uuid4().hex}", account_external_id=simulator.account.row.external_id,
        addresses=(Address(kind=AddressKind.SIMULATED, value=phone),), sent_at=deps.clock.now(),
        kind=MessageKind.TEXT, text=text,
    )  # fmt: skip
    await deps.inbox.receive(simulator.account.row, webhook(message), now=deps.clock.now())


def customer_of(simulation: Simulation, simulator: Simulator) -> SimulatedCustomer:
    return SimulatedCustomer(
        api=SimulatorApi("http://127.0.0.1:1"), simulation=simulation, simulator=simulator, contact=MARIA
    )


async def put_turn(deps: Deps, simulator: Simulator, conversation_id: UUID, *steps: dict[str, object]) -> None:
    now = deps.clock.now()
    async with deps.database.tenant(simulator.tenant.id) as connection:
        await connection.execute("UPDATE conversations SET turn_seq = 1 WHERE id = %s", [conversation_id])
        await turns.insert_trace(
            connection, trace=steps, tenant_id=simulator.tenant.id, conversation_id=conversation_id, turn_seq=1,
            outcome="answered", agent="cobranca", verdict="approved", model="offline", prompt_version="p@1",
            reruns=0, started_at=now, finished_at=now,
        )  # fmt: skip
        usage = [
            ModelUsage(
                agent="cobranca", feature="reply", provider="offline", model="offline", input_tokens=tokens,
                output_tokens=tokens // 10,
            )
            for tokens in (100, 20)
        ]  # fmt: skip
        await turns.insert_usage(
            connection, usage, price=cost_usd, tenant_id=simulator.tenant.id, conversation_id=conversation_id,
            turn_seq=1, now=now,
        )  # fmt: skip


async def test_without_a_demo_there_is_no_simulator(deps: Deps) -> None:
    assert await Simulation(deps.database, deps.accounts, deps.clock).find() is None


async def test_people_show_where_they_stand(deps: Deps) -> None:
    simulation, simulator = await open_simulation(deps)
    standing = {person.contact.name: person.situation for person in await simulation.people(simulator)}
    assert standing["Maria da Silva"].overdue_invoices == 2
    assert standing["Antônio Ferreira"].has_promise
    assert standing["Luiza Martins"].has_opted_out
    settled = standing["Juliana Rocha Almeida"]
    assert settled.overdue_invoices == 0
    assert [settled.has_promise, settled.has_payment_claim, settled.has_opted_out] == [False, False, False]
    documents = [person.typed_document for person in await simulation.people(simulator)]
    assert (documents[0], documents[-1]) == ("529.982.247-25", "11.222.333/0001-81")


async def test_only_what_is_new_is_read(deps: Deps) -> None:
    simulation, simulator = await open_simulation(deps)
    customer = customer_of(simulation, simulator)
    assert (await customer.follow()).conversation is None
    await receive(deps, simulator, "oi")
    first = await customer.follow()
    assert [row.text for row in first.messages] == ["oi"]
    assert first.is_typing
    assert not (await customer.follow()).messages
    await receive(deps, simulator, "bom dia")
    await receive(deps, simulator, "sou outra pessoa", DEMO_CONTACTS[1].phone)
    assert [row.text for row in (await customer.follow()).messages] == ["bom dia"]


async def test_trace_hides_documents_and_adds_up_the_tokens(deps: Deps) -> None:
    simulation, simulator = await open_simulation(deps)
    customer = customer_of(simulation, simulator)
    await receive(deps, simulator, "oi")
    await customer.follow()
    assert customer.conversation_id is not None
    step = {"step": "tool", "arguments": {"cpf_cnpj": "529.982.247-25"}, "result": ["CPF 52998224725"], "ms": 3}
    await put_turn(deps, simulator, customer.conversation_id, step)
    (turn,) = (await customer.follow()).turns
    assert "52998224725" not in str(turn.trace)
    assert "529.982.247" not in str(turn.trace)
    assert turn.trace[0]["ms"] == 3
    assert (turn.input_tokens, turn.output_tokens, turn.models) == (120, 12, ["offline"])
    assert not (await customer.follow()).turns


async def test_running_turn_counts_until_its_lease_ends(deps: Deps, clock: FakeClock) -> None:
    simulation, simulator = await open_simulation(deps)
    customer = customer_of(simulation, simulator)
    await receive(deps, simulator, "oi")
    clock.advance(seconds=30)
    async with deps.database.platform() as connection:
        await conversations.claim(
            connection, runner="r", now=clock.now(), locked_until=clock.now() + timedelta(seconds=20), limit=1
        )
    assert (await customer.follow()).is_running
    clock.advance(seconds=21)
    assert not (await customer.follow()).is_running


async def test_ended_talk_is_told_once_and_the_next_starts_empty(deps: Deps) -> None:
    simulation, simulator = await open_simulation(deps)
    customer = customer_of(simulation, simulator)
    await receive(deps, simulator, "oi")
    await customer.follow()
    assert customer.conversation_id is not None
    assert await simulation.end(simulator, customer.conversation_id)
    assert not await simulation.end(simulator, customer.conversation_id)
    ended = await customer.follow()
    assert not ended.is_live
    assert not ended.is_typing
    await receive(deps, simulator, "voltei")
    fresh = await customer.follow()
    assert [row.text for row in fresh.messages] == ["voltei"]
    newcomer = customer_of(simulation, simulator)
    assert [row.text for row in (await newcomer.follow()).messages] == ["voltei"]


async def test_giving_back_needs_a_person_to_have_it(deps: Deps) -> None:
    simulation, simulator = await open_simulation(deps)
    customer = customer_of(simulation, simulator)
    assert not await customer.hand_back()
    await receive(deps, simulator, "oi")
    await customer.follow()
    assert not await customer.hand_back()
    assert customer.conversation_id is not None
    async with deps.database.tenant(simulator.tenant.id) as connection:
        await conversations.hand_off(connection, customer.conversation_id, reason="pediu", now=deps.clock.now())
    assert (await customer.follow()).is_with_a_person
    assert await customer.hand_back()
    assert (await customer.follow()).is_typing


def test_api_is_where_the_settings_say_when_nothing_runs_here(database_url: str, tmp_path: Path) -> None:
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None, database_url=SecretStr(database_url), public_base_url="http://127.0.0.1:4321", data_dir=tmp_path
    )
    assert find_api_url(settings) == "http://127.0.0.1:4321"
