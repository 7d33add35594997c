from collections.abc import Sequence
from pathlib import Path

from watchfiles import Change

from evals.events import AgentSaid, Transcript
from evals.scenario import Scenario
from evals.talk_files import TalkRecord
from evals.watching import touched, watch_prompts
from tests.evals.eval_rig import make_scenario
from tests.evals.result_factory import a_run

SCENARIOS = [
    make_scenario("oi", id="de-suporte"),
    make_scenario("oi", id="de-cobranca"),
    make_scenario("oi", id="de-voz", channel="voice"),
]


def talk(scenario: Scenario, agent: str) -> TalkRecord:
    said = AgentSaid(turn=1, at=scenario.now, text="oi", agent=agent)
    transcript = Transcript(scenario_id=scenario.id, scenario_version=1, events=(said,))
    return TalkRecord(key="k", repeat=0, run=a_run(scenario.id), transcript=transcript)


TALKS = [talk(scenario, agent) for scenario, agent in zip(SCENARIOS, ("persona", "cobranca", "cobranca"), strict=True)]


def ids(saved: str, talks: Sequence[TalkRecord] = TALKS) -> list[str]:
    return [scenario.id for scenario in touched(SCENARIOS, frozenset({saved}), talks)]


def test_speaker_touches_the_talks_it_spoke_in() -> None:
    assert ids("cobranca") == ["de-cobranca", "de-voz"]
    assert ids("persona") == ["de-suporte"]
    assert ids("sales") == []


def test_voice_touches_calls_and_the_router_touches_all() -> None:
    assert ids("voice") == ["de-voz"]
    assert ids("router") == ids("refiner") == [scenario.id for scenario in SCENARIOS]
    assert ids("summary") == []


def test_scenario_that_never_ran_counts_as_touched() -> None:
    assert ids("sales", TALKS[1:]) == ["de-suporte"]


def test_each_save_runs_what_it_touches() -> None:
    made: list[list[str]] = []

    def run(chosen: Sequence[Scenario]) -> Sequence[TalkRecord]:
        made.append([scenario.id for scenario in chosen])
        return [record for record in TALKS if record.transcript.scenario_id in made[-1]]

    saves = [
        {(Change.modified, "/p/persona.md")},
        {(Change.added, "/p/.persona.md.swp")},
        {(Change.modified, "/p/sales.md")},
    ]
    watch_prompts(SCENARIOS, [Path("p")], run=run, say=lambda text: None, changes=saves)

    assert made == [[scenario.id for scenario in SCENARIOS], ["de-suporte"]]
