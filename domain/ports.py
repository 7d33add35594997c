"""What the product needs from outside, as protocols: the CRM, the clock, the queue, the places that count rates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from domain.errors import DomainError

Failpoint = Callable[[str], None]
"""Called with the name of an instant at which a crash must do no harm; does nothing unless a crash test armed it."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInvoice:
    number: str
    amount_cents: int
    due_on: date
    days_late: int
    payment_line: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DebtStatement:
    """What a customer owes now, in the order of the due dates. No invoices means that nothing is open."""

    document: str
    customer_name: str
    invoices: Sequence[OpenInvoice]

    @property
    def total_cents(self) -> int:
        return sum(invoice.amount_cents for invoice in self.invoices)


class CrmUnavailable(DomainError):
    """The CRM did not answer, or answered nonsense: nothing may be concluded from it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"CRM unavailable: {reason}")
        self.reason = reason


class CustomerUnknown(DomainError):
    """The CRM knows nobody with this document."""

    def __init__(self) -> None:
        super().__init__("The CRM knows nobody with this document")


class Crm(Protocol):
    async def open_invoices(self, document: str) -> DebtStatement:
        """Return the open invoices of a CPF/CNPJ (normalised). Raises CustomerUnknown or CrmUnavailable."""
        ...


class JobQueue(Protocol):
    async def ring(self, job: str) -> None:
        """Ask a worker to run a drain soon. Losing the bell costs seconds: the tick rings again. Never raises."""
        ...


class RateLimiter(Protocol):
    async def take(self, key: str, *, per_second: float, burst: int) -> float:
        """Take one token; return the seconds to wait before one is free (0.0 = taken)."""
        ...
