"""Contact hours: the table of state laws, zones, edges, clock changes, and what holds at every instant."""

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.campaigns import Method
from domain.contact_hours import (
    ClosedReason,
    ContactWindow,
    Place,
    Purpose,
    TenantHolidays,
    closed_reason,
    closing_after,
    local_day,
    next_opening,
    place_of,
)
from domain.holiday_calendar import UFS, public_holiday
from domain.local_time import first_instant
from domain.phones import AREA_CODES

TICK = timedelta(microseconds=1)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MANAUS = ZoneInfo("America/Manaus")
RIO_BRANCO = ZoneInfo("America/Rio_Branco")
WORK_DAYS = frozenset(range(1, 6))
EVERY_DAY = frozenset(range(1, 8))

# The week of Monday 2026-05-11 to Sunday 2026-05-17 has no holiday anywhere in Brazil.
MONDAY, SATURDAY, SUNDAY = date(2026, 5, 11), date(2026, 5, 16), date(2026, 5, 17)


def window(
    start: time = time(8), end: time = time(20), weekdays: frozenset[int] = WORK_DAYS, *, avoids_optional: bool = True
) -> ContactWindow:
    return ContactWindow(start=start, end=end, weekdays=weekdays, avoids_optional_holidays=avoids_optional)


WIDE = window(time.min, time.max, EVERY_DAY)


def place(code: str, uf: str | None = None) -> Place:
    found = place_of(f"+55{code}999990001", uf=uf)
    assert found is not None
    return found


def at(day: date, clock: str, zone: ZoneInfo = SAO_PAULO, *, fold: int = 0) -> datetime:
    """Give, in UTC, the instant of a wall clock."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=zone).replace(fold=fold).astimezone(UTC)


def reason(
    instant: datetime, where: Place, hours: ContactWindow | None = None, *, method: Method = Method.WHATSAPP,
    tenant_holidays: TenantHolidays | None = None, purpose: Purpose = Purpose.COLLECTION,
) -> ClosedReason | None:  # fmt: skip
    return closed_reason(
        instant, place=where, window=hours or window(), method=method, tenant_holidays=tenant_holidays or {},
        purpose=purpose,
    )  # fmt: skip


def opening(
    after: datetime, where: Place, hours: ContactWindow | None = None, *, method: Method = Method.WHATSAPP,
    tenant_holidays: TenantHolidays | None = None,
) -> datetime | None:  # fmt: skip
    return next_opening(
        after, place=where, window=hours or window(), method=method, tenant_holidays=tenant_holidays or {}
    )  # fmt: skip


def closing(
    instant: datetime, where: Place, hours: ContactWindow | None = None, *, method: Method = Method.WHATSAPP
) -> datetime:
    return closing_after(instant, place=where, window=hours or window(), method=method, tenant_holidays={})


# --- where somebody is


@pytest.mark.parametrize(
    ("phone", "uf", "state", "zones"),
    [
        ("+5511999990001", None, "SP", ("Sao_Paulo",)),
        ("+551133334444", None, "SP", ("Sao_Paulo",)),
        ("+5581999990001", None, "PE", ("Recife",)),
        ("+5587999990001", None, "PE", ("Recife",)),
        ("+5568999990001", None, "AC", ("Rio_Branco",)),
        ("+5565999990001", None, "MT", ("Cuiaba",)),
        ("+5567999990001", None, "MS", ("Campo_Grande",)),
        ("+5569999990001", None, "RO", ("Porto_Velho",)),
        ("+5595999990001", None, "RR", ("Boa_Vista",)),
        ("+5592999990001", None, "AM", ("Manaus",)),
        ("+5597999990001", None, "AM", ("Manaus", "Rio_Branco")),
        ("+5592999990001", "AM", "AM", ("Manaus",)),  # the area code narrows the state of the address down
        ("+5511999990001", "AM", "AM", ("Manaus", "Rio_Branco")),  # moved: nobody knows which part of it
        ("+5597999990001", "SP", "SP", ("Sao_Paulo",)),  # the phone's own zones say nothing any more
        ("+5511999990001", "PE", "PE", ("Recife",)),
        ("+5511999990001", " ac ", "AC", ("Rio_Branco",)),
        ("+5511999990001", "", "SP", ("Sao_Paulo",)),
        ("+5511999990001", "XX", None, ("Sao_Paulo",)),
    ],
)
def test_place_of_a_phone(phone: str, uf: str | None, state: str | None, zones: tuple[str, ...]) -> None:
    found = place_of(phone, uf=uf)
    assert found is not None
    assert found.uf == state
    assert [zone.key for zone in found.zones] == [f"America/{zone}" for zone in zones]


@pytest.mark.parametrize("phone", ["+14155550100", "+5508001234567", "+5540041234", "+5510999990001", "oi", ""])
def test_a_phone_without_brazilian_area_code_has_no_place(phone: str) -> None:
    assert place_of(phone, uf="SP") is None


def test_area_code_61_reaches_into_goias_until_an_address_says_otherwise() -> None:
    assert place("61").ufs == ("DF", "GO")
    assert place("61", "DF").ufs == ("DF",)
    assert place("61", "GO").ufs == ("GO",)
    goias_only = at(date(2027, 7, 26), "10:00")  # Fundação da cidade de Goiás, a Monday
    assert reason(goias_only, place("61")) == "holiday"
    assert reason(goias_only, place("61", "DF")) is None


# --- the table of laws: first and last allowed second of each day, asked for with a window around the clock

BY_STATE = [
    ("11", "08:00", "20:00", ("08:00", "14:00")),  # SP
    ("82", "08:00", "20:00", ("08:00", "14:00")),  # AL
    ("21", "09:00", "19:00", None),  # RJ
    ("27", "08:00", "19:00", None),  # ES
    ("92", "08:00", "18:00", None),  # AM
    ("41", "08:00", "18:00", ("08:00", "13:00")),  # PR
    ("67", "08:00", "18:00", None),  # MS
]


@pytest.mark.parametrize(("code", "start", "end", "saturday"), BY_STATE)
@pytest.mark.parametrize("method", list(Method))
def test_state_hours_are_closed_open(
    code: str, start: str, end: str, saturday: tuple[str, str] | None, method: Method
) -> None:
    where = place(code)
    zone = where.zones[0]
    for weekday in range(5):
        day = MONDAY + timedelta(days=weekday)
        assert_open_exactly(where, method, at(day, start, zone), at(day, end, zone))
    if saturday is None:
        assert reason(at(SATURDAY, "10:00", zone), where, WIDE, method=method) == "outside_hours"
    else:
        assert_open_exactly(where, method, at(SATURDAY, saturday[0], zone), at(SATURDAY, saturday[1], zone))
    assert reason(at(SUNDAY, "10:00", zone), where, WIDE, method=method) == "outside_hours"


def assert_open_exactly(where: Place, method: Method, start: datetime, end: datetime) -> None:
    assert reason(start - TICK, where, WIDE, method=method) == "outside_hours"
    assert reason(start, where, WIDE, method=method) is None
    assert reason(end - TICK, where, WIDE, method=method) is None
    assert reason(end, where, WIDE, method=method) == "outside_hours"


def test_an_unknown_state_gets_the_hours_that_fit_every_law_and_the_holidays_of_all_states() -> None:
    unknown = place("11", "XX")
    assert_open_exactly(unknown, Method.WHATSAPP, at(MONDAY, "09:00"), at(MONDAY, "18:00"))
    assert reason(at(SATURDAY, "10:00"), unknown, WIDE) == "outside_hours"
    assert reason(at(date(2026, 7, 8), "10:00"), unknown) == "holiday"  # Sergipe
    assert reason(at(date(2026, 7, 8), "10:00"), place("11")) is None
    for code in AREA_CODES:
        where = place(code)
        narrow = Place(uf=None, zones=where.zones)
        for clock in ("09:00", "12:00", "17:59:59.999999"):
            if reason(at(MONDAY, clock, where.zones[0]), narrow, WIDE) is None:
                assert reason(at(MONDAY, clock, where.zones[0]), where, WIDE) is None


def test_without_a_state_law_the_campaign_decides_but_calls_keep_to_the_widest_hours_known() -> None:
    recife = place("81")
    zone = recife.zones[0]
    assert reason(at(MONDAY, "06:30", zone), recife, window(time(6), time(22))) is None
    assert reason(at(MONDAY, "06:30", zone), recife, window(time(6), time(22)), method=Method.VOICE) == "outside_hours"
    assert reason(at(MONDAY, "19:59:59", zone), recife, WIDE, method=Method.VOICE) is None
    assert reason(at(MONDAY, "20:00", zone), recife, WIDE, method=Method.VOICE) == "outside_hours"
    assert reason(at(SATURDAY, "14:00", zone), recife, WIDE, method=Method.VOICE) == "outside_hours"
    assert reason(at(SUNDAY, "10:00", zone), recife, WIDE, method=Method.VOICE) == "outside_hours"


def test_the_campaign_narrows_the_law_and_names_its_days() -> None:
    where = place("11")
    morning = window(time(10), time(12), frozenset({2, 6}))
    assert reason(at(MONDAY, "10:30"), where, morning) == "outside_hours"
    assert reason(at(MONDAY + timedelta(days=1), "10:30"), where, morning) is None
    assert reason(at(MONDAY + timedelta(days=1), "12:00"), where, morning) == "outside_hours"
    assert reason(at(SATURDAY, "10:30"), where, morning) is None
    assert reason(at(SATURDAY, "10:30"), where, window()) == "outside_hours"


def test_a_window_that_misses_the_law_never_opens() -> None:
    night = window(time(20), time(22))
    assert opening(at(MONDAY, "10:00"), place("11"), night) is None
    assert opening(at(MONDAY, "10:00"), place("11"), window(weekdays=frozenset({7}))) is None
    assert opening(at(MONDAY, "10:00"), place("11"), window(weekdays=frozenset())) is None


@pytest.mark.parametrize(
    ("code", "day", "start", "end"),
    [
        ("11", MONDAY, "09:00", "21:00"),
        ("11", SATURDAY, "10:00", "16:00"),
        ("21", MONDAY, "09:00", "18:00"),
    ],
)
def test_sales_have_hours_of_their_own(code: str, day: date, start: str, end: str) -> None:
    where = place(code)
    for instant, expected in (
        (at(day, start) - TICK, "outside_hours"),
        (at(day, start), None),
        (at(day, end) - TICK, None),
        (at(day, end), "outside_hours"),
    ):
        assert reason(instant, where, WIDE, method=Method.VOICE, purpose=Purpose.SALES) == expected
    assert reason(at(SUNDAY, "12:00"), where, WIDE, purpose=Purpose.SALES) == "outside_hours"
    if code == "21":
        assert reason(at(SATURDAY, "12:00"), where, WIDE, purpose=Purpose.SALES) == "outside_hours"


# --- zones


@pytest.mark.parametrize(
    ("code", "opens_at_utc", "closes_at_utc"),
    [
        ("11", 11, 23),
        ("81", 11, 23),  # Recife; not Noronha, where it would open an hour earlier
        ("65", 12, 24),
        ("68", 13, 25),
        ("92", 12, 22),
        ("97", 13, 22),  # fits Manaus and Rio Branco: from the later start to the earlier end
    ],
)
def test_hours_are_those_of_the_customers_place(code: str, opens_at_utc: int, closes_at_utc: int) -> None:
    where = place(code)
    midnight = datetime(2026, 5, 12, tzinfo=UTC)  # a Tuesday
    opens = opening(midnight + timedelta(hours=6), where)
    assert opens == midnight + timedelta(hours=opens_at_utc)
    assert closing(opens, where) == midnight + timedelta(hours=closes_at_utc)


def test_local_day_is_the_earlier_one_where_zones_disagree() -> None:
    instant = at(MONDAY, "00:30", MANAUS)
    assert local_day(instant, place("92")) == MONDAY
    assert local_day(instant, place("97")) == MONDAY - timedelta(days=1)
    assert local_day(instant, place("11")) == MONDAY


def test_instants_without_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        local_day(datetime(2026, 5, 11, 10), place("11"))  # noqa: DTZ001


# --- holidays


def test_tenant_holidays_close_their_state_or_everything() -> None:
    instant = at(MONDAY, "10:00")
    assert reason(instant, place("11"), tenant_holidays={(MONDAY, "SP"): "Padroeira"}) == "holiday"
    assert reason(instant, place("21"), tenant_holidays={(MONDAY, "SP"): "Padroeira"}) is None
    assert reason(instant, place("21"), tenant_holidays={(MONDAY, ""): "Recesso"}) == "holiday"
    assert reason(instant, place("61"), tenant_holidays={(MONDAY, "GO"): "Romaria"}) == "holiday"
    assert reason(instant, place("11", "XX"), tenant_holidays={(MONDAY, "RR"): "Feriado"}) == "holiday"
    assert reason(instant, place("11"), tenant_holidays={(SUNDAY, ""): "Recesso"}) is None
    assert opening(instant, place("11"), tenant_holidays={(MONDAY, ""): "Recesso"}) == at(
        MONDAY + timedelta(days=1), "08:00"
    )


def test_optional_days_open_by_the_switch_but_never_a_state_holiday() -> None:
    carnival = at(date(2026, 2, 17), "10:00")
    assert reason(carnival, place("11")) == "holiday"
    assert reason(carnival, place("11"), window(avoids_optional=False)) is None
    assert reason(carnival, place("21"), window(avoids_optional=False)) == "holiday"
    assert reason(at(date(2026, 12, 24), "10:00"), place("11"), window(avoids_optional=False)) is None


def test_a_holiday_on_saturday_closes_a_saturday_campaign() -> None:
    saturdays = window(weekdays=EVERY_DAY)
    assert reason(at(date(2026, 9, 5), "10:00"), place("11"), saturdays) is None
    assert reason(at(date(2027, 5, 1), "10:00"), place("11"), saturdays) == "holiday"


def test_christmas_is_jumped_over() -> None:
    # Thursday 24 is optional, Friday 25 a holiday, then the weekend.
    assert opening(at(date(2026, 12, 23), "20:00"), place("11")) == at(date(2026, 12, 28), "08:00")


def test_a_run_of_closed_days_longer_than_the_search_gives_none() -> None:
    days = {(MONDAY + timedelta(days=number), ""): "Recesso" for number in range(61)}
    assert opening(at(MONDAY, "10:00"), place("11"), tenant_holidays=days) is None
    del days[(MONDAY + timedelta(days=60), "")]
    assert opening(at(MONDAY, "10:00"), place("11"), tenant_holidays=days) == at(
        MONDAY + timedelta(days=60), "08:00"
    )  # fmt: skip


# --- clock changes: 2018-11-04 00:00-00:59 did not exist in São Paulo, 2018-02-17 23:00-23:59 happened twice

MINAS = "31"  # São Paulo's zone and no state law


def test_opening_on_the_day_of_the_gap_begins_with_the_change() -> None:
    where = place(MINAS)
    change = datetime(2018, 11, 4, 3, tzinfo=UTC)  # 00:00 became 01:00, a Sunday
    assert change.astimezone(SAO_PAULO).time() == time(1)
    for start in (time(0), time(0, 30), time(0, 59, 59, 999999), time(1)):
        hours = window(start, time(12), EVERY_DAY)
        assert reason(change - TICK, where, hours) == "outside_hours"
        assert opening(at(date(2018, 11, 3), "12:00"), where, hours) == change
        assert closing(change, where, hours) == datetime(2018, 11, 4, 14, tzinfo=UTC)
    early = window(time(0, 10), time(0, 50), EVERY_DAY)  # wholly inside the gap: that day has no opening
    assert opening(at(date(2018, 11, 3), "12:00"), where, early) == at(date(2018, 11, 5), "00:10")


def test_opening_ends_at_the_first_pass_of_a_repeated_time() -> None:
    where = place(MINAS)
    day = date(2018, 2, 17)  # a Saturday
    late = window(time(22), time(23, 30), EVERY_DAY)
    end = at(day, "23:30")
    assert end == datetime(2018, 2, 18, 1, 30, tzinfo=UTC)
    assert closing(at(day, "22:00"), where, late) == end
    assert reason(at(day, "23:15", fold=0), where, late) is None
    assert reason(at(day, "23:15", fold=1), where, late) == "outside_hours"
    assert opening(at(day, "23:15", fold=1), where, late) == at(day + timedelta(days=1), "22:00")


def test_opening_from_a_repeated_time_begins_with_its_first_pass() -> None:
    where = place(MINAS)
    day = date(2018, 2, 17)
    assert opening(at(day, "20:00"), where, window(time(23), time.max, EVERY_DAY)) == at(day, "23:00", fold=0)


def test_hours_around_the_changes_are_those_of_the_wall() -> None:
    where = place("11")
    # Friday before and Monday after each change: the wall says 08:00, UTC moves.
    assert opening(at(date(2018, 11, 1), "20:00"), where, window()) == datetime(2018, 11, 5, 10, tzinfo=UTC)
    assert opening(at(date(2018, 2, 15), "20:00"), where, window()) == datetime(2018, 2, 16, 10, tzinfo=UTC)
    assert opening(at(date(2018, 2, 16), "20:00"), where, window()) == datetime(2018, 2, 19, 11, tzinfo=UTC)


@given(
    day=st.dates(min_value=date(1990, 1, 1), max_value=date(2040, 12, 31)),
    clock=st.times(),
    zone=st.sampled_from([SAO_PAULO, MANAUS, RIO_BRANCO, ZoneInfo("America/Noronha"), ZoneInfo("Europe/Lisbon")]),
)
def test_first_instant_shows_the_time_or_what_a_gap_left_of_it(day: date, clock: time, zone: ZoneInfo) -> None:
    wanted = datetime.combine(day, clock)
    instant = first_instant(day, clock, zone)
    shown = instant.astimezone(zone)
    assert shown.replace(tzinfo=None) >= wanted
    assert shown.fold == 0
    assert (instant - TICK).astimezone(zone).replace(tzinfo=None) < wanted


# --- what holds at every instant


def between(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    return st.timedeltas(min_value=timedelta(), max_value=last - first).map(lambda passed: first + passed)


instants = between(datetime(2024, 1, 1, tzinfo=UTC), datetime(2032, 12, 31, tzinfo=UTC)) | between(
    datetime(2017, 6, 1, tzinfo=UTC), datetime(2019, 6, 1, tzinfo=UTC)
)
shares = st.fractions(min_value=0, max_value=1)
methods = st.sampled_from(list(Method))
places = st.builds(place, st.sampled_from(AREA_CODES), st.none() | st.sampled_from([*sorted(UFS), "XX"]))


@st.composite
def windows(draw: st.DrawFn) -> ContactWindow:
    first, last = sorted(draw(st.lists(st.times(), min_size=2, max_size=2, unique=True)))
    return window(
        first, last, draw(st.frozensets(st.integers(1, 7), min_size=1)), avoids_optional=draw(st.booleans())
    )  # fmt: skip


def inside(opens: datetime, closes: datetime, share: Fraction) -> datetime:
    """Give an instant of an opening, from its first to its last microsecond."""
    return opens + int((closes - TICK - opens) / TICK * share) * TICK


@given(instant=instants, where=places, hours=windows(), method=methods, share=shares)
def test_what_is_open_is_inside_the_window_of_every_zone(
    instant: datetime, where: Place, hours: ContactWindow, method: Method, share: Fraction
) -> None:
    opens = opening(instant, where, hours, method=method)
    if opens is None:
        return
    closes = closing(opens, where, hours, method=method)
    moment = inside(opens, closes, share)
    assert reason(moment, where, hours, method=method) is None
    for zone in where.zones:
        local = moment.astimezone(zone)
        assert hours.start <= local.time() < hours.end
        assert local.isoweekday() in hours.weekdays
        if method is Method.VOICE:
            assert time(8) <= local.time() < (time(14) if local.isoweekday() == 6 else time(20))
            assert local.isoweekday() != 7


@given(instant=instants, hours=windows())
def test_without_a_state_law_messages_are_closed_by_window_or_holiday_alone(
    instant: datetime, hours: ContactWindow
) -> None:
    local = instant.astimezone(SAO_PAULO)
    assume(datetime_is_unique(local))
    is_inside = hours.start <= local.time() < hours.end and local.isoweekday() in hours.weekdays
    is_holiday = public_holiday(local.date(), ufs=("MG",), includes_optional=hours.avoids_optional_holidays)
    assert (reason(instant, place(MINAS), hours) is None) == (is_inside and is_holiday is None)


def datetime_is_unique(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()


@given(instant=instants, where=places, hours=windows(), method=methods)
def test_next_opening_is_open_and_nothing_before_it_is(
    instant: datetime, where: Place, hours: ContactWindow, method: Method
) -> None:
    opens = opening(instant, where, hours, method=method)
    until = opens or instant + timedelta(days=58)
    if opens is not None:
        assert opens >= instant
        assert opens.tzinfo is UTC
        assert reason(opens, where, hours, method=method) is None
        assert opening(opens, where, hours, method=method) == opens
    pause = (until - instant) / 97
    before = [instant + number * pause for number in range(97)] if pause else []
    before += [until - TICK] if until - TICK >= instant else []
    assert all(reason(moment, where, hours, method=method) is not None for moment in before)


@given(instant=instants, where=places, hours=windows())
def test_an_opening_is_open_until_it_closes(instant: datetime, where: Place, hours: ContactWindow) -> None:
    opens = opening(instant, where, hours)
    if opens is None:
        return
    closes = closing(opens, where, hours)
    assert closes > opens
    assert closes.tzinfo is UTC
    assert reason(closes - TICK, where, hours) is None
    assert reason(closes, where, hours) == "outside_hours"


def test_closing_is_not_asked_of_a_closed_instant() -> None:
    with pytest.raises(ValueError, match="no contact"):
        closing(at(MONDAY, "20:00"), place("11"))
    with pytest.raises(ValueError, match="no contact"):
        closing(at(date(2026, 12, 25), "10:00"), place("11"))
    with pytest.raises(ValueError, match="no contact"):
        closing(at(SUNDAY, "10:00"), place("11"))
