"""What an imported file adds to the tenant's own ledger, which answers for the CRM when there is none (spec 2.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from uuid import UUID

from domain.target_lines import NewTarget
from store import imports
from store.database import Connection
from store.imports import KnownInvoice, NewInvoice
from store.locks import lock_debtor

UNNUMBERED_PREFIX = "IMP-"
MOST_LOCKED = 500  # advisory locks of one transaction; PostgreSQL has some thousands for everybody


class TooManyDebtors(Exception):
    """More invoices change than debtors can be locked at once: do it with fewer lines."""


class LedgerMoved(Exception):
    """Somebody else wrote one of these invoices meanwhile: do it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerPlan:
    """What to write, worked out before anything is locked."""

    new_debtors: list[NewTarget] = field(default_factory=list)
    known_debtors: list[NewTarget] = field(default_factory=list)
    added: list[NewInvoice] = field(default_factory=list)
    changed: list[NewInvoice] = field(default_factory=list)


def foreign_lines(lines: Sequence[tuple[int, NewTarget]], known: dict[str, KnownInvoice]) -> set[int]:
    """Find the lines whose invoice number is another customer's, in the ledger or further up in the file."""
    owners = {number: invoice.document for number, invoice in known.items()}
    foreign = set()
    for number, target in lines:
        if target.invoice_number and owners.setdefault(target.invoice_number, target.document) != target.document:
            foreign.add(number)
    return foreign


async def plan_ledger(
    connection: Connection, tenant_id: UUID, *, fresh: Sequence[NewTarget], repeated: Sequence[NewTarget],
    known: dict[str, KnownInvoice], today: date, day_before: date,
) -> LedgerPlan:  # fmt: skip
    """Work out customers and invoices. `repeated` lines make no target, but their numbered invoices count (ADR 13)."""
    plan = LedgerPlan()
    seen: set[str] = set()
    numbered = [target for target in (*fresh, *repeated) if target.invoice_number]
    for target in numbered:
        number = target.invoice_number or ""
        if number not in seen:
            seen.add(number)
            _plan_invoice(plan, number, target, known.get(number), day_before)
    unnumbered = [target for target in fresh if not target.invoice_number]
    if unnumbered:
        await _plan_unnumbered(connection, tenant_id, plan, unnumbered, today, day_before)
    documents = {target.document for target in fresh}
    plan.new_debtors.extend(fresh)
    others = {target.document: target for target in reversed(repeated) if target.invoice_number}
    plan.known_debtors.extend(target for document, target in others.items() if document not in documents)
    return plan


def _plan_invoice(
    plan: LedgerPlan, number: str, target: NewTarget, known: KnownInvoice | None, day_before: date
) -> None:
    due_on = target.due_on or (known.due_on if known else day_before)
    invoice = NewInvoice(document=target.document, number=number, amount_cents=target.debt_cents, due_on=due_on)
    if known is None:
        plan.added.append(invoice)
    elif known.is_open and (known.amount_cents, known.due_on) != (invoice.amount_cents, invoice.due_on):
        plan.changed.append(invoice)


async def _plan_unnumbered(
    connection: Connection, tenant_id: UUID, plan: LedgerPlan, targets: Sequence[NewTarget], today: date,
    day_before: date,
) -> None:  # fmt: skip
    """A line without a number states what is owed: it replaces what such a line said before, and adds to nothing.

    What was paid does not come back within the month by the same line (design.md N3); next month it is a new debt.
    """
    numbers = {target.document: _number_of(tenant_id, target, today) for target in targets}
    open_now = await imports.open_unnumbered(connection, list(numbers), prefix=UNNUMBERED_PREFIX)
    known = await imports.known_invoices(connection, list(numbers.values()))
    for target in targets:
        earlier = open_now.get(target.document)
        number = earlier.number if earlier else numbers[target.document]
        _plan_invoice(plan, number, target, earlier or known.get(number), day_before)


def _number_of(tenant_id: UUID, target: NewTarget, today: date) -> str:
    what = f"{tenant_id}|{target.document}|{target.debt_cents}|{target.due_on or f'{today:%Y-%m}'}"
    return UNNUMBERED_PREFIX + sha256(what.encode()).hexdigest()[:12].upper()


async def write_ledger(connection: Connection, tenant_id: UUID, plan: LedgerPlan) -> None:
    """Write what was planned. Raises TooManyDebtors and LedgerMoved, both before anything counts."""
    await _lock_debtors(connection, tenant_id, (invoice.document for invoice in plan.changed))
    for targets, changes_known in ((plan.new_debtors, True), (plan.known_debtors, False)):
        if targets:
            await imports.put_customers(connection, tenant_id, targets, changes_known=changes_known)
    if plan.changed:
        await imports.change_invoices(connection, plan.changed)
    if plan.added and await imports.add_invoices(connection, tenant_id, plan.added) != len(plan.added):
        raise LedgerMoved


async def _lock_debtors(connection: Connection, tenant_id: UUID, documents: Iterable[str]) -> None:
    wanted = sorted(set(documents))
    if len(wanted) > MOST_LOCKED:
        raise TooManyDebtors
    for document in wanted:
        await lock_debtor(connection, tenant_id, document)
