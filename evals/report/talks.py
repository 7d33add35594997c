"""The talks of a report in small: shared strings and shared talks, packed, for the page's own script to unpack.

Nothing of it is markup: the page carries base64, and the script writes text nodes only.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from evals.events import AgentSaid, Changed, CustomerSaid, Event, Observed, Routed, ToolCalled, Transcript
from evals.report.figures_text import BRASILIA, shown
from evals.report.rows import Hide, mark_of
from evals.results import Cell, Check, CheckKind, ResultFile, Run
from evals.scenario import Scenario

RunKey = tuple[str, int]
ScenarioKey = tuple[str, int]
Packed = list[object]
MOST_BYTES: Final = 3_900_000  # of the packed talks: with the list, a page stays below 5 MB
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One result with the talks that are there, masked."""

    result: ResultFile
    transcripts: Mapping[RunKey, Transcript]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedTalks:
    """Base64 of gzipped JSON, and how many talks had to be left out."""

    text: str
    left_out: int


@dataclass(slots=True)
class _Table:
    """Values kept once, in the order in which they came."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))


def pack(
    cases: Sequence[ScenarioKey],
    candidate: Side,
    baseline: Side | None,
    *,
    partners: Sequence[int],
    scenarios: Mapping[ScenarioKey, Scenario],
    hide: Hide,
    most_bytes: int = MOST_BYTES,
) -> PackedTalks:
    """Pack the talks of `cases` in that order. What does not fit is left out: first the baseline's talks of scenarios
    that pass, then all repeats but the first of scenarios that
    pass, then all that passed, then all repeats but the first, then the rest."""
    most = _Packer(scenarios, hide, _LEVELS[0])
    text = most.packed(cases, candidate, baseline, partners)
    packer = most
    for keeps in _LEVELS[1:]:
        if len(text) <= most_bytes:
            break
        packer = _Packer(scenarios, hide, keeps)
        text = packer.packed(cases, candidate, baseline, partners)
    return PackedTalks(text=text, left_out=most.talks_kept - packer.talks_kept)


# run, whether it is the baseline's, whether any repeat of its scenario failed -> whether its talk stays
_Keeps = Callable[[Run, bool, bool], bool]
_LEVELS: Final[Sequence[_Keeps]] = (
    lambda run, is_baseline, has_failed: True,
    lambda run, is_baseline, has_failed: has_failed or not is_baseline,
    lambda run, is_baseline, has_failed: has_failed or (not is_baseline and run.repeat == 0),
    lambda run, is_baseline, has_failed: not is_baseline and not run.has_passed,
    lambda run, is_baseline, has_failed: not is_baseline and not run.has_passed and run.repeat == 0,
    lambda run, is_baseline, has_failed: False,
)


class _Packer:
    """Turns runs and talks into lists of places in tables of what is shared."""

    def __init__(self, scenarios: Mapping[ScenarioKey, Scenario], hide: Hide, keeps: _Keeps) -> None:
        self._scenarios = scenarios
        self._hide = hide
        self._keeps = keeps
        self._strings = _Table()
        self._talks = _Table()
        self._checks = _Table()
        self.talks_kept = 0

    def packed(
        self, cases: Sequence[ScenarioKey], candidate: Side, baseline: Side | None, partners: Sequence[int]
    ) -> str:
        runs, before = _by_case(candidate), _by_case(baseline) if baseline else {}
        written = [self._case(key, runs.get(key, ()), before.get(key, ()), candidate, baseline) for key in cases]
        data = {
            "strings": list(self._strings.places),
            "checks": [json.loads(text) for text in self._checks.places],
            "talks": [json.loads(text) for text in self._talks.places],
            "cells": [cell.name for cell in candidate.result.cells],
            "baselineCells": [cell.name for cell in baseline.result.cells] if baseline else [],
            "partners": list(partners),
            "cases": written,
        }
        plain = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return base64.b64encode(gzip.compress(plain, 7, mtime=0)).decode()

    def _case(
        self, key: ScenarioKey, runs: Sequence[Run], before: Sequence[Run], candidate: Side, baseline: Side | None
    ) -> dict[str, object]:
        scenario = self._scenarios.get(key)
        has_failed = any(not run.has_passed for run in (*runs, *before))
        about = (
            [self._hide(key, text) for text in (scenario.persona, scenario.goal, *scenario.hidden)] if scenario else []
        )
        zone = ZoneInfo(scenario.seed.time_zone) if scenario else BRASILIA
        return {
            "id": key[0],
            "v": key[1],
            "about": about,
            "channel": scenario.channel.value if scenario else "",
            "runs": [self._run(run, candidate, zone, is_baseline=False, has_failed=has_failed) for run in runs],
            "before": [
                self._run(run, baseline, zone, is_baseline=True, has_failed=has_failed) for run in before if baseline
            ],
        }

    def _run(self, run: Run, side: Side, zone: ZoneInfo, *, is_baseline: bool, has_failed: bool) -> Packed:
        transcript = side.transcripts.get((run.key, run.repeat))
        place = -1
        if transcript and self._keeps(run, is_baseline, has_failed):
            place = self._talks.place(json.dumps(self._talk(transcript, zone), separators=(",", ":")))
            self.talks_kept += 1
        spoken = [check for check in run.checks if not check.has_passed or check.kind is CheckKind.JUDGE]
        key = (run.scenario_id, run.scenario_version)
        quiet = ",".join(check.id for check in run.checks if check not in spoken)
        return [
            _place_of(side.result.cells, run.cell),
            run.repeat,
            mark_of(run),
            self._string(run.cause.value if run.cause else ""),
            place,
            [self._check(key, check) for check in spoken],
            self._string(quiet),
            [round(ms) for ms in run.turn_ms],
            self._string(self._hide(key, run.error or "")),
            self._string(self._hide(key, run.known_failure or "")),
        ]

    def _check(self, key: ScenarioKey, check: Check) -> int:
        fields = (check.id, check.kind.value, check.severity.value, check.turn, check.has_passed)
        written = [*fields, self._string(self._hide(key, check.detail)), self._string(shown(check.ground))]
        return self._checks.place(json.dumps(written, ensure_ascii=False))

    def _talk(self, talk: Transcript, zone: ZoneInfo) -> dict[str, object]:
        clock: dict[int, str] = {}
        for event in talk.events:
            clock.setdefault(event.turn, f"{event.at.astimezone(zone):%d/%m %H:%M}")
        end = {name: value for name, value in talk.end.model_dump(mode="json", exclude_defaults=True).items() if value}
        return {
            "e": list(self._events(talk.events)),
            "t": [[turn, self._string(text)] for turn, text in sorted(clock.items())],
            "codes": [self._string(shown(code)) for code in _protocols(talk)],
            "end": self._text(_json(end)),
            "by": talk.ended_by,
        }

    def _events(self, events: Iterable[Event]) -> Iterator[Packed]:
        rows: dict[tuple[str, str], int] = {}  # rows are named by their place: their ids differ at each run
        for event in events:
            match event:
                case CustomerSaid():
                    yield ["c", event.turn, self._text(event.text), self._string(event.kind)]
                case AgentSaid():
                    names = (event.agent or "", event.verdict, event.author, event.model or "")
                    yield ["a", event.turn, self._text(event.text), *(self._string(name) for name in names)]
                case Routed():
                    yield ["r", event.turn, self._string(event.agent or ""), self._text(event.reason)]
                case ToolCalled():
                    texts = (event.name, _json(event.arguments), event.result)
                    yield ["t", event.turn, *(self._text(text) for text in texts)]
                case Observed():
                    if event.reasons or event.draft or event.verdict not in {"approved", "none"}:
                        reasons = self._text("\n".join(event.reasons))
                        yield ["o", event.turn, self._string(event.verdict), reasons, self._text(event.draft)]
                case Changed():
                    row = rows.setdefault((event.table, event.key), 1 + sum(key[0] == event.table for key in rows))
                    states = (_json(event.before), _json(event.after))
                    yield ["d", event.turn, self._string(event.table), row, *(self._text(state) for state in states)]

    def _text(self, text: str) -> int:
        return self._string(shown(_UUID.sub("…", text)))

    def _string(self, text: str) -> int:
        return self._strings.place(text)


def _protocols(talk: Transcript) -> list[str]:
    """Give the protocol numbers of a talk, which are others at every run."""
    rows = [row for event in talk.events if isinstance(event, Changed) for row in (event.before, event.after) if row]
    found = [str(row["protocol"]) for row in rows if row.get("protocol")]
    return sorted({*found, *(promise.protocol for promise in talk.end.promises if promise.protocol)})


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _by_case(side: Side) -> dict[ScenarioKey, list[Run]]:
    found: dict[ScenarioKey, list[Run]] = {}
    places = {cell.name: place for place, cell in enumerate(side.result.cells)}
    for run in sorted(side.result.runs, key=lambda run: (places[run.cell.name], run.repeat)):
        found.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    return found


def _place_of(cells: Sequence[Cell], cell: Cell) -> int:
    return [each.name for each in cells].index(cell.name)
