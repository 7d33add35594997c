"""What the agent of a Realtime call goes by: our prompt, our tools, our hard rules over what is known by now."""

from collections.abc import Mapping, Sequence

import structlog

from agents.observer import sentence_check
from agents.prompts import Prompts, variables_of
from agents.speaking import Check
from agents.talk import Talk
from agents.turn_context import turn_context_message
from domain.evidence import Finding
from domain.messages import Medium
from domain.turns import AgentName, Evidence
from graphs.hosted_tools import HostedTools, Known
from graphs.realtime_dialogue import Dialogue
from services.call_desk import OpenedCall
from store.database import UNAVAILABLE

logger = structlog.get_logger(__name__)

_AGENT: AgentName = "cobranca"
_ADDED = """
# Nesta ligação
Você ouve e fala direto com a pessoa. Fale só português do Brasil, em frases curtas, uma pergunta por vez.
Valores, datas e protocolos vêm sempre de uma ferramenta: nunca diga um que ela não tenha dado nesta ligação.
Antes de uma ferramenta que demore, diga só "um instante". Nunca diga que fez algo antes de a ferramenta confirmar.
Enquanto a identidade não estiver confirmada, não fale de dívida, fatura em aberto, valor nem atraso.
"""


class CallBrain:
    """One call's knowledge, refreshed by every tool and every utterance of the customer."""

    def __init__(self, *, tools: HostedTools, opened: OpenedCall, prompt: str, known: Known) -> None:
        self._tools = tools
        self._opened = opened
        self._prompt = prompt
        self._known = known
        self._fresh: tuple[Evidence, ...] = ()
        self._check: Check | None = None
        self._instructions = self._written()

    @property
    def instructions(self) -> str:
        return self._instructions

    @property
    def tools(self) -> Sequence[Mapping[str, object]]:
        return self._tools.schemas(_AGENT)

    def check(self, sentence: str, said: Sequence[str]) -> Sequence[Finding]:
        """Hold one sentence against the hard rules. What the call's tools did may be spoken of in all of it."""
        if self._check is None:
            known = self._known
            talk = Talk(
                agent=_AGENT, text="", identity=known.identity, proposal=known.proposal, promise=known.promise,
                evidence=self._fresh,
            )  # fmt: skip
            self._check = sentence_check(heard=known.heard, talk=talk, turn=known.turn, evidence=known.evidence)
        return self._check(sentence, said)

    def hear(self, dialogue: Dialogue) -> None:
        self._known = self._known.hearing(dialogue.customer_texts, dialogue.messages())
        self._check = None

    async def use(self, name: str, arguments: Mapping[str, object], dialogue: Dialogue) -> str:
        answer = await self._tools.use(
            self._opened, name=name, arguments=arguments, customer_texts=dialogue.customer_texts,
            dialogue=dialogue.messages(),
        )  # fmt: skip
        self._fresh += answer.evidence
        try:
            self._known = await self._tools.known(self._opened) or self._known
        except UNAVAILABLE as error:  # by what was known before: it allows less
            logger.warning("realtime.knowledge_unavailable", error=type(error).__name__)
        self.hear(dialogue)
        self._instructions = self._written()
        return answer.text

    def _written(self) -> str:
        known = self._known
        context = turn_context_message(
            known.turn, agent=_AGENT, heard=known.heard, identity=known.identity, proposal=known.proposal,
            promise=known.promise,
        )  # fmt: skip
        return f"{self._prompt}\n{_ADDED}\n{context.text}"


async def open_brain(tools: HostedTools, prompts: Prompts, opened: OpenedCall) -> CallBrain | None:
    """Read what a call begins with; None when nobody should answer: bot off, a person has it, account off."""
    known = await tools.known(opened)
    if known is None:
        return None
    prompt = await prompts.get(opened.tenant_id, _AGENT, medium=Medium.VOICE)
    return CallBrain(
        tools=tools, opened=opened, prompt=prompt.render(variables_of(known.turn, agent=_AGENT)), known=known
    )
