"""What stays of a Realtime call: its words as they were heard, what it took, and what was cut."""

from collections.abc import Sequence

from agents.prices import cost_usd
from channels.openai_realtime import Tokens
from domain.evidence import Finding
from domain.masking import mask_text
from domain.turns import ModelUsage
from graphs.realtime_dialogue import Said
from services.call_desk import OpenedCall
from services.plain_text import tidy
from store import call_talk, conversations, events, turns
from store.call_talk import SpokenRow
from wiring.deps import Deps

_AGENT = "cobranca"
_LONGEST_TEXT = 4_000


class CallRecord:
    """Writes one call's rows. Writing the same again changes nothing."""

    def __init__(self, deps: Deps, opened: OpenedCall, *, model: str) -> None:
        self._deps = deps
        self._opened = opened
        self._model = model

    async def keep(self, said: Sequence[Said]) -> None:
        """Put utterances into the call's history, in their order."""
        opened, now = self._opened, self._deps.clock.now()
        async with self._deps.database.tenant(opened.tenant_id) as connection:
            conversation = await conversations.lock(connection, opened.conversation_id)
            if conversation is None:
                return
            for one in said:
                text = tidy(one.text or "", limit=_LONGEST_TEXT)
                if not text:
                    continue
                if one.side == "customer":
                    await call_talk.hear(
                        connection, conversation, message_id=one.id, call_id=opened.call.id, key=one.item_id,
                        text=text, now=now,
                    )  # fmt: skip
                    continue
                meant = mask_text(tidy(one.meant, limit=_LONGEST_TEXT)) if one.meant else None
                row = SpokenRow(
                    id=one.id, text=text, meant=meant, is_interrupted=one.is_interrupted, agent=_AGENT,
                    model=f"openai:{self._model}",
                )  # fmt: skip
                await call_talk.speak(connection, conversation, row, call_id=opened.call.id, now=now)

    async def used(self, tokens: Tokens) -> None:
        """Note what one answer took."""
        usage = ModelUsage(
            agent=_AGENT, feature="realtime", provider="openai", model=self._model, input_tokens=tokens.input,
            output_tokens=tokens.output,
        )  # fmt: skip
        async with self._deps.database.tenant(self._opened.tenant_id) as connection:
            await turns.insert_usage(
                connection, [usage], price=cost_usd, tenant_id=self._opened.tenant_id,
                conversation_id=self._opened.conversation_id, turn_seq=None, now=self._deps.clock.now(),
            )  # fmt: skip

    async def found(self, findings: Sequence[Finding]) -> None:
        """Tell the operators that an answer was cut, and by which rules; never what it said."""
        async with self._deps.database.tenant(self._opened.tenant_id) as connection:
            await events.record(
                connection, tenant_id=self._opened.tenant_id, kind="spoken_reply_cut", severity="warning",
                now=self._deps.clock.now(), conversation_id=self._opened.conversation_id,
                data={"callId": str(self._opened.call.id), "reasons": sorted({one.reason for one in findings})},
            )  # fmt: skip
