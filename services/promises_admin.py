"""What operators do with promises: find them, say how one ended, move its day or its amount."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

import structlog

from domain.errors import InvalidInput, NotFound
from domain.ports import Crm, CrmUnavailable, CustomerUnknown, DebtStatement
from domain.promises import PromiseSettled, PromiseStatus, earliest_day, promised_invoices
from domain.tenants import Tenant
from services import target_events
from services.promise_dates import promise_dates, zones_of_contact
from services.promise_protocols import free_protocol
from store import events, payment_claims, promises
from store.database import Connection, Database
from store.locks import lock_debtor
from store.promises import PromiseRow

logger = structlog.get_logger(__name__)

Ending = Literal[PromiseStatus.FULFILLED, PromiseStatus.BROKEN, PromiseStatus.CANCELED]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisePatch:
    """How a promise ended, or what it is to become: a new day or amount is a new promise in its place."""

    status: Ending | None = None
    due_on: date | None = None
    amount_cents: int | None = None

    @property
    def is_renegotiation(self) -> bool:
        return self.due_on is not None or self.amount_cents is not None


async def list_promises(
    database: Database, tenant_id: UUID, *, status: PromiseStatus | None, document: str | None, limit: int, offset: int
) -> tuple[list[PromiseRow], int]:
    """List promises, newest first, and count all that fit."""
    async with database.tenant(tenant_id) as connection:
        return await promises.page(connection, status=status, document=document, limit=limit, offset=offset)


async def get_promise(database: Database, tenant_id: UUID, promise_id: UUID) -> PromiseRow:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _own(connection, promise_id)


async def patch_promise(
    database: Database, crm: Crm, tenant: Tenant, promise_id: UUID, patch: PromisePatch, *, now: datetime
) -> PromiseRow:
    """Change a pending promise; give it, or the one that took its place. Asked twice, it changes nothing twice.

    Raises NotFound, PromiseSettled, InvalidInput.
    """
    if patch.status is not None and patch.is_renegotiation:
        raise InvalidInput("status", "cannot be changed together with dueOn or amountCents")
    row = await get_promise(database, tenant.id, promise_id)
    if patch.status is None and not patch.is_renegotiation:
        return row
    # Before any lock is held: the CRM may take seconds.
    statement = await _statement(crm, row.document)
    async with database.tenant(tenant.id) as connection:
        await lock_debtor(connection, tenant.id, row.document)
        row = await promises.lock(connection, promise_id) or row
        if patch.status is not None:
            await _end(connection, tenant, row, patch.status, statement, now)
            return await _own(connection, promise_id)
        return await _renegotiate(connection, tenant, row, patch, statement, now)


async def _own(connection: Connection, promise_id: UUID) -> PromiseRow:
    row = await promises.by_id(connection, promise_id)
    if row is None:
        raise NotFound("promise")
    return row


async def _statement(crm: Crm, document: str) -> DebtStatement | None:
    try:
        return await crm.open_invoices(document)
    except (CrmUnavailable, CustomerUnknown) as error:
        logger.info("promise.patched_without_crm", error=type(error).__name__)
        return None


async def _end(
    connection: Connection, tenant: Tenant, row: PromiseRow, status: Ending, statement: DebtStatement | None,
    now: datetime,
) -> None:  # fmt: skip
    if row.status == status:
        return
    _check_pending(row)
    paid_cents = max(row.paid_cents, row.amount_cents) if status is PromiseStatus.FULFILLED else row.paid_cents
    await promises.settle(connection, row.id, status=status, paid_cents=paid_cents, now=now)
    if status is PromiseStatus.FULFILLED and statement is not None and not statement.invoices:
        # An operator's word ends the promise; only the CRM's ends the debt.
        await payment_claims.confirm_open(connection, row.document)
        await target_events.payment_confirmed(connection, tenant_id=tenant.id, document=row.document, now=now)
    elif status is PromiseStatus.BROKEN:
        await target_events.promise_broken(connection, tenant_id=tenant.id, document=row.document, now=now)
    elif status is PromiseStatus.CANCELED and now < row.protected_until:
        # Its protection ends now: what waits for the promised day goes on by the normal rules.
        await target_events.promise_recorded(
            connection, tenant_id=tenant.id, document=row.document, protected_until=now, now=now
        )
    await _record(connection, tenant, row, f"promise_{status}", now)


async def _renegotiate(
    connection: Connection, tenant: Tenant, row: PromiseRow, patch: PromisePatch, statement: DebtStatement | None,
    now: datetime,
) -> PromiseRow:  # fmt: skip
    due_on = patch.due_on or row.due_on
    new_id = uuid5(row.id, f"{due_on}:{patch.amount_cents}")
    if row.replaced_by == new_id:
        return await _own(connection, new_id)
    _check_pending(row)
    await _check_day(connection, tenant, row, due_on, now)
    debt_cents = statement.total_cents if statement else row.debt_cents
    amount_cents = _checked_amount(row, patch, debt_cents)
    if (due_on, amount_cents) == (row.due_on, row.amount_cents):
        return row
    dates = await promise_dates(connection, tenant=tenant, contact_id=row.contact_id, due_on=due_on, now=now)
    new = PromiseRow(
        id=new_id,
        protocol=await free_protocol(connection, new_id, row.id, due_on, amount_cents),
        document=row.document,
        contact_id=row.contact_id,
        conversation_id=row.conversation_id,
        turn_seq=None,
        amount_cents=amount_cents,
        due_on=due_on,
        protected_until=dates.protected_until,
        method=row.method,
        notes=row.notes,
        status=PromiseStatus.PENDING,
        replaced_by=None,
        created_at=now,
        updated_at=now,
        debt_cents=debt_cents,
        invoices=promised_invoices(statement) if statement else row.invoices,
        review_due_at=dates.review_due_at,
        reminder_due_at=dates.reminder_due_at,
    )
    await promises.renegotiate_pending(connection, row.document, replaced_by=new_id, now=now)
    await promises.put(connection, tenant.id, new)
    await target_events.promise_recorded(
        connection, tenant_id=tenant.id, document=row.document, protected_until=new.protected_until, now=now
    )
    await _record(connection, tenant, row, "promise_renegotiated", now, replaced_by=new_id)
    return await _own(connection, new_id)


def _check_pending(row: PromiseRow) -> None:
    status = PromiseStatus(row.status)
    if status is not PromiseStatus.PENDING:
        raise PromiseSettled(status)


async def _check_day(connection: Connection, tenant: Tenant, row: PromiseRow, due_on: date, now: datetime) -> None:
    today = earliest_day(now, await zones_of_contact(connection, tenant, row.contact_id))
    limit = today + timedelta(days=tenant.settings.promise_horizon_days)
    if due_on < today:
        raise InvalidInput("dueOn", "must not be past")
    if due_on > limit:
        raise InvalidInput("dueOn", f"may be at most {limit}")


def _checked_amount(row: PromiseRow, patch: PromisePatch, debt_cents: int | None) -> int:
    if debt_cents == 0:
        raise InvalidInput("amountCents", "cannot be promised: nothing is open")
    if patch.amount_cents is None:
        return row.amount_cents if debt_cents is None else min(row.amount_cents, debt_cents)
    if patch.amount_cents <= 0:
        raise InvalidInput("amountCents", "must be above zero")
    if debt_cents is not None and patch.amount_cents > debt_cents:
        raise InvalidInput("amountCents", f"must not be above the open debt of {debt_cents} cents")
    return patch.amount_cents


async def _record(
    connection: Connection,
    tenant: Tenant,
    row: PromiseRow,
    kind: str,
    now: datetime,
    *,
    replaced_by: UUID | None = None,
) -> None:
    """Leave an audit line. Ids only, nothing personal."""
    data = {"promiseId": str(row.id), "by": "api"}
    if replaced_by is not None:
        data["replacedBy"] = str(replaced_by)
    await events.record(
        connection, tenant_id=tenant.id, kind=kind, severity="info", conversation_id=row.conversation_id, data=data,
        now=now,
    )  # fmt: skip
