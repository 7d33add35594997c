"""Read scenario files: YAML for people, JSON lines for programs. All problems of a file are told at once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from evals.field_errors import field_errors, field_name
from evals.scenario import Scenario
from evals.yaml_reading import YamlUnreadable, read_yaml

SUITES: Final = Path(str(files("evals"))) / "suites"
ALL: Final = "all"
_MAX_BYTES: Final = 5 * 1024 * 1024
_SHOWN_PROBLEMS: Final = 50
_FILE_KEYS: Final = frozenset({"suite", "defaults", "scenarios"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FileProblem:
    """One thing to mend: in which line and scenario, at which field, and what to do."""

    message: str
    line: int | None = None
    scenario: str | None = None  # its id, or "scenario 3" when that has none
    field: str = ""

    def __str__(self) -> str:
        place = [f"line {self.line}" if self.line else "", self.scenario or "", self.field]
        return ": ".join(part for part in (*place, self.message) if part)


class ScenarioFileInvalid(Exception):
    """A file of scenarios cannot be used; `problems` lists everything that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[FileProblem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        shown = [f"  {problem}" for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            shown.append(f"  … and {len(self.problems) - _SHOWN_PROBLEMS} more")
        super().__init__("\n".join((f"{path}: {len(self.problems)} problem(s)", *shown)))


class SuiteUnknown(Exception):
    """Nobody wrote a suite of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"no suite is called {name!r}; there are: {', '.join(self.known) or 'none'}")


def suite_names(*, folder: Path = SUITES) -> list[str]:
    """List the suites of a folder, by name."""
    return sorted({path.stem for ending in ("*.yaml", "*.jsonl") for path in folder.glob(ending)})


def load_suites(names: Sequence[str], *, folder: Path = SUITES) -> list[Scenario]:
    """Load suites by name, by the name of a group (`cobranca` for every `cobranca-*`), or `all`; each once."""
    known = suite_names(folder=folder)
    wanted = dict.fromkeys(suite for name in names for suite in _resolve(name, known))
    scenarios: list[Scenario] = []
    owners: dict[str, str] = {}
    for suite in wanted:
        path = folder / f"{suite}.yaml"
        path = path if path.exists() else path.with_suffix(".jsonl")
        found = load_file(path)
        taken = [
            FileProblem(scenario=scenario.id, message=f"the id is taken by a scenario of {owners[scenario.id]}")
            for scenario in found
            if scenario.id in owners
        ]
        if taken:
            raise ScenarioFileInvalid(path, taken)
        owners.update((scenario.id, path.name) for scenario in found)
        scenarios += found
    return scenarios


def _resolve(name: str, known: Sequence[str]) -> list[str]:
    if name == ALL:
        return list(known)
    if name in known:
        return [name]
    group = [suite for suite in known if suite.startswith(f"{name}-")]
    if not group:
        raise SuiteUnknown(name, known)
    return group


def load_file(path: Path) -> list[Scenario]:
    """Load a file of scenarios: `.jsonl` holds one scenario in a line, anything else is YAML."""
    text = _read_text(path)
    problems: list[FileProblem] = []
    entries = list(_jsonl_entries(text, problems) if path.suffix == ".jsonl" else _yaml_entries(text, problems))
    scenarios = [scenario for entry in entries if (scenario := _scenario(entry, problems)) is not None]
    problems += _repeated_ids(entries)
    if not entries and not problems:
        problems.append(FileProblem(message="holds no scenario"))
    if problems:
        raise ScenarioFileInvalid(path, sorted(problems, key=lambda problem: problem.line or 0))
    return scenarios


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One scenario as it stands in the file, defaults merged in, and the lines of its fields."""

    number: int  # from 1
    data: dict[str, object]
    lines: Mapping[tuple[str | int, ...], int]

    @property
    def name(self) -> str:
        written = self.data.get("id")
        return written if isinstance(written, str) else f"scenario {self.number}"

    def line_of(self, path: tuple[str | int, ...]) -> int | None:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioFileInvalid(path, [FileProblem(message=f"cannot be read: {error.strerror}")]) from error
    if len(raw) > _MAX_BYTES:
        reason = f"larger than {_MAX_BYTES // 1024**2} MB; split it"
        raise ScenarioFileInvalid(path, [FileProblem(message=reason)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = FileProblem(line=raw.count(b"\n", 0, error.start) + 1, message="is not UTF-8; save the file as UTF-8")
        raise ScenarioFileInvalid(path, [problem]) from error


def _yaml_entries(text: str, problems: list[FileProblem]) -> Iterator[_Entry]:
    try:
        document = read_yaml(text)
    except YamlUnreadable as error:
        problems.append(FileProblem(line=error.line, message=error.message))
        return
    problems += [
        FileProblem(line=document.lines.get(path), field=field_name(path), message="this key is written twice")
        for path in document.duplicates
    ]
    whole = document.value
    if not isinstance(whole, dict):
        problems.append(FileProblem(message="expected the keys 'suite', 'defaults' and 'scenarios'"))
        return
    for key in whole.keys() - _FILE_KEYS:
        message = "unknown key; a file has 'suite', 'defaults' and 'scenarios'"
        problems.append(FileProblem(line=document.lines.get((key,)), field=key, message=message))
    suite, defaults, scenarios = whole.get("suite"), whole.get("defaults") or {}, whole.get("scenarios")
    if not isinstance(suite, str):
        problems.append(FileProblem(field="suite", message="is missing" if suite is None else "expected text"))
    if not isinstance(defaults, dict) or not isinstance(scenarios, list):
        problems.append(FileProblem(message="'defaults' takes keys and values, 'scenarios' a list"))
        return
    shared = {path[1:]: line for path, line in document.lines.items() if path[:1] == ("defaults",) and path[1:]}
    lines_by_index: dict[int | str, dict[tuple[str | int, ...], int]] = {}
    for path, line in document.lines.items():
        if len(path) > 1 and path[0] == "scenarios":
            lines_by_index.setdefault(path[1], {})[path[2:]] = line
    for index, data in enumerate(scenarios):
        lines = lines_by_index.get(index, {})
        if not isinstance(data, dict):
            place = f"scenario {index + 1}"
            problems.append(FileProblem(line=lines.get(()), scenario=place, message="expected keys with values"))
            continue
        base = {"suite": suite} if isinstance(suite, str) else {}
        yield _Entry(number=index + 1, data={**base, **_merged(defaults, data)}, lines={**shared, **lines})


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Lay one mapping over another: mappings merge, lists and single values replace.

    A customer of another `kind` replaces the default one whole: their keys do not mix.
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and _is_same_kind(below, value):
            result[key] = _merged(below, value)
        else:
            result[key] = value
    return result


def _is_same_kind(below: Mapping[str, object], over: Mapping[str, object]) -> bool:
    return "kind" not in over or over["kind"] == below.get("kind", over["kind"])


def _jsonl_entries(text: str, problems: list[FileProblem]) -> Iterator[_Entry]:
    number = 0
    # Not splitlines(): U+2028 and the like are letters inside a JSON text.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        number += 1
        try:
            data = json.loads(content, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else error
            problems.append(FileProblem(line=line, message=f"not JSON: {reason}"))
            continue
        if not isinstance(data, dict):
            problems.append(FileProblem(line=line, message="expected one scenario, an object"))
            continue
        yield _Entry(number=number, data=data, lines={(): line})


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"the key {twice!r} is written twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _scenario(entry: _Entry, problems: list[FileProblem]) -> Scenario | None:
    if _is_number(entry.data.get("now")):  # the validator would take it for seconds since 1970
        entry = _Entry(number=entry.number, data={**entry.data, "now": None}, lines=entry.lines)
    try:
        return Scenario.model_validate(entry.data)
    except ValidationError as error:
        problems += [
            FileProblem(
                line=entry.line_of(found.path), scenario=entry.name, field=field_name(found.path), message=found.message
            )
            for found in field_errors(error, entry.data)
        ]
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.strip().replace(".", "").isdigit())


def _repeated_ids(entries: Sequence[_Entry]) -> list[FileProblem]:
    first: dict[str, _Entry] = {}
    problems: list[FileProblem] = []
    for entry in entries:
        written = entry.data.get("id")
        if isinstance(written, str) and first.setdefault(written, entry) is not entry:
            message = f"the id is taken already, in line {first[written].line_of(())}"
            problems.append(FileProblem(line=entry.line_of(("id",)), scenario=written, field="id", message=message))
    return problems
