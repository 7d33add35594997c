"""Rewrites a draft that may not be sent, and says what is sent when even that fails (spec 1.7)."""

import json
from collections.abc import Sequence

from langchain_core.messages import HumanMessage, SystemMessage

from agents.models import Answer, EveryModelFailed, Models
from agents.observer import room_left
from agents.prompts import Prompts, variables_of
from agents.talk import Talk
from agents.turn_context import Heard, turn_context_message
from domain.effects import CountIdentityTry, Effect, HandOff, MarkWrongPerson, OptOut
from domain.evidence import Finding
from domain.messages import Medium
from domain.turns import TurnContext, whole_reply

MOST_REVISIONS = 2
HOLDING_REPLY = (
    "Deixa eu confirmar isso certinho com a nossa equipe, para não te passar nada errado. "
    "Uma pessoa vai continuar esta conversa por aqui, tudo bem?"
)
_ON_PHONE = "Preciso confirmar isso com a nossa equipe, para não te passar nada errado."
_GO_ON = "O cliente já ouviu `ja_dito`. Escreva só a continuação que falta, sem repetir nem corrigir o que já foi dito."
# What stays true although the reply was not sent: a failed try, a wish of the customer's.
_SAFE = (CountIdentityTry, OptOut, MarkWrongPerson)


async def refine(
    draft: str,
    reasons: Sequence[Finding],
    *,
    heard: Heard,
    talk: Talk,
    turn: TurnContext,
    models: Models,
    prompts: Prompts,
) -> Answer | None:
    """Let the refiner's model rewrite the draft; None when no model could.

    Of a reply that is half spoken only what follows is rewritten. The task says so itself: tenants write own prompts.
    """
    prompt = await prompts.get(turn.tenant.id, "refiner", medium=turn.medium)
    system = SystemMessage(content=prompt.render(variables_of(turn, agent="refiner")))
    context = turn_context_message(
        turn, agent="refiner", heard=heard, identity=talk.identity, proposal=talk.proposal, promise=talk.promise
    )
    room = room_left(talk.said, medium=turn.medium)
    task: dict[str, object] = {"rascunho": draft, "motivos": [_reason(finding, limit=room) for finding in reasons]}
    if talk.said:
        task |= {"ja_dito": whole_reply(talk.said), "instrucao": _GO_ON}
    asked = HumanMessage(content=json.dumps(task, ensure_ascii=False))
    try:
        return await models.ask(
            [system, context, asked], tenant_id=turn.tenant.id, agent="refiner", feature="refine",
            is_on_phone=turn.medium is Medium.VOICE,
        )  # fmt: skip
    except EveryModelFailed:
        return None


def holding_reply(turn: TurnContext) -> str:
    """Give what is said when no draft may be: a person takes over, where and how the customer can be reached."""
    if turn.call is None:
        return HOLDING_REPLY
    if turn.call.can_transfer:
        return f"{_ON_PHONE} Vou te passar para uma pessoa agora, só um instante."
    where = "por mensagem" if turn.call.has_text_thread else "em breve"
    return f"{_ON_PHONE} Uma pessoa vai falar com você {where}."


def _reason(finding: Finding, *, limit: int) -> dict[str, object]:
    reason: dict[str, object] = {"motivo": finding.reason, "trecho": finding.excerpt}
    if finding.reason == "too_long":
        reason["limite"] = limit
    return reason


def held_effects(effects: Sequence[Effect], reasons: Sequence[Finding]) -> tuple[Effect, ...]:
    """Give the effects of a turn whose reply was held: what is safe, and the handoff that the holding reply speaks of.

    A promise, a payment notice or a confirmed identity is dropped: the customer never read of it.
    """
    safe = [effect for effect in effects if isinstance(effect, _SAFE)]
    asked_for = [effect for effect in effects if isinstance(effect, HandOff)]
    codes = ", ".join(dict.fromkeys(finding.reason for finding in reasons)) or "sem resposta"
    return (*safe, *(asked_for or [HandOff(reason=f"resposta retida pela revisão ({codes})")]))
