"""What a Realtime call is carried between: the phone, the voice, the brain (rules and tools) and the record."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from channels.media_streams import StreamFrame
from channels.openai_realtime import FunctionCalled, ServerEvent, Tokens
from domain.evidence import Finding
from graphs.realtime_dialogue import Dialogue, Said

Ending = Literal["hang_up", "transfer", "fall_back", "gone"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long what may take, in seconds."""

    ready: float = 8.0  # until the session is as we want it
    words: float = 3.0  # for the transcript of what the customer said
    asked: float = 6.0  # until an answer that was asked for begins
    silence: float = 12.0  # until somebody is asked whether they are there
    keys: float = 3.0  # after the last pressed key
    longest: float = 1800.0  # the talk; OpenAI ends a session after an hour
    ending: float = 20.0  # for the last words
    tools: float = 25.0  # for tools that run when the line is gone


class Phone(Protocol):
    """The line to the customer. Sending to a line that is gone does nothing."""

    def frames(self) -> AsyncIterator[StreamFrame]:
        """Give what comes from the line until it is gone."""
        ...

    async def play(self, audio: bytes, mark: str) -> None: ...

    async def clear(self) -> None: ...


class Voice(Protocol):
    """The agent that hears and speaks (`channels.openai_realtime.RealtimeSocket`)."""

    def events(self) -> AsyncIterator[ServerEvent]:
        """Give what it tells until the connection is gone."""
        ...

    async def send(self, event: Mapping[str, object]) -> None:
        """Raises RealtimeUnavailable."""
        ...


class Brain(Protocol):
    """What the agent goes by, may call, and may say."""

    @property
    def instructions(self) -> str: ...

    @property
    def tools(self) -> Sequence[Mapping[str, object]]: ...

    def check(self, sentence: str, said: Sequence[str]) -> Sequence[Finding]: ...

    def hear(self, dialogue: Dialogue) -> None:
        """Take in what the customer has said by now."""
        ...

    async def use(self, name: str, arguments: Mapping[str, object], dialogue: Dialogue) -> str:
        """Run one tool; give the JSON for the agent."""
        ...


class Record(Protocol):
    """What stays of the call."""

    async def keep(self, said: Sequence[Said]) -> None: ...

    async def used(self, tokens: Tokens) -> None: ...

    async def found(self, findings: Sequence[Finding]) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolDone:
    """A tool has answered."""

    call: FunctionCalled
    output: str
