"""Turn a reply's parts into what a channel can show (spec 1.10). Pure; nothing is dropped, it only changes its form."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from channels.text_split import size, split_text
from domain.messages import Buttons, Choice, Location, Media, Menu, Part, Provider, Template, Text

_MENU_BUTTON = "Ver opções"
_ANSWER_HINT = "Responda com o número da opção."
_MAX_CHOICE_ID = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a channel shows. Sizes are in UTF-16 units, as the apps count; zero means that it has no such part."""

    max_text: int
    max_caption: int = 0
    media: frozenset[str] = frozenset()
    captioned: frozenset[str] = frozenset()  # kinds of media that may carry a caption
    has_location: bool = False
    max_buttons: int = 0
    max_button_title: int = 20
    max_buttons_text: int = 1024
    max_rows: int = 0
    max_row_title: int = 24
    max_row_description: int = 72
    max_menu_text: int = 4096
    max_menu_button: int = 20


_ALL_MEDIA = frozenset(("image", "document", "audio", "video"))
_SILENT_AUDIO = frozenset(("image", "document", "video"))

CAPABILITIES: Mapping[Provider, Capabilities] = {
    Provider.META: Capabilities(  # protocols 1.7
        max_text=4096,
        max_caption=1024,
        media=_ALL_MEDIA,
        captioned=_SILENT_AUDIO,
        has_location=True,
        max_buttons=3,
        max_rows=10,
    ),
    # WhatsApp drops buttons and lists of unofficial clients, so they go as numbered text (protocols 2.1).
    Provider.EVOLUTION: Capabilities(
        max_text=4096, max_caption=1024, media=_ALL_MEDIA, captioned=_SILENT_AUDIO, has_location=True
    ),
    # With a document WhatsApp shows Twilio's Body as a file name.
    Provider.TWILIO_WHATSAPP: Capabilities(
        max_text=1600, max_caption=1024, media=_ALL_MEDIA, captioned=frozenset(("image", "video"))
    ),
    Provider.TWILIO_SMS: Capabilities(max_text=1600),
    # What is said is text.
    Provider.TWILIO_VOICE: Capabilities(max_text=1600),
    Provider.RETELL: Capabilities(max_text=1600),
    Provider.VAPI: Capabilities(max_text=1600),
    Provider.SIMULATOR: Capabilities(
        max_text=4096,
        max_caption=1024,
        media=_ALL_MEDIA,
        captioned=_ALL_MEDIA,
        has_location=True,
        max_buttons=3,
        max_rows=10,
    ),
}


def render(parts: Sequence[Part], capabilities: Capabilities) -> tuple[Part, ...]:
    """Return the provider messages for a reply, in order. Rendering them again changes nothing.

    A template stays as it is: its text is known to the provider alone, and a channel without templates refuses it.
    """
    return tuple(shown for part in parts for shown in _render_part(part, capabilities))


def _render_part(part: Part, able: Capabilities) -> Iterator[Part]:
    match part:
        case Text():
            yield from _texts(part.text, able)
        case Media():
            yield from _render_media(part, able)
        case Location():
            yield from (part,) if able.has_location else _texts(_location_text(part), able)
        case Buttons() | Menu():
            yield from _render_choices(part, able)
        case Template():
            yield part


def _texts(text: str, able: Capabilities) -> Iterator[Text]:
    return (Text(text=piece) for piece in split_text(text, able.max_text))


def _render_media(part: Media, able: Capabilities) -> Iterator[Part]:
    caption = part.caption or ""
    if part.kind not in able.media:
        yield from _texts("\n".join(filter(None, (caption, part.filename, part.url))), able)
    elif not caption or (part.kind in able.captioned and size(caption) <= able.max_caption):
        yield part
    else:
        yield replace(part, caption=None)
        yield from _texts(caption, able)


def _location_text(part: Location) -> str:
    link = f"https://maps.google.com/?q={part.latitude},{part.longitude}"
    return "\n".join(filter(None, (part.name, part.address, link)))


def _render_choices(part: Buttons | Menu, able: Capabilities) -> Iterator[Part]:
    if not part.choices:
        yield from _texts(part.text, able)
    elif _fit_buttons(part, able):
        yield from _with_text(Buttons(text=part.text, choices=part.choices), able.max_buttons_text, able)
    elif _fit_rows(part, able):
        button = part.button if isinstance(part, Menu) and 0 < size(part.button) <= able.max_menu_button else None
        menu = Menu(text=part.text, button=button or _MENU_BUTTON, choices=part.choices)
        yield from _with_text(menu, able.max_menu_text, able)
    else:
        yield from _texts(numbered_text(part), able)


def _are_distinct(choices: tuple[Choice, ...]) -> bool:
    ids, titles = {choice.id for choice in choices}, {choice.title for choice in choices}
    return len(ids) == len(titles) == len(choices) and all(0 < len(key) <= _MAX_CHOICE_ID for key in ids)


def _fit_buttons(part: Buttons | Menu, able: Capabilities) -> bool:
    return (
        isinstance(part, Buttons)
        and bool(part.text.strip())
        and len(part.choices) <= able.max_buttons
        and _are_distinct(part.choices)
        and all(0 < size(choice.title.strip()) <= able.max_button_title for choice in part.choices)
        and not any(choice.description for choice in part.choices)
    )


def _fit_rows(part: Buttons | Menu, able: Capabilities) -> bool:
    return (
        bool(part.text.strip())
        and len(part.choices) <= able.max_rows
        and _are_distinct(part.choices)
        and all(0 < size(choice.title.strip()) <= able.max_row_title for choice in part.choices)
        and all(size(choice.description) <= able.max_row_description for choice in part.choices)
    )


def _with_text(part: Buttons | Menu, max_text: int, able: Capabilities) -> Iterator[Part]:
    """Send what does not fit above the choices as plain texts before them."""
    *before, last = split_text(part.text, min(max_text, able.max_text))
    for text in before:
        yield Text(text=text)
    yield replace(part, text=last)


def numbered_text(part: Buttons | Menu) -> str:
    """Write choices as a numbered list that a customer can answer with a number."""
    lines = [
        f"{number}. {choice.title}" + (f" – {choice.description}" if choice.description else "")
        for number, choice in enumerate(part.choices, start=1)
    ]
    return "\n\n".join(filter(None, (part.text.strip(), "\n".join(lines), _ANSWER_HINT)))


_NUMBER_WORDS = {
    "um": 1, "uma": 1, "primeiro": 1, "primeira": 1, "dois": 2, "duas": 2, "segundo": 2, "segunda": 2,
    "tres": 3, "terceiro": 3, "terceira": 3, "quatro": 4, "quarto": 4, "quarta": 4, "cinco": 5, "quinto": 5,
    "quinta": 5, "seis": 6, "sexto": 6, "sexta": 6, "sete": 7, "oito": 8, "nove": 9, "dez": 10,
}  # fmt: skip
_LEAD_WORDS = frozenset(("a", "o", "opcao", "numero", "n", "no", "quero", "escolho", "prefiro", "item", "alternativa"))


def choice_for_reply(choices: Sequence[Choice], text: str) -> Choice | None:
    """Return the choice that a typed answer means: its title, or its number as in "2", "opção 2", "a segunda".

    A title wins over a number; what fits two choices, or none, gives None.
    """
    words = _plain(text).split()
    by_title = [choice for choice in choices if words and _plain(choice.title).split() == words]
    if by_title:
        return by_title[0] if len({choice.id for choice in by_title}) == 1 else None
    while len(words) > 1 and words[0] in _LEAD_WORDS:
        words = words[1:]
    if words[-1:] == ["opcao"]:
        words = words[:-1]
    if len(words) != 1:
        return None
    number = int(words[0]) if re.fullmatch("[0-9]{1,2}", words[0]) else _NUMBER_WORDS.get(words[0], 0)
    return choices[number - 1] if 1 <= number <= len(choices) else None


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    without_marks = "".join(mark for mark in decomposed if not unicodedata.combining(mark) and mark != "\ufe0f")
    return re.sub(r"[^0-9a-z]+", " ", without_marks).strip()
