"""Parts of a reply as rows: to JSON for the outbox, back for the adapter, and as text for people to read."""

from collections.abc import Mapping
from typing import cast

from domain.messages import Buttons, Choice, Location, Media, Menu, Part, Template, Text

_KINDS: dict[type, str] = {
    Text: "text", Media: "media", Location: "location", Buttons: "buttons", Menu: "menu", Template: "template",
}  # fmt: skip


def part_kind(part: Part) -> str:
    """Name the part's kind as the outbox stores it; a media part is named by what it is."""
    return part.kind if isinstance(part, Media) else _KINDS[type(part)]


def part_text(part: Part) -> str | None:
    """Give the words of a part, for lists, searches and the conversation's history."""
    match part:
        case Text() | Buttons() | Menu():
            return part.text
        case Media():
            return part.caption
        case Location():
            return part.name or None
        case Template():
            return None


def part_to_json(part: Part) -> dict[str, object]:
    match part:
        case Text():
            return {"part": "text", "text": part.text}
        case Media():
            return {
                "part": "media", "kind": part.kind, "url": part.url, "mimeType": part.mime_type,
                "caption": part.caption, "filename": part.filename,
            }  # fmt: skip
        case Location():
            return {
                "part": "location", "latitude": part.latitude, "longitude": part.longitude, "name": part.name,
                "address": part.address,
            }  # fmt: skip
        case Buttons():
            return {"part": "buttons", "text": part.text, "choices": _choices_to_json(part.choices)}
        case Menu():
            return {
                "part": "menu", "text": part.text, "button": part.button, "choices": _choices_to_json(part.choices),
            }  # fmt: skip
        case Template():
            return {
                "part": "template", "name": part.name, "language": part.language, "parameters": list(part.parameters),
                "contentSid": part.content_sid,
            }  # fmt: skip


def part_from_json(data: Mapping[str, object]) -> Part:
    """Read what `part_to_json` wrote. Raises KeyError or ValueError on anything else."""
    values = cast(Mapping[str, str], data)
    match data.get("part"):
        case "text":
            return Text(text=values["text"])
        case "media":
            return Media(
                kind=values["kind"], url=values["url"], mime_type=values["mimeType"],  # type: ignore[arg-type]
                caption=values.get("caption"), filename=values.get("filename"),
            )  # fmt: skip
        case "location":
            return Location(
                latitude=float(values["latitude"]), longitude=float(values["longitude"]), name=values["name"],
                address=values["address"],
            )  # fmt: skip
        case "buttons":
            return Buttons(text=values["text"], choices=_choices_from_json(data["choices"]))
        case "menu":
            return Menu(text=values["text"], button=values["button"], choices=_choices_from_json(data["choices"]))
        case "template":
            return Template(
                name=values["name"], language=values["language"], parameters=tuple(values["parameters"]),
                content_sid=values.get("contentSid"),
            )  # fmt: skip
        case other:
            raise ValueError(f"unknown part {other!r}")


def _choices_to_json(choices: tuple[Choice, ...]) -> list[dict[str, str]]:
    return [{"id": choice.id, "title": choice.title, "description": choice.description} for choice in choices]


def _choices_from_json(data: object) -> tuple[Choice, ...]:
    return tuple(Choice(**item) for item in cast(list[dict[str, str]], data))
