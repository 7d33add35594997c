"""The days that a text names, in figures or in words, as far as it names them."""

import re
from dataclasses import dataclass
from datetime import date

from domain.folded_text import folded
from domain.number_words import DAY_WORDS, read_number_words

_MONTHS = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_WEEKDAYS = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
_MONTH = "|".join(_MONTHS)
_WEEKDAY = "|".join(_WEEKDAYS)
_NUMERIC_DATE = re.compile(r"(?<![\d/.,-])(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d{2}))?(?![\d/]|[.,-]\d)")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
# A voice names days in words; "uma de outubro e outra de novembro" counts invoices.
_SAID_DAY = rf"primeiro|(?!uma? |duas ){DAY_WORDS}|(?<=dia )um"
_WRITTEN_DATE = re.compile(
    rf"(?<!\d)(\d{{1,2}}(?=[ºo°]? )|{_SAID_DAY})[ºo°]? de ({_MONTH})\b(?: de (\d{{4}}\b|dois mil(?: e {DAY_WORDS})?))?"
)
_BARE_DAY = re.compile(rf"\bdia (\d{{1,2}}|{_SAID_DAY})\b(?![/\d]|[.,-]\d| de [a-z])")
_DAY_NAME_BEFORE = re.compile(rf"\b({_WEEKDAY})(?:-feira| feira)?\W{{1,4}}(?:dia )?$")
_DAY_NAME_AFTER = re.compile(rf"^\W{{1,4}}({_WEEKDAY})\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDate:
    """A day as a text writes it; parts that it leaves out are None."""

    day: int
    month: int | None
    year: int | None
    excerpt: str
    weekday: int | None = None

    def means(self, other: date) -> bool:
        """Tell whether the written parts all agree with a day."""
        return (
            self.day == other.day
            and (self.month is None or self.month == other.month)
            and (self.year is None or self.year == other.year)
        )


def find_written_dates(text: str) -> list[WrittenDate]:
    """List the days written in a text: 27/11/2026, 27/11, 27 de novembro, dia 27."""
    plain = folded(text)
    found: list[tuple[int, WrittenDate]] = []
    for match in _ISO_DATE.finditer(plain):
        found.append((match.start(), _written(match, match[3], match[2], match[1], plain)))
    for match in _NUMERIC_DATE.finditer(plain):
        found.append((match.start(), _written(match, match[1], match[2], match[3], plain)))
    for match in _WRITTEN_DATE.finditer(plain):
        month = str(_MONTHS.index(match[2]) + 1)
        found.append((match.start(), _written(match, match[1], month, match[3], plain)))
    for match in _BARE_DAY.finditer(plain):
        found.append((match.start(), _written(match, match[1], None, None, plain)))
    return [written for _, written in sorted(found, key=lambda item: item[0]) if _is_possible(written)]


def _written(match: re.Match[str], day: str, month: str | None, year: str | None, plain: str) -> WrittenDate:
    before = _DAY_NAME_BEFORE.search(plain[max(0, match.start() - 24) : match.start()])
    named = before or _DAY_NAME_AFTER.search(plain[match.end() : match.end() + 16])
    return WrittenDate(
        day=_number(day),
        month=None if month is None else int(month),
        year=None if year is None else _number(year) + (2000 if len(year) == 2 else 0),
        excerpt=match[0],
        weekday=_WEEKDAYS.index(named[1]) if named else None,
    )


def _number(said: str) -> int:
    if said == "primeiro":
        return 1
    return int(said) if said.isdigit() else read_number_words(" ".join(said.split()))


def _is_possible(written: WrittenDate) -> bool:
    return 1 <= written.day <= 31 and (written.month is None or 1 <= written.month <= 12)
