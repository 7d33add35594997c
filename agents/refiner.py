"""Rewrites a draft that may not be sent, and says what is sent when even that fails (spec 1.7)."""

import json
from collections.abc import Sequence

from langchain_core.messages import HumanMessage, SystemMessage

from agents.models import Answer, EveryModelFailed, Models
from agents.prompts import Prompts, variables_of
from agents.talk import Talk
from agents.turn_context import Heard, turn_context_message
from domain.effects import CountIdentityTry, Effect, HandOff, MarkWrongPerson, OptOut
from domain.evidence import Finding
from domain.reply_rules import length_limit
from domain.turns import TurnContext

MOST_REVISIONS = 2
HOLDING_REPLY = (
    "Deixa eu confirmar isso certinho com a nossa equipe, para não te passar nada errado. "
    "Uma pessoa vai continuar esta conversa por aqui, tudo bem?"
)
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
    """Let the refiner's model rewrite the draft; None when no model could."""
    prompt = await prompts.get(turn.tenant.id, "refiner")
    system = SystemMessage(content=prompt.render(variables_of(turn, agent="refiner")))
    context = turn_context_message(
        turn, agent="refiner", heard=heard, identity=talk.identity, proposal=talk.proposal, promise=talk.promise
    )
    task = {"rascunho": draft, "motivos": [_reason(finding, turn) for finding in reasons]}
    asked = HumanMessage(content=json.dumps(task, ensure_ascii=False))
    try:
        return await models.ask([system, context, asked], tenant_id=turn.tenant.id, agent="refiner", feature="refine")
    except EveryModelFailed:
        return None


def _reason(finding: Finding, turn: TurnContext) -> dict[str, object]:
    reason: dict[str, object] = {"motivo": finding.reason, "trecho": finding.excerpt}
    if finding.reason == "too_long":
        reason["limite"] = length_limit(turn.medium)
    return reason


def held_effects(effects: Sequence[Effect], reasons: Sequence[Finding]) -> tuple[Effect, ...]:
    """Give the effects of a turn whose reply was held: what is safe, and the handoff that the holding reply speaks of.

    A promise, a payment notice or a confirmed identity is dropped: the customer never read of it.
    """
    safe = [effect for effect in effects if isinstance(effect, _SAFE)]
    asked_for = [effect for effect in effects if isinstance(effect, HandOff)]
    codes = ", ".join(dict.fromkeys(finding.reason for finding in reasons)) or "sem resposta"
    return (*safe, *(asked_for or [HandOff(reason=f"resposta retida pela revisão ({codes})")]))
