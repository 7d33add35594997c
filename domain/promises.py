"""Promises of payment: how they end, until when they protect, what the CRM's word means for them (spec 3.7)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.errors import Conflict
from domain.phones import time_zones_of_area_code
from domain.ports import DebtStatement
from domain.promised_day import protected_until

# The monitor looks 24 h after the end of the promised day and daily from then on (spec 3.7).
REVIEW_EVERY = timedelta(hours=24)
# A CRM that gives no answer is asked again soon, then patiently: it says nothing about the customer.
_RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1))


class PromiseStatus(StrEnum):
    PENDING = "pending"
    FULFILLED = "fulfilled"
    BROKEN = "broken"
    RENEGOTIATED = "renegotiated"  # another promise of the same debtor took its place
    CANCELED = "canceled"  # by an operator


_MOVES: Mapping[PromiseStatus, frozenset[PromiseStatus]] = {
    PromiseStatus.PENDING: frozenset(PromiseStatus) - {PromiseStatus.PENDING},
    PromiseStatus.FULFILLED: frozenset(),
    PromiseStatus.BROKEN: frozenset(),
    PromiseStatus.RENEGOTIATED: frozenset(),
    PromiseStatus.CANCELED: frozenset(),
}


class PromiseSettled(Conflict):
    """The promise has ended: what came of it is history and stays as it is."""

    code = "promise_settled"

    def __init__(self, status: PromiseStatus) -> None:
        super().__init__(f"The promise is {status} and cannot be changed any more")
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisedInvoice:
    """An invoice that was open when the promise was made, with what it came to then."""

    number: str
    amount_cents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseTerms:
    """What a promise is measured by. Promises older than the column have no invoices."""

    amount_cents: int
    due_on: date
    protected_until: datetime
    invoices: Sequence[PromisedInvoice] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a statement of the CRM shows of a promise. `owes_nothing`: no invoice is open at all."""

    status: PromiseStatus
    paid_cents: int
    owes_nothing: bool


def can_promise_become(current: PromiseStatus, new: PromiseStatus) -> bool:
    """Say whether a promise may go from one status to another; only a pending one goes anywhere."""
    return new in _MOVES[current]


def promised_invoices(statement: DebtStatement) -> tuple[PromisedInvoice, ...]:
    """Keep what was open, so that later payments can be told from later debts."""
    return tuple(PromisedInvoice(number=open.number, amount_cents=open.amount_cents) for open in statement.invoices)


def customer_zones(match_keys: Iterable[str | None]) -> tuple[ZoneInfo, ...]:
    """Give every zone that the area codes of a person's phones may lie in; empty when no phone is Brazilian."""
    names: dict[str, None] = {}
    for key in match_keys:
        # Brazilian numbers are kept as area code and 8 digits, or 9 when they cannot do without (domain.phones).
        if key is not None and len(key) in (10, 11):
            names |= dict.fromkeys(time_zones_of_area_code(key[:2]))
    return tuple(ZoneInfo(name) for name in names)


def protection_end(day: date, zones: Sequence[ZoneInfo]) -> datetime:
    """Give the end of the promised day where it comes last: in doubt the customer is left alone longer."""
    return max(protected_until(day, zone) for zone in zones)


def earliest_day(instant: datetime, zones: Sequence[ZoneInfo]) -> date:
    """Give the customer's local day; the earlier one where the zones do not agree, so that it may still be promised."""
    return min(instant.astimezone(zone).date() for zone in zones)


def judge(
    terms: PromiseTerms, statement: DebtStatement, *, paid_before_cents: int = 0, now: datetime, broken_after_days: int
) -> Finding:
    """Say what a sound statement means for a pending promise; never ask this of a CRM that did not answer.

    `paid_before_cents` is what was noted at an earlier look: what a promise without invoices cannot show again.
    """
    owes_nothing = not statement.invoices
    paid_cents = _paid_cents(terms, statement) if terms.invoices else paid_before_cents
    if owes_nothing or _is_kept(terms, statement, paid_cents):
        return Finding(
            status=PromiseStatus.FULFILLED, paid_cents=max(paid_cents, terms.amount_cents), owes_nothing=owes_nothing
        )
    is_late = now >= terms.protected_until + timedelta(days=broken_after_days)
    status = PromiseStatus.BROKEN if is_late else PromiseStatus.PENDING
    return Finding(status=status, paid_cents=paid_cents, owes_nothing=False)


def _paid_cents(terms: PromiseTerms, statement: DebtStatement) -> int:
    """Sum what the promised invoices lost since: gone is paid, interest that came on top is no negative payment."""
    open_cents = _open_cents(statement)
    return sum(max(0, then.amount_cents - open_cents.get(then.number, 0)) for then in terms.invoices)


def _is_kept(terms: PromiseTerms, statement: DebtStatement, paid_cents: int) -> bool:
    if not terms.invoices:
        # Nobody wrote down what was open: whatever fell due later is another debt.
        return all(invoice.due_on > terms.due_on for invoice in statement.invoices)
    still_open = _open_cents(statement)
    return paid_cents >= terms.amount_cents or not any(then.number in still_open for then in terms.invoices)


def _open_cents(statement: DebtStatement) -> dict[str, int]:
    cents: dict[str, int] = {}
    for invoice in statement.invoices:
        cents[invoice.number] = cents.get(invoice.number, 0) + invoice.amount_cents
    return cents


def next_review(protected_until: datetime, now: datetime) -> datetime:
    """Give the first look after `now`: 24 h after the promised day has ended, and every 24 h from then on."""
    looks_done = max(0, (now - protected_until) // REVIEW_EVERY)
    return protected_until + (looks_done + 1) * REVIEW_EVERY


def review_again_at(attempts: int, now: datetime) -> datetime:
    """Give the next try after the CRM gave no usable answer `attempts` times in a row."""
    return now + _RETRY_AFTER[min(max(attempts, 1), len(_RETRY_AFTER)) - 1]
