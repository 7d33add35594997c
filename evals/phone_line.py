"""A call of a talk: the product's call session, without a provider's protocol in between."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString
from uuid import UUID, uuid4

from domain.call_talk import CallEvent, ReplyDone, Say
from domain.turns import ModelUsage
from evals.agents_under_test import AgentUnderTest, Outcome
from evals.clock import TalkTime
from evals.scenario import Bubble
from evals.talk import Reply, TalkBroken, as_message, identity_at
from evals.world import World
from graphs.call_center import CallCenter
from graphs.call_session import CallSession
from graphs.runner import answer_turn
from graphs.turn import CompiledConversation, Ear
from services.accounts import AccountDirectory
from services.call_desk import Arrival
from services.turns import LoadedTurn
from store import turns
from store.database import Database

_PATIENCE_SECONDS = 120.0
_PACE = timedelta(seconds=4)  # between two things said
# A campaign's call that was dialed and just picked up.
_DIALED: LiteralString = """
    INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, direction, purpose, phone, status, status_at,
                       answered_by, created_at, answered_at)
    VALUES (%(tenant_id)s, %(id)s, %(account_id)s, %(contact_id)s, 'out', 'campaign', %(phone)s, 'in_progress', %(now)s,
            'human', %(now)s, %(now)s)
"""
_CHECKPOINT: LiteralString = "SELECT checkpoint_id FROM conversations WHERE id = %(id)s"
_USAGE: LiteralString = """
    SELECT agent, feature, provider, model, input_tokens, output_tokens FROM usage_records
    WHERE conversation_id = %(id)s AND turn_seq > %(after)s
"""


@dataclass(kw_only=True)
class PhoneLine:
    """Somebody on the phone: each thing said waits for the whole answer."""

    world: World
    time: TalkTime
    center: CallCenter
    accounts: AccountDirectory
    database: Database
    graph: CompiledConversation
    agent: AgentUnderTest
    _session: CallSession | None = None
    _reader: "asyncio.Task[None] | None" = None
    _news: "asyncio.Queue[CallEvent]" = field(default_factory=asyncio.Queue)
    _number: int = 0
    _turn_seq: int = 0

    async def open(self) -> Reply | None:
        account = await self.accounts.by_id(self.world.tenant_id, self.world.account.id)
        if account is None:
            raise TalkBroken("the number of the call is not there")
        is_outbound = self.world.scenario.seed.campaign
        arrival = Arrival(
            provider_call_id=f"call_{uuid4().hex}", direction="out" if is_outbound else "in",
            customer_phone=self.world.scenario.seed.contact.phone, call_id=await self._dial() if is_outbound else None,
        )  # fmt: skip
        self._session = await self.center.open(account, arrival, answer=self._answer)
        self._reader = asyncio.create_task(self._read(self._session))
        await self._session.start()
        return await self._listen(milliseconds=None)

    async def _answer(self, turn: LoadedTurn, ear: Ear) -> Outcome:
        return await self.agent.answer(turn, partial(answer_turn, self.graph), ear)

    async def _dial(self) -> UUID:
        call_id = uuid4()
        parameters = {
            "tenant_id": self.world.tenant_id, "id": call_id, "account_id": self.world.account.id,
            "contact_id": self.world.contact_id, "phone": self.world.scenario.seed.contact.phone, "now": self.time.now,
        }  # fmt: skip
        async with self.database.tenant(self.world.tenant_id) as connection:
            await connection.execute(_DIALED, parameters)
        return call_id

    async def exchange(self, bubbles: Sequence[Bubble]) -> Reply:
        session = self._opened()
        words = " ".join(text for bubble in bubbles if (text := as_message(bubble)[1]))
        self.time.advance(_PACE)
        self._number += 1
        started = time.perf_counter()
        if words.strip():
            await session.hear(words, key=f"u{self._number}", reply=self._number)
        else:
            await session.remind(reply=self._number)
        return await self._listen(milliseconds=started)

    async def _read(self, session: CallSession) -> None:
        async for event in session.events():
            self._news.put_nowait(event)

    async def _listen(self, *, milliseconds: float | None) -> Reply:
        said: list[str] = []
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                event = await self._news.get()
                if isinstance(event, Say):
                    said.append(event.text)
                elif isinstance(event, ReplyDone):
                    break
        took = (time.perf_counter() - milliseconds) * 1000 if milliseconds is not None else 0.0
        text = " ".join(said)
        turn, usage = await self._newest_turn()
        return Reply(
            texts=(text,) if text else (), trace=turn.trace if turn else (), usage=usage,
            agent=turn.agent if turn else None, model=turn.model if turn else None,
            prompt_version=turn.prompt_version if turn else None,
            verdict=str(turn.verdict or "none") if turn else "none", milliseconds=took,
            has_ended=event.then != "listen",
        )  # fmt: skip

    async def _newest_turn(self) -> tuple[turns.TurnRow | None, tuple[ModelUsage, ...]]:
        """Read the turn that was just answered; none for what is said by rule."""
        conversation_id = self._opened().opened.conversation_id
        async with self.database.tenant(self.world.tenant_id) as connection:
            rows = await turns.traces(connection, conversation_id, limit=1)
            newest = rows[0] if rows and rows[0].turn_seq > self._turn_seq else None
            if newest is None:
                return None, ()
            cursor = await connection.execute(_USAGE, {"id": conversation_id, "after": self._turn_seq})
            usage = tuple([ModelUsage(**row) for row in await cursor.fetchall()])
        self._turn_seq = newest.turn_seq
        return newest, usage

    def _opened(self) -> CallSession:
        if self._session is None:
            raise TalkBroken("the call was not opened")
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._reader is not None:
            await self._reader

    async def identity(self) -> Mapping[str, Any]:
        if self._session is None:
            return {}
        conversation_id = self._session.opened.conversation_id
        async with self.database.tenant(self.world.tenant_id) as connection:
            cursor = await connection.execute(_CHECKPOINT, {"id": conversation_id})
            row = await cursor.fetchone()
        if row is None or row["checkpoint_id"] is None:
            return {}
        return await identity_at(self.graph, thread_id=str(conversation_id), checkpoint_id=row["checkpoint_id"])
