"""What a transcript of a voice holds besides words: noise, hesitation, a line that only waits."""

import re
from collections.abc import Callable
from typing import Final

from domain.folded_text import fold
from domain.money import find_amounts
from domain.number_words import DAY_WORDS, NUMBER_WORDS, read_number_words

# What speech recognisers write for sounds they make nothing of: "(inaudible speech)", "[ruído]", "<noise>".
_SOUND: Final = (
    r"(?:unintelligible|inaudible|inaudivel|ininteligivel|incompreensivel|unclear|noise|ruido|barulho|silence|silencio|"
    r"blank[_ ]?audio|music|musica|static|chiado|background|tosse|risos|cough\w*|laugh\w*|speech)"
)
_NOISE: Final = re.compile(rf"[(\[<*]\s*(?:\w+[\s_]+){{0,2}}{_SOUND}(?:[\s_]+\w+){{0,2}}\s*[)\]>*]")
_FILLERS: Final = re.compile(
    r"\b(?:e+h*|a+h+|ai+|h+[uã]?m+|u+h+|ha+m?|an+|hã+|ahn+|tipo assim|tipo|ne|sabe|entao|bom|olha|assim|pera+i?|espera|"
    r"deixa (?:eu|me) ver|so um (?:minut\w+|moment\w+|instant\w*|segund\w+))\b"
)
_HESITATION: Final = re.compile(
    r"(?<=\be)\s*(?:\.\.\.|…)[\s,.…]*"
    r"|(?:^|(?<=[\s,.…]))(?:e{2,}h*|eh+|a{2,}h*|ah+|h+u*m+|u+h+m*|ahn+|han+)(?:\.\.\.|[…,.])*(?=\s|$)"
)
_MONTHS: Final = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_NUMBERED_MONTH: Final = re.compile(
    rf"(?P<day>{DAY_WORDS})\s+d[oe]\s+(?:mes\s+)?(?P<month>{DAY_WORDS})\b(?!\s+(?:reais|de\b|mil\b))"
)
_CLAUSE_ENDS: Final = r"(?=\s*(?:$|[,.;!?\n]|(?:no|na|dia|hoje|amanha|agora|ta|pode|por favor)\b))"
_REAIS_AND_CENTS: Final = re.compile(
    rf"\b(?P<reais>(?>{NUMBER_WORDS})|\d{{1,5}})\s+reais\s+e\s+(?P<cents>{DAY_WORDS}|\d\d)\b{_CLAUSE_ENDS}"
)
_AND_CENTS: Final = re.compile(
    rf"\b(?P<reais>(?>{NUMBER_WORDS})|\d{{1,5}})\s+e\s+(?P<cents>{DAY_WORDS}|\d\d)\b{_CLAUSE_ENDS}"
)
_BARE_NUMBER: Final = re.compile(
    rf"(?<!\bdia )(?<!\bdias )(?<![\w,.])(?P<number>(?>{NUMBER_WORDS})|\d{{2,5}}(?:,\d\d)?)\b(?![,.]\d){_CLAUSE_ENDS}"
)
_SPEED: Final = re.compile(rf"(?P<number>(?>{NUMBER_WORDS}))(?=\s+(?:megas?|mega\s?bits?)\b)")
_LEAST_BARE_AMOUNT: Final = 10  # "uma", "as duas" count invoices
# Recognisers write no comma after a "não" that takes a day back: "na sexta não na segunda", "não melhor dia dez".
_DAY: Final = (
    rf"(?:(?:segunda(?!\s+via)|terca|quarta|quinta|sexta)(?:\s+feira)?|sabado|domingo|hoje|(?:depois\s+de\s+)?amanha"
    rf"|dia\s+(?:{DAY_WORDS}|\d{{1,2}})(?:\s+de\s+\w+)?)"
)
_TAKES_BACK: Final = re.compile(
    rf"(?P<before>(?:^|\b{_DAY})\s*)nao\s+(?=(?:melhor|prefiro)\b|(?:(?:n[ao]|para|melhor)\s+)?{_DAY}\b)"
)


def is_unintelligible(text: str) -> bool:
    """Tell whether nothing was understood: noise alone, or no word at all."""
    return not re.search(r"\w", without_noise(text))


def without_noise(text: str) -> str:
    """Take out what stands for sounds."""
    return " ".join(_rewritten(text, _NOISE, lambda _match: " ").split())


def only_hesitates(text: str) -> bool:
    """Tell whether somebody only gains time ("é… deixa eu ver"): the line must wait, not ask again."""
    plain = fold(without_noise(text)).text
    return bool(re.search(r"\w", plain)) and not re.search(r"\w", _FILLERS.sub(" ", plain))


def plainly_said(text: str, *, expects_amount: bool = False) -> str:
    """Write what was said as it would be typed, so that the rules for texts can read it.

    Hesitation goes; "vinte e sete do onze" names a month. An amount is often said without its unit ("cento e dezenove
    e noventa"): where one was asked for, it gets it. A "não" that takes back a day gets its comma.
    """
    plain = _without_hesitation(without_noise(text))
    plain = _rewritten(plain, _TAKES_BACK, lambda match: f"{match['before']}não, ")
    plain = _rewritten(plain, _SPEED, lambda match: str(_value(match["number"])))
    plain = _rewritten(plain, _NUMBERED_MONTH, _month_named)
    plain = _rewritten(plain, _REAIS_AND_CENTS, _amount_with_cents)
    if expects_amount and not find_amounts(plain):
        plain = _rewritten(plain, _AND_CENTS, _amount_with_cents)
        if not find_amounts(plain):
            plain = _rewritten(plain, _BARE_NUMBER, _amount_named)
    return plain


def _without_hesitation(text: str) -> str:
    return " ".join(_rewritten(text, _HESITATION, lambda _match: " ").split()).strip(" ,…")


def _rewritten(text: str, pattern: re.Pattern[str], write: Callable[[re.Match[str]], str]) -> str:
    """Replace what a pattern over folded text finds in the text as it is."""
    folded = fold(text)
    parts, last = [], 0
    for match in pattern.finditer(folded.text):
        if match.end() == match.start():
            continue
        start, end = folded.source_span(*match.span())
        parts += [text[last:start], write(match)]
        last = end
    return "".join((*parts, text[last:]))


def _month_named(match: re.Match[str]) -> str:
    day, month = (read_number_words(" ".join(match[name].split())) for name in ("day", "month"))
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return match[0]
    return f"{day} de {_MONTHS[month - 1]}"


def _amount_with_cents(match: re.Match[str]) -> str:
    reais, cents = _value(match["reais"]), _value(match["cents"])
    return f"R$ {reais},{cents:02d}" if cents >= 10 else match[0]


def _amount_named(match: re.Match[str]) -> str:
    number = match["number"]
    return f"{number} reais" if "," in number or _value(number) >= _LEAST_BARE_AMOUNT else match[0]


def _value(number: str) -> int:
    return int(number) if number.isdigit() else read_number_words(" ".join(number.split()))
