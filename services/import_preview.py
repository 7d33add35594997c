"""A look at a debtors' file before it is imported: what it would be read as (spec 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from domain.target_columns import Columns, Field
from domain.target_lines import NewTarget
from services.target_files import FileFacts, ReadLine, open_target_file
from store.imports import LineError

PREVIEW_ROWS = 20
_PREVIEW_LINES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a file would be read as. Nothing of it is stored."""

    facts: FileFacts
    columns: Columns
    decimal_mark: str
    targets: list[tuple[int, NewTarget]]  # the first that can be taken, with their line numbers
    errors: list[LineError]
    looked_at: int  # lines


def preview_file(file: BinaryIO, wanted: Mapping[Field, str]) -> Preview:
    """Read the first lines of a file without storing anything. Blocking. Raises FileRefused."""
    with open_target_file(file) as opened:
        layout = opened.layout(wanted)
        read: list[ReadLine] = []
        if not layout.columns.missing:
            some = islice(opened.lines(layout), layout.header_line + _PREVIEW_LINES)
            read = [line for line in some if isinstance(line, ReadLine)]
        errors = [
            LineError(line.number, line.result.field, line.result.reason)
            for line in read if not isinstance(line.result, NewTarget)
        ]  # fmt: skip
        targets = [(line.number, line.result) for line in read if isinstance(line.result, NewTarget)]
        return Preview(
            facts=opened.facts, columns=layout.columns, decimal_mark=layout.decimal_mark.value,
            targets=targets[:PREVIEW_ROWS], errors=errors, looked_at=len(read),
        )  # fmt: skip
