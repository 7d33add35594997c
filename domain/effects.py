"""What a turn changes. Tools only plan effects; they are written in the one transaction that commits the turn and its
reply, so a crashed or stale turn that runs again never leaves or repeats one (ADR 2)."""

from dataclasses import dataclass
from datetime import date, datetime

from domain.promises import PromisedInvoice


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmIdentity:
    """The person proved to be the holder of this document; the contact keeps it."""

    document: str
    customer_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CountIdentityTry:
    """A document that did not fit: counts against the tries of that local day."""

    on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordPromise:
    """A promise the customer said yes to. A pending one of the same document becomes renegotiated."""

    protocol: str
    document: str
    amount_cents: int
    due_on: date
    method: str | None = None
    notes: str | None = None
    debt_cents: int | None = None  # what the CRM showed in all when it was made
    invoices: tuple[PromisedInvoice, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimPayment:
    """The customer says that it is paid and the CRM does not show it yet: no contact until `hold_until`."""

    document: str
    hold_until: datetime
    notes: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmPayment:
    """The CRM shows nothing open: promises of the document are fulfilled, claims confirmed."""

    document: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOff:
    """A human takes over: the bot is silent in this conversation until it is handed back."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """No proactive contact again. `scope` is 'all' or a medium."""

    scope: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkWrongPerson:
    """The address does not belong to whom we thought: the document is unlinked from the contact."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveCard:
    stage: str
    reason: str
    moved_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveContactField:
    name: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteFacts:
    """What the observer learned of the contact: sentiment, lead stage, facts. Merged over what is known."""

    facts: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestCall:
    """The customer wants to be called. A waiting request of theirs takes the new hour."""

    reason: str
    wanted_at: datetime
    phone: str  # E.164


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelCall:
    """The customer no longer wants the call that was agreed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndCall:
    """The call ends once the reply was spoken. Nothing is written for it: whoever speaks the call hangs up."""

    reason: str


Effect = (
    ConfirmIdentity
    | CountIdentityTry
    | RecordPromise
    | ClaimPayment
    | ConfirmPayment
    | HandOff
    | OptOut
    | MarkWrongPerson
    | MoveCard
    | SaveContactField
    | NoteFacts
    | RequestCall
    | CancelCall
    | EndCall
)
