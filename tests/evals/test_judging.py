"""From checks to a verdict, and whose fault a red run is."""

import pytest

from evals.judging import judge, with_votes
from evals.results import Cause, Cell, Check, CheckKind, Mode
from evals.scenario import Severity
from tests.evals.talk_factory import Told, said_after_confirmation, scenario

OFFLINE = Cell(prompts="current", model="offline", mode=Mode.OFFLINE)
LIVE = Cell(prompts="current", model="openai:gpt-5-mini", mode=Mode.LIVE)


def test_a_sound_talk_passes_and_lists_every_policy() -> None:
    judged = judge(scenario(), said_after_confirmation("Claro!").transcript(), cell=OFFLINE)
    assert judged.has_passed
    assert judged.cause is None
    policies = [check for check in judged.checks if check.kind is CheckKind.POLICY]
    assert len(policies) >= 21
    assert all(check.ground and check.has_passed and not check.detail for check in policies)


def test_expectations_and_grave_policies_fail_a_run() -> None:
    wrong_words = scenario(expect={"said": [{"pattern": "nunca dito"}]})
    assert judge(wrong_words, said_after_confirmation("Claro!").transcript(), cell=OFFLINE).cause is Cause.AGENT
    threat = judge(scenario(), said_after_confirmation("Vamos te negativar.").transcript(), cell=OFFLINE)
    assert not threat.has_passed
    broken = next(check for check in threat.checks if not check.has_passed)
    assert (broken.id, broken.turn, broken.severity) == ("policy.no-threat-or-ridicule", 2, Severity.BLOCKING)
    assert "negativar" in broken.detail


def test_minor_policies_and_votes_are_shown_and_fail_nothing() -> None:
    judged = judge(scenario(), said_after_confirmation("Conto uma história. " * 90).transcript(), cell=OFFLINE)
    assert [check.id for check in judged.checks if not check.has_passed] == ["policy.reply-length"]
    assert judged.has_passed
    vote = Check(id="judge.1", kind=CheckKind.JUDGE, has_passed=False, severity=Severity.MINOR, detail="não")
    assert with_votes(judged, (vote,)).has_passed
    assert with_votes(judged, (vote,)).checks[-1] == vote


def test_a_skipped_policy_gives_no_check() -> None:
    given = scenario(expect={"skip_policies": [{"id": "reply-length", "reason": "a pessoa pediu tudo"}]})
    judged = judge(given, said_after_confirmation("Claro!").transcript(), cell=OFFLINE)
    assert "policy.reply-length" not in {check.id for check in judged.checks}


def test_details_never_hold_a_document() -> None:
    told = said_after_confirmation("Se não pagar, o CPF 529.982.247-25 vai para o Serasa.")
    judged = judge(scenario(), told.transcript(), cell=OFFLINE)
    assert all("529.982" not in check.detail for check in judged.checks)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("customer: the model gave nothing", Cause.USER),
        ("TalkBroken: the turn was not committed: lost", Cause.INFRASTRUCTURE),
        ("OperationalError: connection refused", Cause.INFRASTRUCTURE),
        ("PoolTimeout: couldn't get a connection", Cause.INFRASTRUCTURE),
        ("seed: OperationalError: the server closed the connection", Cause.INFRASTRUCTURE),
        ("seed: InvalidPhone: not a valid phone number", Cause.SCENARIO),
        ("KeyError: 'valor'", Cause.AGENT),
    ],
)
def test_a_broken_talk_has_a_culprit(error: str, cause: Cause) -> None:
    transcript = Told().customer("oi").transcript(error=error, ended_by="error")
    judged = judge(scenario(), transcript, cell=OFFLINE)
    assert judged.cause is cause
    assert not judged.has_passed


def test_a_talk_that_another_model_answered_says_nothing_of_the_cell() -> None:
    talk = said_after_confirmation("Claro!")
    fallen = talk.transcript(models_used=("openai:gpt-5-mini", "offline (in place of the cell's model)"))
    assert judge(scenario(), fallen, cell=LIVE).cause is Cause.INFRASTRUCTURE
    dated = talk.transcript(models_used=("openai:gpt-5-mini-2026-08-07",))
    assert judge(scenario(), dated, cell=LIVE).has_passed
    assert judge(scenario(), talk.transcript(models_used=("offline",)), cell=OFFLINE).has_passed


def test_a_known_failure_is_named_only_where_it_fails() -> None:
    given = scenario(expect={"said": [{"pattern": "nunca"}]}, known_failure={"offline": "não combina duas datas"})
    judged = judge(given, said_after_confirmation("Claro!").transcript(), cell=OFFLINE)
    assert judged.known_failure == "não combina duas datas"
    assert not judged.has_passed
    assert judge(given, said_after_confirmation("Nunca!").transcript(), cell=OFFLINE).known_failure is None
