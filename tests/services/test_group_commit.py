"""Work that comes at the same moment is done together, and fails together."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from services import group_commit
from services.group_commit import GroupCommit

ONE, TWO = UUID(int=1), UUID(int=2)


class Ledger:
    """Doubles numbers, slowly enough for others to gather; refuses batches with a zero."""

    def __init__(self) -> None:
        self.batches: list[tuple[UUID, list[int]]] = []
        self.may_go_on = asyncio.Event()

    async def commit(self, key: UUID, items: Sequence[int]) -> list[int]:
        self.batches.append((key, list(items)))
        await self.may_go_on.wait()
        if 0 in items:
            raise ValueError("a zero")
        return [item * 2 for item in items]


async def test_what_comes_meanwhile_goes_together_and_each_gets_its_own() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit, most=3)
    tasks = [asyncio.create_task(group.add(ONE, item)) for item in range(1, 9)]
    other = asyncio.create_task(group.add(TWO, 50))
    await asyncio.sleep(0)
    ledger.may_go_on.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12, 14, 16]
    assert await other == 100
    of_one = [items for key, items in ledger.batches if key == ONE]
    assert sorted(item for items in of_one for item in items) == list(range(1, 9))
    assert max(len(items) for items in of_one) <= 3
    assert len(of_one) < 8
    assert (TWO, [50]) in ledger.batches


async def test_failure_is_of_its_batch_alone_and_the_next_one_works() -> None:
    ledger = Ledger()
    ledger.may_go_on.set()
    group = GroupCommit(ledger.commit)
    with pytest.raises(ValueError, match="a zero"):
        await group.add(ONE, 0)
    assert await group.add(ONE, 4) == 8


async def test_who_gave_up_is_left_out() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    first = []
    for item in (1, 2):  # one for each writer
        first.append(asyncio.create_task(group.add(ONE, item)))
        await asyncio.sleep(0.01)
    late = asyncio.create_task(group.add(ONE, 3))
    kept = asyncio.create_task(group.add(ONE, 4))
    await asyncio.sleep(0.01)
    late.cancel()
    await asyncio.sleep(0.01)
    ledger.may_go_on.set()
    assert await asyncio.gather(*first, kept) == [2, 4, 8]
    assert 3 not in [item for _, items in ledger.batches for item in items]


async def test_crowd_does_not_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_GATHER_SECONDS", 3600.0)
    ledger = Ledger()
    ledger.may_go_on.set()
    group = GroupCommit(ledger.commit)
    assert await group.add(ONE, 1) == 2
    async with asyncio.timeout(20):
        crowd = await asyncio.gather(*(group.add(ONE, item) for item in range(1, 26)))
    assert crowd == [item * 2 for item in range(1, 26)]
    assert [len(items) for _, items in ledger.batches] == [1, 25]


async def test_few_wait_for_a_moment_and_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_GATHER_SECONDS", 0.01)
    ledger = Ledger()
    ledger.may_go_on.set()
    group = GroupCommit(ledger.commit)
    await group.add(ONE, 1)
    assert await asyncio.gather(*(group.add(ONE, item) for item in range(2, 12))) == [*range(4, 24, 2)]
    assert [len(items) for _, items in ledger.batches] == [1, 10]


async def test_second_writer_leaves_few_to_the_one_that_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_GATHER_SECONDS", 0.01)
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    tasks = [asyncio.create_task(group.add(ONE, item)) for item in range(1, 60)]  # the first writer, and the second
    await asyncio.sleep(0)
    ledger.may_go_on.set()
    assert await asyncio.gather(*tasks) == [item * 2 for item in range(1, 60)]
    assert await group.add(ONE, 70) == 140
    assert sum(len(items) for _, items in ledger.batches) == 60
