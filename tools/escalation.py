"""Hand the conversation over to a person of the team."""

from langchain_core.tools import tool

from domain.effects import HandOff
from services.plain_text import tidy
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, action_of, answer

_NAME = "transferir_para_humano"
_REASON_LIMIT = 300


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def hand_over(motivo: str, run: Run) -> Answer:
    """Passa a conversa para uma pessoa da equipe; o robô para de responder até devolverem.

    Use quando o cliente pedir uma pessoa ou aceitar a sua oferta, quando você não conseguir ajudar, ou em caso grave
    (doença, luto, ameaça, processo). Avise o cliente na mesma resposta.
    Não use só porque a pergunta é difícil: tente antes as outras ferramentas.
    Grava: a transferência.

    Args:
        motivo: por que, em uma frase, para quem vai atender.
    """
    reason = tidy(motivo, limit=_REASON_LIMIT) or "sem motivo informado"
    result = ToolResult(content={}, effects=(HandOff(reason=reason),), evidence=(action_of("handed_off", _NAME),))
    return answer({"situacao": "transferido"}, result)
