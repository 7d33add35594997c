"""How a tool answers the model: one JSON object (docs/tools.md), with what backs it for the observer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from domain.dates_ptbr import format_date, weekday_name
from domain.money import format_brl
from domain.turns import Agreement, Evidence
from tools.context import ToolResult

Answer = tuple[str, ToolResult]
Action = Literal[
    "promise_registered", "promise_proposed", "payment_claimed", "payment_confirmed", "handed_off", "opted_out",
    "card_moved", "field_saved", "second_copy_sent",
]  # fmt: skip

SYSTEM_UNAVAILABLE = (
    "O sistema não respondeu. Não diga que não há dívida nem invente dados: peça desculpas, diga que não conseguiu "
    "consultar agora e ofereça tentar de novo daqui a pouco ou falar com uma pessoa."
)


def answer(content: Mapping[str, object], result: ToolResult | None = None) -> Answer:
    """Answer that it worked; `result` brings evidence, effects and the rest."""
    whole = {"ok": True, **content}
    return _written(whole), replace(result or ToolResult(content=whole), content=whole)


def refuse(error: str, message: str, result: ToolResult | None = None, **more: object) -> Answer:
    """Answer that it did not work: the code of docs/tools.md, and for the model what to do next."""
    whole: dict[str, object] = {"ok": False, "erro": error, "mensagem": message, **more}
    return _written(whole), replace(result or ToolResult(content=whole), content=whole)


def unavailable() -> Answer:
    return refuse("sistema_indisponivel", SYSTEM_UNAVAILABLE)


def empty() -> ToolResult:
    """Give a result to fill in; the content comes with the answer."""
    return ToolResult(content={})


def amount_of(cents: int, tool: str) -> Evidence:
    return Evidence(kind="amount", value=str(cents), source=tool)


def date_of(day: date, tool: str) -> Evidence:
    return Evidence(kind="date", value=day.isoformat(), source=tool)


def action_of(action: Action, tool: str) -> Evidence:
    return Evidence(kind="action", value=action, source=tool)


def code_of(code: str, tool: str) -> Evidence:
    return Evidence(kind="code", value=code, source=tool)


def text_of(text: str, tool: str) -> Evidence:
    return Evidence(kind="text", value=text, source=tool)


def describe_agreement(agreement: Agreement) -> dict[str, object]:
    """Write a promise as the contract has it: amount, date, weekday."""
    day = date.fromisoformat(agreement["due_on"])
    return {
        "valor": format_brl(agreement["amount_cents"]), "data": format_date(day), "dia_semana": weekday_name(day)
    }  # fmt: skip


def evidence_of_agreement(agreement: Agreement, tool: str) -> tuple[Evidence, ...]:
    return (
        amount_of(agreement["amount_cents"], tool), date_of(date.fromisoformat(agreement["due_on"]), tool),
    )  # fmt: skip


def unique(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Drop repetitions, keep the order."""
    seen: dict[tuple[str, str], Evidence] = {}
    for item in evidence:
        seen.setdefault((item["kind"], item["value"]), item)
    return tuple(seen.values())


def _written(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False)
