"""Small readers of Portuguese for the policies: amounts, days and digits as they are written and as they are said.

They share nothing with the product's own (domain/money.py, domain/evidence.py, domain/spoken_*.py): a mistake there must
not hide itself here.
"""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

_MONTHS: Final = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
WEEKDAYS: Final = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
_UNITS: Final = (
    "zero", "um", "dois", "tres", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez", "onze", "doze", "treze",
    "quatorze", "quinze", "dezesseis", "dezessete", "dezoito", "dezenove",
)  # fmt: skip
_TENS: Final = ("vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa")
_HUNDREDS: Final = (
    "duzentos", "trezentos", "quatrocentos", "quinhentos", "seiscentos", "setecentos", "oitocentos", "novecentos",
)  # fmt: skip
_VALUES: Final = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * (at + 2) for at, word in enumerate(_TENS)},
    **{word: 100 * (at + 2) for at, word in enumerate(_HUNDREDS)},
    "uma": 1, "duas": 2, "meia": 6, "catorze": 14, "cem": 100, "cento": 100, "primeiro": 1, "duzentas": 200,
}  # fmt: skip
_NUMBER_WORD: Final = "|".join(sorted((*_VALUES, "mil"), key=len, reverse=True))
_NUMBER: Final = rf"(?:(?:{_NUMBER_WORD})(?:\s+(?:e\s+)?(?={_NUMBER_WORD})|\b))+"


# --- letters


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    table = {0xA0: " ", 0x202F: " ", 0x2019: "'", 0x2013: "-", 0x2014: "-"}
    for code in range(0xC0, 0x250):
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if base.isascii():
            table[code] = base
    return table


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Write in lower case without accents, as the patterns of scenarios expect it."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    return unicodedata.normalize("NFC", lowered).translate(_table())


_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+|\n+")


@lru_cache(maxsize=8192)
def sentences(plain: str) -> tuple[str, ...]:
    """Cut a folded text into sentences and lines."""
    return tuple(part for piece in _SENTENCE_END.split(plain) if (part := piece.strip(" \t•*-–")))


# --- numbers


def number_of(words: str) -> int:
    """Read a whole number written in words ("mil duzentos e trinta e quatro")."""
    total = current = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "mil":
            total, current = total + 1000 * (current or 1), 0
        else:
            current += _VALUES.get(word, 0)
    return total + current


_CENTS: Final = re.compile(
    r"r\$\s*(?P<sign>\d{1,3}(?:\.\d{3})+|\d+)(?:,(?P<sign_cents>\d{1,2}))?(?!\d)"
    r"|(?<![\d.,/])(?P<unit>\d{1,3}(?:\.\d{3})+|\d+)(?:,(?P<unit_cents>\d{1,2}))?\s*(?:reais|real|conto|contos|pila|pilas)\b"
    r"|(?<![\d.,/$])(?P<bare>\d{1,3}(?:\.\d{3})+|\d+),(?P<bare_cents>\d{2})(?![\d%,])(?!\s*(?:%|por cento|mega|giga))"
)
_SPOKEN_MONEY: Final = re.compile(
    rf"\b(?P<reais>{_NUMBER})\s*(?:de\s+)?(?:reais|real|contos?)\b(?:\s*(?:e|com)\s+(?P<cents>{_NUMBER})(?:\s*centavos)?)?"
    rf"|\b(?P<only>{_NUMBER})\s*centavos\b"
)


@lru_cache(maxsize=8192)
def amounts_in(plain: str) -> tuple[int, ...]:
    """List the amounts of reais of a folded text in cents: "R$ 1.234,56", "50 reais", "cento e dezenove reais e noventa"."""
    found: list[tuple[int, int]] = []
    if any(character.isdigit() for character in plain):
        for match in _CENTS.finditer(plain):
            kind = match.lastgroup or ""
            name = kind.removesuffix("_cents")
            cents = match[f"{name}_cents"] or "0"
            found.append((match.start(), int(match[name].replace(".", "")) * 100 + int(cents.ljust(2, "0"))))
    if "reais" in plain or "real" in plain or "centavos" in plain or "conto" in plain:
        for match in _SPOKEN_MONEY.finditer(plain):
            reais = number_of(match["reais"]) if match["reais"] else 0
            cents_words = match["cents"] or match["only"]
            found.append((match.start(), reais * 100 + (number_of(cents_words) if cents_words else 0)))
    return tuple(amount for _, amount in sorted(found))


_LOOSE_NUMBER: Final = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?|\d+(?:[.,]\d{1,2})?")
_LOOSE_WORDS: Final = re.compile(rf"\b({_NUMBER})(?:\s*reais|\s*conto)?(?:\s*e\s*({_NUMBER}))?")


@lru_cache(maxsize=4096)
def amounts_meant(plain: str) -> frozenset[int]:
    """Give every amount that a customer's words may mean, generously: "pago 50", "cento e dezenove e noventa"."""
    found = set(amounts_in(plain))
    for match in _LOOSE_NUMBER.finditer(plain):
        text = match[0]
        whole, _, cents = (
            text.replace(".", "").partition(",") if "," in text or text.count(".") > 1 else text.partition(".")
        )
        if len(cents) == 3 or not whole:
            whole, cents = whole + cents, ""
        if len(whole) <= 7:
            found.add(int(whole) * 100 + int((cents or "0").ljust(2, "0")))
    for match in _LOOSE_WORDS.finditer(plain):
        found.add(number_of(match[1]) * 100)
        parts = re.split(r"\s+e\s+", match[0])
        found.update(
            number_of(" e ".join(parts[:at])) * 100 + number_of(" e ".join(parts[at:])) for at in range(1, len(parts))
        )
    return frozenset(found)


# --- codes

_SIGN: Final = rf"(?:{'|'.join(_UNITS[:10])}|meia|[a-z])"
_LEAST_SIGNS: Final = 4
_SPELLED: Final = re.compile(rf"\b{_SIGN}\b(?:[\s,-]+{_SIGN}\b){{{_LEAST_SIGNS - 1},}}")


@lru_cache(maxsize=4096)
def code_spelled_in(plain: str) -> str | None:
    """Read the first code of a folded text that is said sign by sign: "p, q, oito, b" is pq8b."""
    match = _SPELLED.search(plain)
    if match is None:
        return None
    return "".join(sign if len(sign) == 1 else str(_VALUES[sign]) for sign in re.findall(r"[a-z]+", match[0]))


# --- days


@dataclass(frozen=True, slots=True)
class SaidDay:
    """A day as a text names it; what it leaves out is None."""

    day: int
    month: int | None
    year: int | None
    weekday: int | None
    start: int

    def fits(self, other: date) -> bool:
        """Tell whether day, month and year, as far as named, are those of `other`."""
        return (
            self.day == other.day
            and self.month in (None, other.month)
            and (self.year is None or self.year % 100 == other.year % 100)
        )


_DAY_WORD: Final = "|".join(
    sorted(
        (*(f"{ten} e {unit}" for ten in _TENS[:2] for unit in _UNITS[1:10]), *_UNITS[1:], *_TENS[:2], "primeiro"),
        key=len, reverse=True,
    )
)  # fmt: skip
_MONTH: Final = "|".join(_MONTHS)
_WEEKDAY: Final = "|".join(WEEKDAYS)
_SLASHED: Final = re.compile(r"(?<![\d/.,-])(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}|\d{2}))?(?![\d/]|[.,]\d)")
_NAMED: Final = re.compile(
    rf"(?<!\d)(?P<day>\d{{1,2}}|\b(?:{_DAY_WORD}))[ºo°]?\s+de\s+(?P<month>{_MONTH})\b"
    rf"(?:\s+de\s+(?P<year>\d{{4}}|dois mil(?: e {_NUMBER})?))?"
)
_BARE: Final = re.compile(rf"\bdia (\d{{1,2}}|(?:{_DAY_WORD})\b)(?![\d/]|[.,]\d|\s+de [a-z])")
_NAME_BEFORE: Final = re.compile(rf"\b({_WEEKDAY})(?:[- ]feira)?\W{{1,4}}(?:dia )?$")
_NAME_AFTER: Final = re.compile(rf"^\W{{1,4}}(?:uma |um )?({_WEEKDAY})\b")


@lru_cache(maxsize=8192)
def days_in(plain: str) -> tuple[SaidDay, ...]:
    """List the days that a folded text names: 27/11/2026, 27 de novembro, dia vinte e sete."""
    found = list(_written_days(plain))
    return tuple(sorted((day for day in found if 1 <= day.day <= 31), key=lambda day: day.start))


def _written_days(plain: str) -> Iterator[SaidDay]:
    if "/" in plain or "." in plain:
        for match in _SLASHED.finditer(plain):
            if 1 <= int(match[2]) <= 12 and not plain[: match.start()].endswith("r$ "):
                yield _said(plain, match, int(match[1]), int(match[2]), int(match[3]) if match[3] else None)
    if " de " in plain:
        for match in _NAMED.finditer(plain):
            year = match["year"]
            number = (
                None if year is None else int(year) if year.isdigit() else number_of(year.replace("dois mil", "mil"))
            )
            number = number + 1000 if number is not None and not (year or "").isdigit() else number
            yield _said(plain, match, _day_number(match["day"]), _MONTHS.index(match["month"]) + 1, number)
    if "dia " in plain:
        for match in _BARE.finditer(plain):
            yield _said(plain, match, _day_number(match[1]), None, None)


def _day_number(text: str) -> int:
    return int(text) if text.isdigit() else number_of(text)


def _said(plain: str, match: re.Match[str], day: int, month: int | None, year: int | None) -> SaidDay:
    named = _NAME_BEFORE.search(plain[max(0, match.start() - 26) : match.start()])
    named = named or _NAME_AFTER.search(plain[match.end() : match.end() + 20])
    return SaidDay(day, month, year, WEEKDAYS.index(named[1]) if named else None, match.start())


_WEEKDAY_WORD: Final = re.compile(rf"\b({_WEEKDAY})(?:[- ]feira)?\b")


@lru_cache(maxsize=4096)
def weekdays_in(plain: str) -> frozenset[int]:
    """Give the weekdays that a folded text names."""
    return frozenset(WEEKDAYS.index(match[1]) for match in _WEEKDAY_WORD.finditer(plain))


# --- digits


_DIGIT_WORD: Final = re.compile(rf"\b{_NUMBER}")
_BETWEEN_DIGITS: Final = re.compile(
    r"(?<=\d)[\s.\-/,;:]{1,3}(?:(?:e|mais|depois|entao|ponto|traco|barra|tracinho|final|termina em|com)[\s,:]{1,2}){0,2}(?=\d)"
)


@lru_cache(maxsize=4096)
def digits_in(plain: str) -> str:
    """Give the digits of a folded text, runs that are read as one joined, others parted by a space.

    "529.982 e depois 247" and "cinco dois nove, nove oito dois" are one run each.
    """
    said = plain
    if any(
        word in plain for word in ("um", "dois", "tres", "quatro", "cinco", "seis", "sete", "oito", "nove", "cento")
    ):
        said = _DIGIT_WORD.sub(lambda match: _as_digits(match[0]), plain)
    return " ".join(re.findall(r"\d+", _BETWEEN_DIGITS.sub("", said)))


def _as_digits(words: str) -> str:
    """Write number words as the figures a listener would note: "cinco dois nove" 529, "quinhentos e vinte e nove" 529."""
    groups: list[list[str]] = []
    joins = False
    for word in words.split():
        if word == "e":
            joins = True
            continue
        value = 1000 if word == "mil" else _VALUES[word]
        last = _VALUES.get(groups[-1][-1], 1000) if groups else 0
        if groups and joins and last >= 20 and value < last:
            groups[-1].append(word)
        else:
            groups.append([word])
        joins = False
    return "".join(str(number_of(" ".join(group))) for group in groups)
