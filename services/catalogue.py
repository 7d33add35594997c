"""Find products as customers ask for them: without accents, with typing errors, by the number in the name."""

import re
from collections.abc import Sequence
from uuid import UUID

from rapidfuzz import fuzz

from domain.folded_text import fold
from store import products
from store.database import Database
from store.products import ProductRow

_QUERY_LIMIT = 200
_WORD_ALIKE = 80
_LEAST_SCORE = 1.0
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_WORD = re.compile(r"[a-z]+")
_GIGA = re.compile(r"\b(\d+|um|uma)?\s*(?:giga(?:bit|s)?|gb(?:ps)?|gbps)\b")
_MEGAS = re.compile(r"\b(\d+)\s*(?:megas?|mb(?:ps)?|m)\b")
_IGNORED = frozenset(
    re.findall(
        r"\w+",
        """
        a ai algum alguma aqui as assinar ate barata barato boa bom cara caro com como contratar custa custam da das
        de dia do dos e em essa esse esta este eu favor fica ha la mais me menos mensal mes meu minha muito na no
        noite nos o oi ola os ou para pelo por pra preco precos pro produto produtos quais qual quanto quantos que
        quer queria quero saber sai se ser sobre tarde tem ter tipo tipos to todo todos um uma valor valores vcs
        vende vendem ver voce voces
        """,
    )
)
_CHEAPEST = re.compile(r"\bmais (?:barat|em conta|economic|simples)|\bbaratinh|\bmenor preco|\bmais baix")
_DEAREST = re.compile(r"\bmais (?:rapid|complet|veloz|potente|car[oa]|top)|\bmelhor plano|\bmaior velocidade")
# What a customer wants a product for, and the words that descriptions use for it.
_NEEDS = (
    (re.compile(r"\b(?:jog(?!o d[aeo]\b)\w+|game\w*|gamer|lives?|streamer|twitch|lag|ping)\b"), "jogos"),
    (re.compile(r"\b(?:home ?office|trabalh\w+|escritorio|reunio\w+|videochamad\w+|videoconferenci\w+)\b"), "trabalho"),
    (re.compile(r"\b(?:familia|todo mundo|casa (?:toda|cheia|grande|inteira)|(?:[5-9]|1\d|cinco|seis|sete|oito)"
                r" (?:pessoas|moradores))\b"), "casa toda"),
    (re.compile(r"\bcameras?\b"), "cameras"),
    (re.compile(r"\b(?:sinal|wi ?fi)\b.{0,40}\b(?:quartos?|fundos|comodos?|andar|quintal|edicula)\b"), "mesh comodos"),
)  # fmt: skip
_SYNONYMS = {
    "net": "internet", "wifi": "wifi", "wi": "wifi", "fi": "wifi", "tv": "televisao", "telefone": "telefone",
    "fone": "telefone", "linha": "telefone", "repetidor": "mesh", "roteador": "roteador", "planos": "plano",
    "canais": "televisao", "fixo": "fixo", "mega": "internet", "megas": "internet", "velocidade": "internet",
}  # fmt: skip


async def search_products(database: Database, tenant_id: UUID, query: str, *, limit: int = 5) -> list[ProductRow]:
    """List the products that fit, best first; nothing fits gives nothing."""
    async with database.tenant(tenant_id) as connection:
        catalogue = await products.active(connection)
    return rank_products(catalogue, query)[:limit]


def rank_products(catalogue: Sequence[ProductRow], query: str) -> list[ProductRow]:
    """Order what fits a query. A query without content ("quais os planos?") fits everything, cheapest first."""
    plain = _with_needs(_numbers_written(fold(query[:_QUERY_LIMIT]).text.replace("-", " ")))
    words = [_SYNONYMS.get(word, word) for word in _WORD.findall(plain) if word not in _IGNORED and len(word) > 1]
    numbers = _NUMBER.findall(plain)
    scored = [(_score(product, words, numbers), product) for product in catalogue]
    least = _LEAST_SCORE if words or numbers else 0.0
    best = max((score for score, _ in scored), default=0.0)
    fitting = [(score, product) for score, product in scored if score >= least and score * 3 >= best]
    if _CHEAPEST.search(plain):
        return [product for _, product in sorted(fitting, key=lambda pair: pair[1].price_cents)]
    if _DEAREST.search(plain):
        return [product for _, product in sorted(fitting, key=lambda pair: -pair[1].price_cents)]
    fitting.sort(key=lambda pair: (-pair[0], pair[1].price_cents, pair[1].sku))
    return [product for _, product in fitting]


def _with_needs(plain: str) -> str:
    """Add the words of descriptions for what the customer wants it for ("pra jogar", "somos em 5 pessoas")."""
    return " ".join((plain, *(words for need, words in _NEEDS if need.search(plain))))


def _numbers_written(plain: str) -> str:
    """Write speeds in one unit: '1 giga' and 'um giga' are 1000."""

    def thousand(match: re.Match[str]) -> str:
        count = match[1]
        return f" {int(count) * 1000 if count and count.isdigit() and len(count) < 4 else 1000} mega "

    return _MEGAS.sub(r" \1 mega ", _GIGA.sub(thousand, plain))


def _score(product: ProductRow, words: Sequence[str], numbers: Sequence[str]) -> float:
    name = _numbers_written(fold(f"{product.name} {product.sku}").text.replace("-", " "))
    description = _numbers_written(fold(product.description).text)
    in_name = [_SYNONYMS.get(word, word) for word in _WORD.findall(name)]
    in_description = [_SYNONYMS.get(word, word) for word in _WORD.findall(description)]
    score = sum(max(3 * _best(word, in_name), 1.2 * _best(word, in_description)) for word in words)
    numbers_in_name = _NUMBER.findall(name)
    score += sum(8 for number in numbers if number in numbers_in_name)
    return score


def _best(word: str, others: Sequence[str]) -> float:
    """Give how alike the nearest word is, 0 to 1; too unlike counts as not at all."""
    if word in others:
        return 1.0
    if len(word) < 4:
        return 0.0
    best = max((fuzz.ratio(word, other) for other in others if len(other) > 2), default=0.0)
    return best / 100 if best >= _WORD_ALIKE else 0.0
