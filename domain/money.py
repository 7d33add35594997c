"""Brazilian money as integer cents: write it, read one amount strictly, find amounts in messy text."""

import re
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency

from domain.errors import DomainError
from domain.folded_text import fold
from domain.number_words import NUMBER_WORDS, read_number_words

_NUMBER = r"(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d{1,2})?"
_UNIT = r"(?:reais|reias|raeis|reai|rais|reals|real|reau|conto|contos|pila|pilas|mango|mangos|pratas?|brl)"
_CENTS = rf"(?:\s*e\s*(?P<cents>\d{{1,2}}|{NUMBER_WORDS})(?:\s*(?:centavos?|cents?))?(?!\d|\s*[/,:]))"
_CENTS_NAMED = rf"(?:\s*e\s*(?P<cents>\d{{1,2}}|{NUMBER_WORDS})\s*(?:centavos?|cents?))"

_WHOLE_DIGITS = re.compile(
    rf"(?:r\$|rs|brl)?\s*(?P<number>{_NUMBER})(?P<thousands>\s*(?:mil|k))?\s*(?:{_UNIT}{_CENTS}?)?"
)
_WHOLE_WORDS = re.compile(rf"(?P<words>{NUMBER_WORDS})\s*(?:{_UNIT}{_CENTS}?)?")

# In customers' text a dot with two decimals has one sensible reading; parse_brl stays strict about it.
_LOOSE_NUMBER = rf"(?:\d+\.\d{{2}}(?!\d)|{_NUMBER})"
_BEFORE = r"(?<![\w.,/:\-])"
_AFTER = r"(?![\d]|[.,/:\-]\d)"
_OTHER_UNIT = r"(?!\s*(?:%|mega|mb|gb|giga|kb|km|mts?\b|metros|x\b|h\b|hs\b|horas|min|anos))"
_MARKED = re.compile(
    rf"(?:(?<!\w)r\s?\$|\$)\s*(?P<number>{_LOOSE_NUMBER})(?P<thousands>\s*(?:mil|k)\b)?{_AFTER}"
    rf"(?:\s*{_UNIT}\b)?{_CENTS_NAMED}?"
)
# 'rs' alone is laughter: it is a currency only when glued to the number or before two decimals.
_MARKED_RS = re.compile(rf"(?<!\w)rs\.?(?P<number>\d[\d.]*(?:,\d{{1,2}})?|\s?\d[\d.]*,\d{{2}}){_AFTER}")
_COUNTED = re.compile(
    rf"{_BEFORE}(?P<number>{_LOOSE_NUMBER})(?P<thousands>\s*(?:mil|k))?\s*(?:{_UNIT}\b|\$){_CENTS_NAMED}?"
)
_COUNTED_WORDS = re.compile(rf"{_BEFORE}(?P<words>{NUMBER_WORDS})\s+{_UNIT}\b{_CENTS_NAMED}?")
_CENTS_ONLY = re.compile(rf"{_BEFORE}(?P<cents>\d{{1,2}}|{NUMBER_WORDS})\s+centavos?\b")
_DECIMAL = re.compile(rf"(?<!\bas ){_BEFORE}(?P<number>(?:\d{{1,3}}(?:\.\d{{3}})+|\d+),\d{{2}}){_AFTER}{_OTHER_UNIT}")
_NEXT_WORD = (
    r"(?=\s*(?:$|[\n;!?)]|[.,](?!\d))|\s+(?:hj|hoje|agora|amanha|dia|ate|na|no|nessa|nesse|e|ou|mas|so|ja|pra|para|por|em|"
    r"de\s+entrada|a\s+vista|avista|segunda|terca|quarta|quinta|sexta|sabado|domingo|depois|semana|mes|q|que|todo|toda|"
    r"sem|com|pode|da|serve|nao)\b)"
)
_PAYING = (
    r"\b(?:pagar|pago|pagava|paguei|pagaria|dou|dar|depositar|deposito|transferir|transfiro|mandar|mando|faco|fazer|"
    r"valor\s+de|total\s+de|entrada\s+de|parcelas?\s+de|so\s+tenho|tenho)\s+(?:so|uns|apenas|somente|os|ate|de)?\s*"
)
_PAID_BARE = re.compile(
    rf"{_PAYING}(?P<number>\d{{1,6}}\.\d{{2}}(?!\d)|\d{{2,5}}(?:\.\d{{3}})?){_AFTER}{_OTHER_UNIT}{_NEXT_WORD}"
)
# '119 e 90' is a price as people say it; '100 e 50 dia 20' may be two amounts, so a round number takes no cents.
_PAID_SPOKEN = re.compile(
    rf"{_PAYING}(?P<number>\d{{1,4}}[1-9])\s+e\s+(?P<cents>\d{{2}}){_AFTER}{_OTHER_UNIT}{_NEXT_WORD}"
)
_LARGEST_DAY = 31


class InvalidAmount(DomainError):
    """Say that a text is no amount of reais, or one that can be read in two ways."""

    def __init__(self, text: str) -> None:
        super().__init__(f"not an amount: {text[:40]!r}")
        self.text = text


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundAmount:
    """An amount inside a text, with its place in the original."""

    cents: int
    start: int
    end: int
    text: str


def format_brl(cents: int) -> str:
    """Write cents as 'R$ 1.234,50' with an ordinary space (Babel writes a no-break one)."""
    written = format_currency(Decimal(cents) / 100, "BRL", locale="pt_BR")
    return written.replace("\u00a0", " ")


def parse_brl(text: str) -> int:
    """Read a text that is one amount and nothing else; refuse '1234.56', negatives and foreign punctuation."""
    plain = fold(text).text.strip()
    match = _WHOLE_DIGITS.fullmatch(plain) or _WHOLE_WORDS.fullmatch(plain)
    if match is None:
        raise InvalidAmount(text)
    number = match.groupdict().get("number")
    if number is not None and re.match(r"0\d*\.", number):
        raise InvalidAmount(text)
    return _cents(match)


def find_amounts(text: str) -> list[FoundAmount]:
    """List the amounts of reais in a customer's text, in order.

    A number is an amount when it bears a currency mark, has two decimals after a comma, or is the object of paying and
    too large for a day of the month; dates, times, documents, speeds and counts are not.
    """
    folded = fold(text)
    found: list[FoundAmount] = []
    for pattern in (_MARKED, _MARKED_RS, _COUNTED, _COUNTED_WORDS, _CENTS_ONLY, _DECIMAL, _PAID_SPOKEN, _PAID_BARE):
        for match in pattern.finditer(folded.text):
            is_object = pattern in (_PAID_SPOKEN, _PAID_BARE)  # its verb is no part of the amount
            start, end = match.start("number") if is_object else match.start(), match.end()
            cents = _cents(match)
            if is_object and cents <= _LARGEST_DAY * 100:
                continue
            first, last = folded.source_span(start, end)
            if not any(amount.start < last and first < amount.end for amount in found):
                found.append(FoundAmount(cents=cents, start=first, end=last, text=text[first:last]))
    return sorted(found, key=lambda amount: amount.start)


def _cents(match: re.Match[str]) -> int:
    parts = match.groupdict()
    number = parts.get("number")
    total = 0
    if number is not None:
        total = int(_decimal(number.strip()) * 100)
        if parts.get("thousands"):
            total *= 1000
    elif parts.get("words"):
        total = read_number_words(" ".join(parts["words"].split())) * 100
    cents = parts.get("cents")
    if cents:
        total += int(cents) if cents.isdigit() else read_number_words(" ".join(cents.split()))
    return total


def _decimal(number: str) -> Decimal:
    if re.fullmatch(r"\d+\.\d{2}", number):
        return Decimal(number)
    return Decimal(number.replace(".", "").replace(",", "."))
