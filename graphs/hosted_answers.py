"""What an agent that speaks elsewhere is told by our tools: their answer, or why there is none (docs/tools.md)."""

import json
from dataclasses import dataclass, replace
from typing import Final

from langchain_core.messages import ToolMessage

from agents.talk import Talk
from domain.turns import Evidence

Refusal = tuple[str, str]
"""A code that stays, and what the agent is to say or do."""

BAD_ARGUMENTS: Final = (
    "argumentos_invalidos",
    "Os argumentos não seguem o formato da ferramenta. Confira e tente de novo.",
)
UNKNOWN_TOOL: Final = ("ferramenta_desconhecida", "Essa ferramenta não existe. Use só as que foram oferecidas.")
SYSTEM_AWAY: Final = (
    "sistema_indisponivel",
    "O sistema não respondeu. Diga que não foi possível agora e ofereça tentar depois ou uma pessoa da equipe.",
)
NOBODY_ANSWERS: Final = (
    "atendimento_humano",
    "Uma pessoa da equipe assumiu este atendimento. Não use mais ferramentas: despeça-se com gentileza.",
)
_NOWHERE_TO_SEND: Final = (
    "sem_canal_de_mensagem",
    "Não há conversa de mensagens aberta com o cliente, então o código não pôde ser enviado. Diga isso e peça que "
    "mande um oi no nosso WhatsApp para receber o código.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostedAnswer:
    """What a tool answered, and what it gives to back the agent's words. A repeated answer backs nothing anew."""

    text: str
    evidence: tuple[Evidence, ...] = ()


def refused(why: Refusal) -> HostedAnswer:
    """Answer that a tool was not used, and why."""
    return HostedAnswer(text=_written(why))


def answer_of(talk: Talk) -> str:
    """Give what the tool that was used last answered."""
    last = talk.exchange[-1]
    return str(last.content) if isinstance(last, ToolMessage) else _written(SYSTEM_AWAY)


def is_outage(talk: Talk) -> bool:
    """Tell whether the tool could not reach what it needs: asked again, it may work."""
    content = json.loads(answer_of(talk))
    return isinstance(content, dict) and content.get("erro") == "sistema_indisponivel"


def unsent(talk: Talk) -> Talk:
    """Say that the code went nowhere, and let nothing claim that it did."""
    *before, last = talk.exchange
    nowhere = last.model_copy(update={"content": _written(_NOWHERE_TO_SEND)})
    evidence = tuple(item for item in talk.evidence if item["value"] != "second_copy_sent")
    return replace(talk, exchange=(*before, nowhere), attachments=(), evidence=evidence)


def _written(why: Refusal) -> str:
    code, message = why
    return json.dumps({"ok": False, "erro": code, "mensagem": message}, ensure_ascii=False)
