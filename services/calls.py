"""What becomes of calls: callbacks taken in, endings handed to their debtors, lost ones asked for (spec 3.6)."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from channels.base import ChannelError
from channels.voice import VoiceLine
from domain.calls import (
    FINAL_STATUSES,
    INVALID_NUMBER,
    CallReport,
    CallStatus,
    after_ending,
    can_call_become,
    minutes_cost,
    outcome_of,
)
from domain.campaigns import CampaignStatus, TargetOutcome, TargetState
from domain.local_time import first_instant
from domain.messages import ErrorClass, Provider
from domain.ports import Clock
from services import call_outcomes
from services.accounts import AccountDirectory
from services.call_outcomes import HeldRequest
from services.contact_results import take_back_call
from services.target_events import standing
from services.tenant_directory import TenantDirectory
from store import calls, campaigns, channel_accounts, contact_decisions, events, targets
from store.calls import CallRow
from store.cipher import SecretUnreadable
from store.contact_decisions import DecisionRow
from store.database import RETRYABLE, UNAVAILABLE, Connection, Database
from store.locks import lock_debtor
from store.targets import TargetRow

logger = structlog.get_logger(__name__)

ENDED = Counter("master_ia_calls_ended_total", "Calls that have ended, by outcome", ["outcome"])

SUMMARY_AFTER = timedelta(seconds=15)
"""What was said last is still on its way, and so is what the provider analyzes."""
ASK_AFTER = timedelta(minutes=10)
"""How long the provider may be silent about a call, and how long an unknown one waits for its callback."""
_LEASE = timedelta(seconds=60)
_BATCH = 50
_LOOK_SECONDS = 8.0  # one drain takes no longer than about twice this: one worker may serve all queues
_FETCH_SECONDS = 8.0
_MOST_LOOKS = 6  # an hour: no call of ours lasts that long
_TRIES = 3
# The short-call rules block carriers' customers; we stop long before them (compliance 5).
_SHORT_SHARE_PERCENT = 60
_SHORT_FROM_CALLS = 50


async def receive_report(connection: Connection, call_id: UUID, report: CallReport, *, now: datetime) -> bool:
    """Take in what the provider says of a call; late and repeated words change nothing. False: it is another call."""
    call = await calls.lock(connection, call_id)
    if call is None or call.provider_call_id not in (None, report.provider_call_id):
        return False
    is_news = can_call_become(
        call.status, report.status, sequence_number=report.sequence_number, last_sequence=call.sequence_number
    )
    if not is_news:
        await calls.add(connection, call_id, report)
        return True
    is_ended = report.status in FINAL_STATUSES
    await calls.move(
        connection, call_id, report, status=report.status, is_ended=is_ended,
        sequence_number=call.sequence_number if report.sequence_number is None else report.sequence_number,
        error_code=INVALID_NUMBER if report.is_number_invalid else report.error_code,
        due_at=now if is_ended else now + ASK_AFTER, now=now,
    )  # fmt: skip
    return True


async def rest_unknown(
    connection: Connection, call_id: UUID, target_id: UUID | None, *, now: datetime, request_id: UUID | None = None
) -> None:
    """Say that nobody knows whether a call was placed: who it is for rests until somebody does (design 4)."""
    request = await call_outcomes.hold(connection, request_id)
    held = await targets.lock(connection, [target_id] if target_id else [])
    if await calls.become_unknown(connection, call_id, due_at=now + ASK_AFTER, now=now):
        await _rest(connection, call_id, held, request, now)


async def _rest(
    connection: Connection, call_id: UUID, held: Iterable[TargetRow], request: HeldRequest | None, now: datetime
) -> None:
    if request is not None:
        await call_outcomes.rest(connection, request, now=now)
    decision = await contact_decisions.of_call(connection, call_id)
    for target in held:
        if is_waiting(target, decision):
            await targets.change(
                connection, target, state=TargetState.CONTACTED, outcome=TargetOutcome.UNKNOWN,
                details=target.outcome_details, method=target.method, due_at=None, now=now,
            )  # fmt: skip


def is_waiting(target: TargetRow, decision: DecisionRow | None) -> bool:
    """Tell whether a target still waits for what came of this very call, and nothing else was heard meanwhile."""
    if decision is None or target.last_attempt_at != decision.decided_at:
        return False
    if target.state is TargetState.CALLING:
        return True
    return target.state is TargetState.CONTACTED and target.outcome is TargetOutcome.UNKNOWN


class PostCall:
    """Look at the calls that are due: ended, silent, or never heard of. Any number of processes may."""

    def __init__(
        self, *, database: Database, tenants: TenantDirectory, accounts: AccountDirectory,
        lines: Mapping[Provider, VoiceLine], clock: Clock, worker: str,
    ) -> None:  # fmt: skip
        self._database = database
        self._tenants = tenants
        self._accounts = accounts
        self._lines = lines
        self._clock = clock
        self._worker = worker

    async def drain(self, limit: int) -> int:
        """Look at up to `limit` calls; give how many."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _LOOK_SECONDS
        handled = 0
        while handled < limit and loop.time() < until:
            now = self._clock.now()
            async with self._database.platform() as connection:
                rows = await calls.claim_due(
                    connection, worker=self._worker, now=now, locked_until=now + _LEASE,
                    limit=min(_BATCH, limit - handled),
                )  # fmt: skip
            if not rows:
                break
            await asyncio.gather(*(self._look_or_log(row) for row in rows))
            for tenant_id, account_id in sorted({(row.tenant_id, row.channel_account_id) for row in rows}):
                await self._stop_short_calls(tenant_id, account_id)
            handled += len(rows)
        return handled

    async def _look_or_log(self, row: CallRow) -> None:
        """The outermost handler of one call: one that cannot be handled comes again when its lease ends."""
        try:
            for _ in range(_TRIES - 1):
                try:
                    return await self._look(row)
                except RETRYABLE:
                    logger.info("post_call.deadlock_retried", call_id=str(row.id))
            await self._look(row)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("post_call.failed", call_id=str(row.id))

    async def _look(self, row: CallRow) -> None:
        match row.status:
            case CallStatus.DIALING:
                await self._abandon(row)
            case CallStatus.UNKNOWN:
                await self._flag(row)
            case CallStatus.QUEUED | CallStatus.RINGING | CallStatus.IN_PROGRESS:
                await self._ask(row)
            case _:
                await self._settle(row)

    async def _abandon(self, row: CallRow) -> None:
        """Judge a call whose worker is gone: it may have been placed."""
        async with self._database.tenant(row.tenant_id) as connection:
            await rest_unknown(connection, row.id, row.target_id, now=self._clock.now(), request_id=row.request_id)

    async def _flag(self, row: CallRow) -> None:
        now = self._clock.now()
        async with self._database.tenant(row.tenant_id) as connection:
            if await calls.flag(connection, row.id, now=now):
                await events.record(
                    connection, tenant_id=row.tenant_id, kind="call_outcome_unknown", severity="warning", now=now,
                    data={"callId": str(row.id), "targetId": str(row.target_id) if row.target_id else None},
                )  # fmt: skip

    async def _ask(self, row: CallRow) -> None:
        """Ask the provider about a call that it says nothing of any more: its webhook was lost."""
        try:
            report = await self._fetch(row)
        except (ChannelError, TimeoutError, SecretUnreadable, LookupError) as error:
            logger.warning("post_call.not_fetched", call_id=str(row.id), error=type(error).__name__)
            await self._ask_later(row)
            return
        if report is None:
            await self._lose(row)
            return
        async with self._database.tenant(row.tenant_id) as connection:
            await receive_report(connection, row.id, report, now=self._clock.now())
        if report.status in FINAL_STATUSES:
            await self._settle(row)
        else:
            await self._ask_later(row)

    async def _fetch(self, row: CallRow) -> CallReport | None:
        account = await self._accounts.by_id(row.tenant_id, row.channel_account_id)
        if account is None:
            raise LookupError("the call's number is gone")
        if row.provider_call_id is None:
            return None
        async with asyncio.timeout(_FETCH_SECONDS):
            return await self._lines[account.row.provider].fetch(account.channel, row.provider_call_id)

    async def _ask_later(self, row: CallRow) -> None:
        if row.attempts + 1 >= _MOST_LOOKS:
            await self._lose(row)
            return
        async with self._database.tenant(row.tenant_id) as connection:
            await calls.ask_later(connection, row.id, worker=self._worker, due_at=self._clock.now() + ASK_AFTER)

    async def _lose(self, row: CallRow) -> None:
        """Give up asking; the next look flags it for the operators."""
        now = self._clock.now()
        async with self._database.tenant(row.tenant_id) as connection:
            request = await call_outcomes.hold(connection, row.request_id)
            held = await targets.lock(connection, [row.target_id] if row.target_id else [])
            if await calls.lose(connection, row.id, now=now):
                await _rest(connection, row.id, held, request, now)

    async def _settle(self, row: CallRow) -> None:
        """Hand an ending to whom the call was for, once: a debtor, a customer who asked for it."""
        now = self._clock.now()
        settings = (await self._tenants.profile(row.tenant_id)).tenant.settings
        async with self._database.tenant(row.tenant_id) as connection:
            request = await call_outcomes.hold(connection, row.request_id)
            found = await targets.by_id(connection, row.target_id) if row.target_id else None
            if found is not None:
                await lock_debtor(connection, row.tenant_id, found.document)
            held = await targets.lock(connection, [found.id] if found else [])
            call = await calls.lock(connection, row.id)
            if call is None or call.processed_at is not None or call.status not in FINAL_STATUSES:
                return
            for target in held:
                await _apply_ending(connection, call, target, now)
            if request is not None:
                await call_outcomes.settle(connection, request, call, now=now)
            cost = minutes_cost(call.duration_seconds, cents_per_minute=settings.voice_minute_cost_cents)
            if cost:
                await calls.price(connection, call.id, cost_cents=cost)
            await calls.mark_processed(connection, call.id, now=now)
            await calls.want_summary(connection, call.id, due_at=now + SUMMARY_AFTER)
        ENDED.labels(outcome_of(call.status, call.answered_by)).inc()

    async def _stop_short_calls(self, tenant_id: UUID, account_id: UUID) -> None:
        """Stop a number whose calls of the day are mostly short; somebody who switches it on again goes on tomorrow."""
        now = self._clock.now()
        zone = (await self._tenants.profile(tenant_id)).tenant.time_zone
        since = first_instant(now.astimezone(zone).date(), time.min, zone)
        async with self._database.tenant(tenant_id) as connection:
            counts = await calls.counts_since(connection, account_id, since=since)
            if counts.ended < _SHORT_FROM_CALLS or counts.short * 100 < counts.ended * _SHORT_SHARE_PERCENT:
                return
            if not await channel_accounts.stop(connection, account_id, reason="short_calls: too many in a day"):
                return
            await events.record(
                connection, tenant_id=tenant_id, kind="voice_account_stopped", severity="error", now=now,
                data={"accountId": str(account_id), "calls": counts.ended, "short": counts.short},
            )  # fmt: skip
        self._accounts.forget()
        logger.warning("post_call.account_stopped", account_id=str(account_id))


async def _apply_ending(connection: Connection, call: CallRow, target: TargetRow, now: datetime) -> None:
    """Move the target by what came of its call, unless it has gone on since. Hold debtor, target and call."""
    if call.error_code == INVALID_NUMBER:
        await take_back_call(connection, call.id, error_class=ErrorClass.ADDRESS, code=INVALID_NUMBER, now=now)
        return
    if not is_waiting(target, await contact_decisions.of_call(connection, call.id)):
        return
    status = (await campaigns.statuses(connection, [target.campaign_id], wakes=True)).get(target.campaign_id)
    campaign = await campaigns.by_id(connection, target.campaign_id)
    if campaign is None:
        return
    move = after_ending(
        standing(target), outcome_of(call.status, call.answered_by), max_attempts=campaign.max_attempts,
        retry_gap=timedelta(minutes=campaign.retry_gap_minutes),
        unanswered_after=timedelta(minutes=campaign.unanswered_after_minutes),
        is_campaign_over=status is CampaignStatus.COMPLETED, now=now,
    )  # fmt: skip
    told = {
        "status": call.status, "answeredBy": call.answered_by, "durationSeconds": call.duration_seconds,
        "errorCode": call.error_code,
    }  # fmt: skip
    await targets.change(
        connection, target, state=move.state, outcome=move.outcome, method=target.method, due_at=move.due_at, now=now,
        details={**target.outcome_details, "call": {name: value for name, value in told.items() if value is not None}},
    )  # fmt: skip
    if move.due_at is not None:
        await campaigns.wake(connection, target.campaign_id, move.due_at)
