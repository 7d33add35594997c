"""Calls that a customer asks for: when they are wanted, how that is said, and what follows an attempt (spec 5.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Literal
from zoneinfo import ZoneInfo

from domain.campaigns import TargetOutcome
from domain.contact_hours import ContactWindow
from domain.dates_ptbr import read_dates, weekday_name
from domain.folded_text import fold
from domain.local_time import first_instant
from domain.number_words import read_number_words

# As for other contacts: Saturdays are open where the state's law opens them, Sundays and holidays are not.
REQUESTED_HOURS: Final = ContactWindow(start=time(8), end=time(20), weekdays=frozenset(range(1, 7)))
SOON: Final = timedelta(minutes=2)
"""The customer is told "em 2 minutos": time to find the phone."""
RETRY_AFTER: Final = timedelta(minutes=5)
MOST_ATTEMPTS: Final = 2
PATIENCE: Final = timedelta(hours=1)
"""How long after the agreed hour a call that could not be placed is still welcome."""
FARTHEST: Final = timedelta(days=7)

_LONGEST = 120
_NOW_WORDS = re.compile(
    r"\b(?:agora|ja|imediatamente|o quanto antes|o mais rapido|urgente|assim que (?:der|puder|possivel))\b"
)
_CANCEL = re.compile(r"\b(?:cancela\w*|desmarca\w*|nao precisa|desist\w+|deixa pra la)\b")
_IN_A_WHILE = re.compile(
    r"\b(?:em|daqui(?: a)?|dentro de)\s+(?:uns |umas )?(?P<count>\d{1,3}|[a-z ]{2,20}?)\s*"
    r"(?P<unit>min\w*|h|hs|hrs?|horas?)\b"
)
_CLOCK = re.compile(
    r"(?<![\d/])(?P<hour>[01]?\d|2[0-3])\s*"
    r"(?:(?:h|hs|hrs?|horas?)\s*(?:e\s*)?(?P<minute_h>[0-5]\d|meia)?|:(?P<minute_c>[0-5]\d)h?)(?![\d/])"
)
_AT_HOUR = re.compile(r"\b(?:as|a|pelas|das|ate as)\s+(?P<hour>[01]?\d|2[0-3])(?:\s+e\s+(?P<half>meia))?(?![\d/:h])")
_NOON = re.compile(r"\bmeio[ -]dia(?P<half> e meia)?\b")
_PART = re.compile(
    r"\b(?:d[ae]|pela|na|a|hoje|amanha)\s+(?P<part>manha|manhazinha|cedo|tarde|tardinha|noite)\b|\b(?P<early>cedo)\b"
)
_PART_HOURS: Mapping[str, int] = {
    "manha": 9, "manhazinha": 9, "cedo": 9, "tarde": 14, "tardinha": 16, "noite": 18,
}  # fmt: skip
_MORNING = 8  # "às 3" of somebody who wants a call is in the afternoon


class RequestState(StrEnum):
    WAITING = "waiting"
    CALLING = "calling"
    DONE = "done"
    CANCELED = "canceled"


OPEN_STATES: Final = frozenset({RequestState.WAITING, RequestState.CALLING})
_TRIED_AGAIN = frozenset({TargetOutcome.VOICEMAIL, TargetOutcome.BUSY, TargetOutcome.NO_ANSWER, TargetOutcome.FAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """What follows a call that has ended: nothing, a second try, or a message in the conversation."""

    kind: Literal["done", "retry", "text"]
    due_at: datetime | None = None


def after_attempt(outcome: TargetOutcome, *, attempts: int, next_try: datetime | None, now: datetime) -> NextStep:
    """Say what follows. `next_try` is the first allowed instant from `RETRY_AFTER` on; a far one is no second try."""
    if outcome not in _TRIED_AGAIN:
        return NextStep(kind="done")
    if attempts >= MOST_ATTEMPTS or next_try is None or next_try - now > 2 * RETRY_AFTER:
        return NextStep(kind="text")
    return NextStep(kind="retry", due_at=next_try)


def is_cancelling(text: str) -> bool:
    """Tell "cancelar", "não precisa mais" from an hour."""
    return bool(_CANCEL.search(fold(text[:_LONGEST]).text))


def read_wanted(text: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Read when a call is wanted, in ISO or in customers' Portuguese; None when it cannot be understood.

    An hour that has passed today is tomorrow's, unless the day was named: then the instant given lies in the past.
    A day without an hour is its beginning: the hours of contact say when it opens.
    """
    given = text[:_LONGEST].strip()
    if not given:
        return now + SOON
    iso = _read_iso(given, zone)
    if iso is not None:
        return iso
    plain = fold(given).text
    later = _read_while(plain)
    if later is not None:
        return now + max(later, SOON)
    clock, rest = _read_clock(plain)
    today = now.astimezone(zone).date()
    day, is_unclear = _read_day(rest, today)
    if clock is None and day is None:
        return now + SOON if _NOW_WORDS.search(plain) else None
    if is_unclear:
        return None
    if clock is None:
        return now + SOON if day == today else first_instant(day or today, time.min, zone)
    wanted = first_instant(day or today, clock, zone)
    if day is None and wanted <= now:
        wanted = first_instant(today + timedelta(days=1), clock, zone)
    return wanted


def when_words(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """Say when: 'em 2 minutos', 'hoje, às 15 horas', 'amanhã, às 8 horas', 'segunda-feira, 23/11, às 8h30'."""
    minutes = -(-(at - now) // timedelta(minutes=1))
    if minutes <= 15:
        return f"em {max(2, minutes)} minutos"
    local = at.astimezone(zone)
    days = (local.date() - now.astimezone(zone).date()).days
    day = {0: "hoje", 1: "amanhã"}.get(days, f"{weekday_name(local.date())}, {local:%d/%m}")
    hour = f"{local.hour} horas" if not local.minute else f"{local.hour}h{local.minute:02d}"
    return f"{day}, às {hour}"


def _read_iso(text: str, zone: ZoneInfo) -> datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _read_while(plain: str) -> timedelta | None:
    if "meia hora" in plain:
        return timedelta(minutes=30)
    match = _IN_A_WHILE.search(plain)
    if match is None:
        return None
    given = match["count"].strip()
    count = int(given) if given.isdigit() else read_number_words(given)
    if count is None or not 0 < count <= 600:
        return None
    return timedelta(minutes=count) if match["unit"].startswith("m") else timedelta(hours=count)


def _read_clock(plain: str) -> tuple[time | None, str]:
    """Read the hour, and give the text without it: what is left may name a day."""
    part = _PART.search(plain)
    named = (part["part"] or part["early"]) if part else None
    noon = _NOON.search(plain)
    if noon is not None:
        return time(12, 30 if noon["half"] else 0), plain.replace(noon[0], " ")
    match = _CLOCK.search(plain)
    minute = 0
    if match is not None:
        written = match["minute_h"] or match["minute_c"] or "0"
        minute = 30 if written == "meia" else int(written)
    else:
        match = _AT_HOUR.search(plain)
        if match is not None and match["half"]:
            minute = 30
    if match is None:
        if named is None:
            return None, plain
        return time(_PART_HOURS[named]), _without(plain, part)
    hour = int(match["hour"])
    is_afternoon = named in ("tarde", "tardinha", "noite") or (named is None and hour < _MORNING)
    if is_afternoon and hour < 12:
        hour += 12
    rest = plain.replace(match[0], " ")
    return time(hour, minute), _without(rest, _PART.search(rest))


def _without(plain: str, part: re.Match[str] | None) -> str:
    """Take a part of the day out; the day named beside it stays ("amanhã cedo")."""
    if part is None:
        return plain
    word = part["part"] or part["early"]
    return plain[: part.end() - len(word)] + plain[part.end() :]


def _read_day(plain: str, today: date) -> tuple[date | None, bool]:
    """Give the day that is named, and whether one is named that nobody can be sure of."""
    found = read_dates(plain, today=today)
    certain = [reading.date for reading in found if reading.status == "certain" and reading.date is not None]
    if certain:
        return certain[0], False
    return None, bool(found)


def not_reached_text(first_name: str | None) -> str:
    """Say that nobody answered, and leave both ways open."""
    return _to(
        first_name,
        "tentei te ligar agora há pouco e não consegui falar com você. Podemos resolver por aqui mesmo, ou me diga um "
        "bom horário para a ligação.",
    )


def not_called_text(first_name: str | None) -> str:
    """Say that the agreed hour passed without a call: the fault is ours."""
    return _to(
        first_name,
        "desculpe, não consegui te ligar no horário combinado. Podemos continuar por aqui mesmo, ou me diga outro bom "
        "horário para a ligação.",
    )


def no_such_number_text(first_name: str | None) -> str:
    """Say that the number does not ring."""
    return _to(first_name, "tentei te ligar, mas a ligação para este número não completa. Podemos continuar por aqui?")


def _to(first_name: str | None, sentence: str) -> str:
    return f"{first_name}, {sentence}" if first_name else sentence[0].upper() + sentence[1:]
