from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from evals.junit import junit_xml
from evals.results import Cause, CheckKind, ResultFile
from tests.evals.result_factory import DRAFT, a_blocking_break, a_check, a_result, a_run, repeats


def parsed(result: ResultFile) -> Element:
    root: Element = ElementTree.fromstring(junit_xml(result).encode())
    return root


def case(root: Element, scenario_id: str) -> Element:
    (found,) = (case for case in root.iter("testcase") if case.attrib["name"].startswith(f"{scenario_id}@"))
    return found


def verdicts(root: Element) -> dict[str, str]:
    return {
        each.attrib["name"].partition("@")[0]: ",".join(child.tag for child in each if child.tag != "system-out")
        for each in root.iter("testcase")
    }


def test_a_suite_for_each_suite_and_cell_and_a_case_for_each_scenario() -> None:
    root = parsed(
        a_result(
            [*repeats("a", [True, True]), a_run("v", suite="vendas"), a_run("a", cell=DRAFT)], titles={"a": "Dia 10"}
        )
    )
    assert [suite.attrib["name"] for suite in root] == [
        "cobranca-datas [current · offline · offline]",
        "cobranca-datas [draft · offline · offline]",
        "vendas [current · offline · offline]",
    ]
    assert [each.attrib["name"] for each in root[0]] == ["a@1 Dia 10"]
    assert root[0].attrib["tests"] == "1"
    assert root[0].attrib["time"] == "0.600"
    assert "2 de 2 repetições passaram" in (case(root[:1][0], "a").findtext("system-out") or "")


def test_each_outcome_has_its_own_mark() -> None:
    root = parsed(
        a_result([
            a_run("good"),
            a_run("red", has_passed=False),
            *repeats("flaky", [True, False]),
            a_run("known", has_passed=False, known_failure="feriado municipal"),
            a_run("mended", known_failure="feriado municipal"),
            a_run("forbidden", has_passed=False, known_failure="x", checks=[a_blocking_break()]),
            a_run("spoilt", has_passed=False, cause=Cause.INFRASTRUCTURE, error="connection reset"),
            a_run("ill", has_passed=False, cause=Cause.SCENARIO),
        ])
    )  # fmt: skip
    assert verdicts(root) == {
        "good": "", "red": "failure", "flaky": "failure", "known": "skipped", "mended": "",
        "forbidden": "failure", "spoilt": "error", "ill": "error",
    }  # fmt: skip
    (suite,) = root
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "3", "errors": "2", "skipped": "1"}
    assert "feriado municipal" in case(root, "known")[0].attrib["message"]
    assert "já passa" in (case(root, "mended").findtext("system-out") or "")
    assert case(root, "forbidden")[0].attrib["type"] == "blocking"
    assert case(root, "spoilt")[0].text == "connection reset"


def test_a_failure_says_which_checks_failed_in_which_repeat_and_turn() -> None:
    checks = [
        a_check("words.said.1", kind=CheckKind.WORDS, turn=2, detail="faltou a data"),
        a_check(),
        a_check("tools.required.x", has_passed=True),
        a_check("judge.0", kind=CheckKind.JUDGE),
    ]
    root = parsed(a_result([a_run(), a_run(repeat=1, has_passed=False, checks=checks)]))
    failure = case(root, "cobranca-datas-001")[0]
    assert failure.attrib["message"] == "1 de 2 repetições passaram: state.promises"
    assert failure.attrib["type"] == "state"
    assert "repetição 2: falhou (agente)" in (failure.text or "")
    assert "- words.said.1 (serious, turno 2): faltou a data" in (failure.text or "")
    assert "tools.required.x" not in (failure.text or "")
    assert "judge" not in (failure.text or "")


def test_it_speaks_english_when_asked() -> None:
    text = junit_xml(a_result([a_run(has_passed=False)]), language="en")
    assert "0 of 1 repeats passed: state.promises" in text
    assert "repetição" not in text


@given(st.text(), st.text())
def test_any_text_is_well_formed_xml(detail: str, title: str) -> None:
    run = a_run(has_passed=False, checks=[a_check(detail=detail)], error=title, known_failure=None)
    root = parsed(a_result([run], titles={"cobranca-datas-001": title}))
    assert verdicts(root) == {"cobranca-datas-001": "failure"}


def test_control_characters_and_markup_are_shown_not_written() -> None:
    root = parsed(a_result([a_run(has_passed=False, checks=[a_check(detail='a\x00b\x1b[31m]]> <&"\ud800\ufffe')])]))
    assert r'a\x00b\x1b[31m]]> <&"\xd800\xfffe' in (case(root, "cobranca-datas-001")[0].text or "")


def test_personal_data_is_masked_everywhere() -> None:
    secret = "CPF 529.982.247-25, +5511999990001"
    runs = [
        a_run("a", has_passed=False, checks=[a_check(detail=secret)], error=secret),
        a_run("b", has_passed=False, known_failure=secret),
        a_run("c", has_passed=False, cause=Cause.INFRASTRUCTURE, error=secret),
    ]
    text = junit_xml(a_result(runs, titles={"a": secret}))
    assert "529" not in text
    assert "99999" not in text
    assert "***.***.***-25" in text


def test_a_long_text_is_cut() -> None:
    text = junit_xml(a_result([a_run(has_passed=False, checks=[a_check(detail="é" * 1_000_000)])]))
    assert len(text) < 30_000
