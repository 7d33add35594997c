"""What is wrong with one scenario's fields, in words of the file's writer rather than of the validator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evals import scenario as models

Path = tuple[str | int, ...]

_ABSENT: Final = object()
_USER_KINDS: Final = frozenset({"script", "rules", "llm"})
_WHOLE_TYPE_ERRORS: Final = frozenset({"model_type", "string_type", "tuple_type", "date_type", "model_attributes_type"})
_SAY: Final = (
    "expected what the customer says: a text, {audio: true}, {media: image}, {wait_minutes: 5}, "
    "or a list of such bubbles"
)
_QUOTE: Final = "is a number here, not text; put it in quotes"
_LIST: Final = "expected a list (lines that begin with '- ')"
_KEYS: Final = "expected keys with values here"
_DATE: Final = "is no date of the calendar; write it as 2026-11-27"
_INSTANT: Final = "is no instant; write it with its offset, as 2026-11-20T10:00:00-03:00"
_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "tuple_type": _LIST,
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "model_attributes_type": _KEYS,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "timezone_aware": _INSTANT,
    "union_tag_not_found": "needs 'kind: script', 'kind: rules' or 'kind: llm'",
}
_FIELD_NAMES: Final = sorted(
    {
        name
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One field and what to do about it."""

    path: Path
    message: str


@dataclass(kw_only=True, slots=True)
class _Node:
    """The errors at one place of the validator's path, which names the branches of unions beside keys."""

    errors: list[ErrorDetails] = field(default_factory=list)
    children: "dict[str | int, _Node]" = field(default_factory=dict)


def field_name(path: Path) -> str:
    """Write a path as `expect.state.promises[0].due_on`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def field_errors(error: ValidationError, data: Mapping[str, object]) -> list[FieldError]:
    """Translate what the validator found; the branches of a union give one message together."""
    root = _Node()
    for detail in error.errors(include_url=False):
        node = root
        for part in detail["loc"]:
            node = node.children.setdefault(part, _Node())
        node.errors.append(detail)
    return list(_walk(root, (), data))


def _walk(node: _Node, path: Path, value: object) -> Iterator[FieldError]:
    for detail in node.errors:
        message = _message(detail, path, value)
        if message is not None:
            yield FieldError(path=path, message=message)
    branches: dict[str, _Node] = {}
    for part, child in node.children.items():
        below = _value_below(value, part)
        if below is not _ABSENT or any(detail["type"] == "missing" for detail in child.errors):
            yield from _walk(child, (*path, part), below)
        else:
            branches[str(part)] = child
    if branches:
        yield from _walk_union(branches, path, value)


def _value_below(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    return value[part] if isinstance(value, list) and isinstance(part, int) else _ABSENT


def _walk_union(branches: Mapping[str, _Node], path: Path, value: object) -> Iterator[FieldError]:
    meant = next(iter(branches.values())) if branches.keys() <= _USER_KINDS else _meant_branch(branches, value)
    if meant is not None:
        yield from _walk(meant, path, value)
    elif isinstance(value, int | float) and "str" in branches:
        yield FieldError(path=path, message=_QUOTE)
    elif "Wait" in branches or "Audio" in branches:
        yield FieldError(path=path, message=_SAY)
    else:
        reasons = (_message(detail, path, value) for branch in branches.values() for detail in branch.errors)
        yield FieldError(path=path, message=" or ".join(dict.fromkeys(filter(None, reasons))))


def _meant_branch(branches: Mapping[str, _Node], value: object) -> _Node | None:
    """Choose the branch that the writer seems to have meant; None when that is anybody's guess."""
    if isinstance(value, list):
        return next((branch for name, branch in branches.items() if name.startswith("tuple[")), None)
    fitting = [
        branch
        for branch in branches.values()
        if not any(detail["type"] in _WHOLE_TYPE_ERRORS for detail in branch.errors)
        and not any(
            detail["type"] in {"missing", "extra_forbidden"}
            for child in branch.children.values()
            for detail in child.errors
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


def _message(detail: ErrorDetails, path: Path, value: object) -> str | None:
    kind, name = detail["type"], str(path[-1]) if path else ""
    if kind == "too_short" and isinstance(value, list | tuple) and value:
        return None  # it is not empty: its items are wrong, which is said there
    if kind == "extra_forbidden":
        near = get_close_matches(name.lower(), _FIELD_NAMES, n=1)
        return "unknown key" + (f"; did you mean '{near[0]}'?" if near and near[0] != name else " in this place")
    if kind == "string_type":
        return _QUOTE if isinstance(value, int | float) else "expected text"
    if kind == "string_pattern_mismatch" and name == "document":
        return "expected the 11 characters of a CPF or the 14 of a CNPJ, without punctuation, in quotes"
    if kind == "int_from_float":
        return "expected a whole number" + (" of cents" if name.endswith("_cents") else "")
    return _MESSAGES.get(kind, detail["msg"])
