"""Play a campaign: the real drains on a virtual clock, the debtors acting between them."""

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.messages import DeliveryStatus, ParsedWebhook, StatusUpdate
from domain.tenants import Tenant
from jobs import delivery, lifecycle, promise_monitor, scheduling, whatsapp
from jobs.debtor_simulation.clock import VirtualClock
from jobs.debtor_simulation.debtors import Action, Debtor, Persona, react
from store.channel_accounts import AccountRow
from wiring.deps import Deps

# Contacts happen on a grid, as if workers looked every quarter of an hour: fewer steps, the same days.
GRID = timedelta(minutes=15)
_MOST_ROUNDS = 50
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
_ZONE = ZoneInfo("America/Sao_Paulo")
# When each drain has something to do next. Reading it costs less than running five drains for nothing.
_NEXT_DUE: LiteralString = """
    SELECT
        (SELECT min(plan_due_at) FROM campaigns WHERE status = 'active') AS planning,
        (SELECT min(t.due_at) FROM targets t JOIN campaigns c ON c.tenant_id = t.tenant_id AND c.id = t.campaign_id
         WHERE c.status = 'active' AND t.state = 'scheduled') AS contacts,
        (SELECT min(least(review_due_at, reminder_due_at)) FROM promises WHERE status = 'pending') AS promises,
        (SELECT min(due_at) FROM messages WHERE due_at IS NOT NULL) AS messages
"""
_NEW_CONTACTS: LiteralString = """
    SELECT t.document, d.message_id, d.seq, d.decided_at, (
        SELECT coalesce(sum(i.amount_cents), 0) FROM invoices i
        WHERE i.document = t.document AND i.paid_at IS NULL AND i.canceled_at IS NULL) AS open_cents
    FROM contact_decisions d JOIN targets t ON t.id = d.target_id
    WHERE d.campaign_id = %(campaign_id)s AND d.decided_at >= %(since)s AND d.seq > %(seq)s
        AND d.verdict = 'contact' AND d.engine = 'campaign' AND d.voided_at IS NULL
    ORDER BY t.document
"""


_DRAINS: Mapping[str, Callable[[Deps], Awaitable[int]]] = {
    "promises": promise_monitor.drain,
    "planning": scheduling.drain,
    "contacts": whatsapp.drain,
    "messages": delivery.drain,
}


class Actor(Protocol):
    at_once: int  # debtors that may act at the same time

    async def act(self, action: Action) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DayReport:
    """One simulated day that has ended, in Brasília's time."""

    day: date
    contacts: int
    actions: Counter[str]


@dataclass(kw_only=True)
class Play:
    """A running simulation. Everything that happens is decided by the rows and by the seed."""

    deps: Deps
    clock: VirtualClock
    tenant: Tenant
    account: AccountRow
    campaign_id: UUID
    debtors: Sequence[Debtor]
    actor: Actor
    seed: int
    grid: timedelta = GRID
    has_receipts: bool = False  # the simulated provider reports what was delivered and read
    _waiting: list[tuple[datetime, int, int, Action]] = field(default_factory=list)
    _contacts: Counter[str] = field(default_factory=Counter)
    _seen_seq: int = 0
    _seen_until: datetime = _BEFORE_ALL
    _order: int = 0

    async def days(self, count: int) -> AsyncIterator[DayReport]:
        """Play day after day; give each when it has ended."""
        first = self.clock.now().astimezone(_ZONE).date()
        for day in (first + timedelta(days=number) for number in range(count)):
            ends_at = datetime.combine(day + timedelta(days=1), datetime.min.time(), _ZONE)
            yield await self._play_until(ends_at, day)

    async def _play_until(self, ends_at: datetime, day: date) -> DayReport:
        contacts, actions = 0, Counter[str]()
        contacts += await self._work()
        while (instant := await self._next_instant()) is not None and instant < ends_at:
            self.clock.advance_to(instant)
            actions.update(await self._act_due())
            contacts += await self._work()
        self.clock.advance_to(ends_at)
        await lifecycle.drain(self.deps)
        return DayReport(day=day, contacts=contacts, actions=actions)

    async def _act_due(self) -> list[str]:
        """Let everybody act whose time has come, one debtor's deeds in their order; give the kinds of the deeds."""
        due: dict[int, list[Action]] = {}
        while self._waiting and self._waiting[0][0] <= self.clock.now():
            action = heapq.heappop(self._waiting)[-1]
            due.setdefault(action.debtor.number, []).append(action)
        together = asyncio.Semaphore(self.actor.at_once)

        async def act(actions: Sequence[Action]) -> None:
            async with together:
                for action in actions:
                    await self.actor.act(action)

        async with asyncio.TaskGroup() as group:
            for number in sorted(due):
                group.create_task(act(due[number]))
        return [action.kind for actions in due.values() for action in actions]

    async def _next_instant(self) -> datetime | None:
        """Give the next moment at which somebody acts or a row is due, both on the grid."""
        instants = [at for at in (await self._due()).values() if at is not None]
        if self._waiting:
            instants.append(self._waiting[0][0])
        later = self.clock.now() + timedelta(seconds=1)
        return min((_on_grid(max(at, later), self.grid) for at in instants), default=None)

    async def _due(self) -> dict[str, datetime | None]:
        async with self.deps.database.platform() as connection:
            row = await (await connection.execute(_NEXT_DUE)).fetchone()
        return row or {}

    async def _work(self) -> int:
        """Run the drains that have something to do until none has; give the number of contacts made."""
        contacts = 0
        for _ in range(_MOST_ROUNDS):
            due = [name for name, at in (await self._due()).items() if at is not None and at <= self.clock.now()]
            handled = sum([await _DRAINS[name](self.deps) for name in due])
            if "contacts" in due:
                contacts += await self._show_contacts()
            if not handled:
                break
        return contacts

    async def _show_contacts(self) -> int:
        """Let the debtors see what has come for them since the last look."""
        async with self.deps.database.tenant(self.tenant.id) as connection:
            seen = {"campaign_id": self.campaign_id, "since": self._seen_until, "seq": self._seen_seq}
            rows = await (await connection.execute(_NEW_CONTACTS, seen)).fetchall()
        self._seen_seq = max((int(row["seq"]) for row in rows), default=self._seen_seq)
        self._seen_until = max((row["decided_at"] for row in rows), default=self._seen_until)
        by_document = {debtor.document: debtor for debtor in self.debtors} if rows else {}
        for row in rows:
            debtor = by_document[row["document"]]
            self._contacts[debtor.document] += 1
            self._react(debtor, int(row["open_cents"]))
        if self.has_receipts:
            await self._send_receipts([(by_document[row["document"]], row["message_id"]) for row in rows])
        return len(rows)

    async def _send_receipts(self, arrived: Sequence[tuple[Debtor, UUID]]) -> None:
        """Report as a provider does: every message is delivered, and read by all but the silent."""
        statuses = [
            StatusUpdate(
                account_external_id=self.account.external_id, provider_message_id=f"sim-{message_id}",
                status=DeliveryStatus.DELIVERED if debtor.persona is Persona.SILENT else DeliveryStatus.READ,
                occurred_at=self.clock.now(), reference=str(message_id),
            )
            for debtor, message_id in arrived
        ]  # fmt: skip
        await self.deps.inbox.receive(self.account, ParsedWebhook(statuses=statuses), now=self.clock.now())

    def _react(self, debtor: Debtor, open_cents: int) -> None:
        for action in react(
            debtor, contact=self._contacts[debtor.document], now=self.clock.now(), open_cents=open_cents, seed=self.seed
        ):
            self._order += 1
            heapq.heappush(self._waiting, (action.at, debtor.number, self._order, action))


def _on_grid(instant: datetime, grid: timedelta) -> datetime:
    """Round up to the grid."""
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -(-(instant - midnight) // grid) * grid
