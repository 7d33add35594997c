"""Folding of messy Portuguese."""

import re
from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

from rapidfuzz import fuzz, process

from domain.text_cache import cached_by_text

_SHORT_FORMS: Final = """
vc voce|vcs voces|ce voce|tb tambem|tbm tambem|n nao|naum nao|num nao|nn nao|qto quanto|qnto quanto|qt quanto|qdo quando
qnd quando|pq por que|porque por que|blz beleza|hj hoje|amnh amanha|obg obrigado|obgd obrigado|obrigada obrigado
brigado obrigado|vlw valeu|flw falou|pgto pagamento|pagto pagamento|pfv por favor|pf por favor|pra para|pro para o
to estou|ta esta|tou estou|cmg comigo|msm mesmo|dps depois|net internet|q que|oq o que|eh e|mto muito|mt muito
tava estava|ss sim|vdd verdade|td tudo|mb mega|megas mega|mbps mega|wi-fi wifi
"""
_ABBREVIATIONS: Final = dict(
    pair.split(" ", 1) for line in _SHORT_FORMS.split("\n") for pair in line.split("|") if pair
)
# Nouns only: a verb "corrected" to another tense ("pague" -> "paguei") would change who did what.
_NOUNS: Final = (
    "boleto", "fatura", "internet", "atendente", "velocidade", "comprovante", "desempregado", "desempregada",
    "vencimento", "desconto", "assinatura", "endereco", "instalacao", "cobertura", "roteador", "segunda",
)  # fmt: skip
_TOKEN: Final = re.compile(r"[a-z]+(?:-fi)?")
_REPEATED: Final = re.compile(r"([a-z])\1{2,}")
_SPACES: Final = re.compile(r"[ \t]+")


@lru_cache(maxsize=4096)
def _spelled(token: str) -> str:
    """Return the token spelled out: an abbreviation expanded, a slightly wrong noun put right."""
    if token in _ABBREVIATIONS:
        return _ABBREVIATIONS[token]
    if len(token) < 5 or token in _NOUNS:
        return token
    hit = process.extractOne(token, _NOUNS, scorer=fuzz.ratio, score_cutoff=83)
    return hit[0] if hit is not None and hit[0][0] == token[0] and abs(len(hit[0]) - len(token)) <= 1 else token


@cached_by_text(texts=256)
def fold(text: str) -> str:
    """Return text in lower case without accents, abbreviations expanded, drawn-out letters shortened."""
    flat = "".join(char for char in normalize("NFKD", text.lower()) if not combining(char))
    flat = _REPEATED.sub(r"\1", flat)
    return _SPACES.sub(" ", _TOKEN.sub(lambda hit: _spelled(hit.group()), flat)).strip()


_GREETING_WORDS: Final = re.compile(
    r"\b(oi+e?|ola|opa|e ai|eai|bom dia|boa tarde|boa noite|tudo bem|tudo bom|alo"
    r"|hey|ei|salve|lia|gente|pessoal|amig[oa]|moc[oa]|com voce|com voces|como vai"
    r"|beleza)\b|\W+"
)


def only_greets(folded: str) -> bool:
    """Tell whether nothing but a greeting was said."""
    return any(map(str.isalpha, folded)) and not _GREETING_WORDS.sub("", folded)


_LEGAL_FORM: Final = re.compile(r"[\s,.-]+(?:ltda|s/?a|me|epp|eireli|mei)\.?$", re.IGNORECASE)
_CNPJ_LENGTH: Final = 14


def called_name(full_name: str, *, document: str) -> str:
    """Give the name to call a holder by: a person's first name, a company's name without its legal form.

    Registers often write in capitals; nobody is shouted at.
    """
    name = " ".join(full_name.split())
    name = _LEGAL_FORM.sub("", name) if len(document) == _CNPJ_LENGTH else name.split(" ")[0]
    return name.title() if name.isupper() else name
