"""How the same words look when customers type or say them."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from evals.scenario import Audio, Say

Phrase = tuple[str, str]  # what is to be paid, and when: in the order in which it is said
Spelling = Callable[[Phrase, Random], Say]

_SLANG: Final[Mapping[str, str]] = {
    "depois de amanhã": "dps de amanhã",
    "que vem": "q vem",
    "quando": "qdo",
    "você": "vc",
    "hoje": "hj",
    "amanhã": "amanhã",
    "para": "pra",
    "consigo": "consigo",
    "vou pagar": "vo paga",
    "pagar": "paga",
    "está": "tá",
    "também": "tb",
    "reais": "reais",
    "depois": "dps",
    "segunda-feira": "seg feira",
    "não": "n",
}
# The slips that fingers really make; each still reads as the word.
_SLIPS: Final[Mapping[str, tuple[str, ...]]] = {
    "amanhã": ("amanha", "amnhã", "amanhâ"),
    "hoje": ("hoej", "oje"),
    "segunda": ("segnda", "segumda", "seguda"),
    "terça": ("tersa", "terca"),
    "quarta": ("qarta", "quata"),
    "quinta": ("quimta", "qinta"),
    "sexta": ("sesta", "setxa"),
    "sábado": ("sabdo", "sabado"),
    "domingo": ("dominog", "domigo"),
    "depois": ("depos", "dpois"),
    "semana": ("semna", "smeana"),
    "dezembro": ("dezenbro", "desembro", "dezembo"),
    "novembro": ("novenbro", "novembo"),
    "janeiro": ("janero", "janeir"),
    "fevereiro": ("feverero", "fevreiro"),
    "março": ("marco", "marso"),
    "pagar": ("pagra", "paga"),
    "consigo": ("consgio", "comsigo"),
    "posso": ("poso", "pso"),
    "fatura": ("fautra", "fatra"),
    "antiga": ("antgia", "antinga"),
    "total": ("totla", "toal"),
    "tudo": ("tduo", "tud"),
    "reais": ("raeis", "reias"),
    "quando": ("qaundo", "cuando"),
    "salário": ("salario", "salrio"),
    "daqui": ("daki", "daqi"),
    "útil": ("util", "utíl"),
    "próxima": ("procima", "proxima"),
}
_EMOJI: Final = ("🙏", "😅", "👍", "🙂", "😬", "🙏🏽", "✅")
_FILLERS: Final = ("é", "ó", "tipo", "então", "olha", "ah", "assim")
_BEFORE: Final = ("oi", "então", "olha", "veja bem", "deixa eu ver")


def _text(phrase: Phrase) -> str:
    return " ".join(part for part in phrase if part)


def plain(phrase: Phrase, rng: Random) -> Say:
    """Write as one was taught: a capital first, at times a full stop."""
    text = _text(phrase)
    return text[:1].upper() + text[1:] + rng.choice(("", "."))


def without_accents(phrase: Phrase, rng: Random) -> Say:
    return _bare(_text(phrase))


def _bare(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if unicodedata.category(letter) != "Mn")


def with_slips(phrase: Phrase, rng: Random) -> Say:
    """Misspell one word, sometimes two."""
    words = _text(phrase).lower().split(" ")
    places = [place for place, word in enumerate(words) if word in _SLIPS]
    for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        words[place] = rng.choice(_SLIPS[words[place]])
    return " ".join(words)


def with_slang(phrase: Phrase, rng: Random) -> Say:
    """Abbreviate as in a chat."""
    text = _text(phrase).lower()
    for word, short in _SLANG.items():
        text = re.sub(rf"\b{word}\b", short, text)
    return rng.choice((text, f"{text} blz?", f"{text} pode ser", f"vc me ajuda? {text}"))


def in_capitals(phrase: Phrase, rng: Random) -> Say:
    return _text(phrase).upper()


def in_bubbles(phrase: Phrase, rng: Random) -> Say:
    """Send one thought as several messages."""
    parts = [part for part in phrase if part]
    return (rng.choice(_BEFORE), *parts) if len(parts) < 2 or rng.random() < 0.5 else tuple(parts)


def with_emoji(phrase: Phrase, rng: Random) -> Say:
    face, text = rng.choice(_EMOJI), _text(phrase)
    return rng.choice((f"{text} {face}", f"{face} {text}", f"{text}{face}{face}"))


def as_voice_note(phrase: Phrase, rng: Random) -> Say:
    """Give a voice note as the recogniser writes it: no capitals, no punctuation."""
    return Audio(transcript=as_spoken(phrase, rng))


def as_spoken(phrase: Phrase, rng: Random) -> str:
    return re.sub(r"[,.?!;:]", "", _text(phrase)).lower()


def with_hesitation(phrase: Phrase, rng: Random) -> str:
    """Speak with the small words that fill pauses."""
    first, second = (as_spoken((part, ""), rng) for part in phrase)
    return " ".join(part for part in (rng.choice(_FILLERS), first, rng.choice((*_FILLERS, "")), second) if part)


DICTATED: Final = "transcricao"  # into a voice note or the keyboard: the words are those of speech
WRITTEN: Final[Mapping[str, Spelling]] = {
    "normal": plain,
    "sem-acentos": without_accents,
    "erros-de-digitacao": with_slips,
    "girias": with_slang,
    "maiusculas": in_capitals,
    "em-baloes": in_bubbles,
    "emoji": with_emoji,
    DICTATED: as_voice_note,
}
SPOKEN: Final[Mapping[str, Spelling]] = {"fala": as_spoken, "fala-hesitante": with_hesitation}
