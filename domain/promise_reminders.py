"""The courteous word before a promised day: when it may be said, and the word itself (spec 3.7)."""

from datetime import date, datetime, time, timedelta

from domain.campaigns import Method
from domain.contact_hours import ContactWindow, Place, TenantHolidays, closing_after, local_day, next_opening
from domain.dates_ptbr import format_date_long
from domain.local_time import first_instant
from domain.message_templates import first_name

# A reminder belongs to no campaign, so it keeps the strict default (compliance 1).
REMINDER_HOURS = ContactWindow(start=time(8), end=time(20), weekdays=frozenset(range(1, 6)))
PROMISED_DAY = "promise.day"  # what a template may call the day
_AFTER_OPENING = timedelta(hours=2)
_AFTER_PROMISE = timedelta(hours=2)  # nobody is reminded of what was said a moment ago
_ONE_DAY = timedelta(days=1)


def reminder_at(
    due_on: date, *, made_at: datetime, place: Place, method: Method, tenant_holidays: TenantHolidays
) -> datetime | None:
    """Give the moment in the last opening before the promised day; None when there is none after the promise."""
    day = due_on - _ONE_DAY
    made_on = local_day(made_at, place)
    while day >= made_on:
        moment = _moment_of(day, made_at + _AFTER_PROMISE, place, method, tenant_holidays)
        if moment is not None:
            return moment
        day -= _ONE_DAY
    return None


def _moment_of(
    day: date, earliest: datetime, place: Place, method: Method, tenant_holidays: TenantHolidays
) -> datetime | None:
    begins = min(first_instant(day, time.min, zone) for zone in place.zones)
    opening = next_opening(begins, place=place, window=REMINDER_HOURS, method=method, tenant_holidays=tenant_holidays)
    if opening is None or local_day(opening, place) != day:
        return None
    closing = closing_after(opening, place=place, window=REMINDER_HOURS, method=method, tenant_holidays=tenant_holidays)
    wanted = opening + _AFTER_OPENING
    moment = max(wanted if wanted < closing else opening, earliest)
    return moment if moment < closing else None


def promised_day_words(due_on: date, today: date) -> str:
    """Name the day as people do: 'amanhã, sexta-feira, 27/11'."""
    words = format_date_long(due_on)
    return f"amanhã, {words}" if due_on == today + _ONE_DAY else words


def reminder_text(
    *, client_name: str, document: str, assistant_name: str, tenant_name: str, due_on: date, today: date
) -> str:
    """Write the reminder. It names neither a debt nor an amount: somebody else may hold the phone (compliance 3)."""
    greeting = f"Oi, {first_name(client_name, document=document)}!" if client_name.strip() else "Oi!"
    return (
        f"{greeting} Sou {assistant_name}, assistente virtual da {tenant_name}. Passando para lembrar do combinado "
        f"para {promised_day_words(due_on, today)}. Se já resolveu, pode desconsiderar. Qualquer coisa, é só responder "
        "por aqui."
    )
