"""Which agent a customer's words are for; tolerant of typos and missing accents."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from rapidfuzz import fuzz, process

from agents.offline.signals import Signal, says
from domain.documents import find_documents
from domain.wording import fold

AgentName = Literal["persona", "cobranca", "sales"]
_WEIGHTS: Final[dict[AgentName, dict[Signal, int]]] = {
    "cobranca": {
        Signal.PAID: 3, Signal.DEBT_QUESTION: 3, Signal.BILLING: 3, Signal.CODE: 2, Signal.DISCOUNT: 2,
        Signal.HARDSHIP: 2, Signal.PAY_INTENT: 2, Signal.DISPUTE: 1,
    },
    "sales": {Signal.PRODUCT: 2, Signal.CHEAPER: 2, Signal.FASTER: 3, Signal.BUY: 2},
    "persona": {Signal.PROBLEM: 5, Signal.HOURS: 3, Signal.WHO: 1},
}  # fmt: skip
_VOCABULARY: Final[dict[str, AgentName]] = {
    **dict.fromkeys(
        ("fatura", "boleto", "debito", "divida", "cobranca", "vencida", "atrasada", "pagamento", "negociar", "parcelar",
         "pagar"),
        "cobranca"),
    **dict.fromkeys(
        ("plano", "planos", "contratar", "assinar", "velocidade", "promocao", "preco", "pacote", "combo"),
        "sales"),
    **dict.fromkeys(
        ("suporte", "horario", "atendimento", "roteador", "senha", "instalacao", "cobertura", "cancelar", "endereco"),
        "persona"),
}  # fmt: skip
_REASONS: Final[dict[AgentName, str]] = {
    "cobranca": "A mensagem fala de fatura ou pagamento.",
    "sales": "A mensagem fala de planos, preços ou contratação.",
    "persona": "A mensagem pede informação ou atendimento geral.",
}
_WORD: Final = re.compile(r"[a-z]{5,}")
_PRICE_OF_PLAN: Final = re.compile(r"\b(quanto|preco|valor|custa)\b.{0,30}\b(plano|mega|internet|fibra|combo)\b")


def _scores(folded: str) -> dict[AgentName, int]:
    scores: dict[AgentName, int] = {"persona": 0, "cobranca": 0, "sales": 0}
    for agent, weights in _WEIGHTS.items():
        scores[agent] += sum(weight for signal, weight in weights.items() if says(folded, signal))
    if _PRICE_OF_PLAN.search(folded):
        scores["sales"] += 3
    if find_documents(folded):
        scores["cobranca"] += 2
    for word in set(_WORD.findall(folded)):
        hit = process.extractOne(word, _VOCABULARY.keys(), scorer=fuzz.ratio, score_cutoff=78)
        if hit is not None:
            scores[_VOCABULARY[hit[0]]] += 1
    return scores


def route(texts: Sequence[str], *, fallback: AgentName = "persona") -> tuple[AgentName, str]:
    """Return the agent for the customer's last messages and the reason, looking back while they say nothing."""
    for text in reversed(texts[-5:]):
        scores = _scores(fold(text))
        best = max(scores, key=lambda agent: (scores[agent], agent == "cobranca"))
        if scores[best] > 0:
            return best, _REASONS[best]
    return fallback, "A mensagem não traz um assunto novo."
