"""Prompts: Markdown files with a front matter, a tenant's own versions over them, variables filled in per turn."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from uuid import UUID

import structlog
import yaml

from domain.dates_ptbr import weekday_name
from domain.messages import Medium
from domain.ports import Clock
from domain.turns import TurnContext
from store.database import Database
from store.prompts import list_active_prompts

logger = structlog.get_logger(__name__)

PROMPT_NAMES = ("persona", "cobranca", "sales", "router", "critique", "refiner", "voice", "summary")
_SPOKEN = frozenset({"persona", "cobranca", "sales", "refiner"})  # what they write is read aloud in a call
VARIABLES = frozenset(
    {
        "now", "today", "weekday", "channel", "source", "agent", "contact.name", "tenant.name", "tenant.tone",
        "tenant.rules", "tenant.business_hours", "assistant.name",
    }
)  # fmt: skip
_FRESH_FOR = timedelta(seconds=30)
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n(.*)\Z", re.DOTALL)
_VARIABLE = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-z_]+)*)\s*\}\}")
_CHANNELS = {"whatsapp": "WhatsApp", "sms": "SMS", "voice": "telefone", "simulator": "simulador"}
_NAME_LENGTH = 60


class PromptInvalid(Exception):
    """A prompt file or a tenant's version that cannot be used; `problems` says why."""

    def __init__(self, name: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"prompt {name}: {'; '.join(problems)}")
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt as written, variables still in it."""

    name: str
    number: str
    body: str

    @property
    def version(self) -> str:
        """Name what a reply was made with: name@version+hash of the body."""
        return f"{self.name}@{self.number}+{hashlib.sha256(self.body.encode()).hexdigest()[:8]}"

    def render(self, values: Mapping[str, str]) -> str:
        """Fill the variables in; one that is not known becomes empty, never a template brace."""
        return _VARIABLE.sub(lambda match: values.get(match[1], ""), self.body)


def check_prompt(name: str, body: str) -> tuple[str, ...]:
    """List what is wrong with a prompt's body, for whoever edits it."""
    problems = []
    if name not in PROMPT_NAMES:
        problems.append(f"unknown prompt name {name!r}")
    if not body.strip():
        problems.append("the body is empty")
    if len(body) > 20_000:
        problems.append("the body is longer than 20,000 characters")
    problems.extend(f"unknown variable {{{{{match}}}}}" for match in _VARIABLE.findall(body) if match not in VARIABLES)
    if re.search(r"\{\{|\}\}", _VARIABLE.sub("", body)):
        problems.append("stray template braces")
    return tuple(problems)


def read_prompt(text: str) -> str:
    """Give the body of a prompt's file, with or without a front matter."""
    match = _FRONT_MATTER.match(text)
    return (match[2] if match else text).strip()


@cache
def shipped_prompt(name: str) -> Prompt:
    """Read a prompt that ships with the product."""
    text = (files("agents") / "prompts" / f"{name}.md").read_text("utf-8")
    match = _FRONT_MATTER.match(text)
    matter = yaml.safe_load(match[1]) if match else None
    if match is None or not isinstance(matter, dict) or matter.get("name") != name:
        raise PromptInvalid(name, ("the front matter is missing or names another prompt",))
    body = match[2].strip()
    declared = set(matter.get("variables") or ())
    problems = list(check_prompt(name, body))
    problems += [f"variable {used} is not declared" for used in sorted(set(_VARIABLE.findall(body)) - declared)]
    if problems:
        raise PromptInvalid(name, tuple(problems))
    return Prompt(name=name, number=str(matter.get("version")), body=body)


class Prompts:
    """Gives the prompt of a tenant; a new version is used within 30 seconds, without a restart (spec 1.11)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._cached: dict[UUID, tuple[datetime, dict[str, Prompt]]] = {}

    async def get(self, tenant_id: UUID, name: str, *, medium: Medium | None = None) -> Prompt:
        """Give the tenant's active version, else the shipped one. In a call, how to speak on the phone follows it."""
        own = await self._own(tenant_id)
        prompt = own.get(name) or shipped_prompt(name)
        if medium is not Medium.VOICE or name not in _SPOKEN:
            return prompt
        voice = own.get("voice") or shipped_prompt("voice")
        return replace(prompt, number=f"{prompt.number}.voice{voice.number}", body=f"{prompt.body}\n\n{voice.body}")

    async def _own(self, tenant_id: UUID) -> dict[str, Prompt]:
        now = self._clock.now()
        cached = self._cached.get(tenant_id)
        if cached and now - cached[0] < _FRESH_FOR:
            return cached[1]
        async with self._database.tenant(tenant_id) as connection:
            rows = await list_active_prompts(connection)
        own = {}
        for row in rows:
            problems = check_prompt(row.name, row.body)
            if problems:
                # A prompt that got past the editor must not stop conversations: the shipped one speaks.
                logger.warning("prompt.invalid", name=row.name, version=row.version, problems=problems)
                continue
            own[row.name] = Prompt(name=row.name, number=f"t{row.version}", body=row.body)
        self._cached[tenant_id] = (now, own)
        return own


def variables_of(turn: TurnContext, *, agent: str) -> dict[str, str]:
    """Give the values of the variables for one turn, times where the customer is."""
    local = turn.now.astimezone(turn.zone)
    settings = turn.tenant.settings
    return {
        "now": f"{local:%d/%m/%Y %H:%M}",
        "today": f"{local:%d/%m/%Y}",
        "weekday": weekday_name(local.date()),
        "channel": _CHANNELS.get(turn.medium.value, turn.medium.value),
        "source": "campanha" if turn.source == "campaign" else "cliente",
        "agent": agent,
        "contact.name": safe_name(turn.contact.name) or "não informado",
        "tenant.name": turn.tenant.name,
        "tenant.tone": settings.tone,
        "tenant.rules": "\n".join(f"- {rule}" for rule in settings.rules) or "- nenhuma regra a mais",
        "tenant.business_hours": settings.business_hours,
        "assistant.name": turn.tenant.assistant_name,
    }


def safe_name(name: str | None) -> str | None:
    """Give a name fit for a prompt: a profile name is free text of a stranger."""
    if not name:
        return None
    kept = "".join(character for character in name if character.isalpha() or character in " .'-")
    return " ".join(kept.split())[:_NAME_LENGTH] or None
