"""Find products of the tenant's catalogue."""

from langchain_core.tools import tool

from domain.money import format_brl
from services.catalogue import search_products
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, amount_of, answer, code_of, text_of, unique

_NAME = "buscar_produtos"


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def find_products(consulta: str, run: Run) -> Answer:
    """Busca planos e produtos do catálogo, com preço; entende erros de digitação e falta de acento.

    Use quando o cliente perguntar por planos, preços, velocidade ou outros produtos. O melhor resultado vem primeiro.
    Não use para dúvidas de suporte. Nunca diga preço que não veio daqui, nem dê desconto.
    Lista vazia: diga que não encontrou e pergunte o que o cliente procura.
    Não grava nada.

    Args:
        consulta: o que o cliente procura, por exemplo "plano de 600 mega".
    """
    found = await search_products(run.deps.database, run.turn.tenant.id, consulta)
    evidence = [
        item
        for product in found
        for item in (
            amount_of(product.price_cents, _NAME), code_of(product.sku, _NAME), text_of(product.description, _NAME)
        )
    ]  # fmt: skip
    content: dict[str, object] = {
        "produtos": [
            {
                "codigo": product.sku,
                "nome": product.name,
                "descricao": product.description,
                "preco": format_brl(product.price_cents),
                "periodo": product.period,
            }
            for product in found
        ]
    }
    return answer(content, ToolResult(content={}, evidence=unique(evidence)))
