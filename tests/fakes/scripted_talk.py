"""A call center whose sessions say what a test wants: for the manners of sockets, not for what is said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain.call_talk import CallEvent, ReplyDone, Say
from services.accounts import OpenAccount
from services.call_desk import Arrival, CallDesk, OpenedCall

Answer = Callable[["ScriptedSession", str, int], None]


@dataclass
class ScriptedSession:
    """One socket's session; the ledger of what the adapter told it is `told`."""

    opened: OpenedCall
    answer: Answer
    told: list[tuple[Any, ...]] = field(default_factory=list)
    queue: asyncio.Queue[CallEvent | None] = field(default_factory=asyncio.Queue)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False
    fault: Exception | None = None

    def say(self, *texts: str, reply: int, **done: Any) -> None:
        """Say a whole reply."""
        for text in texts:
            self.queue.put_nowait(Say(reply=reply, text=text))
        self.queue.put_nowait(ReplyDone(reply=reply, **done))

    def _note(self, *told: Any) -> None:
        self.told.append(told)
        self.news.set()

    async def until(self, *told: Any) -> None:
        """Wait until the adapter has told this."""
        async with asyncio.timeout(20):
            while told not in self.told:
                self.news.clear()
                await self.news.wait()

    async def start(self) -> None:
        if not self.opened.is_resumed:
            self.say("Olá! Aqui é Lia.", "Falo com Maria?", reply=0)

    async def hear(self, text: str, *, key: str, reply: int) -> None:
        if self.fault is not None:
            raise self.fault
        self._note("hear", text, reply)
        self.told.append(("key", key))
        self.answer(self, text, reply)

    async def remind(self, *, reply: int) -> None:
        self._note("remind", reply)
        self.say("Você ainda está na linha?", reply=reply)

    async def press(self, digit: str, *, reply: int) -> None:
        self._note("press", digit)

    async def cut(self, spoken: str) -> None:
        self._note("cut", spoken)

    async def events(self) -> AsyncIterator[CallEvent]:
        while (event := await self.queue.get()) is not None:
            yield event

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.queue.put_nowait(None)
            self._note("close")

    @property
    def heard(self) -> list[str]:
        return [told[1] for told in self.told if told[0] == "hear"]

    @property
    def keys(self) -> list[str]:
        return [told[1] for told in self.told if told[0] == "key"]


def echo(session: ScriptedSession, text: str, reply: int) -> None:
    """Answer with the customer's own words."""
    session.say(f"Você disse: {text}.", reply=reply)


@dataclass
class ScriptedCenter:
    """Opens sessions over real calls and conversations. A second session of one call counts as resumed."""

    desk: CallDesk
    answer: Answer = echo
    sessions: list[ScriptedSession] = field(default_factory=list)
    known: set[UUID] = field(default_factory=set)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None

    async def open(self, account: OpenAccount, arrival: Arrival) -> ScriptedSession:
        if self.fault is not None:
            raise self.fault
        opened = await self.desk.begin(account, arrival)
        opened = replace(opened, is_resumed=opened.call.id in self.known)
        self.known.add(opened.call.id)
        session = ScriptedSession(opened=opened, answer=self.answer)
        self.sessions.append(session)
        self.opened.set()
        return session
