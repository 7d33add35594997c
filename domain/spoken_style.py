"""What a voice should read: written Portuguese with every figure in words, and no markup, link or emoji.

A voice that is left to read "R$ 119,90" or "FAT-1001" by itself reads it in its own way, another one with each voice.
"""

import re
import unicodedata
from datetime import date
from typing import Final

from domain.spoken_figures import A_CODE, figures_in_words
from domain.spoken_numbers import digits

_MOST_PASSES: Final = 4  # what an emoji parted may only then show as a figure

# --- marks that are seen and not heard

_LINK: Final = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_URL: Final = re.compile(
    r"(?P<before>\b(?:em|no|na|pelo|por|de|do|a|ao|para)\s+)?"
    r"(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]/?"
    r"|(?P<before2>\b(?:em|no|na|pelo|por|de|do|a|ao|para)\s+)?"
    r"\b(?:[a-z0-9-]+\.)+(?:com|net|org|gov|app|io|me|ly)(?:\.br)?(?:/[^\s<>\"')\]]*[^\s<>\"')\].,;:!?])?(?![\w@])",
    re.IGNORECASE,
)
_TO_LINK: Final = {
    "em": "no link", "no": "no link", "na": "no link", "pelo": "pelo link", "por": "pelo link", "de": "do link",
    "do": "do link", "a": "ao link", "ao": "ao link", "para": "para o link",
}  # fmt: skip
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LIST_MARK: Final = re.compile(r"^\s*(?:[-*+•·▪◦‣–—]+\s+|#{1,6}\s+|>+\s*|\d{1,2}[.)]\s+(?=\S))+")
_RULE_OF_DASHES: Final = re.compile(r"^[\s\-=_*|:]*$")
_PARENTHESIS: Final = re.compile(r"\s*[(\[{]\s*([^()\[\]{}]*?)\s*[)\]}]")
_MARKS: Final = re.compile(r"[*_`~|<>\\^\"“”„«»\[\](){}#]+")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk", "Me"})
_DASH: Final = re.compile(r"\s+[-–—]+\s+|\s*[–—]+\s*|(?<=[^\W\d])\s+-+(?=[^\W\d])")

_PIX_CODE: Final = re.compile(r"000201\w{4,}\S*")
_MASKED: Final = re.compile(r"[*•xX]{2,3}[.\s]?[*•xX]{3}[.\s]?[*•xX]{3}(?:/[*•xX]{4})?-(\d{2})\b")
_PER: Final = re.compile(r"\s?/\s?(mês|ano|dia|hora|semana|pessoa)\b", re.IGNORECASE)

# --- abbreviations

_WEEKDAYS: Final = {
    "seg": "segunda", "ter": "terça", "qua": "quarta", "qui": "quinta", "sex": "sexta", "sab": "sábado",
    "sáb": "sábado", "dom": "domingo",
}  # fmt: skip
_DAY: Final = "(?:" + "|".join(_WEEKDAYS) + r")\b\.?"
_WEEKDAY_RANGE: Final = re.compile(rf"\b({_DAY})(\s*(?:a|à|até|e|-|–)\s*)({_DAY})", re.IGNORECASE)
_ABBREVIATIONS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\bp\.\s?ex\.:?", "por exemplo"), (r"\bex\.:?(?=\s)", "por exemplo"), (r"\bobs\.?:", "observação:"),
        (r"\bdra\.", "doutora"), (r"\bdr\.", "doutor"), (r"\bsra\.", "senhora"), (r"\bsr\.", "senhor"),
        (r"\betc\b\.(?=\s+[A-ZÀ-Ý])", "et cétera."), (r"\betc\b\.?", "et cétera"), (r"\bav\.(?=\s)", "avenida"),
        (r"\btel\.:?(?=\s)", "telefone"), (r"\bltda\b\.?", "limitada"), (r"\bs/a\b", "S A"),
        (r"\bn\.?\s?[º°](?=\W|\d|$)", "número "), (r"\bvc\b", "você"), (r"\be/ou\b", "e ou"),
        (r"\bs[aá]b\b\.?(?=\W{0,3}\d)", "sábado"), (r"\bend\.:", "endereço"),
        (r"\bm[aá]x\.", "máximo"), (r"\bm[ií]n\.(?=\s)", "mínimo"),
    )
)  # fmt: skip


def to_spoken(text: str, *, today: date | None = None) -> str:
    """Write a reply as it should be read aloud. A year is named only when `today` is given and lies in another one.

    Idempotent, and defined for every text; whatever figure no rule knows is read figure by figure.
    """
    spoken = text
    for _ in range(_MOST_PASSES):
        before, spoken = spoken, _once(spoken, today)
        if spoken == before:
            break
    return spoken


def _once(text: str, today: date | None) -> str:
    plain = _PIX_CODE.sub(A_CODE, _visible(text))
    plain = _MASKED.sub(lambda m: f"com final {digits(m[1])}", plain)
    plain = _EMAIL.sub(_email, _LINK.sub(r"\1", plain))
    plain = _URL.sub(_link, plain)
    plain = _in_one_line([line for line in plain.split("\n") if not _RULE_OF_DASHES.match(line)])
    plain = figures_in_words(_abbreviations(plain), today=today)
    return _tidied(_signs(plain))


# --- marks


def _visible(text: str) -> str:
    """Drop emoji, controls and what joins them; every kind of space becomes a plain one."""
    kept = []
    for character in unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")):
        category = unicodedata.category(character)
        if character == "\n" or character in "°":
            kept.append(character)
        elif category in _INVISIBLE:
            kept.append("" if category in ("Cf", "Me") else " ")
        elif category.startswith("Z"):
            kept.append(" ")
        elif category == "Nd":
            kept.append(str(unicodedata.digit(character)))
        elif category in ("No", "Nl"):
            kept.append(_rare_figure(character))
        else:
            kept.append(character)
    return "".join(kept)


def _rare_figure(character: str) -> str:
    """Write "²", "½" or "Ⅳ" in plain signs; an ordinal sign stays."""
    if character in "²³" or character in "ºª":
        return str(unicodedata.digit(character)) if character in "²³" else character
    value = unicodedata.numeric(character, None)
    if value is None:
        return " "
    if value == int(value) and value >= 0:
        return f" {int(value)} "
    return " meio " if value == 0.5 else " "


def _link(match: re.Match[str]) -> str:
    before = (match["before"] or match["before2"] or "").strip().lower()
    return _TO_LINK.get(before, "o link")


def _email(match: re.Match[str]) -> str:
    read = match[0].replace("@", " arroba ").replace(".", " ponto ").replace("_", " underline ").replace("-", " hífen ")
    return re.sub(r"\bbr\b", "b r", read.replace("+", " mais "))


def _in_one_line(lines: list[str]) -> str:
    """Make sentences of lines: list marks go, endings come where another line follows."""
    bare = [_LIST_MARK.sub("", line).strip() for line in lines]
    return " ".join([*map(_ended, bare[:-1]), *bare[-1:]])


def _ended(line: str) -> str:
    bare = re.sub(r"[;,]$", ".", line)
    if not any(map(str.isalnum, bare)):
        return bare
    return bare if re.search(r"[.!?…:][\"”»')*_~`\s]*$", bare) else f"{bare}."


def _abbreviations(text: str) -> str:
    plain = _WEEKDAY_RANGE.sub(
        lambda m: f"{_weekday(m[1])}{' a ' if m[2].strip() in '-–' else m[2]}{_weekday(m[3])}", text
    )
    for pattern, words in _ABBREVIATIONS:
        plain = pattern.sub(words, plain)
    return plain


def _weekday(short: str) -> str:
    return _WEEKDAYS[short.rstrip(".").lower()]


def _signs(text: str) -> str:
    """Read the signs that have a word, and drop those that have none."""
    plain = _PER.sub(r" por \1", text)
    for _ in range(3):
        plain = _PARENTHESIS.sub(r", \1,", plain)
    plain = _DASH.sub(", ", _MARKS.sub(" ", plain))
    plain = plain.replace("…", "...").replace("%", " por cento ").replace("&", " e ").replace("@", " arroba ")
    plain = plain.replace("+", " mais ").replace("=", " igual a ").replace("$", " ").replace("°", " graus ")
    plain = re.sub(r"(?<=[^\W\d_])\s?/\s?(?=[^\W\d_])", " ou ", plain)
    return "".join(sign if _is_heard(sign) else " " for sign in plain.replace("−", " menos "))


def _is_heard(sign: str) -> bool:
    """Tell what a voice reads or pauses at from signs that are only seen."""
    return sign in " .,;:!?'’-" or (sign not in "ºª" and unicodedata.category(sign)[0] in "LMN")


def _tidied(text: str) -> str:
    """Mend spaces and stops where something was taken out."""
    plain = " ".join(text.split())
    plain = re.sub(r"\s+([,.;:!?])", r"\1", plain)
    plain = re.sub(r",(?:\s*,)+", ",", plain)
    plain = re.sub(r"[,;:]+\s*([.!?])", r"\1", plain)
    plain = re.sub(r"([!?])\.(?!\.)", r"\1", plain)
    plain = re.sub(r"(?<!\.)\.\.(?!\.)", ".", plain)
    plain = re.sub(r"\.{4,}", "...", plain)
    plain = re.sub(r"([:;])\s*[,;:]+", r"\1", plain)
    plain = re.sub(r"^[\s,.;:!?\-–—]+(?=[^\W_])", "", plain)
    plain = re.sub(r",(?=[^\W\d_])", ", ", plain)
    return " ".join(plain.split()) if any(map(str.isalnum, plain)) else ""
