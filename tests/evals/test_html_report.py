"""The HTML report: what it says and hides, how big it is, and how it works in a browser that opens it from disk."""

import base64
import gzip
import hashlib
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from evals.events import CustomerSaid, EndState, ToolCalled, Transcript
from evals.gate import ExitCode, GateVerdict, judge_gate
from evals.history import History
from evals.html_report import render_report
from evals.masking import masked
from evals.report.figures_text import share, shown
from evals.report.trend import chart_of
from evals.report.words import CASE, PAGE, Language
from tests.evals.report_samples import HOSTILE, Sample, a_history, a_sample
from tests.evals.result_factory import DRAFT, a_result, a_run
from tests.evals.talk_factory import MARIA
from tests.evals.talk_factory import scenario as a_scenario

PAST_FIVE_MEGABYTES = 5_000_000
LANGUAGES: tuple[Language, Language] = ("pt", "en")
BROKEN = "cobranca-datas-000"  # passed always, fails always in the draft


def drawn(sample: Sample, **changes: Any) -> str:
    given: dict[str, Any] = {
        "verdict": sample.verdict, "baseline": sample.baseline, "baseline_transcripts": sample.baseline_transcripts,
        "history": sample.history, "scenarios": sample.scenarios,
    }  # fmt: skip
    return render_report(sample.result, sample.transcripts, **(given | changes))


def talks_in(page: str) -> dict[str, Any]:
    """Unpack what the page's script unpacks."""
    found = re.search(r'<script type="text/plain" id="talks">([A-Za-z0-9+/=]*)</script>', page)
    assert found
    unpacked: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return unpacked


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action", "srcset", "data"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def elements_of(page: str) -> _Elements:
    parser = _Elements()
    parser.feed(page)
    return parser


@pytest.fixture(scope="module")
def sample() -> Sample:
    return a_sample()


@pytest.fixture(scope="module")
def page_text(sample: Sample) -> str:
    return drawn(sample)


# --- the file


def test_the_same_input_gives_the_same_file(sample: Sample, page_text: str) -> None:
    assert drawn(sample) == page_text


def test_the_file_names_nothing_outside_itself(page_text: str) -> None:
    found = elements_of(page_text)
    assert all(address.startswith("#") for address in found.addresses)
    assert {"link", "img", "iframe", "base", "object"}.isdisjoint(found.tags)
    assert not re.search(r"https?://|@import|url\(", page_text)


def test_the_policy_of_the_page_allows_its_own_script_alone(page_text: str) -> None:
    script = page_text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page_text


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_parts_are_there_in_both_languages(sample: Sample, language: Language) -> None:
    page = drawn(sample, language=language)
    words = PAGE[language]
    for name in ("matrix", "comparison", "cases", "flaky", "cost", "trend"):
        assert f'id="{name}"' in page
        assert words[name] in page
    assert words["verdict_5"] in page  # one repeat broke a blocking policy
    assert {"pt": "sem evidência de diferença", "en": "no evidence of a difference"}[language] in page
    assert ("0,9 p.p." if language == "pt" else "0.9 points") in page


def test_both_languages_say_the_same_things() -> None:
    def shapes(words: Any) -> dict[str, set[str]]:
        return {name: set(re.findall(r"\{\w+\}", text)) for name, text in words.items()}

    assert shapes(PAGE["pt"]) == shapes(PAGE["en"])
    assert shapes(CASE["pt"]) == shapes(CASE["en"])


@pytest.mark.parametrize("code", list(ExitCode))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verdict_has_its_words(code: ExitCode, language: Language) -> None:
    page = render_report(a_result([]), {}, verdict=GateVerdict(exit_code=code), language=language)
    assert f"<title>{PAGE[language][f'verdict_{int(code)}']} – " in page


def test_a_result_without_a_run_says_so() -> None:
    empty = a_result([])
    page = render_report(empty, {}, verdict=judge_gate(empty))
    assert page.count(PAGE["pt"]["no_cases"]) == 3
    assert PAGE["pt"]["no_comparison"] in page
    assert PAGE["pt"]["no_trend"] in page


def test_what_fails_is_named_with_its_turn_and_before_what_passes(page_text: str) -> None:
    table = page_text.partition('id="list"')[2].partition("</table>")[0]
    named = re.findall(r'href="#case=([a-z0-9-]+)&amp;v=1">', table)
    assert named[:4] == ["cobranca-identidade-001", BROKEN, "vendas-003", "adversarial-002"]
    first = table.partition(BROKEN)[2].partition("</tr>")[0]
    assert "<code>state.promises</code> · turno 3" in first
    assert [first.count(f'class="m {mark}"') for mark in ("pass", "fail", "block", "void")] == [4, 4, 0, 0]
    assert "base: 4 de 4" in first


def test_the_matrix_has_a_square_for_each_suite_and_cell(page_text: str) -> None:
    matrix = page_text.partition('class="matrix"')[2].partition("</table>")[0]
    assert matrix.count('class="heat ') == (4 + 1) * 2
    assert "85,7\xa0%" in matrix  # 6 of 7 scenarios of cobranca-datas in the draft
    assert "tudo passou" in matrix


@pytest.mark.parametrize(
    ("value", "pt", "en"), [(1.0, "100\xa0%", "100%"), (0.99999, "99,99\xa0%", "99.99%"), (0.5, "50\xa0%", "50%")]
)
def test_only_what_is_whole_is_written_as_a_hundred(value: float, pt: str, en: str) -> None:
    assert (share(value, "pt"), share(value, "en")) == (pt, en)


# --- the talks


def test_of_many_broken_scenarios_the_first_are_shown_and_the_rest_folded() -> None:
    names = [f"vendas-{place:03}" for place in range(20)]
    worse = a_result([a_run(name, has_passed=False) for name in names])
    before = a_result([a_run(name) for name in names])
    page = render_report(worse, {}, verdict=judge_gate(worse, baseline=before), baseline=before)
    comparison = page.partition('id="comparison"')[2].partition("</section>")[0]
    assert comparison.count('class="flip"') == 20
    assert '<details class="more"><summary>e mais 14</summary>' in comparison


def test_of_later_prompts_only_what_differs_is_named() -> None:
    first = {"cobranca": "cobranca@2+8d1f0a33", "sales": "sales@1+5e0c9b7a"}
    versions = {"draft": first | {"cobranca": "cobranca@3+c07be1d2"}, "current": first, "copia": first}
    page = drawn(
        replace(a_sample(4), result=a_result([a_run()], prompt_versions=versions)), baseline=None, verdict=None
    )
    assert "<dd>cobranca@2+8d1f0a33, sales@1+5e0c9b7a</dd>" in page
    assert "<dd>cobranca@3+c07be1d2; os outros como em current</dd>" in page
    assert "<dd>os mesmos de current</dd>" in page


def test_a_square_says_that_all_or_nothing_passed() -> None:
    result = a_result([a_run("a"), a_run("b", suite="vendas", has_passed=False)])
    matrix = render_report(result, {}).partition('id="matrix"')[2].partition("</section>")[0]
    assert ("tudo passou" in matrix, "nada passou" in matrix) == (True, True)


def test_the_talks_are_there_and_equal_ones_only_once(sample: Sample, page_text: str) -> None:
    data = talks_in(page_text)
    runs = [run for case in data["cases"] for run in (*case["runs"], *case["before"])]
    assert sum(run[4] >= 0 for run in runs) == len(sample.transcripts) + len(sample.baseline_transcripts)
    alike = {
        key: talk.model_copy(update={"events": _without_protocols(talk), "end": EndState()})
        for key, talk in sample.transcripts.items()
    }
    few = talks_in(render_report(sample.result, alike))
    assert len(few["talks"]) == 2  # what passed and what did not; nothing else tells these talks apart


def _without_protocols(talk: Transcript) -> tuple[Any, ...]:
    return tuple(event for event in talk.events if event.turn < 4)


def test_people_are_hidden_although_the_talk_came_unmasked(sample: Sample, page_text: str) -> None:
    everything = page_text + json.dumps(talks_in(page_text), ensure_ascii=False)
    assert MARIA in str(next(iter(sample.transcripts.values())))
    assert MARIA not in everything
    assert "529.982.247" not in everything


def test_names_are_hidden_in_masked_talks_and_in_what_checks_found(sample: Sample) -> None:
    run = next(run for run in sample.result.runs if run.scenario_id == BROKEN and run.cell == DRAFT)
    scenario = sample.scenarios[BROKEN, 1]
    scenario = a_scenario(id=BROKEN, suite=run.suite, title="Teste", persona="Maria da Silva, 34 anos")
    talk = sample.transcripts[run.key, run.repeat]
    said = CustomerSaid(turn=1, at=talk.events[0].at, text="aqui é a Maria da Silva, +55 11 99999-0001")
    talk = talk.model_copy(update={"events": (said, *talk.events)})
    finding = run.checks[-1].model_copy(update={"detail": "respondeu a Maria da Silva, 529.982.247-25"})
    result = a_result([run.model_copy(update={"checks": (finding,)})])
    page = render_report(
        result, {(run.key, 0): masked(talk, scenario)}, scenarios={(BROKEN, 1): scenario}, verdict=judge_gate(result)
    )
    everything = page + json.dumps(talks_in(page), ensure_ascii=False)
    for personal in ("Silva", "99999-0001", "529.982"):
        assert personal not in everything
    assert "respondeu a [nome]" in page


def test_hostile_text_stays_text(sample: Sample) -> None:
    title = {BROKEN: f"Promete {HOSTILE}"}
    result = sample.result.model_copy(update={"titles": sample.result.titles | title, "notes": (HOSTILE,)})
    runs = tuple(
        run.model_copy(update={"checks": tuple(
            check.model_copy(update={"detail": "" if check.has_passed else HOSTILE}) for check in run.checks)})
        for run in result.runs
    )  # fmt: skip
    result = result.model_copy(update={"runs": runs})
    page = drawn(Sample(result=result, transcripts=sample.transcripts))
    found = elements_of(page)
    assert {"img", "b "}.isdisjoint(found.tags)
    assert found.tags.count("script") == 3
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "␀⟦U+202E⟧otxet" in "".join(found.words)


def test_what_cannot_be_seen_is_named() -> None:
    assert shown("a\x00b\u202ec\u200bd\U000e0041 👩‍💻 ção\nx") == "a␀b⟦U+202E⟧c⟦U+200B⟧d⟦U+E0041⟧ 👩‍💻 ção\nx"
    assert shown("meio \ud83d caractere") == "meio ? caractere"


# --- size


def _long_talks(sample: Sample, *, seed: int) -> dict[tuple[str, int], Transcript]:
    """Talks as long as a live model's, no two alike and hardly to be compressed."""
    luck = random.Random(seed)
    grown: dict[tuple[str, int], Transcript] = {}
    for key, talk in sample.transcripts.items():
        at = talk.events[-1].at
        extra = tuple(
            ToolCalled(turn=turn, at=at, name="buscar_conhecimento", result=luck.randbytes(900).hex())
            for turn in range(1, 5)
        )
        grown[key] = talk.model_copy(update={"events": (*talk.events, *extra)})
    return grown


def test_four_hundred_scenarios_four_times_with_a_baseline_stay_below_five_megabytes() -> None:
    sample = a_sample(400)
    page = drawn(sample)
    assert len(page.encode()) < PAST_FIVE_MEGABYTES / 4
    assert "ficaram de fora" not in page


def test_what_does_not_fit_is_left_out_beginning_with_what_passed() -> None:
    sample = a_sample(40)
    sample.transcripts = _long_talks(sample, seed=1)
    page = drawn(sample, most_bytes=300_000)
    assert len(re.findall(r'id="talks">([^<]*)', page)[0]) <= 300_000
    data = talks_in(page)
    runs = [run for case in data["cases"] for run in case["runs"]]
    kept = {mark: [run[4] >= 0 for run in runs if run[2] == mark] for mark in ("pass", "fail", "block")}
    assert all(kept["fail"])
    assert all(kept["block"])
    left_out = len(sample.transcripts) + len(sample.baseline_transcripts) - sum(
        run[4] >= 0 for case in data["cases"] for run in (*case["runs"], *case["before"])
    )  # fmt: skip
    assert left_out > len(sample.baseline_transcripts)
    assert f"ficaram de fora {left_out} conversas" in page


# --- trend


def test_the_trend_takes_runs_of_the_same_suites_up_to_this_one(sample: Sample) -> None:
    history = a_history(sample.result, luck=random.Random(3))
    chart = chart_of(sample.result, history, "pt")
    assert chart is not None
    assert [len(line.dots) for line in chart.lines] == [10, 10]
    assert [line.last for line in chart.lines] == ["92\xa0%", "90,7\xa0%"]
    assert len({dot.x for dot in chart.lines[0].dots}) == 10
    later = [point.created_at + timedelta(days=30) for point in history.points]
    of_other_suites = [point for point in history.points if point.suite != "vendas"]
    too_few = [replace(point, scenarios=2) for point in history.points]
    after = [replace(point, created_at=at) for point, at in zip(history.points, later, strict=True)]
    for points in (of_other_suites, too_few, after):
        assert chart_of(sample.result, History(points=tuple(points)), "pt") is None


# --- in a browser

OpenReport = Callable[..., Awaitable[Page]]


@pytest.fixture
def troubles() -> list[str]:
    """Collect what the page complains of and what it asks the network for."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def open_report(
    browser: Browser, page_text: str, tmp_path: Path, troubles: list[str]
) -> AsyncIterator[OpenReport]:
    """Open a report from disk; keywords are those of a browser context."""
    async with AsyncExitStack() as stack:

        async def open_it(*, text: str = page_text, at: str = "", **options: Any) -> Page:
            path = tmp_path / "report.html"
            path.write_text(text, "utf-8", errors="replace")
            context = await browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
            stack.push_async_callback(context.close)
            context.set_default_timeout(15_000)
            page = await context.new_page()
            page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", lambda request: _note_request(troubles, request.url))
            await page.goto(path.as_uri() + at)
            return page

        yield open_it


def _note_request(troubles: list[str], url: str) -> None:
    if not url.startswith(("file:", "blob:", "data:")):
        troubles.append(url)


def at_case(scenario_id: str = BROKEN, **more: object) -> str:
    return "#" + "&".join(f"{name}={value}" for name, value in {"case": scenario_id, "cell": 1, **more}.items())


async def shown_rows(page: Page) -> int:
    return await page.locator("#list tbody tr:visible").count()


@pytest.mark.browser
async def test_a_case_shows_both_talks_with_the_first_difference_and_the_failed_check_at_its_turn(
    open_report: OpenReport, troubles: list[str]
) -> None:
    page = await open_report(at=at_case())
    await expect(page.locator(".case-title")).to_have_text("Promete pagar na sexta que vem")
    await expect(page.locator(".talk-heads .side-name")).to_have_count(2)
    await expect(page.locator(".talk-heads .side-name").first).to_contain_text("Linha de base")
    different = page.locator(".turn.is-different")
    await expect(different).to_have_attribute("data-turn", "3")
    await expect(different.locator("mark")).to_have_text(["sexta-feira, 27/11/2026.", "sábado, 28/11/2026."])
    await page.locator(".finding").click()
    await expect(different).to_have_class(re.compile("is-lit"))
    await expect(different).to_be_in_viewport()
    await expect(different.locator(".turn-failure")).to_contain_text("encontrado: 28/11/2026")
    tool = page.locator('.turn[data-turn="2"] .step.tool').first
    await expect(tool.locator("pre").first).to_be_hidden()
    await tool.locator("summary").click()
    await expect(tool).to_contain_text('"total": "R$ 239,80"')
    await expect(page.locator('.turn[data-turn="4"] .step.change').first).to_contain_text("promessa · inclusão")
    assert troubles == []


@pytest.mark.browser
async def test_the_end_states_of_both_talks_stand_side_by_side_where_they_differ(
    sample: Sample, open_report: OpenReport
) -> None:
    place = next(place for place in sample.transcripts if BROKEN in place[0] and "draft" in place[0])
    ended = sample.transcripts[place].model_copy(update={"end": EndState(handler="human")})
    given = replace(sample, transcripts=sample.transcripts | {place: ended})
    page = await open_report(text=drawn(given), at=at_case())
    await page.locator(".end summary").click()
    await expect(page.locator(".end summary")).to_have_text("Estado final · diferente nas duas conversas")
    await expect(page.locator(".end .step h5")).to_have_text(["Linha de base", "Esta execução"])
    await expect(page.locator(".end .step").last).to_contain_text('"handler": "human"')
    same = await open_report(at=at_case("vendas-007"))
    await expect(same.locator(".end summary")).to_have_text("Estado final · igual nas duas conversas")


@pytest.mark.browser
async def test_what_is_said_in_portuguese_is_marked_so_on_the_english_page(
    sample: Sample, open_report: OpenReport
) -> None:
    page = await open_report(text=drawn(sample, language="en"), at=at_case())
    for name in (".case-title", ".finding .detail", ".bubble.customer", ".bubble.agent"):
        await expect(page.locator(name).first).to_have_attribute("lang", "pt-BR")
    for name in ("#list .name", ".flip-name"):
        assert await page.locator(name).first.get_attribute("lang") == "pt-BR"
    await expect(page.locator(".finding .go").first).to_have_text("see turn 3 ↓")
    portuguese = await open_report(at=at_case())
    assert await portuguese.locator('[lang="pt-BR"]').count() == 1  # the page itself


@pytest.mark.browser
async def test_protocols_that_differ_at_every_run_are_no_difference(open_report: OpenReport) -> None:
    page = await open_report(at=at_case("vendas-007"))
    await expect(page.locator(".talk")).to_contain_text("As duas conversas dizem e fazem o mesmo.")
    assert await page.locator(".turn.is-different").count() == 0


@pytest.mark.browser
async def test_filters_narrow_the_list_and_stand_in_the_address(open_report: OpenReport, troubles: list[str]) -> None:
    page = await open_report()
    await expect(page.locator("#shown")).to_have_text("28 de 28 cenários")
    await page.locator(".chip", has_text="instável").click()
    assert await shown_rows(page) == 2
    await page.locator(".chip", has_text="consertado").click()
    assert await shown_rows(page) == 3
    await page.get_by_role("button", name="Limpar filtros").click()
    assert await shown_rows(page) == 28
    await page.locator(".heat-link").nth(2).click()
    await expect(page.locator("#shown")).to_have_text("7 de 28 cenários")
    await expect(page.locator('[data-filter="suite"]')).to_have_value("cobranca-identidade")
    await page.get_by_role("button", name="Limpar filtros").click()
    await page.locator('[data-filter="check"]').select_option("policy.said-equals-stored")
    assert await shown_rows(page) == 1
    address = page.url
    await page.goto("about:blank")
    await page.goto(address)
    await expect(page.locator("#shown")).to_have_text("1 de 28 cenários")
    assert troubles == []


@pytest.mark.browser
async def test_the_search_finds_words_of_the_talks_without_accents(open_report: OpenReport) -> None:
    page = await open_report()
    await page.keyboard.press("/")
    await page.keyboard.type("sabado, 28/11")
    await expect(page.locator("#q")).to_have_value("sabado, 28/11")
    await expect(page.locator("#shown")).to_have_text("5 de 28 cenários")
    await page.locator("#q").fill("nada assim")
    await expect(page.locator("#none")).to_be_visible()
    await page.locator("#q").fill(BROKEN)
    for key in ("Escape", "j", "Enter"):
        await page.keyboard.press(key)
    await expect(page.locator(".case-title")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type("vendas-007")
    await expect(page.locator("#shown")).to_have_text("1 de 28 cenários")


@pytest.mark.browser
async def test_everything_is_reached_by_keys(open_report: OpenReport, troubles: list[str]) -> None:
    page = await open_report()
    for key in ("j", "j", "Enter"):
        await page.keyboard.press(key)
    title = page.locator(".case-title")
    await expect(title).to_have_text("Promete pagar na sexta que vem")
    await expect(page.locator("#repeats [aria-pressed=true]")).to_have_text("1")
    await page.keyboard.press("3")
    await expect(page.locator("#repeats [aria-pressed=true]")).to_have_text("3")
    await page.keyboard.press("e")
    await expect(page.locator(".turn.is-lit")).to_have_attribute("data-turn", "3")
    await page.keyboard.press("j")
    await expect(title).to_have_text("Diz que já pagou ontem")
    await page.keyboard.press("k")
    await expect(title).to_have_text("Promete pagar na sexta que vem")
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator("#overview")).to_be_visible()
    await expect(page.locator(f'a.name[href*="{BROKEN}"]')).to_be_focused()
    assert troubles == []


@pytest.mark.browser
async def test_a_square_opens_its_own_repeat(open_report: OpenReport) -> None:
    page = await open_report()
    row = page.locator("#list tbody tr", has=page.locator('a[href*="cobranca-identidade-001"]'))
    await row.locator("td").nth(1).locator(".m.block").click()
    await expect(page.locator("#repeats [aria-pressed=true]")).to_have_text("2")
    await expect(page.locator(".finding")).to_contain_text("CDC arts. 6º III e 30")
    await page.locator("#with").select_option("none")
    await expect(page.locator(".talk.is-two")).to_have_count(0)
    await page.go_back()
    await expect(page.locator("#overview")).to_be_visible()
    await page.go_forward()
    await expect(page.locator(".talk:not(.is-two)")).to_be_visible()


@pytest.mark.browser
async def test_hostile_words_of_a_customer_are_only_shown(
    open_report: OpenReport, sample: Sample, troubles: list[str]
) -> None:
    run = next(run for run in sample.result.runs if run.scenario_id == BROKEN and run.cell == DRAFT)
    talk = sample.transcripts[run.key, 0]
    said = CustomerSaid(turn=1, at=talk.events[0].at, text=HOSTILE)
    called = ToolCalled(turn=1, at=talk.events[0].at, name="</summary><script>window.hacked=2</script>", result=HOSTILE)
    transcripts = {**sample.transcripts, (run.key, 0): talk.model_copy(update={"events": (said, called, *talk.events)})}
    text = drawn(Sample(result=sample.result, transcripts=transcripts, scenarios=sample.scenarios))
    page = await open_report(text=text, at=at_case(repeat=0))
    bubble = page.locator(".is-right .bubble.customer").first
    await expect(bubble).to_contain_text('</script><img src=x onerror="window.hacked=1"><b>oi</b>␀⟦U+202E⟧otxet')
    assert await page.locator("#case img, #case b b, #case script").count() == 0
    assert await page.evaluate("window.hacked") is None
    assert troubles == []


@pytest.mark.browser
async def test_an_address_that_was_tampered_with_does_nothing(open_report: OpenReport, troubles: list[str]) -> None:
    page = await open_report(at="#case=<img src=x onerror=alert(1)>&v=1&cell=9&q=<b>&status=nope&suite=x")
    await expect(page.locator("#overview")).to_be_visible()
    await expect(page.locator("#none")).to_be_visible()
    await page.goto(page.url.partition("#")[0] + at_case(cell=9, repeat=77, **{"with": "b7.7"}))
    await page.reload()
    await expect(page.locator(".case-title")).to_have_text("Promete pagar na sexta que vem")
    assert troubles == []


@pytest.mark.browser
@pytest.mark.parametrize("at", ["", at_case()])
async def test_nothing_is_wider_than_a_phone(open_report: OpenReport, at: str) -> None:
    page = await open_report(at=at, viewport={"width": 390, "height": 844})
    await expect(page.locator(".case-title" if at else "#list")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    if at:
        left, right = page.locator(".turn-side.is-left").first, page.locator(".turn-side.is-right").first
        await expect(left).to_be_hidden()
        await page.locator(".sides button").first.click()
        await expect(left).to_be_visible()
        await expect(right).to_be_hidden()


@pytest.mark.browser
async def test_dark_follows_the_system_until_it_is_chosen(open_report: OpenReport) -> None:
    page = await open_report(color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(background) == "rgb(15, 20, 25)"
    await page.locator("#theme").click()
    await expect(page.locator("#theme")).to_have_text("Tema: claro")
    assert await page.evaluate(background) == "rgb(238, 241, 244)"


@pytest.mark.browser
async def test_without_a_script_the_summary_and_the_list_are_there(open_report: OpenReport) -> None:
    page = await open_report(java_script_enabled=False)
    await expect(page.locator(".verdict-name")).to_have_text("Barrado: política bloqueante quebrada")
    assert await shown_rows(page) == 28
    await expect(page.locator(".filters")).to_be_hidden()
    await expect(page.locator("noscript")).to_be_visible()


@pytest.mark.browser
async def test_printing_leaves_out_what_only_a_screen_needs(open_report: OpenReport) -> None:
    page = await open_report(color_scheme="dark")
    await page.emulate_media(media="print")
    for name in (".topbar", ".filters", "#help"):
        await expect(page.locator(name)).to_be_hidden()
    await expect(page.locator("#list")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
