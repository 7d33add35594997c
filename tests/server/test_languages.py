"""The API's errors in the caller's language: every sentence has its Portuguese, whatever raises it."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

import domain
import services
import store
from domain.documents import InvalidDocument
from domain.errors import (
    CampaignCannotBecome,
    Conflict,
    ContactMerged,
    DomainError,
    InvalidInput,
    NotFound,
    PromptRefused,
    ScopeMissing,
    TargetNotEditable,
    UnknownNames,
)
from domain.promises import PromiseSettled, PromiseStatus
from server import portuguese
from server.errors import answer_for
from server.languages import Language, read_language
from services.ledger import InvoiceRefused
from tests.server.conftest import Api

Trees = list[tuple[str, ast.Module]]

ROOT = Path(str(files("server"))).parent
PACKAGES = ("agents", "channels", "domain", "graphs", "jobs", "server", "services", "store", "tools", "wiring")
PORTUGUESE = {"accept-language": "pt-BR"}
# Functions that give a reason, which their callers put into an InvalidInput.
REASON_GIVERS = {("domain/message_templates.py", "find_problem"), ("server/api/wire.py", "_storable")}
_OURS = re.compile(r"\b(the|must|may|is|of|not|with)\b")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", Language.ENGLISH),
        ("pt-BR", Language.PORTUGUESE),
        ("pt", Language.PORTUGUESE),
        ("PT-br;q=0.9, en;q=0.8", Language.PORTUGUESE),
        ("pt;q=0.2,en-US;q=0.7", Language.ENGLISH),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", Language.PORTUGUESE),
        ("en, pt", Language.ENGLISH),
        ("pt;q=0", Language.ENGLISH),
        ("fr, pt;q=0.1", Language.PORTUGUESE),
        ("*", Language.ENGLISH),
        ("pt;q=NaN", Language.ENGLISH),
        ("pt;q=inf, en;q=0.1", Language.ENGLISH),
        ("pt;q=-1", Language.ENGLISH),
        (";;;,,,=;q=", Language.ENGLISH),
        ("ptolemaic", Language.ENGLISH),
        ("x," * 100_000 + "pt", Language.ENGLISH),
    ],
)
def test_language_is_read_from_the_weights(accepted: str, language: Language) -> None:
    assert read_language(accepted) is language


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Read the whole product."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths]


def _pattern_of(node: ast.expr) -> str | None:
    """Give a text with `{}` where it varies; None for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return None


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _reasons(trees: Trees) -> set[str]:
    """Collect every reason that the code gives for not taking a value."""
    found: set[str] = set()
    for name, tree in trees:
        for call in _calls(tree, "InvalidInput"):
            if len(call.args) == 2:
                found.add(_pattern_of(call.args[1]) or "")
        for call in _calls(tree, "InvoiceRefused"):
            found.add(_pattern_of(call.args[1]) or "")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (name, node.name) in REASON_GIVERS:
                found.update(_given_by(node))
    return found - {""}


def _given_by(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield _pattern_of(node.value) or ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ValueError":
            yield _pattern_of(node.args[0]) or ""


def test_every_reason_has_its_portuguese(trees: Trees) -> None:
    reasons = _reasons(trees)
    assert len(reasons) > 25
    assert {"must not be empty", "names an account that does not exist", "has braces that are no variable"} <= reasons
    for english in reasons:
        said = portuguese.reason(english.replace("{}", "7"))
        assert said != portuguese.reason("something nobody says"), english
        assert said.count("7") >= english.count("{}"), english
        assert not _OURS.search(said), said


def test_every_function_that_gives_reasons_is_there(trees: Trees) -> None:
    there = {(name, node.name) for name, tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert there >= REASON_GIVERS


def test_every_thing_that_may_be_missing_has_its_portuguese(trees: Trees) -> None:
    named = {_pattern_of(call.args[0]) for _, tree in trees for call in _calls(tree, "NotFound")}
    assert {"campaign", "target", "holiday", "promise"} <= named
    assert named - {None} <= set(portuguese.THINGS)
    assert portuguese.sentence_for(NotFound("campaign")) == "Não encontramos esta campanha"


def _classes(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        if child.__module__.split(".")[0] in PACKAGES:
            yield child
            yield from _classes(child)


def _answered_classes() -> list[type[DomainError]]:
    """Give every error of the product that the API answers with anything but 500."""
    for package in (domain, services, store):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return [kind for kind in set(_classes(DomainError)) if answer_for(kind.__new__(kind)).status != 500]


def test_every_error_that_is_answered_has_its_portuguese() -> None:
    answered = _answered_classes()
    assert len(answered) > 20
    spoken = (NotFound, InvalidInput, InvoiceRefused, Conflict)
    for kind in answered:
        if kind is Conflict or issubclass(kind, spoken[:3]):
            continue
        assert kind in portuguese.SENTENCES, kind


def test_every_conflict_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in _classes(Conflict) if issubclass(kind, Conflict)]
    assert len(codes) == len(set(codes))
    assert "conflict" not in codes


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ScopeMissing("campaigns:read"), "Esta chave de API não tem o escopo campaigns:read"),
        (CampaignCannotBecome("completed", "active"), "Uma campanha com status completed não pode passar a active"),
        (TargetNotEditable("calling", None), "Um alvo com estado calling não pode ser alterado desta forma"),
        (
            PromiseSettled(PromiseStatus.BROKEN),
            "A promessa está com status broken e não pode mais ser alterada",
        ),
        (InvalidDocument(), "Este não é um CPF ou CNPJ válido"),
        (InvalidInput("name", "must have 1 to 120 characters"), "name: precisa ter de 1 a 120 caracteres"),
        (UnknownNames("scopes", ["b", "a"]), "scopes: só aceita estes nomes: a, b"),
        (UnknownNames("tags", []), "tags: só aceita estes nomes: (nada foi definido)"),
        (
            PromptRefused(["the body is empty", "unknown variable {{x.y}}"]),
            "body: não pode ser usado: o texto está vazio; variável desconhecida: {{x.y}}",
        ),
        (
            InvoiceRefused("2026-1", "belongs to another customer"),
            "A fatura '2026-1' foi recusada: pertence a outro cliente",
        ),
    ],
)
def test_errors_in_portuguese(error: DomainError, said: str) -> None:
    assert portuguese.sentence_for(error) == said


def test_sentences_fill_their_attributes() -> None:
    merged = ContactMerged(uuid4())
    assert str(merged.into) in portuguese.sentence_for(merged)
    names = {name for text in portuguese.SENTENCES.values() for name in re.findall(r"\{([^}]*)\}", text)}
    assert all(name.startswith("error.") for name in names)


def test_unknown_reason_says_only_that_it_is_not_taken() -> None:
    assert portuguese.reason("has an odd smell") == "não é um valor aceito"


def test_problems_are_of_kinds_that_pydantic_knows() -> None:
    assert set(portuguese.PROBLEMS) <= set(get_args(ErrorType))


class _Deep(BaseModel):
    items: list[int]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, "x"), (int, 1.5), (int, None), (int, "9" * 5000), (float, "x"), (bool, "x"), (str, 7),
        (dict[str, int], 7), (list[int], 7), (_Deep, 7), (_Deep, {}),
    ],
)  # fmt: skip
def test_what_pydantic_says_is_translated(kind: type[object], value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    for item in caught.value.errors():
        said = portuguese.problem(item["type"], item.get("ctx", {}), item["msg"])
        assert item["type"] in portuguese.PROBLEMS
        assert not _OURS.search(said)


@pytest.mark.parametrize(
    ("path", "status", "english", "said"),
    [
        ("/api/v1/bot", 401, "Send a valid API key as: Authorization: Bearer <key>", "Envie uma chave de API válida"),
        ("/nothing", 404, "There is nothing here", "Não há nada aqui"),
    ],
)
async def test_answers_come_in_the_callers_language(api: Api, path: str, status: int, english: str, said: str) -> None:
    plain = await api.http.get(path)
    assert (plain.status_code, plain.json()["error"]["message"]) == (status, english)
    assert plain.headers["content-language"] == "en"
    other = await api.http.get(path, headers=PORTUGUESE)
    assert other.status_code == status
    assert other.json()["error"]["message"].startswith(said)
    assert other.json()["error"]["code"] == plain.json()["error"]["code"]
    assert other.headers["content-language"] == "pt-BR"
    assert other.headers["vary"] == "accept-language"


async def test_method_that_is_not_allowed(api: Api) -> None:
    answer = await api.http.delete("/health", headers=PORTUGUESE)
    assert (answer.status_code, answer.json()["error"]["message"]) == (405, "Este método não é permitido aqui")


async def test_request_that_is_too_large(api: Api) -> None:
    answer = await api.http.post("/api/v1/invoices", headers=PORTUGUESE, content=b" " * 300_000)
    assert (answer.status_code, answer.json()["error"]["message"]) == (413, "A requisição é grande demais")
    assert answer.headers["content-language"] == "pt-BR"
