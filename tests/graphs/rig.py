"""A conversation on the real graph, real tools and a real PostgreSQL, driven message by message."""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from langchain_core.messages import AnyMessage, HumanMessage
from pydantic import SecretStr

from agents.models import Factory, Models
from domain.messages import Medium, Text
from domain.turns import AgentName, ContactProfile, TurnContext, TurnOutcome
from graphs.conversation import build
from graphs.saver import CommittedSaver
from graphs.turn import CompiledConversation, run_turn
from services.effects import apply_effects
from store import customers, invoices, products, tenants
from store.customers import CustomerRow
from store.invoices import InvoiceRow
from store.products import ProductRow
from tests.factories import make_tenant
from tests.fakes_clock import FakeClock
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

MARIA = "52998224725"
JOAO = "11144477735"


@cache  # to read them takes longer than many a test
def make_settings(database_url: str, **changes: Any) -> Settings:
    """Make settings that depend on nothing around the test."""
    key = SecretStr(f"test:{base64.b64encode(b'k' * 32).decode()}")
    return Settings(_env_file=None, database_url=SecretStr(database_url), encryption_keys=key, **changes)  # type: ignore[call-arg]


@dataclass(kw_only=True)
class Rig:
    """One tenant with two debtors and a catalogue; `say` runs a turn and remembers the checkpoint."""

    deps: Deps
    models: Models
    graph: CompiledConversation
    context: TurnContext
    checkpoint_id: str | None = None
    outcomes: list[TurnOutcome] = field(default_factory=list)

    async def run(self, *texts: str, messages: Sequence[AnyMessage] = (), keep: bool = True) -> TurnOutcome:
        """Run one turn; with `keep` false the result is thrown away, as when the commit lost its race."""
        outcome, checkpoint_id = await run_turn(
            self.graph,
            context=self.context,
            messages=[*messages, *(HumanMessage(content=text) for text in texts)],
            thread_id=str(self.context.conversation_id),
            checkpoint_id=self.checkpoint_id,
        )
        if keep:
            self.checkpoint_id = checkpoint_id
            self.outcomes.append(outcome)
            self.context = replace(self.context, turn_seq=self.context.turn_seq + 1, is_first_reply=False)
        return outcome

    async def say(self, *texts: str) -> str:
        """Say something and give the reply's texts."""
        return spoken(await self.run(*texts))

    @property
    def effects(self) -> list[object]:
        return [effect for outcome in self.outcomes for effect in outcome.effects]

    async def state(self) -> dict[str, Any]:
        """Read what the committed checkpoint holds."""
        thread = {"thread_id": str(self.context.conversation_id), "checkpoint_id": self.checkpoint_id}
        return dict((await self.graph.aget_state({"configurable": thread})).values)


def spoken(outcome: TurnOutcome) -> str:
    return "\n".join(part.text for part in outcome.parts if isinstance(part, Text))


async def _seed(deps: Deps, tenant_id: UUID) -> None:
    async with deps.database.tenant(tenant_id) as connection:
        await customers.upsert(connection, tenant_id, CustomerRow(document=MARIA, name="Maria da Silva"))
        await customers.upsert(connection, tenant_id, CustomerRow(document=JOAO, name="João Souza"))
        for number, cents, due_on in (
            ("FAT-1001", 11990, date(2026, 10, 10)),
            ("FAT-1002", 11990, date(2026, 11, 10)),
        ):
            row = InvoiceRow(document=MARIA, number=number, amount_cents=cents, due_on=due_on)
            await invoices.upsert(connection, tenant_id, row)
        for sku, name, cents in (("FIBRA-300", "Fibra 300 Mega", 9990), ("FIBRA-600", "Fibra 600 Mega", 12990)):
            product = ProductRow(
                sku=sku, name=name, description="Internet por fibra", price_cents=cents, period="por mês"
            )
            await products.upsert(connection, tenant_id, product)


@asynccontextmanager
async def open_rig(
    database_url: str, *, factories: dict[str, Factory] | None = None, source: str = "customer",
    assigned_agent: AgentName | None = None, contact: ContactProfile | None = None,
    settings: dict[str, Any] | None = None, **tenant_settings: Any,
) -> AsyncIterator[Rig]:  # fmt: skip
    """Open everything a conversation needs. Without factories the offline model speaks."""
    clock = FakeClock()
    async with open_deps(make_settings(database_url, **(settings or {})), clock=clock) as deps:
        tenant_id = await make_tenant(
            deps.database,
            slug=f"t-{uuid4().hex[:12]}",
            pix={"key": "pix@trtelecom.com.br", "name": "TR TELECOM", "city": "SAO PAULO"},
            **tenant_settings,
        )
        await _seed(deps, tenant_id)
        async with deps.database.tenant(tenant_id) as connection:
            tenant = await tenants.by_id(connection, tenant_id)
        assert tenant is not None
        models = Models(deps.settings, deps.database, clock, factories=factories)
        context = TurnContext(
            tenant=tenant, contact=contact or ContactProfile(id=uuid4(), name="Maria", document=MARIA),
            conversation_id=uuid4(), turn_seq=1, medium=Medium.WHATSAPP, now=clock.now(), source=source,
            assigned_agent=assigned_agent, custom_fields=("email",), stages=("Novo", "Proposta enviada"),
        )  # fmt: skip
        graph = build(deps, models).compile(checkpointer=CommittedSaver(deps.database.graph_pool))
        try:
            yield Rig(deps=deps, models=models, graph=graph, context=context)
        finally:
            await models.aclose()


async def apply(rig: Rig, outcome: TurnOutcome) -> None:
    """Write a turn's effects as the runner does."""
    async with rig.deps.database.tenant(rig.context.tenant.id) as connection:
        await apply_effects(
            connection, outcome.effects, tenant=rig.context.tenant, contact_id=rig.context.contact.id,
            conversation_id=rig.context.conversation_id, turn_seq=rig.context.turn_seq - 1, now=rig.context.now,
        )  # fmt: skip
