"""Look at promises whose day has passed: the CRM says which were kept, and nothing else does (spec 3.7)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from domain.ports import Clock, Crm, CrmUnavailable, CustomerUnknown, DebtStatement
from domain.promises import Finding, PromiseStatus, judge, next_review, review_again_at
from domain.tenants import Tenant
from services import target_events
from services.tenant_directory import TenantDirectory
from store import events, payment_claims, promises
from store.database import UNAVAILABLE, Connection, Database
from store.locks import lock_debtor
from store.promises import DuePromise, PromiseRow

logger = structlog.get_logger(__name__)

REVIEWED = Counter("master_ia_promises_reviewed_total", "Looks at promises by what came of them", ["result"])

# Longer than the CRM may take; a claim of a dead process is free again after it.
_LEASE = timedelta(seconds=60)
_AT_ONCE = 20
_BUDGET_SECONDS = 4.0  # the last batch may take as long as the CRM: one worker serves other drains too


class PromiseMonitor:
    """Asks the CRM about promises that are due for a look. `worker` names this process in the rows it has claimed."""

    def __init__(
        self, *, database: Database, tenants: TenantDirectory, crm_for: Callable[[Tenant], Crm], clock: Clock,
        worker: str,
    ) -> None:  # fmt: skip
        self._database = database
        self._tenants = tenants
        self._crm_for = crm_for
        self._clock = clock
        self._worker = worker

    async def drain(self, limit: int) -> int:
        """Look at up to `limit` due promises, as many as some seconds allow; return how many were looked at."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _BUDGET_SECONDS
        handled = 0
        while handled < limit and loop.time() < ends_at:
            now = self._clock.now()
            async with self._database.platform() as connection:
                due = await promises.claim_reviews(
                    connection, worker=self._worker, now=now, locked_until=now + _LEASE,
                    limit=min(_AT_ONCE, limit - handled),
                )  # fmt: skip
            if not due:
                break
            await asyncio.gather(*(self._review_or_postpone(promise) for promise in due))
            handled += len(due)
        return handled

    async def _review_or_postpone(self, due: DuePromise) -> None:
        """The outermost handler of one promise: one that cannot be looked at must not hold up the others."""
        try:
            await self._review(due)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("promise.review_failed", promise_id=str(due.id))
            await self._postpone(due, "internal")

    async def _review(self, due: DuePromise) -> None:
        tenant = (await self._tenants.profile(due.tenant_id)).tenant
        try:
            statement = await self._crm_for(tenant).open_invoices(due.document)
        except CrmUnavailable as error:
            await self._postpone(due, error.reason)
        except CustomerUnknown:
            # Somebody the CRM has lost is not somebody who did not pay.
            await self._postpone(due, "unknown_customer")
        else:
            await self._conclude(due, tenant, statement)

    async def _postpone(self, due: DuePromise, reason: str) -> None:
        REVIEWED.labels("postponed").inc()
        logger.info("promise.review_postponed", promise_id=str(due.id), reason=reason, attempts=due.attempts + 1)
        again_at = review_again_at(due.attempts + 1, self._clock.now())
        async with self._database.tenant(due.tenant_id) as connection:
            await promises.postpone_review(connection, due.id, worker=self._worker, review_due_at=again_at)

    async def _conclude(self, due: DuePromise, tenant: Tenant, statement: DebtStatement) -> None:
        """Write down what the statement shows, unless the promise ended or the claim was lost while the CRM thought."""
        async with self._database.tenant(due.tenant_id) as connection:
            await lock_debtor(connection, due.tenant_id, due.document)
            row = await promises.lock(connection, due.id)
            if row is None or row.status != PromiseStatus.PENDING or row.locked_by != self._worker:
                return
            now = self._clock.now()
            finding = judge(
                row.terms, statement, paid_before_cents=row.paid_cents, now=now,
                broken_after_days=tenant.settings.promise_broken_after_days,
            )  # fmt: skip
            if finding.status is PromiseStatus.PENDING:
                await promises.keep_watching(
                    connection, row.id, paid_cents=finding.paid_cents,
                    review_due_at=next_review(row.protected_until, now), now=now,
                )  # fmt: skip
            else:
                await self._settle(connection, due.tenant_id, row, finding)
        REVIEWED.labels(finding.status.value).inc()

    async def _settle(self, connection: Connection, tenant_id: UUID, row: PromiseRow, finding: Finding) -> None:
        now = self._clock.now()
        await promises.settle(connection, row.id, status=finding.status, paid_cents=finding.paid_cents, now=now)
        if finding.owes_nothing:
            await payment_claims.confirm_open(connection, row.document)
            await target_events.payment_confirmed(connection, tenant_id=tenant_id, document=row.document, now=now)
        elif finding.status is PromiseStatus.BROKEN:
            await target_events.promise_broken(connection, tenant_id=tenant_id, document=row.document, now=now)
        await events.record(
            connection, tenant_id=tenant_id, kind=f"promise_{finding.status}", severity="info",
            conversation_id=row.conversation_id, data={"promiseId": str(row.id), "by": "monitor"}, now=now,
        )  # fmt: skip
