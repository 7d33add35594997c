"""Who talks to the agent under test: a script, a small adaptive state machine, or a model playing a person."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, Protocol

from babel.dates import format_datetime
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from evals.policies.reading import fold
from evals.scenario import Channel, LlmUser, Rule, RulesUser, Say, Scenario, ScriptUser
from services.model_failures import model_failures

_END: Final = "<fim>"
_MODEL_SECONDS: Final = 60.0
_MAX_CHARS: Final = 1500
_MAX_BUBBLES: Final = 5
_BEGIN: Final = "(A conversa começa agora. Escreva a sua primeira mensagem.)"
_SILENCE: Final = "(Ninguém respondeu.)"


class CustomerFailed(Exception):
    """The simulated customer could not go on: that says nothing of the agent, and the run is labelled so."""


class Customer(Protocol):
    """Speaks first, and again after each reply; None ends the talk."""

    async def opening(self) -> Say | None: ...

    async def answer(self, replies: Sequence[str]) -> Say | None: ...


def make_customer(scenario: Scenario, *, seed: int, model: BaseChatModel | None = None) -> Customer:
    """Give the customer of a scenario for one talk. `seed` and `model` serve one that a model plays."""
    match scenario.user:
        case ScriptUser(turns=turns):
            return ScriptCustomer(turns=turns)
        case RulesUser() as user:
            return RulesCustomer(user)
        case LlmUser() as user:
            if model is None:
                raise CustomerFailed("a model has to play this customer, and none was given")
            return LlmCustomer(scenario=scenario, user=user, model=model, seed=seed)


def folded(text: str) -> str:
    """Give the text that a scenario's patterns are matched against: lower case, no accents, single spaces."""
    return " ".join(fold(text).split())


@dataclass(kw_only=True, slots=True)
class ScriptCustomer:
    """Says its lines one after the other, whatever is answered."""

    turns: Sequence[Say]
    _said: int = 0

    async def opening(self) -> Say | None:
        return self._next()

    async def answer(self, replies: Sequence[str]) -> Say | None:
        return self._next()

    def _next(self) -> Say | None:
        if self._said >= len(self.turns):
            return None
        self._said += 1
        return self.turns[self._said - 1]


@dataclass(kw_only=True, slots=True)
class _ActiveRule:
    when: re.Pattern[str]
    unless: re.Pattern[str] | None
    say: Say
    left: int

    def fits(self, reply: str) -> bool:
        return self.left > 0 and bool(self.when.search(reply)) and not (self.unless and self.unless.search(reply))


class RulesCustomer:
    """Answers by the first rule that fits the last reply and is not used up, then by `otherwise`, then not at all."""

    def __init__(self, user: RulesUser) -> None:
        self._opening = user.opening
        self._rules = [_activate(rule, number) for number, rule in enumerate(user.rules, start=1)]
        self._otherwise = list(user.otherwise)
        self._until = None if user.until is None else _compile(user.until, "until")

    async def opening(self) -> Say | None:
        return self._opening

    async def answer(self, replies: Sequence[str]) -> Say | None:
        reply = folded("\n".join(replies))
        if self._until is not None and self._until.search(reply):
            return None
        for rule in self._rules:
            if rule.fits(reply):
                rule.left -= 1
                return rule.say
        return self._otherwise.pop(0) if self._otherwise else None


def _activate(rule: Rule, number: int) -> _ActiveRule:
    name = f"rule {number}"
    unless = None if rule.unless is None else _compile(rule.unless, name)
    return _ActiveRule(when=_compile(rule.when, name), unless=unless, say=rule.say, left=rule.at_most)


def _compile(pattern: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise CustomerFailed(f"{name}: {pattern!r} is no regular expression: {error}") from error


@dataclass(kw_only=True, slots=True)
class LlmCustomer:
    """A chat model plays the customer from persona, goal and hidden facts until it answers `<fim>`.

    To the model the roles are turned: the assistant's replies are what it is told, its own words what it answers.
    """

    scenario: Scenario
    user: LlmUser
    model: BaseChatModel
    seed: int
    _talk: list[BaseMessage] = field(default_factory=list)
    _has_ended: bool = False

    async def opening(self) -> Say | None:
        seed = self.scenario.seed
        self._talk.append(HumanMessage(seed.campaign_text if seed.campaign else _BEGIN))
        if self.user.opening is None:
            return await self._speak()
        self._talk.append(AIMessage(_as_text(self.user.opening)))
        return self.user.opening

    async def answer(self, replies: Sequence[str]) -> Say | None:
        if self._has_ended:
            return None
        self._talk.append(HumanMessage("\n\n".join(replies) or _SILENCE))
        return await self._speak()

    async def _speak(self) -> Say | None:
        text = await self._ask()
        if _END in text:
            self._has_ended = True
            text = text.replace(_END, "").strip()
            if not text:
                return None
        if not text:
            raise CustomerFailed("the model that plays the customer answered nothing")
        if len(text) > _MAX_CHARS:
            raise CustomerFailed(f"the model that plays the customer wrote {len(text)} characters at once")
        self._talk.append(AIMessage(text))
        bubbles = tuple(part.strip() for part in re.split(r"\n\s*\n", text))
        return bubbles if 1 < len(bubbles) <= _MAX_BUBBLES else text

    async def _ask(self) -> str:
        # The seed makes a provider that knows of seeds repeat itself; others are not told of it.
        options: dict[str, Any] = {"seed": self.seed} if "seed" in type(self.model).model_fields else {}
        try:
            async with asyncio.timeout(_MODEL_SECONDS):
                message = await self.model.ainvoke([SystemMessage(self._instructions()), *self._talk], **options)
                return message.text.strip()
        except model_failures() as error:
            reason = str(error) or type(error).__name__
            raise CustomerFailed(f"the model that plays the customer failed: {reason}") from error

    def _instructions(self) -> str:
        scenario = self.scenario
        values = {
            "name": scenario.seed.contact.name or "(não disse)",
            "persona": scenario.persona or "Cliente comum.",
            "goal": scenario.goal or scenario.title,
            "hidden": "\n".join(f"- {fact}" for fact in scenario.hidden) or "- (nada mais)",
            "style": self.user.style or "Natural, como as pessoas escrevem no dia a dia.",
            "channel": _CHANNELS[scenario.channel],
            "now": format_datetime(scenario.local_now, "EEEE, dd/MM/yyyy HH:mm", locale="pt_BR"),
        }
        return _PLACE.sub(lambda match: values[match[1]], _prompt())


_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
_CHANNELS: Final = {
    Channel.WHATSAPP: "WhatsApp: mensagens curtas.",
    Channel.SMS: "SMS: mensagens curtas, sem formatação.",
    Channel.VOICE: "Telefone: escreva só o que a pessoa diz em voz alta, números por extenso.",
}


def _prompt() -> str:
    return files("evals").joinpath("customer_prompt.md").read_text(encoding="utf-8")


def _as_text(say: Say) -> str:
    if isinstance(say, tuple):
        return "\n\n".join(_as_text(bubble) for bubble in say)
    if isinstance(say, str):
        return say
    transcript = getattr(say, "transcript", None)
    return transcript or "(mensagem sem texto)"
