"""Move the contact's card on the Kanban board."""

from langchain_core.tools import tool

from domain.effects import MoveCard
from services.kanban import StageUnknown, plan_move
from services.plain_text import tidy
from tools.context import ToolResult, ToolRun
from tools.injected import Run
from tools.results import Answer, action_of, answer, refuse

_NAME = "mover_kanban"
_REASON_LIMIT = 300
_MOVED_BY = "agent"


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def move_card(coluna: str, motivo: str, run: Run) -> Answer:
    """Move o cartão deste contato no quadro; cria o cartão se ainda não houver.

    Use quando a conversa avança: o cliente mostrou interesse, recebeu proposta, fechou ou desistiu.
    Não use duas vezes para a mesma coluna, nem conte ao cliente que existe um quadro.
    Grava: o cartão e o histórico dele.

    Args:
        coluna: o nome da coluna, como em `colunas` no contexto.
        motivo: por que, em uma frase.
    """
    try:
        move = await plan_move(
            run.deps.database, tenant_id=run.turn.tenant.id, contact_id=run.turn.contact.id, stage=coluna
        )
    except StageUnknown as error:
        message = "Essa coluna não existe. Escolha uma destas."
        return refuse("coluna_desconhecida", message, colunas=list(error.stages))
    reason = tidy(motivo, limit=_REASON_LIMIT) or "sem motivo informado"
    content: dict[str, object] = {
        "cartao": move.title or run.turn.contact.name or run.identity.get("customer_name") or "Cliente",
        "coluna": move.stage,
        "coluna_anterior": _planned_stage(run) or move.previous_stage,
    }
    effect = MoveCard(stage=move.stage, reason=reason, moved_by=_MOVED_BY)
    return answer(content, ToolResult(content={}, effects=(effect,), evidence=(action_of("card_moved", _NAME),)))


def _planned_stage(run: ToolRun) -> str | None:
    """Give where this turn put the card already."""
    moves = [effect.stage for effect in run.effects if isinstance(effect, MoveCard)]
    return moves[-1] if moves else None
