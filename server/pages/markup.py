"""The few elements the pages are made of: plain tags with escaped text, and the icons."""

import re
from collections.abc import Mapping
from html import escape
from typing import Final

from nicegui import ui
from nicegui.element import Element

_ICON: Final = (
    '<svg viewBox="0 0 24 24" width="1em" height="1em" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>'
)
ICONS: Final[Mapping[str, str]] = {
    name: _ICON.format(paths)
    for name, paths in {
        "send": '<path d="M4 12 20 4l-5 16-3.5-6.5z"/><path d="M11.5 13.5 20 4"/>',
        "plus": '<path d="M12 5v14M5 12h14"/>',
        "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h8"/>',
        "phone": '<path d="M6.5 3.500h3l1.5 4-2 1.500a11 11 0 0 0 6 6l1.5-2 4 1.500v3a2 2 0 0 1-2.200 2A17 17 0 0 '
        '1 4.5 5.700a2 2 0 0 1 2-2.200z"/>',
        "hang-up": '<path d="M3 14.500v-2c2.600-2.600 5.700-3.800 9-3.800s6.400 1.200 9 3.800v2l-.5 '
        '1.300-4.300-1.300v-2.300a11.500 11.500 0 0 0-8.400 0v2.300l-4.300 1.300z"/>',
        "unplug": '<path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-8.500 5.400M12 17v4M3 3l18 18"/>',
        "hush": '<circle cx="12" cy="12" r="8.500"/><path d="M12 7v5l3 2M4 4l16 16"/>',
        "wrench": '<path d="M14.500 6a4 4 0 0 1 5-1.200L17 7.500 18.500 9l2.700-2.500A4 4 0 0 1 16 11.500L8 '
        '19.500a2 2 0 0 1-3-3l8-8A4 4 0 0 1 14.500 6z"/>',
        "moon": '<path d="M20 14.500A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.500z"/>',
        "sun": '<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 '
        '1.400M5.6 18.4 7 17M17 7l1.4-1.4"/>',
        "people": '<circle cx="9" cy="8" r="3.5"/><path d="M3 20c0-3.5 2.7-6 6-6s6 2.5 6 6"/>'
        '<path d="M16 5a3.5 3.5 0 0 1 0 6.500M18 14.500c2 .8 3 2.8 3 5.5"/>',
        "chat": '<path d="M20 12a7.5 7.5 0 0 1-11 6.600L4 20l1.3-4.700A7.5 7.5 0 1 1 20 12z"/>',
        "graph": '<circle cx="6" cy="6" r="2.5"/><circle cx="6" cy="18" r="2.5"/>'
        '<circle cx="18" cy="12" r="2.5"/>'
        '<path d="M8.5 6.500c4 .5 5 2.5 7 4.500M8.5 17.500c4-.5 5-2.5 7-4.5"/>',
        "person": '<circle cx="12" cy="8" r="4"/><path d="M4.5 20c.8-4 3.8-6 7.5-6s6.7 2 7.5 6"/>',
        "file": '<path d="M7 3h7l4 4v14H7z"/><path d="M14 3v4h4"/>',
        "alert": '<path d="M12 4 2.5 20h19z"/><path d="M12 10v4M12 17v.1"/>',
        "clock": '<circle cx="12" cy="12" r="8"/><path d="M12 8v4l2.5 2"/>',
        "tick": '<path d="m5 12.5 4.5 4.500L19 7.5"/>',
        "ticks": '<path d="m2 12.5 4.5 4.500L15 8.5"/><path d="m12.5 16.5.5.500L22 8"/>',
    }.items()
}
_BOLD: Final = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,200}?)(?<=\S)\*(?![\w*])")


def tag(
    name: str, classes: str = "", *, text: str | None = None, icon: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Element:  # fmt: skip
    """Make an element with text, an icon, both or neither. The text is escaped."""
    content = ICONS.get(icon or "", "") + (escape(text) if text is not None else "")
    element: Element = ui.html(content, sanitize=False, tag=name) if content else ui.element(name)
    if classes:
        element.classes(classes)
    for key, value in (attributes or {}).items():
        element.props[key] = value
    return element


def set_text(element: Element, text: str, *, icon: str | None = None) -> None:
    """Replace what `tag` wrote, only when it differs."""
    content = ICONS.get(icon or "", "") + escape(text)
    if isinstance(element, ui.html) and element.content != content:
        element.content = content


def chat_text(text: str) -> str:
    """Write a message as HTML: escaped, with WhatsApp's *bold*; line breaks are left to the style sheet."""
    return _BOLD.sub(r"<b>\1</b>", escape(text))
