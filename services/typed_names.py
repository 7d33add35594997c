"""Did the customer type the holder's name? Case, accents and small typing errors do not matter.

Few candidates are read, so that a list of names in one burst is no way to guess.
"""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from domain.folded_text import fold

_ALIKE = 88
_LONGEST_NAME = 9
_TEXT_LIMIT = 400
_READ_PER_KIND = 2
_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e", "di", "del"})
_INTRODUCED = re.compile(
    r"\b(?:meu nome(?: completo)?(?: eh?)?|nome(?: completo)?(?: eh?)?|me chamo|sou(?: [oa])?|aqui eh?(?: [oa])?|"
    r"quem fala eh?(?: [oa])?|titular(?: eh?(?: [oa])?)?|n?o nome d[aeo]|em nome d[aeo])\b\s*"
)
_WORD = re.compile(r"[a-z']+")
_SPLIT = re.compile(r"[\n,;.!?:]+|\s-\s")
# Words of this kind of talk that are nobody's name; a text of these alone is not taken for one.
_TALK = frozenset(
    re.findall(
        r"\w+",
        """
        a agora ai ainda alguem amanha ao aqui as ate atrasada atrasado beleza bem blz boa boleto bom cade certa
        certinho certo cnpj codigo com como completo conferir confirmar consigo consultar conta cpf da dar data de
        debito dela dele demora depois dever devo dia divida dividas do documento e eh ela ele em enviar era errado
        essa esse esta estava este estou eu falar falo fatura faturas favor faz fazer fiz foi gostaria hoje informar
        informei internet isso ja la mais mandar mandei mas me meia mes mesmo meu meus minha minhas moca moco mora
        muito na nada nao ne nem no noite nome nos nossa numero o obrigada obrigado oi oie ok ola olha os ou outra
        outro paga pagamento pagar pago paguei para passar passei pela pelo pix plano por porque posso pq pra
        precisa preciso pro procurar prontinho pronto qual quando quanto que quer queria quero saber se segue
        segunda sei sem senhor senhora ser seria seu sim so sobre sou sua tambem tarde tb tem tenho ter tinha
        titular to todo tudo um uma urgente valor vc vcs ver verdade vez via voce voces vou wifi
        """,
    )
)


def has_typed_name(name: str, texts: Sequence[str]) -> bool:
    """Tell whether a message holds the first name and, at most a word further, one surname of `name`."""
    return any(_fits(name, candidate) for candidate in _candidates(texts))


def has_typed_another_name(name: str, texts: Sequence[str]) -> bool:
    """Tell whether something typed looks like a name and is not this one."""
    # A lone word ("sou a mãe") is no guess, unless the holder's whole name is one word.
    least = min(2, len(_parts(name)))
    candidates = [candidate for candidate in _candidates(texts) if len(candidate) >= least]
    return bool(candidates) and not any(_fits(name, candidate) for candidate in candidates)


def _candidates(texts: Sequence[str]) -> list[list[str]]:
    """Collect what may be names: the last introduced ones ('sou a …') and the last bare ones."""
    introduced: list[list[str]] = []
    bare: list[list[str]] = []
    for text in texts:
        plain = fold(text[:_TEXT_LIMIT]).text
        for piece in _SPLIT.split(plain):
            start = _INTRODUCED.search(piece)
            words = _WORD.findall(piece[start.end() :] if start else piece)
            words = [word.strip("'") for word in words if word not in _PARTICLES]
            named = [word for word in words if word not in _TALK and len(word) > 1]
            if len(named) >= (1 if start else 2) and len(words) <= _LONGEST_NAME + 6:
                (introduced if start else bare).append(named[:_LONGEST_NAME])
    return introduced[-_READ_PER_KIND:] + bare[-_READ_PER_KIND:]


def _parts(name: str) -> list[str]:
    return [word for word in _WORD.findall(fold(name).text) if word not in _PARTICLES]


def _fits(name: str, candidate: Sequence[str]) -> bool:
    parts = _parts(name)
    if not parts:
        return False
    first, surnames = parts[0], parts[1:]
    return any(
        _alike(first, word) and (not surnames or _goes_on_with(surnames, candidate[place + 1 :]))
        for place, word in enumerate(candidate)
    )


def _goes_on_with(surnames: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether one of the next two words is a surname: a list of common names must not fit everybody."""
    return any(_alike(surname, word) for surname in surnames for word in words[:2])


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) > 2 and fuzz.ratio(one, other) >= _ALIKE)
