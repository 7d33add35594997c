"""What a command prints of a result: what broke, where, and what the gate says."""

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from evals.comparison import first_failing
from evals.gate import ExitCode, GateVerdict
from evals.results import ResultFile, Run

_SHOWN: Final = 12


def show(result: ResultFile, verdict: GateVerdict, *, console: Console, out: Path) -> None:
    """Print what broke and what the gate says."""
    by_id: dict[str, list[Run]] = {}
    for run_ in result.runs:
        if not run_.has_passed:
            by_id.setdefault(run_.scenario_id, []).append(run_)
    for scenario_id, red in list(by_id.items())[:_SHOWN]:
        check = first_failing(red)
        why = check.detail if check else (red[0].error or "")
        known = " (known)" if red[0].known_failure else ""
        what = check.id if check else red[0].cause
        console.print(f"[red]✗[/] {scenario_id}{known}  {what}: {escape(why)}", highlight=False)
    if len(by_id) > _SHOWN:
        console.print(f"  … and {len(by_id) - _SHOWN} more", highlight=False)
    counted = [run_ for run_ in result.runs if run_.is_counted]
    passed = sum(run_.has_passed for run_ in counted)
    share = f" ({passed / len(counted):.1%})" if counted else ""
    console.print(f"{passed} of {len(counted)} talks passed{share}.", highlight=False)
    for note in result.notes:
        console.print(f"[yellow]Note: {escape(note)}.[/]", highlight=False)
    for reason in verdict.reasons:
        console.print(f"[yellow]{escape(reason.text('en'))}[/]", highlight=False)
    code = ExitCode(verdict.exit_code)
    console.print(f"Gate: {code.name.lower().replace('_', ' ')} (exit code {int(code)}). {out}", highlight=False)
