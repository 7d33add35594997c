"""The words of a sales talk: speeds, products, what a plan is wanted for, terms, other prices, a lead that is lost.

All patterns are over folded text (domain/wording.py) but e-mail and street, which are kept as they were written.
"""

import re
from collections.abc import Sequence
from typing import Final

from agents.offline.reading import Turn
from agents.offline.signals import Signal
from domain.spoken_hearing import plainly_said
from domain.wording import fold

EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
STREET: Final = re.compile(
    r"\b((?:rua|r\.|av\.?|avenida|travessa|alameda|estrada|rodovia|praça|praca|quadra)\s+[^\n,;]{2,60}"
    r"(?:,?\s*(?:n[º°o.]?\s*)?\d+[^\n;]{0,60})?)",
    re.IGNORECASE,
)
NAMES_PRODUCT: Final = re.compile(
    r"\b(?:tv|televisao|canais|fone|telefone|fixo|linha|mesh|roteador|repetidor|ip|cameras?|combo|chip|movel|streaming)\b"
)
# Words for the same kind of product.
_KINDS: Final = (
    frozenset({"tv", "televisao", "canais"}),
    frozenset({"fone", "telefone", "fixo", "linha"}),
    frozenset({"mesh", "roteador", "repetidor"}),
    frozenset({"chip", "movel"}),
)
# What a plan is wanted for; the catalogue knows which one is for it (services/catalogue.py).
NEED: Final = re.compile(
    r"\b(?:jog(?!o d[aeo]\b)\w+|game\w*|gamer|lives?|streamer|lag|home ?office|trabalh\w+|escritorio|reunio\w+"
    r"|videochamad\w+|familia|todo mundo|pessoas|moradores|casa (?:toda|cheia|grande|inteira))\b"
)
# Terms of a contract are told by the knowledge base, not by the price list.
TERMS: Final = re.compile(
    r"\b(?:taxa|fidelidade|multa|carencia|comodato|contrato minimo)\b"
    r"|\binstala\w*\b.{0,40}\b(?:prazo|tempo|demora\w*|dias?|quando|pag\w+|custa|gratis|gratuit\w+)\b"
    r"|\b(?:prazo|tempo|demora\w*|quando|pag\w+|quantos dias)\b.{0,40}\binstala\w*"
)
SWAPS: Final = re.compile(r"\b(?:trocar|mudar|passar|migrar)\b.{0,20}\b(?:por|para) (?:ess[ea]|el[ea])\b")
# "Vale a pena pagar mais?" speaks of no bill.
BILL: Final = re.compile(
    r"\b(?:faturas?|boletos?|dividas?|debitos?|mensalidades?|cobranca|devendo|(?:conta|pagamento)s? atrasad\w+"
    r"|vencid[oa]s?)\b"
)
OTHER_PRICE: Final = re.compile(
    r"\bdescont\w+|\b(?:faz|fazem|deixa|fecha|sai|consegue)\b.{0,12}\bpor (?:r\$ ?)?\d{2,3}\b"
    r"|\babaix(?:a|ar|am|e|em|aria\w*)\b|\bmelhora\w* (?:o |esse )?(?:preco|valor)"
    r"|\bcobr(?:em?|ir|iria\w*)\b(?=\W*$|\?| (?:ess[ea]|isso|a (?:oferta|proposta)|o (?:valor|preco)))"
)
GIVES_UP: Final = re.compile(
    r"\bdesist\w+|\bnao (?:vou querer|tenho (?:mais )?interesse)\b|\bsem interesse\b"
    r"|\bnao quero mais\b(?!.{0,40}\b(?:outr[oa]s?|quero|ess[ea]|o de)\b)"
    r"|\bvou ficar com (?:a |o )?(?:minh\w+|meu|que (?:eu )?tenho|mesm[ao]|outra (?:operadora|empresa))"
    r"|\b(?:fechei|contratei|assinei|peguei|fiquei) com "
    r"(?!(?:a |o )?(?:voces?|ess[ea]|est[ea]|de|plano|internet|fibra)\b)"
)

_MEGAS_IN_GIGA: Final = 1000
_NETWORK: Final = re.compile(r"\b[345] ?g\b")  # of telephones: no speed
_SPEED: Final = re.compile(r"\b(\d{2,4})\s?m(?:eg[as]{0,2}|ga?s?|ega ?bits?|b)?\b")
_GIGA: Final = re.compile(r"\b(?:(\d|um|uma)\s?|)g(?:iga(?:bit)?s?|b(?:ps)?|bits?)?\b")
_TWO_SPEEDS: Final = re.compile(r"\b(\d{3,4})\b.{0,25}?\b(\d{3,4})\b")
_BARE_SPEED: Final = re.compile(r"^\W*(?:[oa] )?(?:de )?(\d{2,4})\W*$")
_PRICED_SPEED: Final = re.compile(r"\b(?:quanto|preco|valor|custa)\b.{0,20}\bde ([1-9]00|1000)\b(?! reais)")
_UP_TO_SPEED: Final = re.compile(
    r"\b(?:aumentar|subir|mudar|trocar|passar|migrar|upgrade)\b.{0,25}\bpara (?:o )?(?:de )?([1-9]00|1000)\b"
)


def speed_in(folded: str) -> int | None:
    """Read a speed in mega: "600 mega", "600 megs", "1 giga", "1g"."""
    plain = _NETWORK.sub(" ", folded)
    giga = _GIGA.search(plain)
    if giga is not None:
        return int(giga[1]) * _MEGAS_IN_GIGA if giga[1] and giga[1].isdigit() else _MEGAS_IN_GIGA
    mega = _SPEED.search(plain)
    return int(mega[1]) if mega else None


def asked_speed(turn: Turn) -> int | None:
    """Return the speed asked for; right after a quote a bare number ("o de 600") is one."""
    said = fold(plainly_said(turn.new_text)) if turn.call is not None else turn.said
    bare = _BARE_SPEED.search(said) if turn.past("buscar_produtos") is not None else None
    named = _UP_TO_SPEED.search(said) or _PRICED_SPEED.search(said) or bare
    return speed_in(said) or (int(named[1]) if named else None)


def compared_speeds(turn: Turn) -> tuple[int, int] | None:
    """Return the two speeds a customer weighs ("qual a diferença do 400 pro 600?")."""
    two = _TWO_SPEEDS.search(turn.said)
    return (int(two[1]), int(two[2])) if two and not turn.says(Signal.DIGITS) else None


def written_speed(megas: int) -> str:
    """Write a speed as customers say it."""
    is_giga = megas % _MEGAS_IN_GIGA == 0
    return f"{megas // _MEGAS_IN_GIGA} giga" if is_giga else f"{megas} mega"


def is_kind_named(said: str, found: Sequence[str]) -> bool:
    """Tell whether what was found (folded texts of products) is of every kind that was asked for by name."""
    named = set(NAMES_PRODUCT.findall(said))
    kinds = {next((kind for kind in _KINDS if name in kind), frozenset({name})) for name in named}
    text = " ".join(found)
    return all(any(re.search(rf"\b{word}", text) for word in kind) for kind in kinds)
