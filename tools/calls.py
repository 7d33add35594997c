"""End the call that the turn is spoken in."""

from langchain_core.tools import tool

from domain.effects import EndCall
from domain.messages import Medium
from services.plain_text import tidy
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, answer, refuse

_NAME = "encerrar_ligacao"
_REASON_LIMIT = 300


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def end_call(motivo: str, run: Run) -> Answer:
    """Encerra a ligação assim que a sua despedida for falada.

    Use quando a conversa terminou: a pessoa se despediu, não quer ou não pode falar, é engano, ou ninguém responde.
    Despeça-se na mesma resposta, em uma frase curta.
    Não use com uma pergunta em aberto nem antes de a pessoa saber o que ficou combinado.
    Não grava nada: só desliga.

    Args:
        motivo: por que a ligação termina, em poucas palavras.
    """
    if run.turn.medium is not Medium.VOICE:
        return refuse("nao_e_ligacao", "Esta conversa é por mensagem, não há ligação para encerrar. Só se despeça.")
    reason = tidy(motivo, limit=_REASON_LIMIT) or "sem motivo informado"
    return answer({"situacao": "encerrando"}, ToolResult(content={}, effects=(EndCall(reason=reason),)))
