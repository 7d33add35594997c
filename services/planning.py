"""Planning of campaigns: what was not answered goes on, what waits gets a slot, what is done ends (spec 3.8).

A slot is only an intention: whether a contact is made is decided at its instant, by the gate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import cast
from uuid import uuid4

import structlog

from domain.campaigns import (
    CampaignStatus,
    Method,
    Move,
    Standing,
    TargetState,
    media_of,
    method_order,
    next_method,
    review,
)
from domain.contact_hours import ContactWindow, Place, TenantHolidays, closing_after, next_opening, place_of
from domain.contact_rules import Reason, usable_methods
from domain.pacing import Pacing, slots
from domain.phones import is_mobile
from domain.ports import Clock
from store import campaigns, channel_accounts, contact_decisions, events, holidays, target_planning
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.contact_decisions import NewDecision
from store.database import Connection, Database
from store.target_planning import Outlook, Reach, ReviewRow, Slot, WaitingRow

logger = structlog.get_logger(__name__)

_LEASE = timedelta(seconds=60)
_REVIEWS = 1000  # in one transaction
_ROWS = 5000  # planned in one transaction
_READ = 50_000  # read at once: each time all that waits is sorted, which a million rows must not be for each 5,000
# What comes of contacts under way is seen at least this often; with none under way the rows say when.
_WHILE_MOVING = timedelta(minutes=15)
_AT_REST = timedelta(hours=6)
_WITHOUT_OPENING = timedelta(days=1)
_SLOWEST = 0.001  # contacts a second, whatever an account says
_WRITTEN, _CALLED = "whatsapp", "dialer"  # the drains that make the contacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What a drain did, and which drains have something to do now."""

    handled: int
    due_jobs: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    """What all plans of one campaign share."""

    campaign: CampaignRow
    now: datetime
    accounts: Sequence[AccountRow]
    tenant_holidays: TenantHolidays
    window: ContactWindow = field(init=False)
    order: tuple[Method, ...] = field(init=False)
    reachable: frozenset[Method] = field(init=False)
    _methods: dict[tuple[object, ...], Method | None] = field(init=False, default_factory=dict)
    _places: dict[tuple[object, ...], Place | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        row = self.campaign
        window = ContactWindow(
            start=row.schedule_start, end=row.schedule_end, weekdays=frozenset(row.weekdays),
            avoids_optional_holidays=row.avoids_optional_holidays,
        )  # fmt: skip
        order = method_order(row.contact_method, allowed=row.allowed_methods, fallback_order=row.fallback_order)
        object.__setattr__(self, "window", window)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "reachable", frozenset(method for method in order if self.accounts_for(method)))

    def accounts_for(self, method: Method) -> list[AccountRow]:
        return [account for account in self.accounts if account.medium in media_of(method)]

    def per_second(self, method: Method) -> float:
        active = [account.sends_per_second for account in self.accounts_for(method) if account.status == "active"]
        return max(sum(active), _SLOWEST)

    def method_for(self, reach: Reach) -> Method | None:
        """Give the next method that can reach this phone."""
        key = (*_kind(reach), reach.method, tuple(reach.undeliverable), reach.is_unreachable)
        if key not in self._methods:
            usable = usable_methods(
                allowed=self.reachable, is_mobile=is_mobile(reach.phone), is_unreachable=reach.is_unreachable,
                undeliverable=frozenset(Method(name) for name in reach.undeliverable if name in set(Method)),
            )  # fmt: skip
            self._methods[key] = next_method(self.order, usable=usable, last=reach.method)
        return self._methods[key]

    def place_for(self, reach: Reach) -> Place | None:
        key = (*_kind(reach), reach.uf)
        if key not in self._places:
            self._places[key] = place_of(reach.phone, uf=reach.uf)
        return self._places[key]


def _kind(reach: Reach) -> tuple[object, ...]:
    """Give what of a phone tells its kind and area, as `target_planning.waiting_groups` groups by it."""
    return reach.phone[:6], len(reach.phone)


class _Lane:
    """The slots of one place and method: their own window, and their share of the accounts' rate."""

    def __init__(self, frame: _Frame, place: Place, method: Method, *, count: int, per_second: float) -> None:
        self.method = method
        self._step = timedelta(seconds=1 / per_second)
        self.next_slot_at: datetime | None = None
        pacing = cast(Pacing, frame.campaign.pacing)
        start = frame.now
        if pacing == "asap" and frame.campaign.next_slot_at is not None:
            start = max(start, frame.campaign.next_slot_at)
        opening = self._opening(frame, place, start)
        self._slots: Iterator[datetime] = iter(())
        self.overflow_at = frame.now + _WITHOUT_OPENING
        if opening is None:
            return
        closing = closing_after(
            opening, place=place, window=frame.window, method=method, tenant_holidays=frame.tenant_holidays
        )
        self._slots = slots(opening=opening, closing=closing, count=count, per_second=per_second, pacing=pacing)
        self.overflow_at = self._opening(frame, place, closing) or closing + _WITHOUT_OPENING

    def _opening(self, frame: _Frame, place: Place, after: datetime) -> datetime | None:
        return next_opening(
            after, place=place, window=frame.window, method=self.method, tenant_holidays=frame.tenant_holidays
        )

    def take(self, row: WaitingRow) -> Slot:
        """Give the next slot; what does not fit into this opening waits for the next one."""
        at = next(self._slots, None)
        if at is None:
            return Slot(id=row.id, version=row.version, due_at=self.overflow_at, method=None)
        self.next_slot_at = at + self._step
        return Slot(id=row.id, version=row.version, due_at=at, method=self.method)


class _Lanes:
    """All lanes of a pass. Each gets of its method's rate the part that its count has, so together they keep to it."""

    def __init__(self, frame: _Frame, counts: Mapping[tuple[Place, Method], int]) -> None:
        self._frame = frame
        self._counts = counts
        self._totals: dict[Method, int] = {}
        for (_, method), count in counts.items():
            self._totals[method] = self._totals.get(method, 0) + count
        self._lanes: dict[tuple[Place, Method], _Lane] = {}

    def slot(self, row: WaitingRow, method: Method) -> Slot:
        place = self._frame.place_for(row)
        if place is None:  # the gate says so, and puts it off
            return Slot(id=row.id, version=row.version, due_at=self._frame.now, method=method)
        lane = self._lanes.get((place, method))
        if lane is None:
            count = self._counts.get((place, method), 1)
            share = count / max(self._totals.get(method, 0), count)
            lane = _Lane(self._frame, place, method, count=count, per_second=self._frame.per_second(method) * share)
            self._lanes[place, method] = lane
        return lane.take(row)

    def next_slot_at(self) -> datetime | None:
        """Give the first moment after all slots given, where the next ones queue behind them."""
        if self._frame.campaign.pacing != "asap":
            return None
        ends = [lane.next_slot_at for lane in self._lanes.values() if lane.next_slot_at is not None]
        return max(ends, default=self._frame.campaign.next_slot_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """How many rows took their slots, and whether the campaign is still leased to who gave them."""

    rows: int
    is_ours: bool


class Planning:
    """Plans campaigns whose time has come. Safe in any number of processes: a campaign is leased, a row is taken as it
    was read or not at all."""

    def __init__(self, *, database: Database, clock: Clock, worker: str) -> None:
        self._database = database
        self._clock = clock
        self._worker = f"{worker}:{uuid4().hex[:8]}"

    async def drain(self, *, limit: int) -> Planned:
        """Plan up to `limit` campaigns, those that wait longest first."""
        handled = 0
        due_jobs: set[str] = set()
        for _ in range(limit):
            claimed = await self._claim()
            if claimed is None:
                break
            done = await self._plan(claimed)
            handled += done.handled
            due_jobs |= done.due_jobs
        return Planned(handled=handled, due_jobs=frozenset(due_jobs))

    async def _claim(self) -> CampaignRow | None:
        now = self._clock.now()
        async with self._database.platform() as connection:
            rows = await campaigns.claim_planning(
                connection, worker=self._worker, now=now, locked_until=now + _LEASE, limit=1
            )
        return rows[0] if rows else None

    async def _plan(self, campaign: CampaignRow) -> Planned:
        now = self._clock.now()
        reviewed = await self._review(campaign, now)
        planned, next_slot_at = await self._give_slots(campaign, now)
        async with self._database.tenant(campaign.tenant_id) as connection:
            outlook = await target_planning.outlook(connection, campaign.id)
        is_completed = not outlook.is_open and await self._complete(campaign, now)
        async with self._database.tenant(campaign.tenant_id) as connection:
            await campaigns.release_planning(
                connection, campaign, due_at=next_look(outlook, now), next_slot_at=next_slot_at
            )
            due_jobs = await target_planning.due_methods(connection, campaign.id, now=now)
        if reviewed or planned or is_completed:
            logger.info(
                "campaign.planned", campaign=str(campaign.id), reviewed=reviewed, planned=planned,
                is_completed=is_completed,
            )  # fmt: skip
        return Planned(
            handled=reviewed + planned + is_completed,
            due_jobs=frozenset(_CALLED if method is Method.VOICE else _WRITTEN for method in due_jobs),
        )

    async def _review(self, campaign: CampaignRow, now: datetime) -> int:
        """Move on what was contacted and waited long enough."""
        reviewed = 0
        while True:
            async with self._database.tenant(campaign.tenant_id) as connection:
                rows = await target_planning.to_review(connection, campaign.id, now=now, limit=_REVIEWS)
                moves = {row.id: _reviewed(row, campaign, now) for row in rows}
                if moves:
                    await target_planning.move(connection, moves, now=now)
            reviewed += len(rows)
            if len(rows) < _REVIEWS or not await self._renewed(campaign):
                return reviewed

    async def _give_slots(self, campaign: CampaignRow, now: datetime) -> tuple[int, datetime | None]:
        """Give slots to all that waits; return how many were handled, and where the next ones begin."""
        async with self._database.tenant(campaign.tenant_id) as connection:
            handled = await target_planning.finish_exhausted(
                connection, campaign.id, max_attempts=campaign.max_attempts, now=now
            )
            groups = await target_planning.waiting_groups(connection, campaign.id, now=now)
            frame = await _frame(connection, campaign, now)
        if not groups or not frame.reachable:
            return handled, campaign.next_slot_at
        counts: dict[tuple[Place, Method], int] = {}
        for group in groups:
            method, place = frame.method_for(group), frame.place_for(group)
            if method is not None and place is not None:
                counts[place, method] = counts.get((place, method), 0) + group.waiting
        lanes = _Lanes(frame, counts)
        passed = 0
        while True:
            async with self._database.tenant(campaign.tenant_id) as connection:
                rows = await target_planning.waiting(connection, campaign.id, now=now, limit=_READ, offset=passed)
            taken = await self._take_all(frame, lanes, rows)
            handled += taken.rows
            passed += len(rows) - taken.rows  # changed or held by others meanwhile: left for the next time
            if len(rows) < _READ or not taken.is_ours:
                return handled, lanes.next_slot_at()

    async def _take_all(self, frame: _Frame, lanes: _Lanes, rows: Sequence[WaitingRow]) -> _Taken:
        """Write the slots of these rows, some in each transaction, for as long as the campaign is leased to us."""
        taken = 0
        for start in range(0, len(rows), _ROWS):
            if start and not await self._renewed(frame.campaign):
                return _Taken(rows=taken, is_ours=False)
            async with self._database.tenant(frame.campaign.tenant_id) as connection:
                taken += await _take(connection, frame, lanes, rows[start : start + _ROWS])
        return _Taken(rows=taken, is_ours=await self._renewed(frame.campaign))

    async def _renewed(self, campaign: CampaignRow) -> bool:
        async with self._database.tenant(campaign.tenant_id) as connection:
            return await campaigns.renew_planning(
                connection, campaign.id, worker=self._worker, locked_until=self._clock.now() + _LEASE
            )

    async def _complete(self, campaign: CampaignRow, now: datetime) -> bool:
        """End a campaign in which nothing is left to do; looked at again with its row held."""
        async with self._database.tenant(campaign.tenant_id) as connection:
            row = await campaigns.lock(connection, campaign.id)
            if row is None or row.status is not CampaignStatus.ACTIVE or row.locked_by != self._worker:
                return False
            if (await target_planning.outlook(connection, campaign.id)).is_open:
                return False
            ended = replace(row, status=CampaignStatus.COMPLETED, completed_at=now, plan_due_at=None, updated_at=now)
            await campaigns.put(connection, ended)
            await events.record(
                connection, tenant_id=row.tenant_id, kind="campaign_completed", severity="info",
                data={"campaignId": str(row.id)}, now=now,
            )  # fmt: skip
            return True


def next_look(outlook: Outlook, now: datetime) -> datetime:
    """Say when the scheduler has something to do again; who makes something due earlier wakes it (campaigns.wake)."""
    looks = [at for at in (outlook.first_planned_at, outlook.first_review_at) if at is not None]
    looks.append(now + _AT_REST)
    if outlook.is_moving:
        looks.append(max(now, outlook.first_slot_at or now) + _WHILE_MOVING)
    return max(now, min(looks))


def _reviewed(row: ReviewRow, campaign: CampaignRow, now: datetime) -> Move:
    standing = Standing(
        state=TargetState.CONTACTED, outcome=row.outcome, attempt_count=row.attempt_count,
        last_attempt_at=row.last_attempt_at, due_at=row.due_at,
    )  # fmt: skip
    return review(
        standing, max_attempts=campaign.max_attempts, retry_gap=timedelta(minutes=campaign.retry_gap_minutes),
        last_inbound_at=row.last_inbound_at, now=now,
    )  # fmt: skip


async def _frame(connection: Connection, campaign: CampaignRow, now: datetime) -> _Frame:
    attached = set(await campaigns.accounts_of(connection, campaign.id))
    accounts = [row for row in await channel_accounts.list_all(connection) if row.id in attached]
    yesterday: date = (now - timedelta(days=1)).date()  # the day may be an earlier one at the customer's place
    return _Frame(
        campaign=campaign, now=now, accounts=accounts, tenant_holidays=await holidays.since(connection, yesterday)
    )


async def _take(connection: Connection, frame: _Frame, lanes: _Lanes, rows: Sequence[WaitingRow]) -> int:
    """Write the slots of these rows, and end those that nothing can reach."""
    given: list[Slot] = []
    lost: list[WaitingRow] = []
    for row in rows:
        method = frame.method_for(row)
        if method is None:
            lost.append(row)
        else:
            given.append(lanes.slot(row, method))
    taken = await target_planning.schedule(connection, frame.campaign.id, given, now=frame.now) if given else 0
    return taken + (await _end_unreachable(connection, frame, lost) if lost else 0)


async def _end_unreachable(connection: Connection, frame: _Frame, lost: Sequence[WaitingRow]) -> int:
    ended = await target_planning.end_unreachable(connection, frame.campaign.id, lost, now=frame.now)
    await contact_decisions.insert(
        connection, frame.campaign.tenant_id, [_decision(frame, row) for row in lost if row.id in ended]
    )
    return len(ended)


def _decision(frame: _Frame, row: WaitingRow) -> NewDecision:
    return NewDecision(
        id=uuid4(), engine="campaign", document=row.document, match_key=row.match_key, method=frame.order[0],
        verdict="skip", reason=Reason.NO_USABLE_METHOD, decided_at=frame.now, campaign_id=frame.campaign.id,
        target_id=row.id,
    )  # fmt: skip
