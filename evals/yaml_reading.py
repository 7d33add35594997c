"""YAML into plain values, with the line of each, and nothing a file could do harm with.

`yaml.load` composes recursively in C: a file of opening brackets ends the process. Here the parser's events are read in
a loop with limits, and scalars mean what JSON's would: `no` and `on` are words, `2026-11-20` and `0123` are text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 40
_MAX_ALIASED_VALUES: Final = 100_000  # what aliases may multiply a file to ("billion laughs")
_MERGE: Final = "<<"
_STRING_TAGS: Final = frozenset({"!", "tag:yaml.org,2002:str"})
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9]\d{0,30})")
_DECIMAL: Final = re.compile(r"[-+]?\d{1,30}\.\d{1,30}(?:[eE][-+]?\d{1,2})?")

Key = str | int
Lines = dict[tuple[Key, ...], int]


class YamlUnreadable(Exception):
    """A file that is no YAML, or YAML that is refused; with the line where it was noticed."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlDocument:
    """What a file holds, where each value begins (lines from 1), and the keys that were written twice."""

    value: object
    lines: Lines
    duplicates: tuple[tuple[Key, ...], ...] = ()

    def line_of(self, path: tuple[Key, ...]) -> int | None:
        """Give the line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


@dataclass(kw_only=True, slots=True)
class _Anchored:
    value: object
    size: int
    height: int


@dataclass(kw_only=True, slots=True)
class _Open:
    """A mapping or list that is being filled."""

    value: dict[str, object] | list[object]
    path: tuple[Key, ...]
    line: int
    anchor: str | None
    key: str | None = None
    seen: set[str] = field(default_factory=set)
    merged: list[dict[str, object]] = field(default_factory=list)
    size: int = 1
    height: int = 0


def read_yaml(text: str) -> YamlDocument:
    """Read one document of plain mappings, lists, texts, numbers, booleans and nulls."""
    try:
        return _Builder().build(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlUnreadable(f"not YAML: {error.problem}", mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", "cannot be read")
        raise YamlUnreadable(f"not YAML: {reason}", _line_at(text, getattr(error, "position", None))) from error


def _line_at(text: str, position: object) -> int | None:
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else None


class _Builder:
    """Put values together from the parser's events."""

    def __init__(self) -> None:
        self.lines: Lines = {}
        self.duplicates: list[tuple[Key, ...]] = []
        self.anchors: dict[str, _Anchored] = {}
        self.open: list[_Open] = []
        self.aliased = 0
        self.root: object = None
        self.documents = 0

    def build(self, events: Iterator[yaml.Event]) -> YamlDocument:
        for event in events:
            self._take(event, event.start_mark.line + 1 if event.start_mark else 0)
        return YamlDocument(value=self.root, lines=self.lines, duplicates=tuple(self.duplicates))

    def _take(self, event: yaml.Event, line: int) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                self._alias(event, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise YamlUnreadable("a second document begins ('---'): put it in a file of its own", line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag is not None and event.tag not in _STRING_TAGS:
            raise YamlUnreadable(f"the tag {event.tag!r} is not allowed", line)
        value = _resolve(event.value) if event.implicit[0] else event.value
        top = self.open[-1] if self.open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._take_key(top, event.value, line)
            return
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value=value, size=1, height=0)
        self._add(value, line, size=1, height=0)

    def _take_key(self, top: _Open, key: str, line: int) -> None:
        # A key is text whatever it looks like: `1: x` names field "1".
        top.key = key
        path = (*top.path, key)
        if key in top.seen and key != _MERGE:
            self.duplicates.append(path)
        top.seen.add(key)
        self.lines[path] = line

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        if event.tag is not None and event.tag != "!":
            raise YamlUnreadable(f"the tag {event.tag!r} is not allowed", line)
        if len(self.open) >= _MAX_DEPTH:
            raise YamlUnreadable(f"nested deeper than {_MAX_DEPTH} levels", line)
        self._refuse_as_key(line)
        if event.anchor:
            self.anchors.pop(event.anchor, None)  # an alias inside would close a circle
        value: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.open.append(_Open(value=value, path=self._next_path(), line=line, anchor=event.anchor))

    def _end(self) -> None:
        done = self.open.pop()
        if done.merged and isinstance(done.value, dict):
            for source in done.merged:
                for key, value in source.items():
                    done.value.setdefault(key, value)
        if done.anchor:
            self.anchors[done.anchor] = _Anchored(value=done.value, size=done.size, height=done.height + 1)
        self._add(done.value, done.line, size=done.size, height=done.height + 1)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        self._refuse_as_key(line)
        anchored = self.anchors.get(event.anchor or "")
        if anchored is None:
            raise YamlUnreadable(f"*{event.anchor} names nothing that was finished before", line)
        self.aliased += anchored.size
        if self.aliased > _MAX_ALIASED_VALUES:
            raise YamlUnreadable("aliases multiply this file beyond reason", line)
        if len(self.open) + anchored.height > _MAX_DEPTH:
            raise YamlUnreadable(f"nested deeper than {_MAX_DEPTH} levels", line)
        self._add(anchored.value, line, size=anchored.size, height=anchored.height)

    def _refuse_as_key(self, line: int) -> None:
        top = self.open[-1] if self.open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            raise YamlUnreadable("a key must be plain text; a text that begins with * or [ needs quotes", line)

    def _next_path(self) -> tuple[Key, ...]:
        if not self.open:
            return ()
        top = self.open[-1]
        return (*top.path, top.key if isinstance(top.value, dict) and top.key is not None else len(top.value))

    def _add(self, value: object, line: int, *, size: int, height: int) -> None:
        path = self._next_path()
        self.lines.setdefault(path, line)
        if not self.open:
            self.root = value
            return
        top = self.open[-1]
        top.size += size
        top.height = max(top.height, height)
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == _MERGE:
            top.merged.extend(_merge_sources(value, line))
            top.key = None
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None


def _merge_sources(value: object, line: int) -> list[dict[str, object]]:
    given = value if isinstance(value, list) else [value]
    sources = [source for source in given if isinstance(source, dict)]
    if len(sources) != len(given):
        raise YamlUnreadable("'<<' takes a mapping or a list of mappings", line)
    return sources


def _resolve(text: str) -> object:
    """Read an unquoted scalar as JSON would; anything else is text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
