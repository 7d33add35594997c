"""The tenant's own holidays on a real PostgreSQL, by statements and by use case."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from uuid import UUID

import pytest

from domain.campaigns import Method
from domain.contact_hours import ContactWindow, closed_reason, place_of
from domain.errors import InvalidInput, NotFound
from services.holidays import delete_holiday, list_holidays, put_holiday
from store import holidays
from store.database import Database
from store.holidays import HolidayRow
from tests.factories import make_tenant, open_database
from tests.fakes_clock import DEFAULT_NOW

NOW = DEFAULT_NOW
TODAY = NOW.date()
SANTO_ANTONIO = HolidayRow(day=date(2027, 6, 14), uf="", name="Santo Antônio")
OF_GOIAS = HolidayRow(day=date(2027, 6, 14), uf="GO", name="Divino Pai Eterno")
CITY_DAY = HolidayRow(day=date(2026, 12, 9), uf="SP", name="Aniversário da cidade")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def put_all(database: Database, tenant_id: UUID, *rows: HolidayRow) -> None:
    async with database.tenant(tenant_id) as connection:
        for row in rows:
            assert await holidays.put(connection, tenant_id, row)


async def test_days_are_listed_by_year_in_their_order(database: Database) -> None:
    tenant_id = await make_tenant(database)
    await put_all(database, tenant_id, OF_GOIAS, SANTO_ANTONIO, CITY_DAY)
    assert await list_holidays(database, tenant_id, first_year=2026, last_year=2027) == [
        CITY_DAY,
        SANTO_ANTONIO,
        OF_GOIAS,
    ]
    assert await list_holidays(database, tenant_id, first_year=2026, last_year=2026) == [CITY_DAY]
    assert await list_holidays(database, tenant_id, first_year=2028, last_year=2028) == []


async def test_putting_a_day_again_renames_it(database: Database) -> None:
    tenant_id = await make_tenant(database)
    put = await put_holiday(
        database, tenant_id, day=CITY_DAY.day, uf=" sp ", name="  Aniversário\nda  cidade ", today=TODAY
    )
    again = await put_holiday(database, tenant_id, day=CITY_DAY.day, uf="SP", name="Padroeira", today=TODAY)
    assert put == (CITY_DAY, True)
    assert again == (HolidayRow(day=CITY_DAY.day, uf="SP", name="Padroeira"), False)
    assert await list_holidays(database, tenant_id, first_year=2026, last_year=2026) == [again[0]]


async def test_a_deleted_day_is_gone_and_others_of_the_day_stay(database: Database) -> None:
    tenant_id = await make_tenant(database)
    await put_all(database, tenant_id, SANTO_ANTONIO, OF_GOIAS)
    await delete_holiday(database, tenant_id, day=SANTO_ANTONIO.day, uf=None, now=NOW)
    assert await list_holidays(database, tenant_id, first_year=2027, last_year=2027) == [OF_GOIAS]
    with pytest.raises(NotFound):
        await delete_holiday(database, tenant_id, day=SANTO_ANTONIO.day, uf="", now=NOW)
    await delete_holiday(database, tenant_id, day=OF_GOIAS.day, uf="go", now=NOW)
    assert await list_holidays(database, tenant_id, first_year=2027, last_year=2027) == []


async def test_days_of_another_tenant_are_neither_seen_nor_deleted(database: Database) -> None:
    mine, other = await make_tenant(database), await make_tenant(database, "outra")
    await put_all(database, other, CITY_DAY)
    assert await list_holidays(database, mine, first_year=2026, last_year=2026) == []
    with pytest.raises(NotFound):
        await delete_holiday(database, mine, day=CITY_DAY.day, uf="SP", now=NOW)
    await put_all(database, mine, CITY_DAY)  # the same day of both
    assert await list_holidays(database, other, first_year=2026, last_year=2026) == [CITY_DAY]


@pytest.mark.parametrize(
    ("field", "day", "uf", "name"),
    [
        ("uf", CITY_DAY.day, "XX", "Feriado"),
        ("uf", CITY_DAY.day, "São Paulo", "Feriado"),
        ("name", CITY_DAY.day, "SP", " \n\x00 "),
        ("name", CITY_DAY.day, "SP", "x" * 81),
        ("day", date(2019, 12, 31), "SP", "Feriado"),
        ("day", date(2032, 1, 1), "SP", "Feriado"),
    ],
)
async def test_what_cannot_be_a_holiday_is_refused_by_field(
    database: Database, field: str, day: date, uf: str, name: str
) -> None:
    tenant_id = await make_tenant(database)
    with pytest.raises(InvalidInput) as refusal:
        await put_holiday(database, tenant_id, day=day, uf=uf, name=name, today=TODAY)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("first", "last", "field"), [(2027, 2026, "lastYear"), (0, 2026, "firstYear"), (2026, 10_000, "lastYear")]
)
async def test_odd_ranges_of_years_are_refused(database: Database, first: int, last: int, field: str) -> None:
    tenant_id = await make_tenant(database)
    with pytest.raises(InvalidInput) as refusal:
        await list_holidays(database, tenant_id, first_year=first, last_year=last)
    assert refusal.value.field == field


async def test_days_of_the_table_close_the_hours(database: Database) -> None:
    tenant_id = await make_tenant(database)
    past = HolidayRow(day=date(2026, 12, 7), uf="", name="Recesso")
    await put_all(database, tenant_id, past, CITY_DAY, OF_GOIAS)
    async with database.tenant(tenant_id) as connection:
        known = await holidays.since(connection, date(2026, 12, 8))
    assert known == {(row.day, row.uf): row.name for row in (CITY_DAY, OF_GOIAS)}

    place = place_of("+5511999990001")
    assert place is not None
    window = ContactWindow(start=time(8), end=time(20), weekdays=frozenset(range(1, 6)))
    morning = datetime(2026, 12, 9, 14, tzinfo=UTC)
    for tenant_holidays, expected in ((known, "holiday"), ({}, None)):
        reason = closed_reason(
            morning, place=place, window=window, method=Method.SMS, tenant_holidays=tenant_holidays
        )  # fmt: skip
        assert reason == expected
