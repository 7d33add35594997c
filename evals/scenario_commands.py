"""Commands about scenarios: check them, list them, put them together."""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from evals.composer import compose
from evals.from_life import as_yaml, scenario_of
from evals.gate import ExitCode
from evals.lint import Problem, lint, lint_file
from evals.loading import SUITES, load_suites, suite_names
from evals.policies.registry import POLICIES
from evals.scenario import Scenario
from evals.schema import schema_text
from evals.terminal import error_console, out_console, told
from store.database import Database
from wiring.reach import reachable
from wiring.settings import Settings, load_settings


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


def from_conversation(
    conversation_id: Annotated[
        UUID, typer.Argument(help="Id of a stored conversation (the trace and the API show it).")
    ],
    suite: Annotated[str, typer.Option(help="Suite that it is for.")] = "da-vida",
    scenario_id: Annotated[str | None, typer.Option("--id", help="Default: the suite and the id's beginning.")] = None,
    out: Annotated[Path | None, typer.Option(help="YAML file to write; without it, to the output.")] = None,
) -> None:
    """Make a scenario of a stored conversation: scrubbed, its clock and its rows pinned. Review it before use."""
    name = scenario_id or f"{suite}-{conversation_id.hex[:8]}"
    with told(), reachable(load_settings(), may_start=False) as settings:
        scenario = asyncio.run(_scenario_of(settings, conversation_id, suite, name))
        problems = lint([scenario])
    text = as_yaml(scenario)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
        out_console.print(f"{name} in {out}. Read it: its expectations are what happened, right or wrong.")
    for problem in problems:
        _show(problem, console=error_console)


async def _scenario_of(settings: Settings, conversation_id: UUID, suite: str, name: str) -> Scenario:
    database = await Database(settings.required_database_url(), max_connections=2).open()
    try:
        return await scenario_of(database, conversation_id, suite=suite, scenario_id=name)
    finally:
        await database.close()


def show_schema() -> None:
    """Print the JSON Schema of scenario files."""
    typer.echo(schema_text(), nl=False)


def _show(problem: Problem, *, console: Console = out_console) -> None:
    style = "red" if problem.level == "error" else "yellow"
    where = f"{problem.scenario_id} {problem.path}"
    console.print(f"[{style}]{problem.level}[/] {where}: {problem.message}", highlight=False)
