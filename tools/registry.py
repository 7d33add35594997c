"""Which agent may call which tool (docs/tools.md)."""

from collections.abc import Mapping
from typing import Final

from langchain_core.tools import BaseTool

from domain.turns import AgentName
from tools.contact_fields import save_contact_field
from tools.escalation import hand_over
from tools.invoices import look_up_invoices, make_payment_code
from tools.kanban import move_card
from tools.knowledge import search_knowledge
from tools.opt_out import register_opt_out
from tools.products import find_products
from tools.promises import register_promise, update_collection_status

_EVERYBODY: Final[tuple[BaseTool, ...]] = (search_knowledge, save_contact_field, hand_over, register_opt_out)

TOOLS_BY_AGENT: Final[Mapping[AgentName, tuple[BaseTool, ...]]] = {
    "persona": _EVERYBODY,
    "cobranca": (
        look_up_invoices, register_promise, update_collection_status, make_payment_code, move_card, *_EVERYBODY
    ),
    "sales": (find_products, move_card, *_EVERYBODY),
}  # fmt: skip
