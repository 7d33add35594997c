"""Talks as events, written short: what each side said, what tools gave, what came into the database."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from evals.events import (
    AgentSaid,
    Changed,
    CustomerSaid,
    EndState,
    Event,
    PromiseState,
    Routed,
    ToolCalled,
    Transcript,
)
from evals.policies.registry import find_breaks
from evals.scenario import Scenario

MARIA = "52998224725"
JOAO = "11144477735"
NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)  # Friday, 10:00 in São Paulo
FRIDAY = date(2026, 11, 27)
_CUSTOMERS = (
    {
        "document": MARIA, "name": "Maria da Silva", "phone": "+5511999990001",
        "invoices": [
            {"number": "FAT-1001", "amount_cents": 11990, "days_late": 41},
            {"number": "FAT-1002", "amount_cents": 11990, "days_late": 11},
        ],
    },
    {
        "document": JOAO, "name": "João Pereira dos Santos", "phone": "+5511999990002",
        "invoices": [{"number": "FAT-1003", "amount_cents": 15773, "days_late": 15}],
    },
)  # fmt: skip


def scenario(
    *, expect: dict[str, object] | None = None, seed: dict[str, object] | None = None, **more: object
) -> Scenario:
    """A scenario with Maria (two invoices) and João (one) in the ledger; the contact is Maria's phone."""
    contact = {"phone": "+5511999990001", "name": "Maria", "document": MARIA}
    return Scenario.model_validate(
        {
            "id": "teste-001", "suite": "teste", "title": "Conversa de teste", "now": "2026-11-20T10:00:00-03:00",
            "seed": {"contact": contact, "customers": _CUSTOMERS, **(seed or {})},
            "user": {"kind": "script", "turns": ["oi"]}, "expect": expect or {}, **more,
        }
    )  # fmt: skip


class Told:
    """Collects the events of a talk. Customer's words open a turn."""

    def __init__(self, *, at: datetime = NOW) -> None:
        self.events: list[Event] = []
        self.promises: list[PromiseState] = []
        self.end: dict[str, object] = {}
        self._turn = 0
        self._at = at

    def customer(self, *texts: str) -> "Told":
        self._turn += 1
        self._at += timedelta(seconds=20)
        self.events += [CustomerSaid(turn=self._turn, at=self._at, text=text) for text in texts]
        return self

    def agent(self, *texts: str, model: str | None = "offline") -> "Told":
        self.events += [AgentSaid(turn=self._turn, at=self._at, text=text, model=model) for text in texts]
        return self

    def route(self, agent: str | None, reason: str = "") -> "Told":
        self.events.append(Routed(turn=self._turn, at=self._at, agent=agent, reason=reason))
        return self

    def tool(self, name: str, /, **result: object) -> "Told":
        given = json.dumps({"ok": True, **result}, ensure_ascii=False)
        self.events.append(ToolCalled(turn=self._turn, at=self._at, name=name, result=given))
        return self

    def change(self, table: str, after: dict[str, object] | None, before: dict[str, object] | None = None) -> "Told":
        event = {"type": "change", "turn": self._turn, "at": self._at, "table": table, "key": f"{table}-1"}
        self.events.append(Changed.model_validate({**event, "before": before, "after": after}))
        return self

    def confirmed(self, document: str = MARIA) -> "Told":
        """The customer gave the document and the lookup told the debt."""
        self.customer("529.982.247-25" if document == MARIA else "111.444.777-35")
        self.tool("consultar_faturas_cpf", nome="[nome]", total="R$ 239,80", quantidade=2)
        self.end |= {"identity": "confirmada", "identity_document": document}
        return self.agent(
            "Encontrei 2 faturas em aberto:\n• FAT-1001: R$ 119,90, venceu em 10/10/2026 (41 dias de atraso)\n"
            "• FAT-1002: R$ 119,90, venceu em 09/11/2026 (11 dias de atraso)\nTotal: R$ 239,80.\nQuando consegue pagar?"
        )

    def read_back(self, day: str = "sexta-feira, 27/11/2026", amount: str = "R$ 119,90") -> "Told":
        self.customer("pago uma na sexta que vem")
        return self.agent(f"Então fica assim: {amount} na {day}. Posso registrar?")

    def stored(
        self, *, amount_cents: int = 11990, due_on: date = FRIDAY, document: str = MARIA, protocol: str = "P7F3K2Q"
    ) -> "Told":
        row: dict[str, object] = {
            "document": document, "amount_cents": amount_cents, "due_on": due_on.isoformat(), "status": "pending",
            "protocol": protocol,
        }  # fmt: skip
        self.promises.append(
            PromiseState(
                document=document, amount_cents=amount_cents, due_on=due_on, status="pending", protocol=protocol
            )
        )
        return self.change("promises", row)

    def transcript(self, **more: object) -> Transcript:
        end = EndState.model_validate({"promises": self.promises, **self.end})
        given = {"scenario_id": "teste-001", "scenario_version": 1, "events": self.events, "end": end, **more}
        return Transcript.model_validate(given)


def broken_by(told: Told, given: Scenario | None = None) -> set[str]:
    """Name the policies that a talk breaks."""
    return {name for name, found in find_breaks(given or scenario(), told.transcript()).items() if found}


def said_after_confirmation(*texts: str) -> Told:
    return Told().confirmed().customer("e aí?").agent(*texts)


def said_before_confirmation(*texts: str, asked: Sequence[str] = ("oi",)) -> Told:
    return Told().customer(*asked).agent(*texts)
