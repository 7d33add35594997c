"""What a scenario expects, held against what a talk left: the database's end state first, then tools, routes, words."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from domain.masking import mask_document, mask_text
from evals.events import AgentSaid, PromiseState, Routed, ToolCalled, Transcript
from evals.policies.promises import brl, written_day
from evals.policies.reading import fold
from evals.results import Check, CheckKind
from evals.scenario import ExpectedPromise, Scenario, Words

_STATUS_WORDS: Final = {
    "pending": "viva",
    "fulfilled": "cumprida",
    "broken": "quebrada",
    "renegotiated": "renegociada",
    "canceled": "cancelada",
}
_LONGEST_QUOTE: Final = 200


class _Talk:
    """A transcript as expectations look at it."""

    def __init__(self, scenario: Scenario, transcript: Transcript) -> None:
        self.scenario = scenario
        self.transcript = transcript
        self.severity = scenario.severity
        self.said: dict[int, list[str]] = {}
        self.agents: dict[int, str | None] = {}
        self.tools: list[ToolCalled] = []
        self.last_turn = 0
        for event in transcript.events:
            self.last_turn = max(self.last_turn, event.turn)
            if isinstance(event, AgentSaid) and event.author == "agent":
                self.said.setdefault(event.turn, []).append(event.text)
            elif isinstance(event, Routed):
                self.agents[event.turn] = event.agent
            elif isinstance(event, ToolCalled):
                self.tools.append(event)

    def change_turn(self, table: str) -> int | None:
        """Give the turn that last changed a table, else the last one: where to look."""
        turns = [event.turn for event in self.transcript.events if event.type == "change" and event.table == table]
        return max(turns, default=self.last_turn or None)

    def check(
        self, name: str, kind: CheckKind, has_passed: bool, *, turn: int | None = None, detail: str = ""
    ) -> Check:
        return Check(
            id=name, kind=kind, has_passed=has_passed, severity=self.severity, turn=None if has_passed else turn,
            detail="" if has_passed else mask_text(detail),
        )  # fmt: skip

    def state(self, name: str, expected: object, found: object, *, turn: int | None) -> Check:
        detail = f"esperado: {_shown(expected)}; encontrado: {_shown(found)}"
        return self.check(f"state.{name}", CheckKind.STATE, expected == found, turn=turn, detail=detail)


def check_expectations(scenario: Scenario, transcript: Transcript) -> tuple[Check, ...]:
    """Hold every expectation of a scenario against a talk, in the order in which they count."""
    talk = _Talk(scenario, transcript)
    return (*_state(talk), *_tools(talk), *_route(talk), *_words(talk), *_budget(talk))


# --- state


def _state(talk: _Talk) -> Iterator[Check]:
    expected, end = talk.scenario.expect.state, talk.transcript.end
    if expected.promises is not None:
        yield _promises(talk, expected.promises)
    if expected.identity is not None:
        yield talk.state("identity", expected.identity, end.identity, turn=_lookup_turn(talk))
    if expected.identity_document is not None:
        found = end.identity_document
        yield talk.check(
            "state.identity_document", CheckKind.STATE, expected.identity_document == found, turn=_lookup_turn(talk),
            detail=f"esperado: {mask_document(expected.identity_document)}; "
            f"encontrado: {mask_document(found) if found else 'nenhum'}",
        )  # fmt: skip
    conversations = talk.change_turn("conversations")
    if expected.handler is not None:
        yield talk.state("handler", expected.handler, end.handler, turn=conversations)
    if expected.is_opted_out is not None:
        yield talk.state("is_opted_out", expected.is_opted_out, end.is_opted_out, turn=talk.change_turn("opt_outs"))
    if expected.open_claims is not None:
        yield talk.state("open_claims", expected.open_claims, end.open_claims, turn=talk.change_turn("payment_claims"))
    if expected.wrong_person is not None:
        yield talk.state("wrong_person", expected.wrong_person, end.wrong_person, turn=talk.change_turn("contacts"))
    if expected.stage is not None:
        yield talk.state("stage", expected.stage, end.stage or "", turn=talk.change_turn("cards"))
    for name, value in expected.fields.items():
        yield talk.state(f"fields.{name}", value, end.fields.get(name), turn=talk.change_turn("contacts"))
    if expected.call_requests is not None:
        found_calls = end.call_requests
        yield talk.state("call_requests", expected.call_requests, found_calls, turn=talk.change_turn("call_requests"))


def _lookup_turn(talk: _Talk) -> int | None:
    """Give the turn of the last lookup of a holder, else the last turn."""
    turns = [tool.turn for tool in talk.tools if tool.name == "consultar_faturas_cpf"]
    return max(turns, default=talk.last_turn or None)


def _promises(talk: _Talk, expected: Sequence[ExpectedPromise]) -> Check:
    """Exactly these, of the statuses they name; an empty list asks that none stands."""
    statuses = {promise.status for promise in expected} or {"pending"}
    found = [promise for promise in talk.transcript.end.promises if promise.status in statuses]
    return talk.check(
        "state.promises", CheckKind.STATE, len(found) == len(expected) and _pairs_up(list(expected), found),
        turn=talk.change_turn("promises"),
        detail=f"esperado: {_listed([_wanted(item) for item in expected])}; "
        f"encontrado: {_listed([_stored(item) for item in found])}",
    )  # fmt: skip


def _pairs_up(expected: list[ExpectedPromise], found: list[PromiseState]) -> bool:
    """Tell whether each expected promise can have a stored one of its own."""
    if not expected:
        return True
    first, rest = expected[0], expected[1:]
    return any(
        _fits(first, promise) and _pairs_up(rest, found[:at] + found[at + 1 :]) for at, promise in enumerate(found)
    )


def _fits(expected: ExpectedPromise, promise: PromiseState) -> bool:
    return (
        expected.status == promise.status
        and expected.amount_cents in (None, promise.amount_cents)
        and expected.document in (None, promise.document)
        and (expected.due_on is None or promise.due_on in _days(expected))
    )


def _days(expected: ExpectedPromise) -> tuple[date, ...]:
    if expected.due_on is None:
        return ()
    return expected.due_on if isinstance(expected.due_on, tuple) else (expected.due_on,)


def _wanted(expected: ExpectedPromise) -> str:
    amount = brl(expected.amount_cents) if expected.amount_cents is not None else "qualquer valor"
    days = " ou ".join(written_day(day) for day in _days(expected)) or "qualquer dia"
    whose = f", de {mask_document(expected.document)}" if expected.document else ""
    return f"{amount} para {days} ({_STATUS_WORDS[expected.status]}){whose}"


def _stored(promise: PromiseState) -> str:
    status = _STATUS_WORDS.get(promise.status, promise.status)
    whose = mask_document(promise.document)
    return f"{brl(promise.amount_cents)} para {written_day(promise.due_on)} ({status}), de {whose}"


def _listed(texts: Sequence[str]) -> str:
    return "; ".join(texts) or "nenhuma promessa"


def _shown(value: object) -> str:
    if value is None or value == "":
        return "nada"
    if isinstance(value, bool):
        return "sim" if value else "não"
    return str(value)


# --- tools


def _tools(talk: _Talk) -> Iterator[Check]:
    expected = talk.scenario.expect.tools
    called = [tool.name for tool in talk.tools]
    listed = ", ".join(dict.fromkeys(called)) or "nenhuma"
    for name in expected.required:
        yield talk.check(
            f"tools.required.{name}", CheckKind.TOOLS, name in called, turn=talk.last_turn or None,
            detail=f"esperado: {name} chamada; chamadas: {listed}",
        )  # fmt: skip
    for name in expected.forbidden:
        turn = next((tool.turn for tool in talk.tools if tool.name == name), None)
        yield talk.check(
            f"tools.forbidden.{name}", CheckKind.TOOLS, turn is None, turn=turn,
            detail=f"{name} não devia ser chamada, e foi, no turno {turn}",
        )  # fmt: skip
    if expected.is_ordered and len(expected.required) > 1:
        yield talk.check(
            "tools.order", CheckKind.TOOLS, _is_subsequence(expected.required, called), turn=talk.last_turn or None,
            detail=f"esperado nesta ordem: {', '.join(expected.required)}; chamadas: {', '.join(called) or 'nenhuma'}",
        )  # fmt: skip


def _is_subsequence(wanted: Sequence[str], called: Sequence[str]) -> bool:
    left = iter(called)
    return all(name in left for name in wanted)


# --- route


def _route(talk: _Talk) -> Iterator[Check]:
    for turn, agent in enumerate(talk.scenario.expect.route, start=1):
        if agent is None:
            continue
        found = talk.agents.get(turn)
        yield talk.check(
            f"route.{turn}", CheckKind.ROUTE, found == agent, turn=turn,
            detail=f"esperado: {agent}; encontrado: {found or 'nenhum agente (resposta fixa ou sem turno)'}",
        )  # fmt: skip


# --- words


def _words(talk: _Talk) -> Iterator[Check]:
    for number, words in enumerate(talk.scenario.expect.said, start=1):
        turn, texts = _texts(talk, words)
        yield talk.check(
            f"said.{number}", CheckKind.WORDS, any(_pattern(words.pattern).search(text) for _, text in texts),
            turn=turn, detail=f"esperado na resposta: /{words.pattern}/; dito: {_quoted(texts)}",
        )  # fmt: skip
    for number, words in enumerate(talk.scenario.expect.never_said, start=1):
        _, texts = _texts(talk, words)
        hit = next(((at, match[0]) for at, text in texts if (match := _pattern(words.pattern).search(text))), None)
        yield talk.check(
            f"never_said.{number}", CheckKind.WORDS, hit is None, turn=hit[0] if hit else None,
            detail=f"não devia ser dito: /{words.pattern}/; dito: “{hit[1] if hit else ''}”",
        )  # fmt: skip


def _texts(talk: _Talk, words: Words) -> tuple[int | None, list[tuple[int, str]]]:
    """Give the turn to look at and what was said in the turns that the expectation is about, folded."""
    folded = [(turn, fold("\n".join(texts))) for turn, texts in sorted(talk.said.items())]
    if words.turn is None:
        return talk.last_turn or None, folded
    turn = (folded[-1][0] if folded else None) if words.turn == -1 else words.turn
    return turn, [item for item in folded if item[0] == turn]


@lru_cache(maxsize=2048)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _quoted(texts: Sequence[tuple[int, str]]) -> str:
    if not texts:
        return "nada"
    last = " ".join(texts[-1][1].split())
    return f"“{last if len(last) <= _LONGEST_QUOTE else last[: _LONGEST_QUOTE - 1] + '…'}”"


# --- budget


def _budget(talk: _Talk) -> Iterator[Check]:
    budget, transcript = talk.scenario.budget, talk.transcript
    is_over = transcript.ended_by == "budget" or talk.last_turn > budget.turns
    yield _spent(talk, "turns", not is_over, f"no máximo {budget.turns} turnos; a conversa não tinha terminado")
    if budget.latency_ms is not None and transcript.turn_ms:
        latency = percentile(transcript.turn_ms, 95)
        yield _spent(
            talk, "latency", latency <= budget.latency_ms, f"p95 até {budget.latency_ms} ms; medido {latency:.0f} ms"
        )
    if budget.tokens is not None:
        used = transcript.input_tokens + transcript.output_tokens
        yield _spent(talk, "tokens", used <= budget.tokens, f"até {budget.tokens} tokens; usados {used}")
    if budget.cost_brl is not None:
        cost = transcript.cost_brl
        yield _spent(talk, "cost", cost <= budget.cost_brl, f"até R$ {budget.cost_brl:.4f}; custou R$ {cost:.4f}")


def _spent(talk: _Talk, name: str, has_passed: bool, detail: str) -> Check:
    return talk.check(f"budget.{name}", CheckKind.BUDGET, has_passed, turn=talk.last_turn or None, detail=detail)


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the nearest-rank percentile of some values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
