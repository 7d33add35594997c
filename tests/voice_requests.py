"""Customers who asked for a call: the dialer and the post-call drain over a real gate, with a line in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.calls import CallReport, CallStatus
from domain.messages import Provider
from services.accounts import AccountDirectory
from services.calls import PostCall, receive_report
from services.dialing import Dialer
from store import call_requests, calls
from store.call_requests import CallRequestRow, NewCallRequest
from store.calls import CallRow
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from tests.contact_world import ContactWorld, open_contact_world, phone_of
from tests.factories import TEST_KEY, make_account
from tests.fakes.voice_line import FakeLine
from tests.fakes_clock import FakeClock
from wiring.rates import LocalRateLimiter


class NoCrm:
    """Nobody is asked what somebody owes who wants to be called."""

    async def open_invoices(self, document: str) -> Any:
        raise AssertionError("the CRM was asked")


@dataclass
class RequestWorld:
    contacts: ContactWorld
    voice: AccountRow
    line: FakeLine
    passed: list[str]

    @property
    def clock(self) -> FakeClock:
        return self.contacts.clock

    @property
    def tenant_id(self) -> UUID:
        return self.contacts.tenant_id

    def dialer(self, worker: str = "dialer-1", *, die_at: str | None = None) -> Dialer:
        class Killed(BaseException):
            pass

        def failpoint(name: str) -> None:
            self.passed.append(name)
            if name == die_at:
                raise Killed(name)

        return Dialer(
            database=self.contacts.database, guard=self.contacts.guard(), tenants=self.contacts.tenants,
            accounts=self._accounts(), lines={self.line.provider: self.line}, limiter=LocalRateLimiter(),
            crm_for=lambda tenant: NoCrm(), clock=self.clock, worker=worker, failpoint=failpoint,
            public_base_url="https://ia.exemplo.com.br",
        )  # fmt: skip

    def _accounts(self) -> AccountDirectory:
        return AccountDirectory(self.contacts.database, Cipher(TEST_KEY), public_base_url="https://ia.exemplo.com.br")

    async def dial(self) -> int:
        return await self.dialer().contact_due(100)

    async def look(self) -> int:
        """Run the post-call drain."""
        drain = PostCall(
            database=self.contacts.database, tenants=self.contacts.tenants, accounts=self._accounts(),
            lines={self.line.provider: self.line}, clock=self.clock, worker="post-call-1",
        )  # fmt: skip
        return await drain.drain(100)

    async def customer(self, place: int = 0, text: str = "pode me ligar?") -> tuple[UUID, UUID]:
        """Let a customer write; give contact and conversation."""
        await self.contacts.write_in(phone_of(place), text)
        await self.contacts.execute("UPDATE conversations SET turn_due_at = NULL, status = 'waiting'")
        (row,) = await self.contacts.rows(
            f"SELECT id, contact_id FROM conversations WHERE address_value = '{phone_of(place)}'"
        )
        return UUID(str(row["contact_id"])), UUID(str(row["id"]))

    async def ask(self, place: int = 0, *, wanted_at: datetime | None = None) -> CallRequestRow:
        """Store what a turn that agreed on a call leaves."""
        contact_id, conversation_id = await self.customer(place)
        now = self.clock.now()
        new = NewCallRequest(
            id=uuid4(), contact_id=contact_id, conversation_id=conversation_id, phone=phone_of(place),
            reason="quer negociar", wanted_at=wanted_at or now + timedelta(minutes=2),
        )  # fmt: skip
        async with self.contacts.database.tenant(self.tenant_id) as connection:
            row = await call_requests.put(connection, self.tenant_id, new, now=now)
        assert row is not None
        return row

    async def request(self, row: CallRequestRow) -> CallRequestRow:
        async with self.contacts.database.tenant(self.tenant_id) as connection:
            found = await call_requests.by_id(connection, row.id)
        assert found is not None
        return found

    async def calls(self) -> list[CallRow]:
        rows = await self.contacts.rows("SELECT id FROM calls ORDER BY created_at, id")
        async with self.contacts.database.tenant(self.tenant_id) as connection:
            found = [await calls.by_id(connection, UUID(str(row["id"]))) for row in rows]
        return [row for row in found if row is not None]

    async def report(
        self, status: CallStatus, *, answered_by: str | None = None, duration: int = 60, **more: Any
    ) -> None:
        """Let the provider tell how the newest call ended, and the drain take it up."""
        call = (await self.calls())[-1]
        report = CallReport(
            provider_call_id=call.provider_call_id or "call-late", account_sid="AC", status=status,
            answered_by=answered_by, duration_seconds=duration, **more,
        )  # fmt: skip
        async with self.contacts.database.tenant(self.tenant_id) as connection:
            assert await receive_report(connection, call.id, report, now=self.clock.now())
        await self.look()

    async def texts(self) -> list[str]:
        """Give what was queued for the customers."""
        rows = await self.contacts.rows(
            "SELECT text FROM messages WHERE direction = 'out' AND call_id IS NULL ORDER BY seq"
        )
        return [str(row["text"]) for row in rows]


@asynccontextmanager
async def open_request_world(url: str, clock: FakeClock, *, now: datetime) -> AsyncIterator[RequestWorld]:
    """Open a tenant with a text number and one that calls."""
    clock.set(now)
    async with open_contact_world(url, clock) as contacts:
        voice = await make_account(
            contacts.database, contacts.tenant_id, provider=Provider.TWILIO_VOICE, external_id="+551140001234"
        )
        yield RequestWorld(contacts=contacts, voice=voice, line=FakeLine(), passed=[])
