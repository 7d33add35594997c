"""The one gate for every contact that we start: decided and claimed in one transaction (design 5, ADR 11)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter

from domain.contact_rules import Reason
from domain.errors import DomainError
from domain.phones import match_key
from domain.ports import Clock, DebtStatement
from domain.tenants import Tenant
from services.contact_batch import ContactBatch, Rows, moved_phones
from services.contact_requests import ContactRequest, Decision
from services.group_commit import GroupCommit
from services.ledger import read_statements
from services.tenant_directory import TenantDirectory
from store import call_requests, contact_decisions, contact_facts, contact_writes, events
from store.contact_decisions import NewDecision
from store.contact_facts import Gathered, Question
from store.database import RETRYABLE, UNAVAILABLE, Connection, Database

logger = structlog.get_logger(__name__)

DECISIONS = Counter(
    "master_ia_contact_decisions_total", "Decisions of the contact gate", ["engine", "verdict", "reason"]
)

_TRIES = 3
_CAP_REACH = timedelta(days=8)  # a rolling week, and the local day that it begins in
_LEASE = timedelta(seconds=25)  # longer than a provider call may take
_DIALING_LEASE = timedelta(seconds=60)
_AFTER_A_FAULT = timedelta(minutes=15)


class ContactGuard:
    """Decide contacts. `is_ledger_used`: the tenant's own ledger is the CRM, and is read under the locks."""

    def __init__(self, *, database: Database, tenants: TenantDirectory, clock: Clock, is_ledger_used: bool) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock
        self._is_ledger_used = is_ledger_used
        self._together = GroupCommit(self.decide)

    @property
    def is_ledger_used(self) -> bool:
        """Say whether the gate reads what is owed by itself, so that nobody need ask before."""
        return self._is_ledger_used

    async def decide_one(self, request: ContactRequest) -> Decision:
        """Decide it in one transaction with those of the tenant that come at the same moment."""
        return await self._together.add(request.tenant_id, request)

    async def decide(self, tenant_id: UUID, requests: Sequence[ContactRequest]) -> list[Decision]:
        """Decide a batch of one tenant; give the decisions in the order of the requests.

        A request that cannot be judged is postponed as `internal` and does not hold up the others. Raises what
        PostgreSQL raises when it is away: then nothing was decided.
        """
        try:
            decisions = await self._decide_again(tenant_id, requests)
        except UNAVAILABLE:
            raise
        except Exception:
            if len(requests) > 1:
                logger.exception("contact_guard.batch_failed", requests=len(requests))
                return [(await self.decide(tenant_id, [request]))[0] for request in requests]
            logger.exception("contact_guard.failed", target_id=str(requests[0].target_id))
            decisions = [await self._put_off(tenant_id, requests[0])]
        for decision in decisions:
            DECISIONS.labels(decision.request.engine, decision.verdict, decision.reason).inc()
        return decisions

    async def _decide_again(self, tenant_id: UUID, requests: Sequence[ContactRequest]) -> list[Decision]:
        """Run the transaction again when it met another one in a circle, or a target was edited under it."""
        for _ in range(_TRIES - 1):
            try:
                return await self._decide(tenant_id, requests)
            except RETRYABLE:
                logger.info("contact_guard.deadlock_retried", requests=len(requests))
            except _Edited as edited:
                requests = edited.requests
        return await self._decide(tenant_id, requests)

    async def _decide(self, tenant_id: UUID, requests: Sequence[ContactRequest]) -> list[Decision]:
        tenant = (await self._tenants.profile(tenant_id)).tenant
        question = _question(tenant_id, requests)
        async with self._database.tenant(tenant_id) as connection:
            people = await contact_facts.find_people(connection, question)
            asked_at = self._clock.now()
            gathered = await contact_facts.gather(
                connection, question, people, now=asked_at, since=asked_at - _CAP_REACH
            )
            _check_unedited(requests, gathered)
            now = self._clock.now()
            statements = await self._statements(connection, tenant, question.documents, now)
            batch = ContactBatch(tenant=tenant, gathered=gathered, people=people, statements=statements, now=now)
            decisions = [batch.judge(request) for request in requests]
            await self._write(connection, tenant_id, batch.rows, now)
        return decisions

    async def _statements(
        self, connection: Connection, tenant: Tenant, documents: Sequence[str], now: datetime
    ) -> Mapping[str, DebtStatement] | None:
        if not self._is_ledger_used:
            return None
        today: date = now.astimezone(tenant.time_zone).date()
        return await read_statements(connection, documents, today=today)

    async def _write(self, connection: Connection, tenant_id: UUID, rows: Rows, now: datetime) -> None:
        async with connection.pipeline():
            await contact_writes.persons(connection, tenant_id, rows.persons)
            await contact_writes.addresses(connection, tenant_id, rows.addresses)
            await contact_writes.conversations(connection, tenant_id, list(rows.conversations.values()), now=now)
            await contact_writes.messages(connection, tenant_id, rows.messages, now=now, locked_until=now + _LEASE)
            await contact_writes.calls(connection, tenant_id, rows.calls, now=now, locked_until=now + _DIALING_LEASE)
            await contact_writes.targets(connection, tenant_id, list(rows.targets.values()), now=now)
            await call_requests.change(connection, tenant_id, list(rows.requests.values()), now=now)
            await contact_writes.spend(connection, tenant_id, rows.spent)
            await contact_decisions.insert(connection, tenant_id, rows.decisions)
        # After the pipeline: only then is it known whether somebody was faster.
        for campaign_id in sorted(rows.paused):
            await pause_campaign(connection, tenant_id, campaign_id, reason=Reason.BUDGET_EXHAUSTED, now=now)

    async def _put_off(self, tenant_id: UUID, request: ContactRequest) -> Decision:
        """Keep a request that nobody could judge for later, with the fact that it was so."""
        now = self._clock.now()
        decision = Decision(
            id=uuid4(), request=request, verdict="postpone", reason=Reason.INTERNAL, decided_at=now,
            next_at=now + _AFTER_A_FAULT,
        )  # fmt: skip
        await put_off(self._database, tenant_id, [decision], now=now)
        return decision


class _Edited(DomainError):
    """Targets have other phones than the requests say, so the wrong people were locked."""

    def __init__(self, requests: Sequence[ContactRequest]) -> None:
        super().__init__("targets were edited while their contact was decided")
        self.requests = requests


async def put_off(database: Database, tenant_id: UUID, decisions: Sequence[Decision], *, now: datetime) -> None:
    """Record contacts that were put off before any rule was asked, and let go of their targets."""
    due_at = {
        decision.request.target_id: decision.next_at or now
        for decision in decisions
        if decision.request.target_id is not None
    }
    async with database.tenant(tenant_id) as connection:
        known = await contact_facts.campaigns_of(connection, list(due_at))
        rows = [
            NewDecision(
                id=decision.id, engine=decision.request.engine, document=decision.request.document or None,
                match_key=match_key(decision.request.phone), method=decision.request.method,
                verdict=decision.verdict, reason=decision.reason, decided_at=now,
                campaign_id=known.get(decision.request.target_id) if decision.request.target_id else None,
                target_id=decision.request.target_id, promise_id=decision.request.promise_id,
                channel_account_id=decision.request.account_id, details=decision.details,
                request_id=decision.request.request_id,
            )
            for decision in decisions
            if decision.request.target_id is None or decision.request.target_id in known
        ]  # fmt: skip
        if decisions:
            await contact_writes.release(connection, tenant_id, due_at, worker=decisions[0].request.worker, now=now)
        await contact_decisions.insert(connection, tenant_id, rows)


async def pause_campaign(
    connection: Connection, tenant_id: UUID, campaign_id: UUID, *, reason: str, now: datetime
) -> None:
    """Stop a campaign that cannot go on, and tell the operators why. Its targets keep their slots."""
    if not await contact_writes.pause(connection, campaign_id, reason=reason, now=now):
        return  # a person was faster, and their reason stands
    await events.record(
        connection, tenant_id=tenant_id, kind="campaign_paused", severity="warning",
        data={"campaignId": str(campaign_id), "reason": reason}, now=now,
    )  # fmt: skip


def _question(tenant_id: UUID, requests: Sequence[ContactRequest]) -> Question:
    return Question(
        tenant_id=tenant_id,
        match_keys=sorted({match_key(request.phone) or request.phone for request in requests}),
        documents=sorted({request.document for request in requests if request.document}),
        target_ids=[request.target_id for request in requests if request.target_id is not None],
        promise_ids=[request.promise_id for request in requests if request.promise_id is not None],
        account_ids=[
            request.account_id for request in requests if request.account_id is not None and request.target_id is None
        ],
        template_names=sorted({request.template_name for request in requests if request.template_name}),
        request_ids=[request.request_id for request in requests if request.request_id is not None],
    )


def _check_unedited(requests: Sequence[ContactRequest], gathered: Gathered) -> None:
    """Begin again with what the targets say now: the locks taken are those of other phones."""
    edited = moved_phones(requests, gathered)
    is_budget_new = any(target.campaign_id not in gathered.campaigns for target in gathered.targets.values())
    if edited is not None or is_budget_new:
        raise _Edited(edited or [replace(request) for request in requests])
