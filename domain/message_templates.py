"""The first message of a contact: a text whose variables can tell no debt (compliance 3: neutral until confirmed)."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from domain.reply_rules import find_debt_told
from domain.wording import called_name

FIRST_NAME: Final = "contact.first_name"
TENANT_NAME: Final = "tenant.name"
ASSISTANT_NAME: Final = "assistant.name"
VARIABLES: Final = (FIRST_NAME, TENANT_NAME, ASSISTANT_NAME)
BODY_LIMIT: Final = 1024  # what Meta takes as a template's body

# For providers that need no approval, and for campaigns that bring no text of their own.
DEFAULT_OPENING: Final = (
    "Olá, {{contact.first_name}}! Sou {{assistant.name}}, assistente virtual da {{tenant.name}}. Tenho um recado para "
    "você. Podemos conversar por aqui? Se não quiser mais receber mensagens, é só responder SAIR."
)
DEFAULT_SMS: Final = (
    "{{tenant.name}}: Olá, {{contact.first_name}}! Sou {{assistant.name}}, assistente virtual. Temos um recado para "
    "você. Responda por aqui. Para não receber mais, responda SAIR."
)

_PLACE = re.compile(r"\{\{\s*(\d{1,2}|[a-z_.]{1,40})\s*\}\}")
_BRACES = re.compile(r"\{\{|\}\}")
_NOT_A_NAME = re.compile(r"[^\w .'’&-]|[\d_]")
_NAME_LIMIT = 40
_NAMELESS = "cliente"


def render(text: str, values: Mapping[str, str], variables: Sequence[str] = ()) -> str:
    """Fill `{{1}}` by the order of `variables` and `{{contact.first_name}}` by name; what nobody knows is left out."""

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name.isdecimal():
            number = int(name)
            name = variables[number - 1] if 0 < number <= len(variables) else ""
        return values.get(name, "")

    return " ".join(_PLACE.sub(fill, line).strip() for line in text.splitlines() if line.strip())


def parameters_of(values: Mapping[str, str], variables: Sequence[str]) -> tuple[str, ...]:
    """Give what fills `{{1}}`, `{{2}}` … in their order."""
    return tuple(values.get(name, "") for name in variables)


def values_for(*, client_name: str, document: str, tenant_name: str, assistant_name: str) -> dict[str, str]:
    """Give the values of all variables; never one that says anything of a debt."""
    return {
        FIRST_NAME: first_name(client_name, document=document),
        TENANT_NAME: tenant_name,
        ASSISTANT_NAME: assistant_name,
    }


def first_name(client_name: str, *, document: str) -> str:
    """Give the name to greet with. Lists bring anything in the name's column: only what a name is made of is kept."""
    letters = _NOT_A_NAME.sub(" ", client_name[:200])
    if not any(map(str.isalpha, letters)):
        return _NAMELESS
    return called_name(letters, document=document)[:_NAME_LIMIT].strip(" .'’&-") or _NAMELESS


def find_problem(
    text: str, variables: Sequence[str] | None = None, *, known: Collection[str] = VARIABLES
) -> str | None:
    """Say why a text cannot be the first message, or None. `variables` are those of a template's numbered places."""
    if not text.strip():
        return "must not be empty"
    if len(text) > BODY_LIMIT:
        return f"may have at most {BODY_LIMIT} characters"
    names = [place[1] for place in _PLACE.finditer(text)]
    if _BRACES.search(_PLACE.sub("", text)):
        return "has braces that are no variable"
    if variables is None:
        if any(name not in known for name in names):
            return f"may only name the variables: {', '.join(known)}"
    elif sorted(set(names)) != sorted(str(number) for number in range(1, len(variables) + 1)):
        return "must use {{1}} to the number of its variables"
    elif any(name not in known for name in variables):
        return f"may only be filled from: {', '.join(known)}"
    if find_debt_told(_PLACE.sub("x", text), customer_texts=(), known_texts=(), known_amounts=set()):
        return "must be neutral: a first message names no debt and no amount"
    return None
