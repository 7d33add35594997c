"""The last touch on a reply that is spoken: no list, no source, no emoji, nothing that only fits a message."""

import re
from typing import Final

_SOURCE: Final = re.compile(r"\s*\(Fonte: [^)]*\)")
_EMOJI: Final = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]")
_BULLET: Final = re.compile(r"^\s*[•·*-]\s+")
_PARENTHESIS: Final = re.compile(r"\s*\(([^()]*)\)")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+")
_MOST_SENTENCES: Final = 3
# Wordings of messages, and what is said on the phone instead.
_WORDINGS: Final = (
    (re.compile(r"é só me chamar por aqui\b"), "é só ligar para a gente"),
    (re.compile(r"[Pp]ode me chamar de novo em alguns minutos"), "Pode ligar de novo em alguns minutos"),
    (re.compile(r"\bme mandar de novo\b"), "me dizer de novo"),
    (re.compile(r"\bme manda o CPF ou CNPJ do titular\b"), "me diz o CPF do titular"),
    (re.compile(r"\bPode (?:me )?(?:escrever|mandar)\b"), "Pode me dizer"),
    (re.compile(r"\b(?:é só responder|responder) PARE\b"), "é só me dizer que não quer mais"),
    (re.compile(r"\bme responde “(\w+)” que\b"), r"me diz \1, que"),
    (re.compile(r"\bme escreve\b"), "me diz"),
    (re.compile(r"\bmensagens\b(?= é só me dizer)"), "contatos"),
)


def aloud(text: str) -> str:
    """Rewrite a reply for the ear, at most three sentences of it and the question it ends with."""
    rows = [_row(row) for row in _EMOJI.sub("", _SOURCE.sub("", text)).split("\n") if row.strip()]
    plain = " ".join(rows)
    for pattern, spoken in _WORDINGS:
        plain = pattern.sub(spoken, plain)
    plain = " ".join(_PARENTHESIS.sub(r", \1", plain).replace("“", "").replace("”", "").split())
    return _shortened(plain)


def _row(row: str) -> str:
    bare = _BULLET.sub("", row).strip()
    return bare if bare.endswith((".", "!", "?", ":", "…")) else f"{bare}."


def _shortened(text: str) -> str:
    """Keep the beginning and the last question: nobody listens to a page."""
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence]
    if len(sentences) <= _MOST_SENTENCES + 1:
        return text
    if not sentences[-1].endswith("?"):
        return " ".join(sentences[:_MOST_SENTENCES])
    # What stands before the question leads to it.
    return " ".join((*sentences[:2], *sentences[-2:]))
