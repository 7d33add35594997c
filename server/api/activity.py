"""What happened: the tenant's event log, and what its models were used for."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import PlainSerializer

from domain.errors import InvalidInput
from server.api.wire import Given, Limit, Offset, Page, Text
from server.auth import ProcessDeps, ReadsConversations, ReadsModels
from services import activity

router = APIRouter(tags=["activity"])

_LONGEST_DAYS = 366
_USUAL_DAYS = 30


class Event(Given):
    id: UUID
    kind: str
    severity: Literal["info", "warning", "error"]
    conversation_id: UUID | None
    data: Mapping[str, object]
    created_at: datetime


# Without an exponent: a cost of nothing would be "0E-8".
PlainDecimal = Annotated[Decimal, PlainSerializer(lambda value: format(value, "f"), return_type=str)]


class UsageOfDay(Given):
    """What one model did for one agent on one day of the tenant's zone."""

    day: date
    agent: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: PlainDecimal


@router.get("/events", summary="List events, newest first")
async def list_events(
    deps: ProcessDeps,
    caller: ReadsConversations,
    severity: Literal["info", "warning", "error"] | None = None,
    kind: Annotated[Text | None, Query(max_length=60)] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Event]:
    rows, total = await activity.list_events(
        deps.database, caller.tenant_id, severity=severity, kind=kind, limit=limit, offset=offset
    )
    return Page(items=[Event.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/usage", summary="Sum model usage by day, agent and model")
async def list_usage(
    deps: ProcessDeps,
    caller: ReadsModels,
    first: Annotated[date | None, Query(alias="from", description="First day; else the last one minus 29")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day; else today")] = None,
) -> Page[UsageOfDay]:
    zone = (await deps.tenants.profile(caller.tenant_id)).tenant.time_zone
    until = last or deps.clock.now().astimezone(zone).date()
    since = first or until - timedelta(days=min(_USUAL_DAYS - 1, until.toordinal() - 1))
    if not 0 <= (until - since).days < _LONGEST_DAYS or not 2000 <= since.year <= until.year <= 9000:
        raise InvalidInput("from", f"must not be after to, and at most {_LONGEST_DAYS} days before it")
    rows = await activity.sum_usage(deps.database, caller.tenant_id, first=since, last=until, zone=zone)
    items = [UsageOfDay.model_validate(row) for row in rows]
    return Page(items=items, total=len(items), limit=len(items), offset=0)
