"""Boards, stages and the cards that agents and operators move, with their history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import DictRow, class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRow:
    id: UUID
    board_id: UUID
    board: str
    name: str
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CardRow:
    id: UUID
    board_id: UUID
    stage_id: UUID
    stage: str
    contact_id: UUID
    title: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveRow:
    id: UUID
    card_id: UUID
    from_stage_id: UUID | None
    to_stage_id: UUID
    reason: str
    moved_by: str
    moved_at: datetime


_STAGES: LiteralString = """
    SELECT s.id, s.board_id, b.name AS board, s.name, s.position
    FROM stages s JOIN boards b ON b.tenant_id = s.tenant_id AND b.id = s.board_id
    ORDER BY b.name, s.position, s.name
"""
_CARDS_OF: LiteralString = """
    SELECT c.id, c.board_id, c.stage_id, s.name AS stage, c.contact_id, c.title, c.updated_at
    FROM cards c JOIN stages s ON s.tenant_id = c.tenant_id AND s.id = c.stage_id
    WHERE c.contact_id = %(contact_id)s ORDER BY c.updated_at DESC, c.id
"""
_PUT_CARD: LiteralString = """
    INSERT INTO cards (tenant_id, id, board_id, stage_id, contact_id, title, updated_at)
    VALUES (%(tenant_id)s, gen_random_uuid(), %(board_id)s, %(stage_id)s, %(contact_id)s, %(title)s, %(now)s)
    ON CONFLICT (tenant_id, board_id, contact_id) DO UPDATE SET
        stage_id = EXCLUDED.stage_id, updated_at = EXCLUDED.updated_at
    RETURNING id
"""
_PUT_MOVE: LiteralString = """
    INSERT INTO card_moves (tenant_id, id, card_id, from_stage_id, to_stage_id, reason, moved_by, moved_at)
    VALUES (%(tenant_id)s, %(id)s, %(card_id)s, %(from_stage_id)s, %(to_stage_id)s, %(reason)s, %(moved_by)s,
            %(moved_at)s)
    ON CONFLICT (tenant_id, id) DO UPDATE SET
        to_stage_id = EXCLUDED.to_stage_id, reason = EXCLUDED.reason, moved_by = EXCLUDED.moved_by
"""
_HISTORY: LiteralString = """
    SELECT id, card_id, from_stage_id, to_stage_id, reason, moved_by, moved_at FROM card_moves
    WHERE card_id = %(card_id)s ORDER BY moved_at, id
"""
_PUT_BOARD: LiteralString = """
    INSERT INTO boards (tenant_id, id, name) VALUES (%(tenant_id)s, %(id)s, %(name)s)
    ON CONFLICT (tenant_id, name) DO UPDATE SET name = EXCLUDED.name
    RETURNING id
"""
_PUT_STAGES: LiteralString = """
    INSERT INTO stages (tenant_id, id, board_id, name, position)
    SELECT %(tenant_id)s, gen_random_uuid(), %(board_id)s, name, position
    FROM unnest(%(names)s::text[]) WITH ORDINALITY AS given (name, position)
    ON CONFLICT (tenant_id, board_id, name) DO UPDATE SET position = EXCLUDED.position
"""


async def stages(connection: Connection) -> list[StageRow]:
    """List the stages of every board, in their order."""
    async with connection.cursor(row_factory=class_row(StageRow)) as cursor:
        await cursor.execute(_STAGES)
        return await cursor.fetchall()


async def stage_names(connection: Connection) -> list[str]:
    """List the names of all stages in their order, each once."""
    return list(dict.fromkeys(stage.name for stage in await stages(connection)))


async def cards_of(connection: Connection, contact_id: UUID) -> list[CardRow]:
    """List a contact's cards, the one moved last first."""
    async with connection.cursor(row_factory=class_row(CardRow)) as cursor:
        await cursor.execute(_CARDS_OF, {"contact_id": contact_id})
        return await cursor.fetchall()


async def put_card(
    connection: Connection, *, tenant_id: UUID, stage: StageRow, contact_id: UUID, title: str, now: datetime
) -> UUID:
    """Put the contact's card of the stage's board into the stage, made when missing; give its id."""
    parameters = {
        "tenant_id": tenant_id, "board_id": stage.board_id, "stage_id": stage.id, "contact_id": contact_id,
        "title": title, "now": now,
    }  # fmt: skip
    cursor = await connection.execute(_PUT_CARD, parameters)
    return await _returned_id(cursor)


async def put_move(connection: Connection, tenant_id: UUID, row: MoveRow) -> None:
    """Write a line of a card's history, or replace where the one with this id went."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in MoveRow.__slots__}
    await connection.execute(_PUT_MOVE, parameters | {"tenant_id": tenant_id})


async def history(connection: Connection, card_id: UUID) -> list[MoveRow]:
    async with connection.cursor(row_factory=class_row(MoveRow)) as cursor:
        await cursor.execute(_HISTORY, {"card_id": card_id})
        return await cursor.fetchall()


async def put_board(connection: Connection, *, tenant_id: UUID, board_id: UUID, name: str) -> UUID:
    """Make a board; give the id of the one that has this name."""
    return await _returned_id(
        await connection.execute(_PUT_BOARD, {"tenant_id": tenant_id, "id": board_id, "name": name})
    )


async def put_stages(connection: Connection, *, tenant_id: UUID, board_id: UUID, names: Sequence[str]) -> None:
    """Make the stages of a board, in this order; others stay."""
    await connection.execute(_PUT_STAGES, {"tenant_id": tenant_id, "board_id": board_id, "names": list(names)})


async def _returned_id(cursor: AsyncCursor[DictRow]) -> UUID:
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101  # RETURNING after an upsert always gives the row
    found: UUID = row["id"]
    return found
