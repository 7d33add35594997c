"""The harness of one process: a database, the product's services over it, and any number of talks at once."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from langchain_core.language_models import BaseChatModel

from agents.models import Factory, Models
from agents.prices import cost_usd
from domain.ports import Crm, CrmUnavailable, DebtStatement
from domain.tenants import Tenant
from evals.agents_under_test import AgentUnderTest, Sound
from evals.clock import TalkClock, TalkTime, at_time
from evals.customer import make_customer
from evals.events import Transcript
from evals.phone_line import PhoneLine
from evals.scenario import Channel, Scenario, SeedText
from evals.shared_knowledge import SharedKnowledge
from evals.talk import Line, Talk, WrittenLine
from evals.world import CellSetup, World, make_world
from graphs.call_center import CallCenter
from graphs.engine import compile_conversation
from graphs.turn import CompiledConversation
from services.demo_content import KNOWLEDGE
from services.offline_embeddings import OfflineEmbeddings
from services.turns import TurnStore
from store import tenants
from store.conversations import ConversationRow
from wiring.clock import SystemClock
from wiring.deps import Deps, open_deps
from wiring.settings import Settings, load_settings

_LATER_THAN_ANY_TALK: Final = datetime(9000, 1, 1, tzinfo=UTC)
_CLAIMED_AT_ONCE: Final = 100
_ZONE: Final = ZoneInfo("America/Sao_Paulo")
# What the environment may hold and a run must not touch unless it is asked to.
_NOTHING_OUTSIDE: Final[Mapping[str, object]] = {
    "openai_api_key": None, "crm_api_url": None, "crm_api_key": None, "langsmith_api_key": None, "redis_url": None,
    "failpoint": None,
}  # fmt: skip


class _CrmDown:
    """The CRM of a scenario in which it does not answer."""

    async def open_invoices(self, document: str) -> DebtStatement:
        raise CrmUnavailable("down in this scenario")


@dataclass(frozen=True, kw_only=True, slots=True)
class _TalkDeps(Deps):
    """The process's services; the CRM of some talks is down."""

    without_crm: set[UUID]

    def crm_for(self, tenant: Tenant) -> Crm:
        return _CrmDown() if tenant.id in self.without_crm else super(_TalkDeps, self).crm_for(tenant)


class TurnClaims:
    """Claims due conversations for all talks of the process with the product's own statement, many at once."""

    def __init__(self, turns: TurnStore) -> None:
        self._turns = turns
        self._claimed: dict[UUID, ConversationRow] = {}
        self._begun = 0
        self._one_at_a_time = asyncio.Lock()

    async def of_tenant(self, tenant_id: UUID) -> ConversationRow | None:
        """Claim the due conversation of this talk; None when nothing of it asks for an answer."""
        if tenant_id not in self._claimed:
            asked_in = self._begun
            async with self._one_at_a_time:
                # A round that began since has claimed for us too; one that ran already may not have seen our message.
                if self._begun == asked_in:
                    self._begun += 1
                    await self._claim()
        return self._claimed.pop(tenant_id, None)

    async def _claim(self) -> None:
        # Every talk has its own time, and all that is asked for is due by its own.
        with at_time(TalkTime(_LATER_THAN_ANY_TALK)):
            while True:
                rows = await self._turns.claim(_CLAIMED_AT_ONCE)
                self._claimed.update({row.tenant_id: row for row in rows})
                if len(rows) < _CLAIMED_AT_ONCE:
                    return


@dataclass(kw_only=True)
class EvalSession:
    """Runs talks. Belongs to one event loop."""

    deps: _TalkDeps
    knowledge: SharedKnowledge
    graph: CompiledConversation
    turns: TurnStore
    claims: TurnClaims
    center: CallCenter
    library: UUID
    customer_model: BaseChatModel | None = None
    _own_libraries: dict[tuple[SeedText, ...], UUID] = field(default_factory=dict)

    async def talk(
        self, scenario: Scenario, setup: CellSetup, *, seed: int = 0, agent: AgentUnderTest | None = None,
        name: str | None = None,
    ) -> Transcript:  # fmt: skip
        """Let one scenario be talked through; what breaks stands in the transcript's error.

        What is stored under a `name` has the same ids each time; in one database a name serves one talk.
        """
        time = TalkTime(scenario.now)
        with at_time(time):
            world = await make_world(self.deps.database, self.deps.cipher, scenario, setup, name=name)
            with self._surroundings(world, await self._library_of(scenario)):
                talk = Talk(
                    world=world, time=time, line=self._line(world, time, agent or Sound()),
                    customer=make_customer(scenario, seed=seed, model=self.customer_model),
                    database=self.deps.database, price=cost_usd,
                )  # fmt: skip
                return await talk.run()

    def _line(self, world: World, time: TalkTime, agent: AgentUnderTest) -> Line:
        if world.scenario.channel is Channel.VOICE:
            return PhoneLine(
                world=world, time=time, center=self.center, accounts=self.deps.accounts, database=self.deps.database,
                graph=self.graph, agent=agent,
            )  # fmt: skip
        return WrittenLine(
            world=world, time=time, inbox=self.deps.inbox, database=self.deps.database, turns=self.turns,
            claims=self.claims, graph=self.graph, agent=agent,
        )  # fmt: skip

    @contextmanager
    def _surroundings(self, world: World, library: UUID | None) -> Iterator[None]:
        if library is not None:
            self.knowledge.lend(library, to=world.tenant_id)
        if world.scenario.seed.is_crm_down:
            self.deps.without_crm.add(world.tenant_id)
        try:
            yield
        finally:
            self.knowledge.take_back(world.tenant_id)
            self.deps.without_crm.discard(world.tenant_id)

    async def _library_of(self, scenario: Scenario) -> UUID | None:
        texts = scenario.seed.knowledge
        if texts == "none":
            return None
        if texts == "demo":
            return self.library
        own = tuple(item for item in texts if isinstance(item, SeedText))
        if own not in self._own_libraries:
            self._own_libraries[own] = await _new_library(self.deps, [(t.title, t.source, t.text) for t in own])
        return self._own_libraries[own]


@asynccontextmanager
async def open_session(
    database_url: str, *, factories: Mapping[str, Factory] | None = None, customer_model: BaseChatModel | None = None,
    connections: int = 8, **changes: object,
) -> AsyncIterator[EvalSession]:  # fmt: skip
    """Open the product's services over a migrated database of the run's own.

    `factories` make chat models by provider name; `changes` are settings (a model's key and address). Without them
    nothing leaves this machine.
    """
    settings = eval_settings(database_url, connections=connections, **changes)
    async with open_deps(settings, clock=TalkClock()) as opened:
        # Not the provider's embeddings: what is found must not differ between the cells of a matrix.
        knowledge = SharedKnowledge(settings.required_database_url(), OfflineEmbeddings())
        values = {item.name: getattr(opened, item.name) for item in fields(opened)} | {"knowledge": knowledge}
        deps = _TalkDeps(**values, without_crm=set())
        # Breakers and caches of the models live in the machine's time: talks stand still at many days.
        models = Models(settings, deps.database, SystemClock(), factories=factories)
        graph = compile_conversation(deps, models)
        turns = TurnStore(
            database=deps.database, tenants=deps.tenants, accounts=deps.accounts, clock=deps.clock, runner="evals",
            lease_seconds=3600, price=cost_usd, failpoint=deps.failpoint,
        )  # fmt: skip
        try:
            yield EvalSession(
                deps=deps, knowledge=knowledge, graph=graph, turns=turns, claims=TurnClaims(turns),
                center=CallCenter(deps, graph), library=await _new_library(deps, KNOWLEDGE),
                customer_model=customer_model,
            )  # fmt: skip
        finally:
            await models.aclose()
            await knowledge.close()


def eval_settings(database_url: str, *, connections: int, **changes: object) -> Settings:
    """Give settings that depend on nothing around the run: no key, no Redis, no CRM."""
    key = f"evals:{base64.b64encode(b'e' * 32).decode()}"
    return load_settings(
        env_file=None,
        **{
            **_NOTHING_OUTSIDE, "database_url": database_url, "encryption_keys": key, "log_level": "ERROR",
            "log_format": "json", "db_pool_max": connections, **changes,
        },
    )  # fmt: skip


async def _new_library(deps: Deps, texts: Sequence[tuple[str, str, str]]) -> UUID:
    """Make a tenant that holds nothing but documents."""
    library = uuid4()
    async with deps.database.platform() as connection:
        await tenants.upsert(
            connection, tenant_id=library, slug=f"library-{library.hex}", name="TR Telecom",
            time_zone=_ZONE, state_code="SP", assistant_name="Lia", settings={},
        )  # fmt: skip
    for title, source, text in texts:
        await deps.knowledge.add_document(library, title, source, text, deps.clock.now())
    return library
