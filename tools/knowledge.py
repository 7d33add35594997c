"""Look the answer up in the tenant's own documents."""

import re

from langchain_core.tools import tool

from domain.dates_ptbr import read_dates
from domain.documents import InvalidDocument, mask_document, parse_document
from domain.money import find_amounts
from domain.turns import Evidence
from services import passage_index  # noqa: F401 - long to import: not while the first customer waits for an answer
from services.knowledge import KnowledgeUnavailable
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, amount_of, answer, date_of, text_of, unavailable, unique

_NAME = "buscar_conhecimento"
_DOCUMENT = re.compile(r"(?<![\w./-])\d{2,3}\.?\d{3}\.?\d{3}(?:/?\d{4})?-?\d{2}(?![\w/-])")


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def search_knowledge(pergunta: str, run: Run) -> Answer:
    """Busca trechos na base de conhecimento da empresa.

    Use para qualquer pergunta sobre a empresa, os serviços, horários, pagamento, instalação, suporte e regras.
    Responda só com o que está nos trechos e diga de qual documento veio. Lista vazia: diga que não sabe e ofereça uma
    pessoa; não invente.
    Não use para ver faturas (consultar_faturas_cpf) nem preços de planos quando houver buscar_produtos.
    Não grava nada.

    Args:
        pergunta: a pergunta do cliente, completa, com as palavras dele.
    """
    try:
        passages = await run.deps.knowledge.search(run.turn.tenant.id, pergunta)
    except KnowledgeUnavailable:
        return unavailable()
    shown = [(_without_documents(passage.text), passage) for passage in passages]
    evidence: list[Evidence] = []
    for text, _ in shown:
        evidence.append(text_of(text, _NAME))
        evidence += [amount_of(found.cents, _NAME) for found in find_amounts(text)]
        evidence += [date_of(read.date, _NAME) for read in read_dates(text, today=run.turn.today) if read.date]
    content: dict[str, object] = {
        "trechos": [{"texto": text, "titulo": passage.title, "fonte": passage.source} for text, passage in shown]
    }
    return answer(content, ToolResult(content={}, evidence=unique(evidence)))


def _without_documents(text: str) -> str:
    """Mask whole CPFs and CNPJs: a result never holds one."""

    def mask(match: re.Match[str]) -> str:
        try:
            return mask_document(parse_document(match[0]))
        except InvalidDocument:
            return match[0]

    return _DOCUMENT.sub(mask, text)
