"""Keep the tenant's own days without contact; the gate closes on them at the next decision."""

from datetime import date, datetime
from uuid import UUID

from domain.errors import InvalidInput, NotFound
from domain.holiday_calendar import UFS
from services.plain_text import tidy_line
from store import campaigns, holidays, targets
from store.database import Database
from store.holidays import HolidayRow

EVERYWHERE = ""
FIRST_YEAR = 2020
YEARS_AHEAD = 5
_NAME_LIMIT = 80


async def list_holidays(database: Database, tenant_id: UUID, *, first_year: int, last_year: int) -> list[HolidayRow]:
    """List the days of a range of years, both included. Raises InvalidInput when it runs backwards."""
    if not date.min.year <= first_year <= date.max.year:
        raise InvalidInput("firstYear", "is no year of the calendar")
    if not first_year <= last_year <= date.max.year:
        raise InvalidInput("lastYear", "must not be before firstYear")
    async with database.tenant(tenant_id) as connection:
        return await holidays.between(connection, first=date(first_year, 1, 1), last=date(last_year, 12, 31))


async def put_holiday(
    database: Database, tenant_id: UUID, *, day: date, uf: str | None, name: str, today: date
) -> tuple[HolidayRow, bool]:
    """Write a day, or rename it; say whether it is new. Raises InvalidInput."""
    row = HolidayRow(day=_checked_day(day, today), uf=_checked_uf(uf), name=_checked_name(name))
    async with database.tenant(tenant_id) as connection:
        return row, await holidays.put(connection, tenant_id, row)


async def delete_holiday(database: Database, tenant_id: UUID, *, day: date, uf: str | None, now: datetime) -> bool:
    """Remove a day, and plan anew whom a holiday had put off; say whether there is anybody to plan.

    Raises InvalidInput, and NotFound when there is none.
    """
    state = _checked_uf(uf)
    async with database.tenant(tenant_id) as connection:
        if not await holidays.delete(connection, day=day, uf=state):
            raise NotFound("holiday")
        woken = await targets.unschedule_holidays(connection, now=now)
        for campaign_id in woken:
            await campaigns.wake(connection, campaign_id, now)
    return bool(woken)


def _checked_day(day: date, today: date) -> date:
    if not FIRST_YEAR <= day.year <= today.year + YEARS_AHEAD:
        raise InvalidInput("day", f"must be between {FIRST_YEAR} and {today.year + YEARS_AHEAD}")
    return day


def _checked_uf(uf: str | None) -> str:
    """Give the two letters of a state, or nothing for everywhere."""
    state = (uf or EVERYWHERE).strip().upper()
    if state and state not in UFS:
        raise InvalidInput("uf", "must be a Brazilian state, or be left out for everywhere")
    return state


def _checked_name(name: str) -> str:
    clean = tidy_line(name, limit=_NAME_LIMIT)
    if not clean or len(name.strip()) > _NAME_LIMIT:
        raise InvalidInput("name", f"must have 1 to {_NAME_LIMIT} characters")
    return clean
