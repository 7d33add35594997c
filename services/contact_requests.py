"""What engines ask the contact gate for, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from domain.campaigns import Method
from domain.contact_rules import Reason, Verdict
from domain.messages import Address, Part
from domain.ports import DebtStatement

Engine = Literal["campaign", "reminder", "broadcast", "cadence", "follow_up", "escalation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactRequest:
    """One contact that an engine wants to make now. The CRM was asked just before (`asked_at`), with no lock held.

    `account_id` is the number whose rate was taken; the gate may choose another one of the campaign's. A reminder
    brings its words: `text` inside the provider's window, the template `template_name` filled from `values` outside.
    An escalation is a call that a customer asked for (`request_id`): debt and campaigns have no say in it.
    """

    engine: Engine
    tenant_id: UUID
    document: str  # empty where nobody knows it: a call that was asked for needs none
    phone: str  # E.164
    method: Method
    worker: str  # holds the target's lease, and will hold that of the message or call
    target_id: UUID | None = None
    promise_id: UUID | None = None
    request_id: UUID | None = None
    account_id: UUID | None = None
    statement: DebtStatement | None = None
    crm_problem: str | None = None
    asked_at: datetime | None = None
    client_name: str = ""
    text: str | None = None
    template_name: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the gate decided. For `contact` the message is `sending`, or the call `dialing`: do it at once."""

    id: UUID
    request: ContactRequest
    verdict: Verdict
    reason: Reason
    decided_at: datetime
    next_at: datetime | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    contact_id: UUID | None = None
    conversation_id: UUID | None = None
    account_id: UUID | None = None
    message_id: UUID | None = None
    call_id: UUID | None = None
    address: Address | None = None
    part: Part | None = None

    @property
    def is_contact(self) -> bool:
        return self.verdict == "contact"
