"""What happens in a call's talk, whichever provider carries it: sentences to speak, and what follows a reply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

After = Literal["listen", "hang_up", "transfer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """One sentence to speak now, already checked and in spoken words. `reply` is the number of the reply it is of."""

    reply: int
    text: str
    is_interruptible: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold(Say):
    """A sentence that asks for patience: a tool takes long, and the answer follows. Who can may play a sound until
    then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyDone:
    """The reply is complete. What follows happens once its sentences were spoken, unless the customer interrupts."""

    reply: int
    then: After = "listen"
    transfer_to: str | None = None  # E.164, with `transfer`
    whisper: str | None = None  # what the person who takes over hears first


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUsed:
    """A tool was called while the reply was made; for timelines. Arguments and result are masked."""

    reply: int
    tool_call_id: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    result: str = ""


CallEvent = Say | ReplyDone | ToolUsed
