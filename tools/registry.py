"""Which agent may call which tool, and on which medium (docs/tools.md)."""

from collections.abc import Mapping, Sequence
from typing import Final

from langchain_core.tools import BaseTool

from domain.messages import Medium
from domain.turns import AgentName
from tools.calls import end_call
from tools.contact_fields import save_contact_field
from tools.escalation import hand_over
from tools.invoices import look_up_invoices, make_payment_code
from tools.kanban import move_card
from tools.knowledge import search_knowledge
from tools.opt_out import register_opt_out
from tools.products import find_products
from tools.promises import register_promise, update_collection_status
from tools.voice_escalation import escalate_to_voice

_EVERYBODY: Final[tuple[BaseTool, ...]] = (
    search_knowledge, save_contact_field, hand_over, register_opt_out, escalate_to_voice, end_call
)  # fmt: skip

TOOLS_BY_AGENT: Final[Mapping[AgentName, tuple[BaseTool, ...]]] = {
    "persona": _EVERYBODY,
    "cobranca": (
        look_up_invoices, register_promise, update_collection_status, make_payment_code, move_card, *_EVERYBODY
    ),
    "sales": (find_products, move_card, *_EVERYBODY),
}  # fmt: skip
_ONLY_IN_CALLS: Final = frozenset({"encerrar_ligacao"})
_ONLY_IN_TEXT: Final = frozenset({"escalar_para_voz"})


def offered_on(medium: Medium, tools: Sequence[BaseTool]) -> tuple[BaseTool, ...]:
    """Leave out what makes no sense on a medium: hanging up in text, asking for a call in a call."""
    unfit = _ONLY_IN_TEXT if medium is Medium.VOICE else _ONLY_IN_CALLS
    return tuple(tool for tool in tools if tool.name not in unfit)
