"""Who made a signal, and when: the few words that may travel with it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields

MAX_BYTES = 255
_UNREADABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_JOINERS = "\u200c\u200d"  # of letters, in names of some languages


@dataclass(frozen=True)
class About:
    """Words about a signal, each of at most 255 bytes of UTF-8 in one line, or empty.

    Attributes:
        copyright: notice.
        author: who made it.
        date: when, as its file has it.

    Raises:
        ValueError: a text is too long or has characters that are not for reading.
    """

    copyright: str = ""
    author: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            text = getattr(self, field.name)
            if clean(text) != text:
                raise ValueError(f"{field.name} is not one line of at most {MAX_BYTES} bytes")

    @classmethod
    def of(cls, texts: Mapping[str, object]) -> About:
        """Of whatever a file has under these names, cleaned and cut to size."""
        return cls(**{field.name: clean(texts.get(field.name)) for field in fields(cls)})

    def known(self) -> dict[str, str]:
        """The texts that are not empty, by name."""
        texts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: text for name, text in texts.items() if text}


def clean(text: object) -> str:
    """One line of readable characters, of at most 255 bytes of UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(map(_readable, text)).split())
    return line.encode()[:MAX_BYTES].decode("utf-8", "ignore").rstrip()


def _readable(character: str) -> str:
    # controls could steer a terminal, and marks of direction hide text
    is_control = unicodedata.category(character) in _UNREADABLE and character not in _JOINERS
    return " " if is_control else character


NOTHING_KNOWN = About()
