"""Run again what a saved prompt touches, each time one is saved."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from watchfiles import Change, watch

from agents.prompts import PROMPT_NAMES, shipped_prompt
from evals.events import AgentSaid, Transcript
from evals.scenario import Channel, Scenario
from evals.talk_files import TalkRecord

_SPEAKERS: Final = frozenset({"persona", "cobranca", "sales"})
Saved = frozenset[str]  # names of prompts
Changes = Iterable[set[tuple[Change, str]]]
MakeRuns = Callable[[Sequence[Scenario]], Sequence[TalkRecord]]


def saved_prompts(
    folders: Sequence[Path], *, changes: Iterable[set[tuple[Change, str]]] | None = None
) -> Iterator[Saved]:
    """Give the names of the prompts that were saved in these folders, each time some were, until Ctrl-C."""
    for changed in changes if changes is not None else watch(*folders, raise_interrupt=False):
        names = frozenset(Path(path).stem for _, path in changed if path.endswith(".md")) & set(PROMPT_NAMES)
        if names:
            shipped_prompt.cache_clear()
            yield frozenset(names)


def touched(scenarios: Sequence[Scenario], saved: Saved, talks: Iterable[TalkRecord]) -> list[Scenario]:
    """Choose the scenarios that a change of these prompts can alter, as far as their last talks tell.

    Whoever never spoke in a talk cannot alter it, unless the router sends it elsewhere now; a scenario without a talk,
    and a prompt that any talk may use, count as touched.
    """
    spoken = {talk.transcript.scenario_id: _speakers(talk.transcript) for talk in talks}
    return [scenario for scenario in scenarios if _is_touched(scenario, saved, spoken.get(scenario.id))]


def _is_touched(scenario: Scenario, saved: Saved, speakers: frozenset[str] | None) -> bool:
    for name in saved:
        if name == "voice":
            if scenario.channel is Channel.VOICE:
                return True
        elif name == "summary":
            continue  # written after a talk has ended
        elif name not in _SPEAKERS or speakers is None or name in speakers:
            return True
    return False


def _speakers(transcript: Transcript) -> frozenset[str]:
    return frozenset(event.agent for event in transcript.events if isinstance(event, AgentSaid) and event.agent)


def watch_prompts(
    scenarios: Sequence[Scenario], folders: Sequence[Path], *, run: MakeRuns, say: Callable[[str], None],
    changes: Changes | None = None,
) -> None:  # fmt: skip
    """Run all scenarios once, then what each save touches. `run` makes and shows them and gives their talks."""
    talks = {talk.transcript.scenario_id: talk for talk in run(scenarios)}
    say(f"Watching {', '.join(str(folder) for folder in folders)}. Save a prompt to run what it touches; Ctrl-C ends.")
    for saved in saved_prompts(folders, changes=changes):
        chosen = touched(scenarios, saved, talks.values())
        say(f"{', '.join(sorted(saved))} saved: {len(chosen)} of {len(scenarios)} scenarios.")
        if chosen:
            talks |= {talk.transcript.scenario_id: talk for talk in run(chosen)}
