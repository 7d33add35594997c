"""The tenant's own days without contact; national and state holidays are known."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from services import holidays
from store.holidays import HolidayRow

router = APIRouter(prefix="/holidays", tags=["holidays"])

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
Uf = Annotated[Text, Field(min_length=2, max_length=2, description="A state; left out: everywhere")]
Year = Annotated[int, Query(ge=2000, le=2100)]


class Holiday(Given):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"day": "2026-12-08", "uf": None, "name": "Aniversário da cidade"}]}
    )

    day: date
    uf: str | None = Field(description="null: everywhere")
    name: str

    @classmethod
    def of(cls, row: HolidayRow) -> "Holiday":
        return cls(day=row.day, uf=row.uf or None, name=row.name)


class NewHoliday(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{"day": "2026-12-08", "name": "Aniversário da cidade"}]})

    day: Day
    uf: Uf | None = None
    name: Annotated[Text, Field(min_length=1, max_length=80)]


@router.get("", summary="List your own holidays of some years")
async def list_holidays(
    deps: ProcessDeps,
    caller: ReadsCampaigns,
    first_year: Annotated[Year | None, Query(alias="firstYear", description="Left out: this year")] = None,
    last_year: Annotated[Year | None, Query(alias="lastYear", description="Left out: the year after the first")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Holiday]:
    first = first_year or deps.clock.now().year
    rows = await holidays.list_holidays(
        deps.database, caller.tenant_id, first_year=first, last_year=last_year or first + 1
    )
    shown = [Holiday.of(row) for row in rows[offset : offset + limit]]
    return Page(items=shown, total=len(rows), limit=limit, offset=offset)


@router.put(
    "",
    summary="Write a holiday, or rename one",
    description="201 when the day is new, 200 when it is renamed. It holds from the next contact on.",
    responses={201: {"model": Holiday, "description": "The day is new"}},
)
async def put_holiday(deps: ProcessDeps, caller: WritesCampaigns, body: NewHoliday, response: Response) -> Holiday:
    zone = (await deps.tenants.profile(caller.tenant_id)).tenant.time_zone
    row, is_new = await holidays.put_holiday(
        deps.database, caller.tenant_id, day=body.day, uf=body.uf, name=body.name,
        today=deps.clock.now().astimezone(zone).date(),
    )  # fmt: skip
    response.status_code = 201 if is_new else 200
    return Holiday.of(row)


@router.delete(
    "",
    status_code=204,
    summary="Remove a holiday",
    description="Whom a holiday had put off is planned anew.",
)
async def delete_holiday(
    deps: ProcessDeps,
    caller: WritesCampaigns,
    day: Annotated[Day, Query(description="Which day")],
    uf: Annotated[Uf | None, Query(description="The state it was written for; left out: everywhere")] = None,
) -> None:
    if await holidays.delete_holiday(deps.database, caller.tenant_id, day=day, uf=uf, now=deps.clock.now()):
        await deps.queue.ring("scheduling")
