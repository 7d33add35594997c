"""The composer: a calendar of its own, and scenarios that are sound, different and always the same."""

import ast
from collections import Counter
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from evals.composer import SUITE, compose
from evals.composer.calendar_table import HORIZON_DAYS, Saying, Verdict, sayings
from evals.composer.composing import SPEAKINGS
from evals.composer.holidays import NATIONAL, is_working_day, working_day_after, working_days_of_month
from evals.composer.wording import day_in_words, digits_in_words, in_words
from evals.lint import lint
from evals.scenario import Channel, RulesUser, Scenario, ScriptUser

FRIDAY = date(2026, 11, 20)
PRODUCTS_OWN = ("domain", "services", "tools", "agents", "graphs", "store", "wiring", "channels", "jobs", "holidays")


def easter(year: int) -> date:
    """Gauss's rule for Easter Sunday, valid from 1900 to 2099."""
    moon, leap, week = year % 19, year % 4, year % 7
    d = (19 * moon + 24) % 30
    e = (2 * leap + 4 * week + 6 * d + 5) % 7
    day = 22 + d + e
    if d == 29 and e == 6:
        day -= 7
    if d == 28 and e == 6 and moon > 10:
        day -= 7
    return date(year, 3, 1) + timedelta(days=day - 1)


def said(text: str, today: date) -> Saying:
    (saying,) = {item.written: item for item in sayings(today) if item.written == text}.values()
    return saying


def test_calendar_shares_no_code_with_the_product() -> None:
    folder = Path(str(files("evals.composer")))
    seen = 0
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            seen += len(names)
            assert not [name for name in names if name.split(".")[0] in PRODUCTS_OWN], path.name
            if path.stem in {"calendar_table", "holidays", "wording"}:
                local = ("evals.composer",)
                standard = ("calendar", "collections", "dataclasses", "datetime", "enum", "typing")
                assert all(name.startswith(local) or name.split(".")[0] in standard for name in names), path.name
    assert seen > 30


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_holidays_written_by_hand_agree_with_easter_and_the_law(year: int) -> None:
    fixed = [(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)]
    expected = {date(year, month, day) for month, day in fixed} | {easter(year) - timedelta(days=2)}
    assert {day for day in NATIONAL if day.year == year} == expected


def test_easter_is_what_the_almanacs_say() -> None:
    assert [easter(year) for year in (2024, 2025, 2026, 2027, 2028)] == [
        date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2028, 4, 16)
    ]  # fmt: skip


def test_working_days_leave_out_weekends_and_holidays() -> None:
    assert not is_working_day(FRIDAY)
    assert working_days_of_month(2026, 12)[4] == date(2026, 12, 7)
    assert working_days_of_month(2026, 12)[-1] == date(2026, 12, 31)
    assert working_day_after(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert working_day_after(date(2026, 4, 2), 1) == date(2026, 4, 6)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("hoje", (20,)),
        ("amanhã", (21,)),
        ("depois de amanhã", (22,)),
        ("na sexta", (27,)),
        ("quinta", (26,)),
        ("sexta que vem", (27,)),
        ("sábado que vem", (21, 28)),
        ("segunda que vem", (23,)),
        ("na quarta da semana que vem", (25,)),
        ("dia 20", (20,)),
        ("dia 30", (30,)),
        ("daqui a 3 dias", (23,)),
        ("daqui a 8 dias", (27, 28)),
        ("daqui a uma semana", (27,)),
        ("no último dia do mês", (30,)),
        ("no próximo dia útil", (23,)),
        ("em 3 dias úteis", (25,)),
        ("sexta, dia 27", (27,)),
        ("amanhã às 14h", (21,)),
        ("até dia 25", (25,)),
        ("em 24/11", (24,)),
        ("dia 24 de novembro", (24,)),
        ("em 24.11.2026", (24,)),
    ],
)
def test_day_of_this_november(text: str, days: tuple[int, ...]) -> None:
    saying = said(text, FRIDAY)
    assert (saying.verdict, saying.days) == (Verdict.DATE, tuple(date(2026, 11, day) for day in days))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("dia 5", date(2026, 12, 5)),
        ("dia primeiro", date(2026, 12, 1)),
        ("dia 19", date(2026, 12, 19)),
        ("em 5 de dezembro", date(2026, 12, 5)),
        ("no quinto dia útil", date(2026, 12, 7)),
        ("no primeiro dia útil do mês que vem", date(2026, 12, 1)),
        ("dia 10 do mês que vem", date(2026, 12, 10)),
        ("daqui a 30 dias", date(2026, 12, 20)),
    ],
)
def test_day_of_the_next_month(text: str, day: date) -> None:
    assert (said(text, FRIDAY).verdict, said(text, FRIDAY).days) == (Verdict.DATE, (day,))


@pytest.mark.parametrize(
    ("today", "text", "day"),
    [
        (date(2026, 11, 21), "dia 20", date(2026, 12, 20)),
        (date(2026, 12, 31), "amanhã", date(2027, 1, 1)),
        (date(2026, 12, 31), "dia 2", date(2027, 1, 2)),
        (date(2027, 2, 28), "depois de amanhã", date(2027, 3, 2)),
        (date(2028, 2, 28), "amanhã", date(2028, 2, 29)),
        (date(2028, 2, 28), "dia 29", date(2028, 2, 29)),
        (date(2026, 11, 30), "no último dia do mês", date(2026, 11, 30)),
        (date(2026, 12, 7), "no quinto dia útil", date(2026, 12, 7)),
        (date(2026, 12, 8), "no quinto dia útil", date(2027, 1, 8)),
        (date(2026, 12, 23), "no próximo dia útil", date(2026, 12, 24)),
    ],
)
def test_day_over_an_edge(today: date, text: str, day: date) -> None:
    found = said(text, today)
    if (day - today).days > HORIZON_DAYS:
        assert found.verdict is Verdict.REFUSE
    else:
        assert (found.verdict, found.days) == (Verdict.DATE, (day,))


@pytest.mark.parametrize(
    ("today", "text"),
    [
        (FRIDAY, "dia 31"),
        (FRIDAY, "semana que vem"),
        (FRIDAY, "depois do natal"),
        (FRIDAY, "no fim do mês"),
        (FRIDAY, "quando cair o salário"),
        (FRIDAY, "dia 31 de novembro"),
        (FRIDAY, "entre o dia 10 e o dia 12"),
        (FRIDAY, "amanhã ou depois"),
        (FRIDAY, "domingo, dia 24"),
        (date(2027, 1, 29), "dia 30 de fevereiro"),
        (date(2027, 1, 31), "dia 30"),
        (date(2026, 11, 30), "dia 31"),
    ],
)
def test_what_names_no_day_is_asked_back(today: date, text: str) -> None:
    assert said(text, today).verdict is Verdict.ASK
    assert said(text, today).days == ()


@pytest.mark.parametrize(
    "text", ["ontem", "dia 19/11/2026", "daqui a 35 dias", "dia 19 de janeiro", "daqui a dois meses"]
)
def test_past_and_too_far_are_refused(text: str) -> None:
    assert said(text, FRIDAY).verdict is Verdict.REFUSE


def test_every_day_that_may_be_promised_lies_ahead_and_within_the_horizon() -> None:
    for speaking in SPEAKINGS:
        today = speaking.at.date()
        for saying in sayings(today):
            assert all(today <= day <= today + timedelta(days=HORIZON_DAYS) for day in saying.days), saying
            assert bool(saying.days) == (saying.verdict is Verdict.DATE), saying


def test_same_words_mean_the_same_on_one_day() -> None:
    for speaking in SPEAKINGS:
        meanings: dict[str, set[tuple[Verdict, tuple[date, ...]]]] = {}
        for saying in sayings(speaking.at.date()):
            meanings.setdefault(saying.written, set()).add((saying.verdict, saying.days))
        assert [text for text, found in meanings.items() if len(found) > 1] == []


def test_numbers_are_said_in_words() -> None:
    assert [in_words(number) for number in (0, 9, 15, 20, 31, 45)] == [
        "zero", "nove", "quinze", "vinte", "trinta e um", "quarenta e cinco"
    ]  # fmt: skip
    assert (day_in_words(1), day_in_words(2)) == ("primeiro", "dois")
    assert digits_in_words("529") == "cinco dois nove"


@pytest.fixture(scope="module")
def composed() -> list[Scenario]:
    return compose(2500, seed=0)


def test_composed_scenarios_are_different_and_sound(composed: list[Scenario]) -> None:
    assert len(composed) == len({scenario.id for scenario in composed}) == 2500
    assert {scenario.suite for scenario in composed} == {SUITE}
    assert len({scenario.model_dump_json(exclude={"id", "title"}) for scenario in composed}) == 2500
    assert lint(composed, policy_ids=()) == []


def test_composed_scenarios_cover_their_blocks(composed: list[Scenario]) -> None:
    channels = Counter(scenario.channel for scenario in composed)
    assert all(channels[channel] > 250 for channel in Channel)
    tags = Counter(tag for scenario in composed for tag in scenario.tags)
    spellings = {
        "normal", "sem-acentos", "erros-de-digitacao", "girias", "maiusculas", "em-baloes", "emoji", "transcricao",
        "fala", "fala-hesitante",
    }  # fmt: skip
    situations = {"uma-fatura", "duas-faturas", "tres-faturas", "parte", "empresa", "campanha"}
    assert all(tags[name] > 100 for name in spellings | situations | {"date", "ask", "refuse"})
    families = {saying.family for speaking in SPEAKINGS for saying in sayings(speaking.at.date())}
    assert families <= tags.keys()
    assert {scenario.now for scenario in composed} == {speaking.at for speaking in SPEAKINGS}


def test_composing_again_gives_the_same_and_fewer_the_beginning(composed: list[Scenario]) -> None:
    assert compose(120, seed=0) == composed[:120]
    other = compose(120, seed=1)
    assert {scenario.id for scenario in other}.isdisjoint(scenario.id for scenario in composed)
    assert [s.user for s in other] != [s.user for s in composed[:120]]


def test_expectations_follow_the_course(composed: list[Scenario]) -> None:
    for scenario in composed:
        promises = scenario.expect.state.promises
        assert promises is not None
        course = scenario.tags[-1]
        assert len(promises) == (0 if course == "sem-dia" else 1), scenario.id
        assert isinstance(scenario.user, RulesUser if course == "direto" else ScriptUser)
        assert bool(scenario.expect.said) == (course != "direto")
    assert {scenario.tags[-1] for scenario in composed} == {"direto", "sem-dia", "com-dia-depois"}
