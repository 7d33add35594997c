"""Find where a card goes: the stage as people write it, on the board where the contact has a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.errors import DomainError
from domain.folded_text import fold
from store import kanban
from store.database import Database
from store.kanban import CardRow, StageRow


class StageUnknown(DomainError):
    """No board has such a stage."""

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__("no board has such a stage")
        self.stages = tuple(stages)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardMove:
    """Where the contact's card would go, and where it is now."""

    title: str | None
    stage: str
    previous_stage: str | None


async def plan_move(database: Database, *, tenant_id: UUID, contact_id: UUID, stage: str) -> CardMove:
    """Find the stage that is meant; raise StageUnknown with the stages there are."""
    async with database.tenant(tenant_id) as connection:
        stages = await kanban.stages(connection)
        cards = await kanban.cards_of(connection, contact_id)
    found = find_stage(stages, cards, stage)
    if found is None:
        raise StageUnknown(list(dict.fromkeys(row.name for row in stages)))
    card = next((card for card in cards if card.board_id == found.board_id), None)
    return CardMove(title=card.title if card else None, stage=found.name, previous_stage=card.stage if card else None)


def find_stage(stages: Sequence[StageRow], cards: Sequence[CardRow], name: str) -> StageRow | None:
    """Match a stage whatever its case, accents and spaces; boards where the contact has a card come first."""
    wanted = _plain(name)
    matching = [stage for stage in stages if _plain(stage.name) == wanted]
    boards = [card.board_id for card in cards]
    matching.sort(key=lambda stage: stage.board_id not in boards)
    return matching[0] if matching else None


def _plain(name: str) -> str:
    return " ".join(fold(name[:200]).text.replace("_", " ").replace("-", " ").split())
