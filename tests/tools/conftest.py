"""A desk where tools are called as the graph calls them, on a real database."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from pydantic import SecretStr

from domain.turns import ContactProfile, Identity
from services.effects import apply_effects
from tests.business_world import FakeCrm, World, make_world, statement
from tests.fakes_clock import FakeClock
from tools.context import ToolResult, ToolRun
from tools.registry import TOOLS_BY_AGENT
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

TOOLS: Mapping[str, BaseTool] = {tool.name: tool for tools in TOOLS_BY_AGENT.values() for tool in tools}


@dataclass(kw_only=True)
class Desk:
    """Call tools turn by turn; what a turn leaves is carried on, as the graph does."""

    world: World
    deps: Deps
    crm: FakeCrm
    run: ToolRun
    results: list[ToolResult] = field(default_factory=list)

    async def call(self, name: str, **args: Any) -> dict[str, Any]:
        """Call one tool and give the JSON that the model reads."""
        message = await TOOLS[name].ainvoke(
            {"name": name, "args": {**args, "run": self.run}, "id": "call-1", "type": "tool_call"}
        )
        result: ToolResult = message.artifact
        content: dict[str, Any] = json.loads(message.content)
        assert content == dict(result.content)
        self.results.append(result)
        proposal = None if result.clears_proposal else result.proposal or self.run.proposal
        self.run = replace(
            self.run,
            identity=result.identity or self.run.identity,
            proposal=proposal,
            promise=result.promise or self.run.promise,
            effects=(*self.run.effects, *result.effects),
            evidence=(*self.run.evidence, *result.evidence),
        )
        return content

    @property
    def last(self) -> ToolResult:
        return self.results[-1]

    @property
    def backed(self) -> set[tuple[str, str]]:
        """Give kind and value of the last result's evidence."""
        return {(item["kind"], item["value"]) for item in self.last.evidence}

    async def says(self, *texts: str) -> None:
        """End the turn (its effects are written) and begin the next with the customer's messages."""
        turn = self.run.turn
        async with self.world.database.tenant(self.world.tenant.id) as connection:
            await apply_effects(
                connection, self.run.effects, tenant=self.world.tenant, contact_id=self.world.contact_id,
                conversation_id=self.world.conversation_id, turn_seq=turn.turn_seq, now=turn.now,
            )  # fmt: skip
        self.run = replace(
            self.run,
            turn=replace(turn, turn_seq=turn.turn_seq + 1),
            customer_texts=(*self.run.customer_texts, *texts),
            new_texts=texts,
            effects=(),
        )

    def links(self, document: str) -> None:
        """Make the contact one whose document is known."""
        turn = self.run.turn
        contact = ContactProfile(id=self.world.contact_id, name="Maria da Silva", document=document)
        self.run = replace(self.run, turn=replace(turn, contact=contact))


@pytest.fixture
async def desk(database_url: str, clock: FakeClock) -> AsyncIterator[Desk]:
    key = SecretStr("test:" + base64.b64encode(b"k" * 32).decode())
    settings = Settings(_env_file=None, database_url=SecretStr(database_url), encryption_keys=key)  # type: ignore[call-arg]
    crm = FakeCrm(statement())
    async with open_deps(settings, clock=clock) as deps:
        world = await make_world(deps.database)
        run = ToolRun(
            deps=replace(deps, http_crm=crm), turn=world.turn(), identity=Identity(status="pendente"), proposal=None,
            promise=None, customer_texts=(), new_texts=(),
        )  # fmt: skip
        yield Desk(world=world, deps=run.deps, crm=crm, run=run)
