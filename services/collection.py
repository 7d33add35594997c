"""What a confirmed holder can do about a debt: promise, say that it is paid, ask for a payment code.

Nothing is written here: the caller plans the effects (ADR 2). Every answer is drawn from the CRM at that moment.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.boleto import InvalidBoleto, build_boleto, parse_payment_line
from domain.dates_ptbr import read_dates
from domain.effects import ClaimPayment, ConfirmPayment, Effect, RecordPromise
from domain.errors import DomainError
from domain.intents import is_affirmative, is_negative
from domain.money import find_amounts
from domain.pix import InvalidPix, build_pix
from domain.ports import Crm, DebtStatement, OpenInvoice
from domain.promises import customer_zones, earliest_day, promised_invoices, protection_end
from domain.tenants import Tenant
from domain.turns import Agreement, TurnContext
from services.effects import promise_id_of
from services.promise_protocols import free_protocol, protocol_of
from store import promises
from store.database import Database

PaymentForm = Literal["pix", "boleto"]
_FREE_FIELD = 25
_TEXT_LIMIT = 2000


class DateInPast(DomainError):
    def __init__(self) -> None:
        super().__init__("the promised day is past")


class DateBeyondLimit(DomainError):
    def __init__(self, limit: date) -> None:
        super().__init__(f"promises reach until {limit}")
        self.limit = limit


class AmountNotPositive(DomainError):
    def __init__(self) -> None:
        super().__init__("a promise needs an amount above zero")


class AmountAboveDebt(DomainError):
    def __init__(self, total_cents: int) -> None:
        super().__init__("the amount is above the debt")
        self.total_cents = total_cents


class NothingOwed(DomainError):
    def __init__(self) -> None:
        super().__init__("nothing is open")


class InvoiceUnknown(DomainError):
    def __init__(self, numbers: Sequence[str]) -> None:
        super().__init__("no open invoice has this number")
        self.numbers = tuple(numbers)


class FormUnavailable(DomainError):
    def __init__(self, form: PaymentForm) -> None:
        super().__init__(f"the tenant has no {form} for this invoice")
        self.form = form


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseRequest:
    document: str
    due_on: date
    amount_cents: int
    method: str | None = None
    notes: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisePlan:
    """A proposal to read back, or (with a protocol) a promise to store."""

    agreement: Agreement
    effect: RecordPromise | None = None
    replaces_earlier: bool = False

    @property
    def is_stored(self) -> bool:
        return "protocol" in self.agreement


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentNotice:
    """What becomes of "já paguei": the CRM agrees (no hold), or contacts rest until a day."""

    effect: Effect
    total_cents: int
    hold_until_day: date | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondCopy:
    invoice: OpenInvoice
    form: PaymentForm
    code: str


async def active_promise(database: Database, tenant_id: UUID, document: str) -> Agreement | None:
    """Give the pending promise of a document."""
    async with database.tenant(tenant_id) as connection:
        row = await promises.pending_of(connection, document)
    if row is None:
        return None
    return Agreement(amount_cents=row.amount_cents, due_on=row.due_on.isoformat(), protocol=row.protocol)


async def plan_promise(
    database: Database, crm: Crm, request: PromiseRequest, *, turn: TurnContext, proposal: Agreement | None,
    new_texts: Sequence[str], planned: Sequence[Effect] = (),
) -> PromisePlan:  # fmt: skip
    """Check a promise; propose it first, store it once the customer said yes to the same day and amount.

    Raises DateInPast, DateBeyondLimit, AmountNotPositive, AmountAboveDebt, NothingOwed, and the CRM's errors.
    """
    check_promised_day(request.due_on, turn)
    if request.amount_cents <= 0:
        raise AmountNotPositive
    statement = await crm.open_invoices(request.document)
    if not statement.invoices:
        raise NothingOwed
    if request.amount_cents > statement.total_cents:
        raise AmountAboveDebt(statement.total_cents)
    earlier = planned_promise(planned, request.document) or await active_promise(
        database, turn.tenant.id, request.document
    )
    if earlier is not None and _is_same(earlier, request):
        return PromisePlan(agreement=earlier)
    if not is_agreed(request, turn=turn, proposal=proposal, new_texts=new_texts):
        return PromisePlan(agreement=_proposed(request, turn, proposal))
    protocol = await _free_protocol(database, request, turn)
    return PromisePlan(
        agreement=Agreement(amount_cents=request.amount_cents, due_on=request.due_on.isoformat(), protocol=protocol),
        effect=RecordPromise(
            protocol=protocol,
            document=request.document,
            amount_cents=request.amount_cents,
            due_on=request.due_on,
            method=request.method,
            notes=request.notes,
            debt_cents=statement.total_cents,
            invoices=promised_invoices(statement),
        ),
        replaces_earlier=earlier is not None,
    )


def check_promised_day(due_on: date, turn: TurnContext) -> None:
    """Refuse a day before the customer's today, or beyond the tenant's horizon."""
    if due_on < earliest_day(turn.now, _zones(turn)):
        raise DateInPast
    limit = turn.today + timedelta(days=turn.tenant.settings.promise_horizon_days)
    if due_on > limit:
        raise DateBeyondLimit(limit)


def _zones(turn: TurnContext) -> Sequence[ZoneInfo]:
    return customer_zones(turn.contact.phone_match_keys) or (turn.tenant.time_zone,)


def planned_promise(planned: Sequence[Effect], document: str) -> Agreement | None:
    """Give the promise of a document that this turn is to store already."""
    for effect in reversed(planned):
        if isinstance(effect, RecordPromise) and effect.document == document:
            return Agreement(
                amount_cents=effect.amount_cents, due_on=effect.due_on.isoformat(), protocol=effect.protocol
            )
    return None


def is_agreed(
    request: PromiseRequest, *, turn: TurnContext, proposal: Agreement | None, new_texts: Sequence[str]
) -> bool:
    """Tell whether the customer agreed: the same was proposed in an earlier turn, and the new messages say yes or
    repeat exactly that day. A model's word is not enough."""
    if proposal is None or not _is_same(proposal, request):
        return False
    if proposal.get("proposed_in_turn", turn.turn_seq) >= turn.turn_seq:
        return False
    text = "\n".join(new[:_TEXT_LIMIT] for new in new_texts)
    return is_affirmative(text) or _repeats(text, request, turn.today)


def _repeats(text: str, request: PromiseRequest, today: date) -> bool:
    readings = read_dates(text, today=today, expects_day=True)
    is_day = bool(readings) and all(r.status == "certain" and r.date == request.due_on for r in readings)
    is_amount = all(found.cents == request.amount_cents for found in find_amounts(text))
    return is_day and is_amount and "?" not in text and not is_negative(text)


def _is_same(agreement: Agreement, request: PromiseRequest) -> bool:
    return agreement["amount_cents"] == request.amount_cents and agreement["due_on"] == request.due_on.isoformat()


def _proposed(request: PromiseRequest, turn: TurnContext, proposal: Agreement | None) -> Agreement:
    """Make the proposal; one that stands keeps the turn it was first made in."""
    since = turn.turn_seq
    if proposal is not None and _is_same(proposal, request):
        since = proposal.get("proposed_in_turn", since)
    return Agreement(amount_cents=request.amount_cents, due_on=request.due_on.isoformat(), proposed_in_turn=since)


async def _free_protocol(database: Database, request: PromiseRequest, turn: TurnContext) -> str:
    own_id = promise_id_of(turn.conversation_id, turn.turn_seq, request.document)
    async with database.tenant(turn.tenant.id) as connection:
        return await free_protocol(connection, own_id, *_what(request, turn))


def protocol_code(request: PromiseRequest, turn: TurnContext, *, salt: int = 0) -> str:
    """Derive a short code from what the promise is: 'P7F3K2Q'."""
    return protocol_of(*_what(request, turn), salt)


def _what(request: PromiseRequest, turn: TurnContext) -> tuple[object, ...]:
    return (turn.conversation_id, turn.turn_seq, request.document, request.due_on, request.amount_cents)


async def plan_payment_notice(crm: Crm, *, document: str, turn: TurnContext, notes: str | None = None) -> PaymentNotice:
    """Check with the CRM what the customer says is paid. Raises CustomerUnknown, CrmUnavailable."""
    statement = await crm.open_invoices(document)
    if not statement.invoices:
        return PaymentNotice(effect=ConfirmPayment(document=document), total_cents=0, hold_until_day=None)
    day = turn.today + timedelta(days=turn.tenant.settings.payment_claim_hold_days)
    hold_until = protection_end(day, _zones(turn))
    return PaymentNotice(
        effect=ClaimPayment(document=document, hold_until=hold_until, notes=notes),
        total_cents=statement.total_cents,
        hold_until_day=day,
    )


async def make_second_copy(
    crm: Crm, *, document: str, number: str, form: PaymentForm, tenant: Tenant, today: date
) -> SecondCopy:
    """Make the payment code of an open invoice.

    Raises InvoiceUnknown, FormUnavailable, CustomerUnknown, CrmUnavailable.
    """
    statement = await crm.open_invoices(document)
    invoice = find_invoice(statement, number)
    if invoice is None:
        raise InvoiceUnknown([known.number for known in statement.invoices])
    make = _pix_code if form == "pix" else _boleto_line
    code = make(invoice, tenant, today)
    if code is None:
        raise FormUnavailable(form)
    return SecondCopy(invoice=invoice, form=form, code=code)


def find_invoice(statement: DebtStatement, number: str) -> OpenInvoice | None:
    """Find an invoice by its number as people write it ('fat 1001', '1001'); no number means the only one."""
    wanted = _alphanumeric(number[:100])
    if not wanted:
        return statement.invoices[0] if len(statement.invoices) == 1 and not number.strip() else None
    exact = [invoice for invoice in statement.invoices if _alphanumeric(invoice.number) == wanted]
    if exact:
        return exact[0]
    digits = re.sub(r"\D", "", wanted).lstrip("0")
    alike = [i for i in statement.invoices if digits and re.sub(r"\D", "", i.number).lstrip("0") == digits]
    return alike[0] if len(alike) == 1 else None


def _alphanumeric(number: str) -> str:
    return re.sub(r"[^a-z0-9]", "", number.lower())


def _pix_code(invoice: OpenInvoice, tenant: Tenant, today: date) -> str | None:
    pix = tenant.settings.pix
    if pix is None:
        return None
    txid = re.sub(r"[^A-Za-z0-9]", "", invoice.number)[:25]
    try:
        return build_pix(
            key=pix.key, merchant_name=pix.name, merchant_city=pix.city, amount_cents=invoice.amount_cents,
            **({"txid": txid} if txid else {}),
        )  # fmt: skip
    except InvalidPix:
        return None


def _boleto_line(invoice: OpenInvoice, tenant: Tenant, today: date) -> str | None:
    """Give the CRM's own payment line when it is sound, else one built from the tenant's agreement."""
    if invoice.payment_line:
        try:
            return parse_payment_line(invoice.payment_line[:100], today=today).payment_line
        except InvalidBoleto:
            pass  # a broken line must not reach a customer; ours may
    agreement = tenant.settings.boleto
    if agreement is None:
        return None
    room = _FREE_FIELD - len(agreement.agreement)
    number = int.from_bytes(hashlib.sha256(f"{tenant.id}|{invoice.number}".encode()).digest())
    free_field = agreement.agreement + str(number % 10 ** max(room, 0)).zfill(room) if room > 0 else agreement.agreement
    try:
        return build_boleto(
            bank=agreement.bank, free_field=free_field, due_on=invoice.due_on, amount_cents=invoice.amount_cents
        ).payment_line
    except InvalidBoleto:
        return None
