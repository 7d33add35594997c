"""What README and docs say exists: commands, settings, links, routes, and the observer's examples."""

import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import typer.main
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from agents.prompts import VARIABLES
from agents.turn_context import context_block, hear
from domain import reply_rules
from domain.evidence import Backing, find_unbacked
from domain.messages import Medium
from domain.tenants import Tenant
from domain.turns import ContactProfile, TurnContext
from server.app import create_app
from server.cli import app as cli
from services.api_keys import Scope
from services.demo_content import SETTINGS
from tests.fakes_clock import DEFAULT_NOW
from tools.registry import TOOLS_BY_AGENT
from wiring.settings import Settings

ROOT = Path(str(files("wiring"))).parent
README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
TEXTS = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in PAGES}
SETTINGS_NAMES = {name.upper() for name in Settings.model_fields} - {"FAILPOINT"}  # for crash tests only
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_EXAMPLE = re.compile(r"^\| `(\w+)` \| (.+?) \| .+ \|$", re.MULTILINE)
every_page = pytest.mark.parametrize("name", TEXTS)


def _page(name: str) -> str:
    return TEXTS[name]


def _commands(text: str) -> Iterator[str]:
    """Give what a reader may type: the lines of shell blocks and the code inside sentences."""
    for language, body in _FENCE.findall(text):
        if language == "sh":
            yield from body.replace("\\\n", " ").splitlines()
    yield from _INLINE.findall(_FENCE.sub("", text))


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@every_page
def test_every_make_target_named_exists(name: str) -> None:
    named = {
        match[1] for line in _commands(_page(name)) for match in re.finditer(r"(?:^|[;&\s])make ([a-z][a-z-]*)", line)
    }

    assert named <= _targets()


def test_readme_names_what_people_run() -> None:
    assert {"make run", "make test", "make check"} <= {
        line.split("  ")[0].strip() for line in _commands(_page("README.md"))
    }


@every_page
def test_every_command_named_exists(name: str) -> None:
    root = typer.main.get_command(cli)
    for line in _commands(_page(name)):
        for match in re.finditer(r"(?:^|[\s/])master-ia ((?:[a-z][a-z-]* ?)+)", line):
            _assert_command(root, match[1].split())


def _assert_command(root: object, words: list[str]) -> None:
    commands = getattr(root, "commands", {})
    assert words[0] in commands, f"master-ia {words[0]}"
    inner = getattr(commands[words[0]], "commands", None)
    if inner is not None:
        assert words[1:], f"master-ia {words[0]} needs a command"
        assert words[1] in inner, f"master-ia {' '.join(words)}"


def test_readme_lists_every_command() -> None:
    commands = getattr(typer.main.get_command(cli), "commands", {})
    wanted = {
        f"master-ia {name}{f' {inner}' if inner else ''}"
        for name, command in commands.items()
        for inner in (getattr(command, "commands", None) or [""])
    }

    assert wanted <= set(_INLINE.findall(_page("README.md")))


def _configuration_table() -> dict[str, str]:
    return dict(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (\S+) \| .+ \|$", _page("README.md"), re.MULTILINE))


def test_every_setting_stands_in_the_table_and_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")

    assert set(_configuration_table()) == SETTINGS_NAMES
    assert set(re.findall(r"^([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)) == SETTINGS_NAMES


@pytest.mark.parametrize("name", sorted(SETTINGS_NAMES))
def test_table_gives_the_default(name: str) -> None:
    default = Settings.model_fields[name.lower()].get_default()
    shown = str(default).lower() if isinstance(default, bool) else str(default)

    assert _configuration_table()[name] == ("–" if default is None else f"`{shown}`")


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _page(name)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (ROOT / name).parent / place if place else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.read_text("utf-8")), link


@every_page
def test_every_path_named_exists(name: str) -> None:
    for code in _INLINE.findall(_FENCE.sub("", _page(name))):
        if re.fullmatch(r"[a-z_.]+/[\w./*-]*", code) and not code.startswith(".venv/"):
            assert list(ROOT.glob(code.rstrip("/"))), code


@every_page
def test_no_page_names_a_place_of_one_machine(name: str) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root)/", _page(name))


def _routes() -> list[tuple[str, re.Pattern[str]]]:
    settings = Settings(_env_file=None, database_url=SecretStr("postgresql://nobody@127.0.0.1/none"))  # type: ignore[call-arg]
    paths = create_app(settings, is_runner_wanted=False).openapi()["paths"]
    return [
        (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)))
        for path, methods in paths.items()
        for method in methods
    ]


def test_every_call_of_the_api_in_the_docs_has_its_route() -> None:
    routes = _routes()
    calls = [
        (method[1] if (method := re.search(r"-X (\w+)", match[0])) else "GET", f"/api/v1{match[1]}")
        for text in TEXTS.values()
        for match in re.finditer(r"curl [^\n`]*?\$API(/[^\s\"'`?]*)", text.replace("\\\n", " "))
    ]

    assert len(calls) > 30
    assert not [call for call in calls if not any(m == call[0] and path.fullmatch(call[1]) for m, path in routes)]


def test_operators_page_lists_every_scope() -> None:
    assert {scope.value for scope in Scope} <= set(_INLINE.findall(_page("docs/operators.md")))


def _examples() -> dict[str, str]:
    table = _page("docs/prompt-engineers.md").partition("## The observer's rules")[2].partition("## Models")[0]
    return dict(_EXAMPLE.findall(table))


def test_every_reason_of_the_observer_is_explained() -> None:
    sources = (ROOT / "domain" / "evidence.py", ROOT / "domain" / "reply_rules.py", ROOT / "agents" / "observer.py")
    reasons = {
        reason for source in sources for reason in re.findall(r'Finding\(reason="(\w+)"', source.read_text("utf-8"))
    }

    assert set(_examples()) == reasons


@pytest.mark.parametrize(("reason", "draft"), [item for item in _examples().items() if item[1] != "–"])
def test_example_of_a_reason_gets_it(reason: str, draft: str) -> None:
    words = [str(word) for word in SETTINGS["forbidden_words"]] if isinstance(SETTINGS["forbidden_words"], list) else []
    found = [
        *reply_rules.find_bad_length(draft, medium=Medium.WHATSAPP),
        *find_unbacked(draft, Backing(evidence=(), fresh=(), today=date(2026, 11, 21))),
        *reply_rules.find_documents_shown(draft, documents=()),
        *reply_rules.find_forbidden(draft, words=words, customer_texts=(), known_texts=()),
        *reply_rules.find_foreign_or_internal(draft),
        *reply_rules.find_links(draft, allowed_hosts=(), known_texts=()),
        *reply_rules.find_debt_told(draft, customer_texts=(), known_texts=(), known_amounts=set()),
    ]

    assert reason in {finding.reason for finding in found}


def test_every_prompt_variable_is_explained() -> None:
    assert set(re.findall(r"\{\{([a-z_.]+)\}\}", _page("docs/prompt-engineers.md"))) == VARIABLES


def test_tools_page_has_every_tool_and_who_may_call_it() -> None:
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", _page("docs/tools.md"), re.MULTILINE))
    agents = {
        tool.name: [a for a, t in TOOLS_BY_AGENT.items() if tool in t] for ts in TOOLS_BY_AGENT.values() for tool in ts
    }

    assert {name: set(who.split(", ")) for name, who in shown.items()} == {
        name: {"all"} if len(who) == len(TOOLS_BY_AGENT) else set(who) for name, who in agents.items()
    }


def test_tools_page_lists_the_turn_context() -> None:
    tenant = Tenant(
        id=uuid4(), slug="t", name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True,
    )  # fmt: skip
    turn = TurnContext(
        tenant=tenant, contact=ContactProfile(id=uuid4()), conversation_id=uuid4(), turn_seq=1, medium=Medium.WHATSAPP,
        now=DEFAULT_NOW, source="customer", assigned_agent=None,
    )  # fmt: skip
    heard = hear([HumanMessage("pago sexta que vem")], today=turn.today)
    block = context_block(
        turn, agent="cobranca", heard=heard, identity={"status": "pendente"}, proposal=None, promise=None
    )
    section = _page("docs/tools.md").partition("## The context of a turn")[2]

    assert isinstance(block["datas"], list)
    assert block["datas"]
    assert set(block) <= set(_INLINE.findall(section))
    assert set(block["datas"][0]) <= set(re.findall(r'"(\w+)"', section))


def test_tools_page_explains_every_error() -> None:
    sources = [*(ROOT / "tools").glob("*.py"), ROOT / "agents" / "talk.py"]
    refusals = r'refuse\(\s*"(\w+)"|^    IdentityProblem\.\w+: \(\n +"(\w+)"|^_[A-Z_]+ = \(\s*"(\w+)",'
    found = {
        code
        for source in sources
        for codes in re.findall(refusals, source.read_text("utf-8"), re.MULTILINE)
        for code in codes
        if code
    }

    assert len(found) > 20
    assert found <= set(_INLINE.findall(_page("docs/tools.md")))


def test_readme_is_short() -> None:
    assert len(_page("README.md").splitlines()) <= 260


def test_decisions_are_numbered_without_gaps_and_short() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for number, page in enumerate(DECISIONS, start=1):
        text = page.read_text("utf-8")
        assert text.startswith(f"# {number}. ")
        assert len(text.splitlines()) <= 60
        assert all(part in text for part in ("**Context.**", "**Decision.**", "**Consequences.**"))
