"""Calls of the demo tenant's customers on the real graph, tools and commits: somebody on the phone says a line, and
what is spoken back is collected. No provider's protocol in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

from agents.models import Factory, Models
from domain.call_talk import CallEvent, ReplyDone, Say, ToolUsed
from domain.messages import Provider
from domain.ports import Crm
from graphs.call_center import HOLDING_SECONDS, CallCenter
from graphs.call_session import CallSession, SpokenAnswer
from graphs.engine import compile_conversation
from services.accounts import OpenAccount
from services.call_desk import Arrival
from tests.factories import make_account
from tests.graphs.demo_rig import Demo, open_demo

PATIENCE_SECONDS = 20


@dataclass(kw_only=True)
class CallWorld:
    """The demo tenant with a number at a voice provider. `demo.customer(phone)` writes to it, `ring` calls it."""

    demo: Demo
    account: OpenAccount
    center: CallCenter

    async def ring(
        self, phone: str | None, *, direction: Literal["in", "out"] = "in", call_id: UUID | None = None,
        provider_call_id: str | None = None, answer: SpokenAnswer | None = None,
    ) -> "OnThePhone":  # fmt: skip
        """Open a call's session, as a provider's socket does, and hear the greeting."""
        arrival = Arrival(
            provider_call_id=provider_call_id or f"call_{uuid4().hex}", direction=direction, customer_phone=phone,
            call_id=call_id, agent_version="3",
        )  # fmt: skip
        session = await self.center.open(self.account, arrival, answer=answer)
        line = OnThePhone(world=self, session=session)
        line.begin()
        await session.start()
        if not session.opened.is_resumed:
            await line.listen()
        return line


@dataclass(kw_only=True)
class OnThePhone:
    """Somebody on the phone. Every `say` waits until the reply is complete."""

    world: CallWorld
    session: CallSession
    events: list[CallEvent] = field(default_factory=list)
    done: list[ReplyDone] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    reply: int = 0
    _news: "asyncio.Queue[CallEvent]" = field(default_factory=asyncio.Queue)
    _reader: "asyncio.Task[None] | None" = None

    def begin(self) -> None:
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.session.events():
            self.events.append(event)
            self._news.put_nowait(event)

    async def listen(self) -> str:
        """Wait for the end of the reply; give what was said in it."""
        said: list[str] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self._news.get()
                if isinstance(event, Say):
                    said.append(event.text)
                elif isinstance(event, ReplyDone):
                    self.done.append(event)
                    self.replies.append(" ".join(said))
                    return self.replies[-1]

    async def first_words(self) -> str:
        """Wait for the next sentence alone."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self._news.get()
                if isinstance(event, Say):
                    return event.text

    async def begin_to_say(self, text: str, *, key: str | None = None) -> None:
        """Say something and do not wait for the answer."""
        self.reply += 1
        self.world.demo.clock.advance(timedelta(seconds=3))
        await self.session.hear(text, key=key or f"u{self.reply}", reply=self.reply)

    async def say(self, text: str, *, key: str | None = None) -> str:
        await self.begin_to_say(text, key=key)
        return await self.listen()

    async def talk(self, *lines: str) -> str:
        """Say one line after the other; give the last reply."""
        reply = ""
        for line in lines:
            reply = await self.say(line)
        return reply

    async def hang_up(self) -> None:
        await self.session.close()
        if self._reader is not None:
            await self._reader

    @property
    def then(self) -> str:
        return self.done[-1].then

    @property
    def tools(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, ToolUsed)]

    async def history(self) -> list[tuple[str, str]]:
        """Read what the call's conversation keeps, oldest first: direction and words."""
        query = "SELECT direction, text FROM messages WHERE call_id = %(id)s ORDER BY seq"
        async with self.world.demo.deps.database.tenant(self.session.opened.tenant_id) as connection:
            cursor = await connection.execute(query, {"id": self.session.opened.call.id})
            return [(row["direction"], row["text"]) for row in await cursor.fetchall()]


@asynccontextmanager
async def open_call_world(
    database_url: str, *, factories: dict[str, Factory] | None = None, settings: dict[str, str] | None = None,
    crm: Crm | None = None, holding_seconds: float = HOLDING_SECONDS,
) -> AsyncIterator[CallWorld]:  # fmt: skip
    """Open the demo tenant with a Retell number. Without factories the offline model speaks; without a CRM the ledger
    is asked."""
    async with open_demo(database_url) as demo:
        row = await make_account(
            demo.deps.database, demo.account.tenant_id, provider=Provider.RETELL, external_id="+551140001234",
            settings=settings or {},
        )  # fmt: skip
        account = await demo.deps.accounts.by_id(row.tenant_id, row.id)
        assert account is not None
        models = Models(demo.deps.settings, demo.deps.database, demo.clock, factories=factories)
        try:
            deps = demo.deps if crm is None else replace(demo.deps, http_crm=crm)
            center = CallCenter(deps, compile_conversation(deps, models), holding_seconds=holding_seconds)
            yield CallWorld(demo=demo, account=account, center=center)
        finally:
            await models.aclose()
