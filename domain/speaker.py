"""Who is on the phone: whether somebody has just said to be the person that was asked for."""

import re

from domain.folded_text import fold

_IT_IS_ME = re.compile(
    r"\b(?:sou eu|eu mesm[ao]|e (?:ela|ele)(?: mesm[ao])?|ela mesma|ele mesmo|sou (?:ela|ele)|voce esta falando com"
    r"|ta falando com|falando com (?:ela|ele)|pode falar)\b"
)
_SOMEBODY_ELSE = re.compile(
    r"\b(?:nao|engano|marido|esposa|esposo|mulher del[ea]|filh[ao]|mae|pai|irma|irmao|sogr[ao]|vizinh[ao]|secretari[ao]"
    r"|recado|quem (?:fala|e|ta)|nao (?:esta|ta)|saiu|depois)\b"
)
_ASKED_WHO = re.compile(r"\bfalo com \w+ ?\?$")
_BARE_NO = re.compile(
    r"\W*(?:nao|n|negativo|nao e|aqui nao|nao sou)(?:\W+(?:nao|obrigad[oa]|senhora?|moc[oa]|e engano))*\W*"
)
_ASKS_FOR = r"\b(?:falo|falando|estou falando|e) com (?:a |o |a senhora |o senhor )?{name}\b[^?]*\?"


def has_denied_name(asked: str, answer: str) -> bool:
    """Tell whether `answer` is a bare no to "Falo com …?": the number is somebody else's."""
    return _ASKED_WHO.search(fold(asked).text.strip()) is not None and _BARE_NO.fullmatch(fold(answer).text) is not None


def has_confirmed_name(asked: str, answer: str, *, name: str, is_yes: bool) -> bool:
    """Tell whether `answer` says yes to a question whether this is `name`. Anything doubtful is no."""
    first = fold(name).text.split()[0] if name.split() else ""
    plain = fold(answer).text
    if not first or _SOMEBODY_ELSE.search(plain):
        return False
    if re.search(rf"\b(?:sou (?:a |o )?|aqui e (?:a |o )?|meu nome e ){re.escape(first)}\b", plain):
        return True
    if re.search(_ASKS_FOR.format(name=re.escape(first)), fold(asked).text) is None:
        return False
    return is_yes or _IT_IS_ME.search(plain) is not None
