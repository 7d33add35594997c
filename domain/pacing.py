"""When within an opening each contact is made: spread evenly over it, or as fast as the accounts allow."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

Pacing = Literal["spread", "asap"]
_MARGIN = timedelta(minutes=1)  # before the closing: a contact that is a little late must not miss it
_MARGIN_SHARE = 10  # of a short opening at most this part


def slots(*, opening: datetime, closing: datetime, count: int, per_second: float, pacing: Pacing) -> Iterator[datetime]:
    """Give instants for `count` contacts, in their order, as many as fit before the closing.

    Never closer together than `per_second` allows; with `spread` the last one comes shortly before the closing.
    """
    span = closing - opening
    end = closing - min(_MARGIN, span / _MARGIN_SHARE)
    step = timedelta(seconds=1 / per_second)
    if pacing == "spread" and count > 0:
        step = max(step, (end - opening) / count)
    for place in range(count):
        at = opening + place * step
        if at >= end:
            return
        yield at
