"""Days said in an earlier message, read by the project's own date grammar."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from agents.offline.reading import SaidDate
from domain.dates_ptbr import format_date, read_dates, weekday_name

_CERTAINTY: Final = {"certain": "certa", "ask": "perguntar", "invalid": "invalida"}


def day_from(written: str) -> date | None:
    """Read the context's DD/MM/AAAA; None when it is no day."""
    parts = written.split("/")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return None
    try:
        return date(int(parts[2]), int(parts[1]), int(parts[0]))
    except ValueError:
        return None


def dates_said(text: str, today: str) -> Sequence[SaidDate]:
    """Read the days in a message, in the form the context gives those of the new ones."""
    base = day_from(today)
    if base is None:
        return ()
    return [
        SaidDate(
            excerpt=reading.span,
            date=format_date(reading.date) if reading.date else "",
            weekday=weekday_name(reading.date) if reading.date else "",
            certainty=_CERTAINTY[reading.status],
            reason=reading.reason or "",
        )
        for reading in read_dates(text, today=base)
    ]
