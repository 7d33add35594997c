"""The words the graph uses in a trace, for people who did not write it. An unknown word is shown as it is."""

from collections.abc import Mapping
from typing import Final

from server.pages.words import Language

_PORTUGUESE: Final[Mapping[str, str]] = {
    # Why the router chose
    "nothing new to answer": "nada novo a responder",
    "assigned agent": "agente designado para a conversa",
    "explicit request": "pedido explícito do cliente",
    "answer inside the negotiation": "resposta dentro da negociação",
    "content: collection": "o assunto é cobrança",
    "content: sales": "o assunto é venda",
    "content: support": "o assunto é suporte",
    "content: says it is paid": "diz que já pagou",
    "stays with the current agent": "continua com o mesmo agente",
    "answers a campaign": "responde a uma campanha",
    "greeting only": "só um cumprimento",
    "opt-out": "pediu para não receber mais mensagens",
    "opt-out and request for a person": "pediu descadastro e uma pessoa",
    "request for a person": "pediu uma pessoa",
    "wrong person": "não é a pessoa procurada",
    "no model could tell": "nenhum modelo soube dizer",
    # What the observer found
    "unsupported_amount": "valor sem comprovação",
    "unsupported_date": "data sem comprovação",
    "unsupported_code": "código sem comprovação",
    "unsupported_claim": "afirmação sem comprovação",
    "wrong_weekday": "dia da semana errado",
    "debt_before_identity": "dívida antes da identificação",
    "full_document": "documento completo",
    "forbidden_word": "palavra proibida",
    "threat": "ameaça",
    "internal_text": "texto interno",
    "wrong_language": "outro idioma",
    "link_not_allowed": "link não permitido",
    "empty": "resposta vazia",
    "too_long": "longa demais para o canal",
    "critique": "crítica do modelo",
}
_ENGLISH: Final[Mapping[str, str]] = {
    "content: collection": "it is about collection",
    "content: sales": "it is about a purchase",
    "content: support": "it is about support",
    "content: says it is paid": "says that it is paid",
    "opt-out": "wants no more messages",
    "unsupported_amount": "amount with nothing behind it",
    "unsupported_date": "date with nothing behind it",
    "unsupported_code": "code with nothing behind it",
    "unsupported_claim": "claim with nothing behind it",
    "wrong_weekday": "wrong weekday",
    "debt_before_identity": "debt before identity",
    "full_document": "whole document",
    "forbidden_word": "forbidden word",
    "internal_text": "internal text",
    "wrong_language": "another language",
    "link_not_allowed": "link that is not allowed",
    "empty": "empty reply",
    "too_long": "too long for the channel",
    "critique": "the model's critique",
}
_EXPLAINED: Final[Mapping[Language, Mapping[str, str]]] = {"pt": _PORTUGUESE, "en": _ENGLISH}


def explain(word: str, language: Language) -> str:
    """Say a reason of the graph in the page's language."""
    return _EXPLAINED[language].get(word, word)
