"""Scenario files: what is read, and what is said of files that people and programs get wrong."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.loading import SUITES, FileProblem, ScenarioFileInvalid, SuiteUnknown, load_file, load_suites, suite_names
from evals.scenario import Audio, Channel, RulesUser, ScriptUser, Severity, Wait

HEAD = """\
suite: provas
defaults:
  now: 2026-11-20T10:00:00-03:00
  severity: minor
  tags: [um, dois]
  seed:
    contact: {phone: "+5511999990001", name: Maria}
    state: RJ
  expect: {state: {identity: confirmada}}
scenarios:
"""
ONE = """\
  - id: provas-001
    title: Diz oi e some
    user: {kind: script, turns: [oi]}
"""


def write(folder: Path, text: str | bytes, name: str = "provas.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def complaints(path: Path) -> list[str]:
    with pytest.raises(ScenarioFileInvalid) as caught:
        load_file(path)
    assert caught.value.path == path
    return [str(problem) for problem in caught.value.problems]


def test_defaults_lie_under_each_scenario(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + ONE + """\
  - id: provas-002
    title: Outro tom, outro estado
    tags: [tres]
    severity: blocking
    channel: voice
    seed: {state: SP, contact: {name: Ana}}
    user:
      kind: script
      turns: [[oi, {audio: true, transcript: tudo bem}], {wait_minutes: 5}, sim]
    expect: {state: {is_opted_out: false}}
""")  # fmt: skip
    first, second = load_file(path)
    assert (first.suite, first.tags, first.severity) == ("provas", ("um", "dois"), Severity.MINOR)
    assert first.now == datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert (first.seed.contact.name, first.seed.state) == ("Maria", "RJ")
    assert (second.tags, second.severity, second.channel) == (("tres",), Severity.BLOCKING, Channel.VOICE)
    assert (second.seed.contact.name, second.seed.contact.phone, second.seed.state) == ("Ana", "+5511999990001", "SP")
    assert second.expect.state.identity == "confirmada"
    assert second.expect.state.is_opted_out is False
    assert isinstance(second.user, ScriptUser)
    assert second.user.turns == (("oi", Audio(transcript="tudo bem")), Wait(wait_minutes=5), "sim")


def test_customer_of_another_kind_replaces_the_default_one(tmp_path: Path) -> None:
    text = (
        HEAD.replace("scenarios:", "  user: {kind: script, turns: [oi, tchau]}\nscenarios:")
        + """\
  - {id: a-1, title: Igual}
  - id: a-2
    title: Outro
    user: {kind: rules, opening: oi, rules: [{when: cpf, say: "529.982.247-25"}]}
  - {id: a-3, title: Outras falas, user: {turns: [bom dia]}}
"""
    )
    same, other, lines = load_file(write(tmp_path, text))
    assert isinstance(same.user, ScriptUser)
    assert isinstance(other.user, RulesUser)
    assert isinstance(lines.user, ScriptUser)
    assert (same.user.turns, lines.user.turns) == (("oi", "tchau"), ("bom dia",))
    assert other.user.rules[0].say == "529.982.247-25"


def test_words_of_yaml_1_1_stay_words(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
  - id: provas-001
    title: Respostas de uma palavra
    user: {kind: script, turns: [no, on, yes, n, sim, 10:30, 2026-11-27, 0123, 1.2.3, .5]}
    expect: {state: {promises: [{due_on: 2026-11-27}]}}
"""
    )
    (scenario,) = load_file(write(tmp_path, text))
    assert isinstance(scenario.user, ScriptUser)
    assert scenario.user.turns == (
        "no", "on", "yes", "n", "sim", "10:30", "2026-11-27", "0123", "1.2.3", ".5"
    )  # fmt: skip
    assert scenario.expect.state.promises is not None
    assert scenario.expect.state.promises[0].due_on == date(2026, 11, 27)


def test_anchors_and_merge_keys_are_read(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
  - &first
    id: provas-001
    title: Com âncora
    user: &user {kind: script, turns: [oi]}
  - {<<: *first, id: provas-002}
  - {id: provas-003, title: Três, user: *user}
"""
    )
    found = load_file(write(tmp_path, text))
    assert [scenario.id for scenario in found] == ["provas-001", "provas-002", "provas-003"]
    assert found[1].title == "Com âncora"
    assert found[0].user == found[1].user == found[2].user


def test_json_lines_are_read_without_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + ONE)
    (scenario,) = load_file(path)
    line = scenario.model_dump_json()
    other = line.replace("provas-001", "provas-002").replace("Diz oi e some", "Diz\\u2028oi e some")
    lines = write(tmp_path, f"{line}\n\n{other}\n", "outras.jsonl")
    first, second = load_file(lines)
    assert first == scenario
    assert second.title == "Diz\u2028oi e some"
    raw = write(tmp_path, line.replace("Diz oi", "Diz\u2028oi") + "\n", "cruas.jsonl")
    assert load_file(raw)[0].title == "Diz\u2028oi e some"


def test_all_problems_of_a_file_are_told_with_line_scenario_and_field(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + """\
  - id: provas-001
    title: CPF como número
    seed:
      customers:
        - document: 52998224725
          name: Maria da Silva
          phone: 5511999990001
          invoices: [{number: FAT-1, amount_cents: 119.90}]
    user: {kind: script, turns: [oi, 52998224725, [sim, 5], {wait_minute: 3}, {media: imagem}]}
    expect:
      state: {promises: [{due_om: 2026-11-27}], handler: robot}
      said: {pattern: oi}
  - titel: sem nada
    now: 2026-11-20T10:00:00
    user: {kind: bot}
  - just words
""")  # fmt: skip
    assert complaints(path) == [
        "line 15: provas-001: seed.customers[0].document: is a number here, not text; put it in quotes",
        "line 17: provas-001: seed.customers[0].phone: is a number here, not text; put it in quotes",
        "line 18: provas-001: seed.customers[0].invoices[0].amount_cents: expected a whole number of cents",
        "line 19: provas-001: user.turns[1]: is a number here, not text; put it in quotes",
        "line 19: provas-001: user.turns[2][1]: is a number here, not text; put it in quotes",
        "line 19: provas-001: user.turns[3]: expected what the customer says: a text, {audio: true}, "
        "{media: image}, {wait_minutes: 5}, or a list of such bubbles",
        "line 19: provas-001: user.turns[4].media: Input should be 'image', 'video', 'document', 'sticker' or "
        "'location'",
        "line 21: provas-001: expect.state.promises[0].due_om: unknown key; did you mean 'due_on'?",
        "line 21: provas-001: expect.state.handler: Input should be 'bot' or 'human'",
        "line 22: provas-001: expect.said: expected a list (lines that begin with '- ')",
        "line 23: scenario 2: id: is missing",
        "line 23: scenario 2: title: is missing",
        "line 23: scenario 2: titel: unknown key; did you mean 'title'?",
        "line 24: scenario 2: now: is no instant; write it with its offset, as 2026-11-20T10:00:00-03:00",
        "line 25: scenario 2: user: Input tag 'bot' found using 'kind' does not match any of the expected tags: "
        "'script', 'rules', 'llm'",
        "line 26: scenario 3: expected keys with values",
    ]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ("expect: {state: {promises: [{due_on: 2026-11-31}]}}", "expect.state.promises[0].due_on", "no date of"),
        ("expect: {state: {promises: [{due_on: [2026-11-31]}]}}", "expect.state.promises[0].due_on[0]", "no date of"),
        ("seed: {customers: [{document: 529.982.247-25, name: M}]}", "seed.customers[0].document", "punctuation"),
        ("seed: {catalogue: demos}", "seed.catalogue", "'demo' or 'none'"),
        ("seed: none", "seed", "keys with values"),
        ("now: 1790000000", "now", "no instant"),
        ("now: '1790000000'", "now", "no instant"),
        ("known_failure: nada", "known_failure", "keys with values"),
        ("title: ~", "title", "expected text"),
        ("Id: provas-1", "Id", "did you mean 'id'?"),
        ("expect: {skip_policies: [{id: x, reason: não}]}", "expect.skip_policies[0].reason", "at least 8"),
        ("expect: {route: [cobrança]}", "expect.route[0]", "'persona', 'cobranca' or 'sales'"),
        ("budget: {turns: 0}", "budget.turns", "greater than or equal to 1"),
    ],
)
def test_field_is_named_with_what_to_do(tmp_path: Path, change: str, field: str, message: str) -> None:
    path = write(tmp_path, HEAD + "  - {id: p-1, title: Prova, user: {kind: script, turns: [oi]}}\n" + ONE)
    whole = path.read_text().replace("title: Prova,", f"title: Prova, {change},")
    if change.startswith("title"):
        whole = whole.replace("title: Prova, ", "")
    (complaint,) = complaints(write(tmp_path, whole))
    assert f"p-1: {field}: " in complaint
    assert message in complaint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the keys"),
        ("suite: provas\nscenarios: []\n", "holds no scenario"),
        ("suite: provas\n", "'scenarios' a list"),
        ("scenarios: [oi", "not YAML"),
        ("suite: [provas]\nscenarios: []\n", "expected text"),
        ("suite: provas\ndefault: {}\nscenarios: []\n", "unknown key; a file has"),
        ("suite: provas\nscenarios: {}\n", "'scenarios' a list"),
        ("suite: provas\ndefaults: []\nscenarios: oi\n", "'scenarios' a list"),
        ("\tsuite: provas", "not YAML"),
        ("suite: provas\x00", "control characters"),
        ("suite: !!python/object/apply:os.system [ls]", "is not allowed"),
        ("suite: !!binary aGk=", "is not allowed"),
        ("? [a, b]\n: c", "a key must be plain text"),
        ("suite: a\n---\nsuite: b", "a second document"),
        ("suite: &a [*a]", "names nothing that was finished"),
        ("suite: *nobody", "names nothing that was finished"),
        ("suite: " + "[" * 200_000, "nested deeper"),
        ("- " * 200_000 + "a", "nested deeper"),
        ("{a: " * 50_000, "nested deeper"),
        ("<<: 5", "takes a mapping"),
        (HEAD + ONE + ONE, "the id is taken already, in line 11"),
        (HEAD + ONE + "    title: De novo\n", "written twice"),
        ("suite: a\n" + HEAD + ONE, "written twice"),
        (HEAD + ONE + "    seed: {state: &s SP, state: *s}\n", "written twice"),
    ],
)
def test_hostile_and_broken_yaml_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in complaint for complaint in complaints(write(tmp_path, text)))


def test_billion_laughs_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "multiply" in complaints(write(tmp_path, "\n".join(levels)))[0]


def test_chain_of_aliases_is_no_way_around_the_depth(tmp_path: Path) -> None:
    levels = ["a0: &a0 [ha]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000))]
    assert "nested deeper" in complaints(write(tmp_path, "\n".join(levels)))[0]


def test_huge_file_is_refused(tmp_path: Path) -> None:
    assert "larger than 5 MB" in complaints(write(tmp_path, "#" * (5 * 1024**2 + 1)))[0]


def test_other_encodings_are_named(tmp_path: Path) -> None:
    latin = (HEAD + ONE.replace("some", "não some")).encode("latin-1")
    assert complaints(write(tmp_path, latin)) == ["line 12: is not UTF-8; save the file as UTF-8"]
    assert "not UTF-8" in complaints(write(tmp_path, (HEAD + ONE).encode("utf-16")))[0]
    assert len(load_file(write(tmp_path, b"\xef\xbb\xbf" + (HEAD + ONE).encode()))) == 1


def test_missing_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in complaints(tmp_path / "nada.yaml")[0]
    assert "cannot be read" in complaints(tmp_path)[0]


def test_broken_json_lines_are_all_told(tmp_path: Path) -> None:
    lines = ["{", "[]", '{"id": "a-1", "id": "a-2"}', '{"id": NaN}', "[" * 100_000, '{"id": "a-1"}']
    found = complaints(write(tmp_path, "\n".join(lines), "provas.jsonl"))
    assert [complaint.split(":")[0] for complaint in found[:5]] == [f"line {n}" for n in range(1, 6)]
    for message, complaint in zip(
        ("not JSON", "an object", "'id' is written twice", "NaN", "nested too deep"), found, strict=False
    ):
        assert message in complaint
    assert "line 6: a-1: title: is missing" in found


def test_suites_are_found_by_name_group_and_all(tmp_path: Path) -> None:
    for suite in ("cobranca-datas", "cobranca-extra", "vendas"):
        write(tmp_path, (HEAD + ONE).replace("provas", suite), f"{suite}.yaml")
    (scenario,) = load_file(tmp_path / "vendas.yaml")
    line = scenario.model_copy(update={"suite": "feita", "id": "feita-001"}).model_dump_json()
    write(tmp_path, line, "feita.jsonl")
    assert suite_names(folder=tmp_path) == ["cobranca-datas", "cobranca-extra", "feita", "vendas"]
    names = [scenario.id for scenario in load_suites(["all"], folder=tmp_path)]
    assert names == ["cobranca-datas-001", "cobranca-extra-001", "feita-001", "vendas-001"]
    assert [s.id for s in load_suites(["vendas", "cobranca", "vendas"], folder=tmp_path)] == [
        "vendas-001", "cobranca-datas-001", "cobranca-extra-001"
    ]  # fmt: skip
    for name in ("nada", "cobranc", "../vendas", ""):
        with pytest.raises(SuiteUnknown, match="there are: cobranca-datas"):
            load_suites([name], folder=tmp_path)


def test_id_of_two_suites_is_refused(tmp_path: Path) -> None:
    write(tmp_path, HEAD + ONE, "provas.yaml")
    write(tmp_path, HEAD + ONE, "testes.yaml")
    with pytest.raises(ScenarioFileInvalid, match=r"taken by a scenario of provas\.yaml"):
        load_suites(["all"], folder=tmp_path)


def test_long_lists_of_problems_are_cut_when_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(["{"] * 80), "provas.jsonl")
    with pytest.raises(ScenarioFileInvalid, match="and 30 more") as caught:
        load_file(path)
    assert len(caught.value.problems) == 80


def test_own_suites_can_be_read() -> None:
    scenarios = load_suites(["all"])
    assert {scenario.suite for scenario in scenarios} == set(suite_names()) == {p.stem for p in SUITES.glob("*.yaml")}
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(["id", "title", "now", "seed", "user", "expect", "tags", "budget", "channel", "version"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.dictionaries(_FIELDS, _VALUES, max_size=3), part=st.sampled_from([None, "state", "tools", "said"]))
def test_any_wrong_type_is_a_problem_and_never_a_crash(
    tmp_path: Path, changes: dict[str, object], part: str | None
) -> None:
    base: dict[str, object] = {
        "id": "provas-001", "suite": "provas", "title": "Prova", "now": "2026-11-20T10:00:00-03:00",
        "user": {"kind": "script", "turns": ["oi"]}, "expect": {},
    }  # fmt: skip
    if part is not None and changes:
        name, value = changes.popitem()
        base["expect"] = {part: {name: value}}
    path = write(tmp_path, json.dumps({**base, **changes}), "provas.jsonl")
    problems: tuple[FileProblem, ...] | None = None
    try:
        (scenario,) = load_file(path)
    except ScenarioFileInvalid as error:
        problems = error.problems
    if problems is None:
        assert scenario.suite == "provas"
    else:
        assert problems
        assert all(problem.message for problem in problems)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200) | st.text(alphabet="-[]{}:,&*!|>'\"# \n\tab<", max_size=80))
def test_any_text_is_a_problem_and_never_a_crash(tmp_path: Path, text: str) -> None:
    for name in ("provas.yaml", "provas.jsonl"):
        path = write(tmp_path, text.encode(errors="surrogatepass"), name)
        with pytest.raises(ScenarioFileInvalid):
            load_file(path)
