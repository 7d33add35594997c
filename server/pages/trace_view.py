"""Beside the phone: what the graph did in each turn, step by step, with the turn's figures."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from nicegui import ui
from nicegui.element import Element

from server.pages.explained import explain
from server.pages.markup import tag
from server.pages.words import Language, Words
from store.simulation import SimulatedTurnRow

Step = Mapping[str, object]
_ROUTE: Final = frozenset({"route", "router"})
_SHOWN_ELSEWHERE: Final = frozenset({"step"})


class TraceView:
    """The turns of one conversation, the newest on top and open."""

    def __init__(self, *, words: Words, language: Language) -> None:
        self._words = words
        self._language = language
        with tag("div", "turns-scroll"):
            self._running = tag("div", "turn-running", attributes={"data-testid": "turn-running"})
            with self._running:
                for _ in range(3):
                    tag("span", "dot")
            self._turns = tag("div", "turns")
            self._empty = tag("div", "empty")
            with self._empty:
                tag("div", "empty-icon", text="", icon="graph")
                tag("div", "empty-title", text=words.trace_empty_title)
                tag("div", "empty-text", text=words.trace_empty_text)
        self._running.set_visibility(False)
        self._newest: Element | None = None

    def clear(self) -> None:
        self._turns.clear()
        self._newest = None
        self._running.set_visibility(False)
        self._empty.set_visibility(True)

    def show_running(self, is_running: bool) -> None:
        self._running.set_visibility(is_running)
        self._empty.set_visibility(not is_running and self._newest is None)

    def add(self, turn: SimulatedTurnRow) -> None:
        """Put a turn on top and fold the one before it."""
        if self._newest is not None:
            self._newest.props.pop("open", None)
        self._empty.set_visibility(False)
        with self._turns:
            card = ui.element("details").classes("turn")
            card.props["open"] = True
            card.props["data-testid"] = "turn"
            with card:
                self._summary(turn)
                with tag("div", "turn-body"):
                    with tag("ol", "steps"):
                        for step in turn.trace:
                            self._step(step)
                    self._figures(turn)
        card.move(target_index=0)
        self._newest = card

    def _summary(self, turn: SimulatedTurnRow) -> None:
        words = self._words
        with ui.element("summary"):
            tag("span", "turn-number", text=f"{words.turn} {turn.turn_seq}")
            tag("span", "turn-agent", text=turn.agent or words.no_agent)
            tag("span", "grow")
            tag("span", "turn-time", text=_milliseconds(turn))
            tag("span", f"verdict is-{_slug(turn.verdict)}", text=self._verdict(turn.verdict))

    def _verdict(self, verdict: object) -> str:
        known: str | None = getattr(self._words, f"verdict_{verdict or 'none'}", None)
        return known or str(verdict)

    def _step(self, step: Step) -> None:
        kind = str(step.get("step", ""))
        if kind in _ROUTE:
            self._route(step)
        elif kind == "tool":
            self._tool(step)
        elif kind == "observer":
            self._observer(step)
        else:
            titles = {"refiner": self._words.refiner, "model": self._words.model_step}
            self._generic(step, titles.get(kind) or f"{self._words.other_step} {kind}".strip(), kind)

    def _route(self, step: Step) -> None:
        with tag("li", "step is-route", attributes={"data-testid": "step-route"}):
            with tag("div", "step-head"):
                tag("span", "step-title", text=self._words.route)
                agent = step.get("agent")
                tag("span", "chip", text=str(agent) if agent else self._words.no_agent)
            if step.get("reason"):
                tag("div", "step-text", text=explain(str(step["reason"]), self._language))

    def _tool(self, step: Step) -> None:
        result = _parsed(step.get("result"))
        is_refused = isinstance(result, Mapping) and result.get("ok") is False
        with tag("li", "step is-tool", attributes={"data-testid": "step-tool"}) as item:
            if is_refused:
                item.classes("is-refused")
            with tag("div", "step-head"):
                tag("code", "tool-name", text=str(step.get("tool") or step.get("name") or "?"))
                if is_refused and isinstance(result, Mapping) and result.get("erro"):
                    tag("span", "chip is-warning", text=str(result["erro"]))
                tag("span", "grow")
                spent = step.get("milliseconds", step.get("ms"))
                if spent is not None:
                    tag("span", "turn-time", text=f"{_number(spent)} ms")
            self._pairs(_parsed(step.get("arguments")), self._words.arguments)
            with ui.element("details").classes("result"):
                tag("summary", text=self._words.result)
                tag("pre", text=_pretty(result))

    def _pairs(self, value: object, label: str) -> None:
        if not isinstance(value, Mapping):
            tag("pre", text=_pretty(value))
            return
        with tag("dl", "pairs", attributes={"aria-label": label}):
            for key, item in value.items():
                if item in (None, "", [], {}):
                    continue
                tag("dt", text=str(key))
                tag("dd", text=item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str))

    def _observer(self, step: Step) -> None:
        verdict = step.get("verdict")
        reasons = step.get("reasons")
        with tag("li", f"step is-observer is-{_slug(verdict)}", attributes={"data-testid": "step-observer"}):
            with tag("div", "step-head"):
                tag("span", "step-title", text=self._words.observer)
                tag("span", f"verdict is-{_slug(verdict)}", text=self._verdict(verdict))
            lines = _reasons(reasons)
            if not lines:
                tag("div", "step-text", text=self._words.reasons_none)
            for code, excerpt in lines:
                with tag("div", "reason"):
                    tag("span", "reason-name", text=explain(code, self._language), attributes={"title": code})
                    if excerpt:
                        tag("span", text=f"“{excerpt}”")

    def _generic(self, step: Step, title: str, kind: str) -> None:
        with tag("li", f"step is-{_slug(kind)}", attributes={"data-testid": f"step-{_slug(kind)}"}):
            with tag("div", "step-head"):
                tag("span", "step-title", text=title)
            self._pairs({key: value for key, value in step.items() if key not in _SHOWN_ELSEWHERE}, title)

    def _figures(self, turn: SimulatedTurnRow) -> None:
        words = self._words
        tokens = f"{turn.input_tokens} → {turn.output_tokens}" if turn.models else "0"
        figures = (
            ("prompt", words.prompt, turn.prompt_version or "-"),
            ("model", words.model, turn.model or ", ".join(turn.models) or words.no_model),
            ("tokens", words.tokens, tokens),
            ("duration", words.duration, _milliseconds(turn)),
            ("reruns", words.reruns, str(turn.reruns)),
        )
        with tag("dl", "figures"):
            for name, label, value in figures:
                with tag("div", f"figure is-{name}"):
                    tag("dt", text=label)
                    tag("dd", text=value, attributes={"data-testid": f"figure-{name}", "title": value})


def _milliseconds(turn: SimulatedTurnRow) -> str:
    return f"{round((turn.finished_at - turn.started_at).total_seconds() * 1000)} ms"


def _number(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, int | float) else str(value)


def _slug(value: object) -> str:
    """Make a class name of a word that data gave."""
    return "".join(character for character in str(value or "none").lower() if character.isalnum()) or "none"


def _parsed(value: object) -> object:
    """Read a traced value, which may be JSON text, cut off or not."""
    if not isinstance(value, str):
        return value
    try:
        parsed: object = json.loads(value)
    except ValueError:
        return value
    return parsed


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _reasons(value: object) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for item in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        if isinstance(item, Mapping):
            found.append((str(item.get("reason", "")), str(item.get("excerpt", ""))))
        else:
            found.append((str(item), ""))
    return found
