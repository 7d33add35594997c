"""Commands about scenarios: check them, list them, put them together."""

from pathlib import Path
from typing import Annotated

import typer

from evals.composer import compose
from evals.gate import ExitCode
from evals.lint import Problem, lint, lint_file
from evals.loading import SUITES, load_suites, suite_names
from evals.policies.registry import POLICIES
from evals.schema import schema_text
from evals.terminal import out_console, told


def validate(
    files: Annotated[list[Path] | None, typer.Argument(help="Scenario files; without any, all suites.")] = None,
) -> None:
    """Check scenarios: schema, check digits, dates that exist, expectations that can be met."""
    known = frozenset(policy.id for policy in POLICIES)
    with told():
        paths = files or [SUITES / f"{name}.yaml" for name in suite_names()]
        problems = [problem for path in paths for problem in lint_file(path, policy_ids=known)]
        if not files:
            problems += [problem for problem in lint(load_suites(["all"])) if problem not in problems]
    for problem in problems:
        _show(problem)
    errors = sum(problem.level == "error" for problem in problems)
    out_console.print(f"{len(paths)} files, {errors} errors, {len(problems) - errors} warnings.", highlight=False)
    raise typer.Exit(ExitCode.BAD_INPUT if errors else ExitCode.PASS)


def list_suites() -> None:
    """List the suites and how many scenarios each has."""
    with told():
        for name in suite_names():
            out_console.print(f"{len(load_suites([name])):5}  {name}", highlight=False)


def compose_scenarios(
    count: Annotated[int, typer.Argument(min=1, max=100_000, help="How many.")] = 2500,
    seed: Annotated[int, typer.Option(help="The same count and seed give the same scenarios.")] = 0,
    out: Annotated[Path | None, typer.Option(help="JSONL file to write; without it, to the output.")] = None,
) -> None:
    """Put scenarios together from blocks: dates, channels, spellings, invoices. `run --scenarios FILE` runs them."""
    lines = "".join(f"{scenario.model_dump_json(exclude_defaults=True)}\n" for scenario in compose(count, seed=seed))
    if out is None:
        typer.echo(lines, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(lines, "utf-8")
    out_console.print(f"{count} scenarios in {out}", highlight=False)


def show_schema() -> None:
    """Print the JSON Schema of scenario files."""
    typer.echo(schema_text(), nl=False)


def _show(problem: Problem) -> None:
    style = "red" if problem.level == "error" else "yellow"
    where = f"{problem.scenario_id} {problem.path}"
    out_console.print(f"[{style}]{problem.level}[/] {where}: {problem.message}", highlight=False)
