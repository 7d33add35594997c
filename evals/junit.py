"""A result as JUnit XML, for the test views of CI: one suite for each suite and cell, one case for each scenario."""

import re
from collections.abc import Sequence
from typing import Final, Literal
from xml.etree import ElementTree

from domain.masking import mask_text
from evals.comparison import first_failing
from evals.results import Cause, Check, CheckKind, ResultFile, Run
from evals.statistics import Figures, Tally, runs_by_suite, suite_figures

Language = Literal["pt", "en"]
# XML 1.0 has no way to write these, escaped or not (its production "Char").
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_TEXT: Final = 20_000  # of one failure: some CI servers drop a whole report over one long text
_WORDS: Final = {
    "pt": {
        "passed": "{passed} de {counted} repetições passaram",
        "none": "nenhuma repetição conta: {causes}",
        "known": "falha conhecida: {reason}",
        "fixed": "já passa; tire a falha conhecida: {reason}",
        "repeat": "repetição {repeat}: {state}",
        "turns": "{turns} turnos, {ms} ms",
        "ok": "passou",
        "red": "falhou",
        "turn": "turno {turn}",
        "infrastructure": "infraestrutura",
        "scenario": "cenário",
        "user": "cliente simulado",
        "agent": "agente",
    },
    "en": {
        "passed": "{passed} of {counted} repeats passed",
        "none": "no repeat counts: {causes}",
        "known": "known failure: {reason}",
        "fixed": "passes now; drop the known failure: {reason}",
        "repeat": "repeat {repeat}: {state}",
        "turns": "{turns} turns, {ms} ms",
        "ok": "passed",
        "red": "failed",
        "turn": "turn {turn}",
        "infrastructure": "infrastructure",
        "scenario": "scenario",
        "user": "simulated user",
        "agent": "agent",
    },
}


def junit_xml(result: ResultFile, *, language: Language = "pt") -> str:
    """Draw the report. A case passes when all counted repeats did; a known failure is skipped with its reason, unless
    it broke a blocking policy; a case without a counted repeat is an error, not a failure."""
    root = ElementTree.Element("testsuites", name="master-ia evals")
    groups = runs_by_suite(result)
    for each in suite_figures(result, resamples=1):
        _suite(root, result, each, groups[each.suite or "", each.cell], language)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ElementTree.Element, result: ResultFile, each: Figures, found: Sequence[Run], language: Language
) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(f"{each.suite} [{each.cell.name}]"))
    runs: dict[tuple[str, int], list[Run]] = {}
    for run in found:
        runs.setdefault((run.scenario_id, run.scenario_version), []).append(run)
    for tally in each.scenarios:
        repeats = sorted(runs[tally.key], key=lambda run: run.repeat)
        _case(suite, tally, repeats, result.titles.get(tally.scenario_id, ""), language)
    seconds = sum(float(case.attrib["time"]) for case in suite.iter("testcase"))
    suite.attrib |= {
        "tests": str(len(each.scenarios)),
        "failures": str(len(list(suite.iter("failure")))),
        "errors": str(len(list(suite.iter("error")))),
        "skipped": str(len(list(suite.iter("skipped")))),
        "time": f"{seconds:.3f}",
        "timestamp": result.created_at.isoformat(timespec="seconds"),
    }


def _case(suite: ElementTree.Element, tally: Tally, runs: Sequence[Run], title: str, language: Language) -> None:
    words = _WORDS[language]
    seconds = sum(sum(run.turn_ms) for run in runs) / 1000
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_clean(f"{tally.suite}.{runs[0].cell.name}"),
        name=_clean(f"{tally.scenario_id}@{tally.scenario_version} {title}".rstrip()),
        time=f"{seconds:.3f}",
    )
    count = words["passed"].format(passed=tally.passed, counted=tally.counted)
    is_blocked = any(run.blocking_breaks for run in runs)
    if not tally.counted and not is_blocked:
        causes = ", ".join(sorted({words[run.cause] for run in runs if run.cause is not None}))
        error = ElementTree.SubElement(
            case, "error", type=_type(runs), message=_clean(words["none"].format(causes=causes))
        )
        error.text = _clean("\n".join(run.error for run in runs if run.error))
    elif (tally.passed < tally.counted and tally.known_failure is None) or is_blocked:
        found = first_failing(runs)
        message = f"{count}: {found.id}" if found else count
        failure = ElementTree.SubElement(case, "failure", type=_kind(runs), message=_clean(message))
        failure.text = _clean("\n\n".join(_failed_checks(run, language) for run in runs if not run.has_passed))
    elif tally.passed < tally.counted:
        message = words["known"].format(reason=tally.known_failure)
        ElementTree.SubElement(case, "skipped", message=_clean(f"{message} ({count})"))
    ElementTree.SubElement(case, "system-out").text = _clean(_repeats(tally, runs, language))


def _type(runs: Sequence[Run]) -> str:
    return "infrastructure" if any(run.cause is Cause.INFRASTRUCTURE for run in runs) else "scenario"


def _kind(runs: Sequence[Run]) -> str:
    if any(run.blocking_breaks for run in runs):
        return "blocking"
    found = first_failing(runs)
    return found.kind.value if found else "unexplained"


def _failed_checks(run: Run, language: Language) -> str:
    failed = [check for check in run.checks if not check.has_passed and check.kind is not CheckKind.JUDGE]
    lines = [_repeat(run, language), *(f"- {_check(check, language)}" for check in failed)]
    return "\n".join([*lines, *([run.error] if run.error else [])])


def _check(check: Check, language: Language) -> str:
    turn = "" if check.turn is None else f", {_WORDS[language]['turn'].format(turn=check.turn)}"
    return f"{check.id} ({check.severity}{turn})" + (f": {check.detail}" if check.detail else "")


def _repeats(tally: Tally, runs: Sequence[Run], language: Language) -> str:
    words = _WORDS[language]
    lines = [words["passed"].format(passed=tally.passed, counted=tally.counted)]
    if tally.known_failure is not None and tally.counted and tally.passed == tally.counted:
        lines.append(words["fixed"].format(reason=tally.known_failure))
    return "\n".join([*lines, *(_repeat(run, language) for run in runs)])


def _repeat(run: Run, language: Language) -> str:
    words = _WORDS[language]
    cause = f" ({words[run.cause]})" if run.cause is not None else ""
    state = words["repeat"].format(repeat=run.repeat + 1, state=words["ok" if run.has_passed else "red"] + cause)
    return f"{state}, {words['turns'].format(turns=run.turns, ms=round(sum(run.turn_ms)))}"


def _clean(text: str) -> str:
    """Mask personal data, shorten, and write what XML cannot hold as \\xNN."""
    # Masked before the cut that counts: half a document would not be known for one.
    masked = mask_text(text[: 2 * _MOST_TEXT])
    short = masked if len(masked) <= _MOST_TEXT else masked[:_MOST_TEXT] + "…"
    return _UNWRITABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", short)
