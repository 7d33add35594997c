"""Every figure of a written text in the words of a voice: amounts, dates, hours, codes, phones, counts."""

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Final

from domain.documents import InvalidDocument, parse_document
from domain.phones import time_zones_of_area_code
from domain.spoken_numbers import amount, cardinal, clock_time, day_and_month, decimal, digits, ordinal, spelled

A_CODE: Final = "o código"
"""What is said for a payment code, which goes by message."""
_LONGEST_FIGURES: Final = 15  # more figures than this are such a code

_D: Final = r"(?<![\w.,/])"
_N: Final = r"(?:\d{1,3}(?:\.\d{3})+|\d+)"
_AFTER: Final = r"(?![\w]|[.,/]\d)"
_LONG: Final = re.compile(r"\d(?:[ .\-]{0,2}\d){19,}")
_DOCUMENT: Final = re.compile(r"\b(?:\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}|\d{14}|\d{11})\b")
_AMOUNT: Final = re.compile(
    rf"(?P<minus>(?<![\w.,])[-−]\s?)?R\s?\$\s*(?P<minus2>[-−])?(?P<whole>{_N})(?:,(?P<cents>\d{{1,2}}))?(?!\d)"
    r"(?:\s*(?P<many>mil(?:hão|hões)?|bilh(?:ão|ões))\b)?",
    re.IGNORECASE,
)
_REAIS: Final = re.compile(rf"{_D}(?P<whole>{_N}),(?P<cents>\d{{2}})\s+reais\b", re.IGNORECASE)
_ISO: Final = re.compile(rf"{_D}(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}}){_AFTER}")
_DATE: Final = re.compile(
    rf"{_D}(?P<day>\d{{1,2}})[ºo°]?(?P<sign>[/.\-])(?P<month>\d{{1,2}})(?:(?P=sign)(?P<year>\d{{4}}|\d{{2}}))?{_AFTER}"
)
_MONTH_OF_YEAR: Final = re.compile(rf"{_D}(?P<month>\d{{1,2}})/(?P<year>20\d{{2}}){_AFTER}")
_WRITTEN_DATE: Final = re.compile(
    rf"{_D}(?P<day>\d{{1,2}})[ºo°]?(?P<of>\s+de\s+)(?P<month>janeiro|fevereiro|março|abril|maio|junho|julho|agosto|"
    r"setembro|outubro|novembro|dezembro)\b(?:\s+de\s+(?P<year>\d{4})\b)?",
    re.IGNORECASE,
)
_FIRST_DAY: Final = re.compile(r"\b(dias?\s+)0?1[ºo°]?(?![\wº°]|[/.,]\d)", re.IGNORECASE)
_ALWAYS_OPEN: Final = re.compile(r"(?<!dia )(?<!em )(?<!até )(?<!de )(?<!no )\b24/7\b")
_CLOCK: Final = r"(?:[01]?\d|2[0-4])(?:\s?h(?:rs?|s|oras?)?(?:\s?[0-5]\d(?:\s?min\.?)?)?|:[0-5]\d(?:\s?h(?:rs?|s)?)?)\b"
_CLOCK_RANGE: Final = re.compile(rf"{_D}(?P<first>{_CLOCK})\s*[-–—]\s*(?P<last>{_CLOCK})(?!\d)")
_CLOCK_PARTS: Final = re.compile(r"(\d{1,2})(?:\s?h[a-z]*|:)\s?(\d{2})?")
_TIME: Final = re.compile(rf"{_D}(?P<time>{_CLOCK})(?!\d)")
_DURATION: Final = re.compile(rf"{_D}(?P<number>\d{{1,4}})\s?(?P<unit>h|min)\b\.?(?!\w)")
_PERCENT: Final = re.compile(rf"{_D}(?P<number>{_N}(?:[.,]\d+)?)\s?%")
_ORDINAL: Final = re.compile(
    rf"{_D}(?P<number>\d{{1,3}})\s?(?P<sign>[ºª°])(?!\w)"
    rf"|{_D}(?P<number2>\d{{1,3}})(?P<sign2>a)(?=\s+via\b)"
)
_TOLL_FREE: Final = re.compile(r"(?<![\w-])0([3589])00[\s-]?(\d{3})[\s-]?(\d{3,4})\b")
_PHONE: Final = re.compile(
    r"(?<![\w.,-])(?:(?P<plus>\+)\s?(?P<country>\d{1,3})[\s-]?)?(?:\(?0?(?P<area>\d{2})\)?[\s-]?)?"
    r"(?P<first>9\s?\d{4}|\d{4})[\s-](?P<last>\d{4})(?![\w-]|[.,]\d)"
)
_E164: Final = re.compile(r"\+(\d{2})(\d{2})(\d{4,5})(\d{4})\b|(?<![\w.,-])()([1-9]{2})(9\d{4})(\d{4})\b")
_SHORT_PHONE: Final = re.compile(
    r"(?P<before>\b(?:telefone|número|ligue|disque|cvv)\s+(?:para\s+|no\s+|o\s+)?)(?P<number>1\d{2})(?![\w]|[.,/]\d)",
    re.IGNORECASE,
)
_TIMES: Final = re.compile(rf"{_D}(?P<number>\d{{1,3}})\s?[xX]\b")
_UNITS: Final = {
    "mbps": "mega", "mb": "mega", "mega": "mega", "megas": "megas", "gbps": "giga", "gb": "giga", "giga": "giga",
    "gigas": "gigas", "ghz": "giga-hertz", "mhz": "mega-hertz", "kb": "kilobytes", "km": "quilômetros", "kg": "quilos",
    "m²": "metros quadrados", "m2": "metros quadrados", "cm": "centímetros", "mm": "milímetros", "m": "metros",
}  # fmt: skip
_WITH_UNIT: Final = re.compile(
    rf"{_D}(?P<number>{_N}(?:[.,]\d+)?)\s?(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!\w)",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(rf"{_D}(?P<first>\d{{1,4}})\s?[-–—]\s?(?P<last>\d{{1,4}})(?![\w-]|[.,/]\d)")
_MIXED: Final = re.compile(r"(?<!\w)(?=[\w-]*\d)(?=[\w-]*[^\W\d_])[\w]+(?:-[\w]+)*(?!\w)")
# A protocol is a code also when chance gave it no figure.
_PROTOCOL: Final = re.compile(r"(?P<before>\b(?i:protocolo)\W{1,3}(?:(?:é|e)\s+)?)(?P<code>[A-Z][A-Z\d]{4,})(?!\w)")
_NUMBER: Final = re.compile(
    rf"(?P<minus>(?<![\w.,/-])[-−](?=\d))?(?<![\w.,])(?P<whole>{_N})(?:(?P<sign>[.,])(?P<part>\d+))?(?!\w|[.,]\d)"
)
_BETWEEN: Final = re.compile(r"(?<=\d)[.,](?=\d)")
_LEFT_OVER: Final = re.compile(r"\d+")

# --- words that a number before them must agree with

_FEMININE: Final = re.compile(r"[a-zà-ÿ-]*(?:as?|ções|ção|dades?|agens?|vez(?:es)?|sões|são)\Z", re.IGNORECASE)
_MASCULINE: Final = re.compile(
    r"(?:dias?|megas?|gigas?|mapas?|problemas?|programas?|sistemas?|temas?|climas?|idiomas?|à|às|a|as|da|das|na|nas|para"
    r"|pela|pelas|cada|outra|toda|todas|mas|ainda|já|era|há|uma|seja|fica|ficha|passa|já|coração)\Z",
    re.IGNORECASE,
)
_WORD_AFTER: Final = re.compile(r"\s+(?:mil\s+)?([^\W\d_]+)")


def figures_in_words(text: str, *, today: date | None) -> str:
    """Write out amounts, dates, hours, codes, phones and every other figure, from the special to the general."""
    steps: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_LONG, lambda _m: A_CODE),
        (_TOLL_FREE, lambda m: f"zero {cardinal(int(m[1]) * 100)}, {digits(m[2])}, {digits(m[3])}"),
        (_DOCUMENT, _document),
        (_E164, _phone_at_once),
        (_PHONE, _phone),
        (_SHORT_PHONE, lambda m: m["before"] + digits(m["number"])),
        (_AMOUNT, _amount),
        (_REAIS, lambda m: amount(_whole(m["whole"]) * 100 + int(m["cents"]))),
        (_ALWAYS_OPEN, lambda _m: "vinte e quatro horas por dia, todos os dias"),
        (_ISO, partial(_date, today=today)),
        (_DATE, partial(_date, today=today)),
        (_MONTH_OF_YEAR, _month_of_year),
        (_WRITTEN_DATE, partial(_written_date, today=today)),
        (_FIRST_DAY, lambda m: f"{m[1]}primeiro"),
        (_CLOCK_RANGE, lambda m: f"{_clock(m['first'])} às {_clock(m['last'])}"),
        (_TIME, lambda m: _clock(m["time"])),
        (_DURATION, _duration),
        (_PERCENT, lambda m: f"{_decimal_or_whole(m['number'])} por cento"),
        (_ORDINAL, _ordinal),
        (
            _TIMES,
            lambda m: f"{cardinal(int(m['number']), is_feminine=True)} {'vez' if int(m['number']) == 1 else 'vezes'}",
        ),
        (_WITH_UNIT, lambda m: f"{_decimal_or_whole(m['number'])} {_UNITS[m['unit'].lower()]}"),
        (_RANGE, _range),
        (_PROTOCOL, lambda m: m["before"] + spelled(m["code"])),
        (_MIXED, lambda m: spelled(m[0])),
        (_NUMBER, _number),
        (_BETWEEN, lambda m: " ponto " if m[0] == "." else " vírgula "),
        (_LEFT_OVER, lambda m: f" {A_CODE if len(m[0]) > _LONGEST_FIGURES else digits(m[0])} "),
    )
    for pattern, read in steps:
        text = pattern.sub(read, text)
    return text


def _whole(number: str) -> int:
    return int(number.replace(".", ""))


def _decimal_or_whole(number: str) -> str:
    """Read "2,5" and "2.5" as decimals, "1.250" as a whole number."""
    parts = re.fullmatch(rf"({_N})(?:[.,](\d+))?", number)
    if parts is None:
        return digits(number)
    whole, part = _whole(parts[1]), parts[2]
    return decimal(whole, part) if part else cardinal(whole)


def _document(match: re.Match[str]) -> str:
    """Never read a whole document aloud, whatever let it through (design: N6)."""
    try:
        document = parse_document(match[0])
    except InvalidDocument:
        return match[0] if match[0].isdigit() else digits(match[0])
    is_phone = match[0] == document and len(document) == 11 and document[2] == "9"
    if is_phone and time_zones_of_area_code(document[:2]):
        return match[0]
    return f"com final {digits(document[-2:])}"


def _phone_at_once(match: re.Match[str]) -> str:
    groups = [group for group in match.groups() if group]
    return ", ".join(digits(group) for group in groups)


def _phone(match: re.Match[str]) -> str:
    if not match["area"] and not match["first"].startswith("9") and " " in match[0]:
        return match[0]  # two numbers side by side
    groups = (match["country"], match["area"], match["first"], match["last"])
    return (" " if match[0].startswith(" ") else "") + ", ".join(digits(group) for group in groups if group)


def _amount(match: re.Match[str]) -> str:
    whole, cents = _whole(match["whole"]), match["cents"] or ""
    start = "menos " if match["minus"] or match["minus2"] else ""
    if match["many"]:
        what = match["many"].lower()
        number = decimal(whole, cents) if cents else cardinal(whole)
        return f"{start}{number} {what} {'reais' if what == 'mil' else 'de reais'}"
    return start + amount(whole * 100 + int(cents.ljust(2, "0") or "0"))


def _date(match: re.Match[str], *, today: date | None) -> str:
    day, month = int(match["day"]), int(match["month"])
    sign = match.groupdict().get("sign")
    has_year = match["year"] is not None
    # "2.5" and "10-12" are dates only with a year; a slash is enough.
    if not (1 <= day <= 31 and 1 <= month <= 12) or (sign in (".", "-") and not has_year):
        return match[0]
    return day_and_month(day, month) + _year(match["year"], today)


def _year(written: str | None, today: date | None) -> str:
    if written is None or today is None:
        return ""
    year = int(written) + (2000 if len(written) == 2 else 0)
    return f" de {cardinal(year)}" if year != today.year else ""


def _month_of_year(match: re.Match[str]) -> str:
    month = int(match["month"])
    if not 1 <= month <= 12:
        return match[0]
    return f"{day_and_month(1, month).split(' de ')[1]} de {cardinal(int(match['year']))}"


def _written_date(match: re.Match[str], *, today: date | None) -> str:
    day = int(match["day"])
    spoken = "primeiro" if day == 1 else cardinal(day)
    return f"{spoken}{match['of']}{match['month']}{_year(match['year'], today)}"


def _clock(written: str) -> str:
    parts = _CLOCK_PARTS.match(written)
    return clock_time(int(parts[1]), int(parts[2] or 0)) if parts else digits(written)


def _duration(match: re.Match[str]) -> str:
    count, is_hours = int(match["number"]), match["unit"] == "h"
    unit = "hora" if is_hours else "minuto"
    return f"{cardinal(count, is_feminine=is_hours)} {unit}{'' if count == 1 else 's'}"


def _ordinal(match: re.Match[str]) -> str:
    number, sign = match["number"] or match["number2"], match["sign"] or match["sign2"]
    if sign == "°" and not int(number):
        return f"{cardinal(0)} graus"
    return ordinal(int(number), is_feminine=sign in "ªa")


def _times(match: re.Match[str]) -> str:
    count = int(match["number"])
    return f"{cardinal(count, is_feminine=True)} {'vez' if count == 1 else 'vezes'}"


def _range(match: re.Match[str]) -> str:
    is_feminine = _is_feminine_after(match)
    first, last = (cardinal(int(match[name]), is_feminine=is_feminine) for name in ("first", "last"))
    return f"{first} a {last}"


def _number(match: re.Match[str]) -> str:
    start = "menos " if match["minus"] else ""
    written, part = match["whole"], match["part"]
    bare = written.replace(".", "")
    if part is not None:
        return start + decimal(int(bare), part)
    is_grouped = "." in written
    if len(bare) > _LONGEST_FIGURES:
        return A_CODE
    if (bare.startswith("0") and len(bare) > 1) or (len(bare) > 6 and not is_grouped):
        return start + digits(bare)
    return start + cardinal(int(bare), is_feminine=_is_feminine_after(match))


def _is_feminine_after(match: re.Match[str]) -> bool:
    """Tell by its ending whether the noun counted is feminine ("duas faturas", "dois dias")."""
    following = _WORD_AFTER.match(match.string, match.end())
    return bool(following and _FEMININE.match(following[1]) and not _MASCULINE.match(following[1]))
