"""The demo tenant's customers, talking through the inbox, the graph, the tools and the commit of real turns."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID, uuid4

from agents.models import Models
from agents.prices import cost_usd
from domain.messages import Address, AddressKind, InboundMessage, MessageKind, ParsedWebhook, Text
from domain.turns import TurnOutcome
from graphs.engine import compile_conversation
from graphs.runner import as_graph_messages, carried_thread
from graphs.turn import CompiledConversation, run_turn
from services.demo import DEMO_SLUG, seed_demo
from services.turns import Commit, TurnStore
from store import channel_accounts, promises, tenants
from store.channel_accounts import AccountRow
from store.promises import PromiseRow
from tests.fakes_clock import FakeClock
from tests.graphs.rig import make_settings, spoken
from wiring.deps import Deps, open_deps

MARIA, JOAO, ANA, CARLOS, FRANCISCA, ANTONIO, JULIANA, PEDRO, LUIZA, MARCOS, RITA, PADARIA = (
    f"+55119999900{number:02}" for number in range(1, 13)
)
STRANGER = "+5511999990077"
DOCUMENTS = {
    MARIA: "52998224725", JOAO: "11144477735", ANA: "24681357928", CARLOS: "13579246828", FRANCISCA: "31415926590",
    ANTONIO: "27182818205", JULIANA: "16180339805", PEDRO: "14142135651", LUIZA: "17320508052", MARCOS: "22360679767",
    RITA: "26457513182", PADARIA: "11222333000181",
}  # fmt: skip


_SILENT = TurnOutcome(
    parts=(), effects=(), usage=(), trace=(), agent=None, verdict="none", model=None, prompt_version=None
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A message without words."""

    kind: MessageKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One committed turn: what was said, what it did."""

    text: str
    outcome: TurnOutcome
    identity: str

    @property
    def tools(self) -> list[str]:
        return [str(step["tool"]) for step in self.outcome.trace if step["step"] == "tool"]

    @property
    def effects(self) -> list[str]:
        return [type(effect).__name__ for effect in self.outcome.effects]

    @property
    def words(self) -> str:
        """Give the reply without the payment codes that follow it."""
        return next((part.text for part in self.outcome.parts if isinstance(part, Text)), "")

    @property
    def code(self) -> str:
        """Give the payment code sent in a message of its own, empty without one."""
        texts = [part.text for part in self.outcome.parts if isinstance(part, Text)]
        return texts[1] if len(texts) > 1 else ""

    @property
    def agent(self) -> str | None:
        return self.outcome.agent


@dataclass(kw_only=True)
class Demo:
    """The demo tenant in one database."""

    deps: Deps
    graph: CompiledConversation
    turns: TurnStore
    clock: FakeClock
    account: AccountRow

    def customer(self, phone: str) -> "Customer":
        return Customer(demo=self, phone=phone)


@dataclass(kw_only=True)
class Customer:
    """Somebody at a telephone; every `say` is one committed turn."""

    demo: Demo
    phone: str
    turns: list[Answered] = field(default_factory=list)
    conversation_id: UUID | None = None

    async def say(self, *bubbles: str | Media) -> str:
        """Send bubbles, let the turn run, give the reply; empty when nobody answered."""
        return (await self.turn(*bubbles)).text

    async def turn(self, *bubbles: str | Media) -> Answered:
        for bubble in bubbles:
            await self._receive(bubble)
        self.demo.clock.advance(timedelta(seconds=15))
        answered = await self._run()
        self.turns.append(answered)
        return answered

    async def talk(self, *lines: str) -> str:
        """Say one line after the other; give the last reply."""
        reply = ""
        for line in lines:
            reply = await self.say(line)
        return reply

    async def _receive(self, bubble: str | Media) -> None:
        message = InboundMessage(
            provider_message_id=uuid4().hex,
            account_external_id=self.demo.account.external_id,
            addresses=tuple(
                Address(kind=kind, value=self.phone) for kind in (AddressKind.SIMULATED, AddressKind.PHONE)
            ),
            sent_at=self.demo.clock.now(),
            kind=MessageKind.TEXT if isinstance(bubble, str) else bubble.kind,
            text=bubble if isinstance(bubble, str) else None,
        )
        deps = self.demo.deps
        await deps.inbox.receive(self.demo.account, ParsedWebhook(messages=[message]), now=self.demo.clock.now())

    async def _run(self) -> Answered:
        rows = await self.demo.turns.claim(10)
        loaded = await self.demo.turns.load(rows[0]) if rows else None
        if loaded is None:  # a person has the conversation
            return Answered(text="", outcome=_SILENT, identity=self.identity)
        [row] = rows
        self.conversation_id = row.id
        outcome, checkpoint_id = await run_turn(
            self.demo.graph, context=loaded.context, messages=as_graph_messages(loaded.said), thread_id=str(row.id),
            checkpoint_id=row.checkpoint_id, carried=carried_thread(loaded),
        )  # fmt: skip
        result = await self.demo.turns.commit(loaded, outcome, checkpoint_id=checkpoint_id, reruns=0, is_final=True)
        assert result is Commit.COMMITTED
        thread = {"thread_id": str(row.id), "checkpoint_id": checkpoint_id}
        state = (await self.demo.graph.aget_state({"configurable": thread})).values
        identity: Mapping[str, str] = state.get("identity") or {"status": "pendente"}
        return Answered(text=spoken(outcome), outcome=outcome, identity=identity["status"])

    @property
    def identity(self) -> str:
        return self.turns[-1].identity if self.turns else "pendente"

    @property
    def tools(self) -> list[str]:
        return [tool for answered in self.turns for tool in answered.tools]

    @property
    def effects(self) -> list[str]:
        return [effect for answered in self.turns for effect in answered.effects]

    @property
    def replies(self) -> list[str]:
        return [answered.text for answered in self.turns]

    async def promises(self) -> list[PromiseRow]:
        """Read the stored promises of this customer's document."""
        async with self.demo.deps.database.tenant(self.demo.account.tenant_id) as connection:
            return await promises.of_document(connection, DOCUMENTS[self.phone])

    async def pending(self) -> list[tuple[int, date]]:
        return [(row.amount_cents, row.due_on) for row in await self.promises() if row.status == "pending"]

    async def handler(self) -> str:
        """Tell who has the conversation: bot or human."""
        return str(await self._value("SELECT handler FROM conversations WHERE id = %s", self.conversation_id))

    async def is_opted_out(self) -> bool:
        query = (
            "SELECT count(*) FROM contacts JOIN addresses USING (tenant_id) WHERE addresses.contact_id = contacts.id"
            " AND addresses.value = %s AND contacts.opted_out_at IS NOT NULL"
        )
        return bool(await self._value(query, self.phone))

    async def open_claims(self) -> int:
        query = "SELECT count(*) FROM payment_claims WHERE document = %s AND status = 'open'"
        return int(str(await self._value(query, DOCUMENTS[self.phone])))

    async def _value(self, query: str, argument: object) -> object:
        async with self.demo.deps.database.tenant(self.demo.account.tenant_id) as connection:
            cursor = await connection.execute(query.encode(), (argument,))
            row = await cursor.fetchone()
        return None if row is None else next(iter(row.values()))


@asynccontextmanager
async def open_demo(database_url: str) -> AsyncIterator[Demo]:
    """Open the demo tenant; a database that holds it already is used as it is."""
    clock = FakeClock()
    async with open_deps(make_settings(database_url), clock=clock) as deps:
        async with deps.database.platform() as connection:
            is_seeded = await tenants.by_slug(connection, DEMO_SLUG) is not None
        if not is_seeded:
            await seed_demo(deps.database, deps.knowledge, deps.cipher, now=clock.now())
        async with deps.database.platform() as connection:
            [account] = [row for row in await channel_accounts.list_all(connection) if row.provider == "simulator"]
        models = Models(deps.settings, deps.database, clock)
        turns = TurnStore(
            database=deps.database, tenants=deps.tenants, accounts=deps.accounts, clock=clock, runner="test",
            lease_seconds=60, price=cost_usd, failpoint=deps.failpoint,
        )  # fmt: skip
        try:
            yield Demo(deps=deps, graph=compile_conversation(deps, models), turns=turns, clock=clock, account=account)
        finally:
            await models.aclose()
