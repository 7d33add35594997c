"""Chains, fallback, circuit breaker, usage (spec 1.12-1.14)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, SecretStr

from agents.models import Answer, Factory, Models, one_turn
from agents.prices import cost_of, cost_usd
from domain.turns import ModelUsage
from store.database import Database
from store.model_settings import delete_model_setting, put_model_setting, put_platform_models
from tests.agents.scripted_model import ScriptedModel
from tests.factories import make_tenant, open_database
from tests.fakes_clock import FakeClock
from tests.graphs.rig import make_settings


class Failing(ValueError):
    """What a provider's library may raise."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


def make(database: Database, clock: FakeClock, model: ScriptedModel | None = None, *, has_key: bool = True) -> Models:
    changes: dict[str, Any] = {"openai_api_key": SecretStr("k")} if has_key else {}
    factories: dict[str, Factory] = {"openai": lambda name, temperature: model} if model else {}
    return Models(make_settings(database.url, **changes), database, clock, factories=factories)


async def ask(models: Models, tenant_id: UUID, **more: Any) -> Answer:
    return await models.ask([HumanMessage(content="oi")], tenant_id=tenant_id, agent="persona", feature="reply", **more)


async def test_default_chain_follows_the_environment(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    with_key = await make(database, clock).chain(tenant_id, "persona")
    without = await make(database, clock, has_key=False).chain(tenant_id, "persona")
    assert with_key.names == ("openai:gpt-5-mini", "offline")
    assert without.names == ("offline",)


async def test_tenants_chain_is_seen_within_thirty_seconds(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    models = make(database, clock)
    assert (await models.chain(tenant_id, "sales")).names[0] == "openai:gpt-5-mini"
    async with database.tenant(tenant_id) as connection:
        await put_model_setting(
            connection, tenant_id=tenant_id, agent="sales", chain=["openai:gpt-5.4", "nonsense:x"], temperature=0.2,
            now=clock.now(),
        )  # fmt: skip
    clock.advance(timedelta(seconds=31))
    chain = await models.chain(tenant_id, "sales")
    assert (chain.names, chain.temperature) == (("openai:gpt-5.4", "offline"), 0.2)
    assert (await models.chain(tenant_id, "persona")).names == ("openai:gpt-5-mini", "offline")
    async with database.tenant(tenant_id) as connection:
        assert await delete_model_setting(connection, agent="sales")
    clock.advance(timedelta(seconds=31))
    assert (await models.chain(tenant_id, "sales")).names == ("openai:gpt-5-mini", "offline")


async def test_platforms_chain_stands_behind_the_tenants(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    async with database.platform() as connection:
        await put_platform_models(connection, chains={"*": ["openai:gpt-4.1"]}, now=clock.now())
    models = make(database, clock)
    assert (await models.chain(tenant_id, "persona")).names == ("openai:gpt-4.1", "offline")


@pytest.mark.parametrize(
    "trouble", [Failing("boom"), TimeoutError(), RuntimeError("Event loop is closed"), "", "   ", "x" * 30_000]
)
async def test_trouble_and_nonsense_fall_back_to_the_offline_model(
    database: Database, clock: FakeClock, trouble: Any
) -> None:
    tenant_id = await make_tenant(database)
    answer = await ask(make(database, clock, ScriptedModel(script=[trouble])), tenant_id)
    assert answer.model == "offline"
    assert str(answer.message.text)
    assert len(answer.failures) == 1
    assert "boom" not in answer.failures[0]


async def test_circuit_opens_after_five_failures_for_thirty_seconds(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    model = ScriptedModel(script=[Failing()] * 6 + ["Voltei!"])
    models = make(database, clock, model)
    for _ in range(8):
        await ask(models, tenant_id)
    assert len(model.asked) == 5
    clock.advance(timedelta(seconds=31))
    await ask(models, tenant_id)
    await ask(models, tenant_id)
    assert len(model.asked) == 6
    clock.advance(timedelta(seconds=31))
    assert (await ask(models, tenant_id)).model == "openai:gpt-5-mini"
    assert (await ask(models, tenant_id)).failures == ()


async def test_silent_model_costs_a_turn_only_once(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    model = ScriptedModel(script=[TimeoutError(), TimeoutError(), "Voltei!"])
    models = make(database, clock, model)
    with one_turn():
        assert [(await ask(models, tenant_id)).model for _ in range(3)] == ["offline"] * 3
    assert len(model.asked) == 1
    with one_turn():
        await ask(models, tenant_id)
    assert len(model.asked) == 2


async def test_model_that_hangs_is_left_after_the_time_for_a_call(database: Database, clock: FakeClock) -> None:
    class Hanging(ScriptedModel):
        async def _agenerate(self, *arguments: Any, **more: Any) -> Any:
            await asyncio.Event().wait()

    settings = make_settings(database.url, openai_api_key=SecretStr("k"))
    factories: dict[str, Factory] = {"openai": lambda name, temperature: Hanging(script=[])}
    tenant_id = await make_tenant(database)
    models = Models(settings, database, clock, factories=factories, call_seconds=0.05)
    answer = await ask(models, tenant_id)
    assert (answer.model, answer.failures) == ("offline", ("openai:gpt-5-mini: TimeoutError",))
    models = Models(settings, database, clock, factories=factories, token_seconds=0.05)
    assert (await ask(models, tenant_id, is_on_phone=True)).failures == ("openai:gpt-5-mini: TimeoutError",)


async def test_usage_names_agent_feature_provider_and_model(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    answer = await ask(make(database, clock, ScriptedModel(script=["Oi!"])), tenant_id)
    assert answer.usage == (
        ModelUsage(
            agent="persona", feature="reply", provider="openai", model="gpt-5-mini", input_tokens=10, output_tokens=5
        ),
    )  # fmt: skip


async def test_nonsense_that_cost_tokens_is_counted_too(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    answer = await ask(make(database, clock, ScriptedModel(script=[""])), tenant_id)
    assert [usage.provider for usage in answer.usage] == ["openai", "offline"]


class Cor(BaseModel):
    """Uma cor."""

    nome: str


async def test_answer_outside_the_schema_falls_back(database: Database, clock: FakeClock) -> None:
    tenant_id = await make_tenant(database)
    answer = await ask(make(database, clock, ScriptedModel(script=[AIMessage(content="azul")])), tenant_id, schema=Cor)
    assert answer.model == "offline"
    assert isinstance(answer.parsed, Cor)


def usage(model: str, provider: str = "openai") -> ModelUsage:
    return ModelUsage(
        agent="a", feature="reply", provider=provider, model=model, input_tokens=1_000_000, output_tokens=500_000
    )


def test_prices_know_dated_names_and_flag_strangers() -> None:
    assert cost_of(usage("gpt-5-mini-2025-08-07")).usd == Decimal("1.25")
    assert not cost_of(usage("gpt-5.4")).is_known
    assert cost_usd(usage("gpt-5.4")) == 0
    assert cost_of(usage("offline-ptbr-1", "offline")).is_known
