"""Honour a refusal of proactive contact."""

from langchain_core.tools import tool

from domain.effects import OptOut
from domain.folded_text import fold
from domain.messages import Medium
from services.opt_out import EVERYTHING
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, action_of, answer

_NAME = "registrar_opt_out"
_MEDIA: dict[str, tuple[Medium, str]] = {
    "whatsapp": (Medium.WHATSAPP, "whatsapp"), "zap": (Medium.WHATSAPP, "whatsapp"), "sms": (Medium.SMS, "sms"),
    "torpedo": (Medium.SMS, "sms"), "voz": (Medium.VOICE, "voz"), "voice": (Medium.VOICE, "voz"),
    "telefone": (Medium.VOICE, "voz"), "ligacao": (Medium.VOICE, "voz"), "ligacoes": (Medium.VOICE, "voz"),
}  # fmt: skip


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def register_opt_out(run: Run, canal: str = "") -> Answer:
    """Descadastra o cliente: não será mais procurado por nós. É permanente.

    Use quando o cliente pedir para parar de receber mensagens ou ligações ("pare", "sair", "não me mande mais").
    Não use quando ele só não quer falar agora, nem para cancelar o plano.
    Grava: o descadastro.

    Args:
        canal: deixe vazio (todos), a menos que o cliente tenha falado de um só: "whatsapp", "sms" ou "voz".
    """
    medium, channel = _MEDIA.get(fold(canal[:40]).text.strip(), (EVERYTHING, "todos"))
    reason = "pedido do cliente na conversa"
    result = ToolResult(
        content={}, effects=(OptOut(scope=str(medium), reason=reason),), evidence=(action_of("opted_out", _NAME),)
    )
    return answer({"situacao": "descadastrado", "canal": channel}, result)
