"""What a person of the tenant does with one target: read it, correct it, end it, take it up again (spec 3.3)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.campaigns import FINAL_OUTCOMES, CampaignStatus, Method, TargetOutcome, TargetState
from domain.errors import CampaignNotEditable, InvalidInput, NotFound, TargetNotEditable
from domain.phones import (
    AREA_CODES,
    InvalidPhone,
    PhoneKind,
    area_code,
    match_key,
    parse_phone,
    phone_kind,
    uf_of_area_code,
)
from services.plain_text import tidy_line
from store import campaigns, contact_decisions, targets
from store.contact_decisions import DecisionRow
from store.database import Connection, Database
from store.locks import lock_debtor
from store.targets import TargetRow

ENDED_AS = frozenset(
    {TargetOutcome.CANCELED, TargetOutcome.ANSWERED, TargetOutcome.NO_ANSWER, TargetOutcome.FAILED}
)  # fmt: skip
"""Outcomes that a person may end a target with."""
NULLABLE = frozenset({"installation_point", "invoice_number", "uf"})
_KEPT_REFUSALS = frozenset({TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON})  # lifted with the person, not here
_TEXT_LIMIT = 120
_MOST_CENTS = 10**11
_MOST_PRIORITY = 1_000_000
_UFS = frozenset(uf_of_area_code(code) for code in AREA_CODES)
_REACHABLE = frozenset({PhoneKind.MOBILE, PhoneKind.FIXED_LINE})


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetPatch:
    """What to change; None leaves a field alone, `cleared` names those of NULLABLE to empty.

    `state` is PENDING to take the target up again (also one whose last contact is unknown) or COMPLETED to end it,
    with an outcome of ENDED_AS (canceled when none is given).
    """

    client_name: str | None = None
    phone: str | None = None
    installation_point: str | None = None
    debt_cents: int | None = None
    invoice_number: str | None = None
    uf: str | None = None
    priority: int | None = None
    state: TargetState | None = None
    outcome: TargetOutcome | None = None
    cleared: frozenset[str] = frozenset()


async def list_targets(
    database: Database, tenant_id: UUID, campaign_id: UUID, *, state: TargetState | None,
    outcome: TargetOutcome | None, limit: int, offset: int,
) -> tuple[list[TargetRow], int]:  # fmt: skip
    """List the targets of a campaign in the order they came, and count all that fit. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        if await campaigns.by_id(connection, campaign_id) is None:
            raise NotFound("campaign")
        return await targets.page(connection, campaign_id, state=state, outcome=outcome, limit=limit, offset=offset)


async def get_target(database: Database, tenant_id: UUID, target_id: UUID) -> TargetRow:
    """Read one. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _known(connection, target_id)


async def list_decisions(
    database: Database, tenant_id: UUID, target_id: UUID, *, limit: int, offset: int
) -> tuple[list[DecisionRow], int]:
    """List what the gate decided about a target, newest first, and count all of it. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        await _known(connection, target_id)
        return await contact_decisions.page(connection, target_id, limit=limit, offset=offset)


async def patch_target(
    database: Database, tenant_id: UUID, target_id: UUID, patch: TargetPatch, *, now: datetime
) -> TargetRow:
    """Change a target under its debtor's lock, so that a contact sees it wholly or not at all.

    What changes how or when it is contacted is planned anew; a worker that had taken it finds it gone.
    Raises NotFound, InvalidInput, CampaignNotEditable, TargetNotEditable.
    """
    async with database.tenant(tenant_id) as connection:
        await lock_debtor(connection, tenant_id, (await _known(connection, target_id)).document)
        held = await targets.lock(connection, [target_id])
        if not held:
            raise NotFound("target")
        before = held[0]
        statuses = await campaigns.statuses(connection, [before.campaign_id], wakes=True)
        if statuses.get(before.campaign_id) is CampaignStatus.COMPLETED:
            raise CampaignNotEditable(before.campaign_id)
        after = _moved(_corrected(before, patch, now), patch, now)
        if after == before:
            return before
        after = replace(after, updated_at=now, method=await method_made(connection, before, after.state))
        await targets.edit(connection, after)
        if after.state is TargetState.PENDING and after.due_at is not None:
            await campaigns.wake(connection, before.campaign_id, after.due_at)
        return after


async def method_made(connection: Connection, before: TargetRow, state: TargetState) -> Method | None:
    """Give the method to go on from: a contact that was planned and is not made has not been tried."""
    if before.state is not TargetState.SCHEDULED or state is TargetState.SCHEDULED:
        return before.method
    made = await contact_decisions.last_method(connection, before.id)
    return None if made is None else Method(made)


async def _known(connection: Connection, target_id: UUID) -> TargetRow:
    row = await targets.by_id(connection, target_id)
    if row is None:
        raise NotFound("target")
    return row


def _corrected(row: TargetRow, patch: TargetPatch, now: datetime) -> TargetRow:
    unknown = patch.cleared - NULLABLE
    if unknown:
        raise InvalidInput(sorted(unknown)[0], "must not be null")
    if patch.client_name is not None:
        row = replace(row, client_name=_line("clientName", patch.client_name))
    if patch.installation_point is not None:
        row = replace(row, installation_point=_line("installationPoint", patch.installation_point))
    if patch.invoice_number is not None:
        row = replace(row, invoice_number=_line("invoiceNumber", patch.invoice_number))
    if patch.debt_cents is not None:
        if not 0 < patch.debt_cents <= _MOST_CENTS:
            raise InvalidInput("debtAmount", "must be above zero and at most 1.000.000.000,00")
        row = replace(row, debt_cents=patch.debt_cents)
    if "installation_point" in patch.cleared:
        row = replace(row, installation_point=None)
    if "invoice_number" in patch.cleared:
        row = replace(row, invoice_number=None)
    return _placed(row, patch, now)


def _placed(row: TargetRow, patch: TargetPatch, now: datetime) -> TargetRow:
    """Change what its plan was drawn from: phone, state of the address, priority."""
    after = row
    if patch.phone is not None:
        after = _with_phone(after, patch.phone)
    if patch.uf is not None or "uf" in patch.cleared:
        after = replace(after, uf=None if patch.uf is None else _uf(patch.uf))
    if patch.priority is not None:
        if not -_MOST_PRIORITY <= patch.priority <= _MOST_PRIORITY:
            raise InvalidInput("priority", f"must be -{_MOST_PRIORITY} to {_MOST_PRIORITY}")
        after = replace(after, priority=patch.priority)
    if after == row or row.state is not TargetState.SCHEDULED:
        return after
    return replace(after, state=TargetState.PENDING, due_at=now, locked_by=None, locked_until=None)


def _with_phone(row: TargetRow, text: str) -> TargetRow:
    try:
        phone = parse_phone(text[:60])
    except InvalidPhone:
        raise InvalidInput("phoneNumber", "must be a phone number") from None
    key = match_key(phone)
    if key is None or area_code(phone) is None or phone_kind(phone) not in _REACHABLE:
        raise InvalidInput("phoneNumber", "must be a Brazilian mobile or fixed line")
    if phone == row.phone:
        return row
    if row.state is TargetState.CALLING:
        raise TargetNotEditable(row.state, row.outcome)
    # What was learned of the old number says nothing of the new one.
    details = {name: value for name, value in row.outcome_details.items() if name != "undeliverable"}
    return replace(
        row, phone=phone, match_key=key, contact_id=None, conversation_id=None, outcome_details=details
    )  # fmt: skip


def _uf(text: str) -> str:
    uf = text.strip().upper()
    if uf not in _UFS:
        raise InvalidInput("uf", "must be one of the 27 states")
    return uf


def _line(field: str, text: str) -> str:
    line = tidy_line(text, limit=_TEXT_LIMIT)
    if not line:
        raise InvalidInput(field, "must not be empty")
    return line


def _moved(row: TargetRow, patch: TargetPatch, now: datetime) -> TargetRow:
    if patch.state is None:
        if patch.outcome is not None:
            raise InvalidInput("outcome", "needs the state completed")
        return row
    if patch.state is TargetState.COMPLETED:
        return _ended(row, patch.outcome or TargetOutcome.CANCELED)
    if patch.state is not TargetState.PENDING:
        raise InvalidInput("state", "may only become pending or completed")
    if patch.outcome is not None:
        raise InvalidInput("outcome", "needs the state completed")
    if row.state is TargetState.PENDING:
        return row
    if row.state is TargetState.CALLING or row.outcome in _KEPT_REFUSALS:
        raise TargetNotEditable(row.state, row.outcome)
    is_over = row.state is TargetState.COMPLETED
    return replace(
        row, state=TargetState.PENDING, due_at=now, locked_by=None, locked_until=None,
        attempt_count=0 if is_over else row.attempt_count,
        outcome=None if row.outcome in (TargetOutcome.UNKNOWN, *FINAL_OUTCOMES) else row.outcome,
    )  # fmt: skip


def _ended(row: TargetRow, outcome: TargetOutcome) -> TargetRow:
    if outcome not in ENDED_AS:
        raise InvalidInput("outcome", f"must be one of: {', '.join(sorted(ENDED_AS))}")
    if row.state is TargetState.CALLING:
        raise TargetNotEditable(row.state, row.outcome)
    if row.state is TargetState.COMPLETED:
        if row.outcome is not outcome:
            raise TargetNotEditable(row.state, row.outcome)
        return row
    return replace(
        row, state=TargetState.COMPLETED, outcome=outcome, due_at=None, locked_by=None, locked_until=None
    )  # fmt: skip
