"""The simulated telephone against an api of its own: the demo's number, and what the database keeps of its calls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row

from server.call_phone import CallPhone, PhoneEvent
from server.phone_line import PhoneLine
from services.simulation import Simulation, Simulator
from tests.pages.service import Service
from wiring.clock import SystemClock
from wiring.deps import open_deps

PATIENCE_SECONDS = 30


def rows(service: Service, statement: LiteralString, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    with psycopg.connect(service.database_url, row_factory=dict_row) as connection:
        return connection.execute(statement, parameters).fetchall()


def call_row(service: Service, call_id: str) -> dict[str, Any]:
    (row,) = rows(service, "SELECT * FROM calls WHERE provider_call_id = %s", [call_id])
    return row


def history(service: Service, call_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Read what the call's conversation keeps, oldest first."""
    said = rows(
        service,
        "SELECT m.direction, m.text, m.content FROM messages m JOIN calls k ON k.id = m.call_id"
        " WHERE k.provider_call_id = %s ORDER BY m.seq",
        [call_id],
    )
    return [(row["direction"], row["text"], row["content"]) for row in said]


@dataclass
class Caller:
    """Somebody with the telephone at the ear: waits for what happens, and remembers it."""

    phone: CallPhone
    seen: list[PhoneEvent] = field(default_factory=list)
    _events: "asyncio.Queue[PhoneEvent]" = field(default_factory=asyncio.Queue)
    _reader: "asyncio.Task[None] | None" = None

    async def call(self) -> "Caller":
        self._reader = asyncio.create_task(self._read())
        await self.phone.dial()
        return self

    async def _read(self) -> None:
        async for event in self.phone.events():
            self._events.put_nowait(event)

    async def until(self, *kinds: str) -> PhoneEvent:
        """Wait for the next event of a kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self._events.get()
                self.seen.append(event)
                if event.kind in kinds:
                    return event

    async def reply(self) -> str:
        """Listen until the customer's turn comes, or the call ends; give what was spoken meanwhile."""
        begin = len(self.seen)
        await self.until("listening", "ended")
        return " ".join(event.text for event in self.seen[begin:] if event.kind == "spoken")

    async def say(self, text: str) -> str:
        await self.phone.say(text)
        await self.until("heard")
        return await self.reply()

    async def first_words(self) -> None:
        """Wait until a word of the sentence being spoken is out."""
        for _ in range(1500):
            if self.phone.words:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("nothing was spoken")

    async def over(self) -> None:
        """Wait until the call has ended and the service was told."""
        assert self._reader is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reader

    @property
    def kinds(self) -> list[str]:
        while not self._events.empty():
            self.seen.append(self._events.get_nowait())
        return [event.kind for event in self.seen]


@dataclass
class Exchange:
    """The demo's number, with telephones that call it."""

    service: Service
    simulator: Simulator
    line: PhoneLine
    http: httpx.AsyncClient

    def caller(self, phone: str, **options: Any) -> Caller:
        given: dict[str, Any] = {"pace": None, "silence_seconds": None}
        return Caller(
            CallPhone(self.line, customer_phone=phone, http=self.http, clock=SystemClock(), **(given | options))
        )


@asynccontextmanager
async def open_exchange(service: Service) -> AsyncIterator[Exchange]:
    async with (
        open_deps(service.settings()) as deps,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        simulator = await Simulation(deps.database, deps.accounts, deps.clock).find()
        assert simulator is not None
        assert simulator.phone is not None
        line = PhoneLine.of(simulator.phone, api_url=service.url("api"))
        yield Exchange(service=service, simulator=simulator, line=line, http=http)
