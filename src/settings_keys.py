"""The names of the settings: which exist, what each allows, and how it is shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

_SECRET_WORDS = ("key", "secret", "password", "token", "webhook", "mail", "sms", "slack", "user")
_TRUTH = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False)


class Keys:
    """The dotted names that exist, what each of them allows and which of them are secret."""

    def __init__(self, fields: Mapping[str, FieldInfo]) -> None:
        self.fields = fields
        self.sections = tuple(dict.fromkeys(name.partition(".")[0] for name in fields))
        self.groups = tuple(dict.fromkeys(name.rpartition(".")[0] for name in fields))
        """The sections with the sections inside them, such as "broker.alpaca"."""

    def is_secret(self, key: str) -> bool:
        """Return whether the value of this key, which need not exist, must not be shown."""
        if key in self.fields:
            return self.fields[key].annotation is SecretStr
        nearest = self.nearest(key)
        return any(word in key.lower() for word in _SECRET_WORDS) or (
            nearest in self.fields and self.is_secret(nearest)
        )

    def is_list(self, key: str) -> bool:
        """Return whether a file may give this key as a list; its texts are divided by spaces."""
        extra = self.fields[key].json_schema_extra if key in self.fields else None
        return isinstance(extra, dict) and "items" in extra

    def shown(self, key: str, text: str) -> str:
        """Return a value as an error may show it: on one line, short, and never a secret."""
        return "(hidden)" if self.is_secret(key) else " ".join(text.split())[:60] or "empty"

    def nearest(self, key: str) -> str:
        """Return the key that was probably meant, or "" when none resembles it."""
        import difflib  # noqa: PLC0415 - only for who mistypes

        leaf = key.rpartition(".")[2]
        leaves = {name.rpartition(".")[2]: name for name in reversed(list(self.fields))}
        if same := [name for name in self.fields if name.rpartition(".")[2] == leaf]:
            return max(same, key=lambda name: difflib.SequenceMatcher(None, key, name).ratio())
        for wanted, names in ((key, {name: name for name in self.fields}), (leaf, leaves)):
            if close := difflib.get_close_matches(wanted, names, n=1, cutoff=0.7):
                return names[close[0]]
        return ""

    def allowed(self, key: str) -> str:
        """Return in words what a key may be, taken from the field's type and limits."""
        about = self.fields[key]
        if choices := get_args(about.annotation):
            named = f"one of {', '.join(filter(None, choices))}"
            return named if all(choices) else f"{named}, or empty"
        kind = getattr(about.annotation, "__name__", "")
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "time": 'a New York time of day such as "09:35"',
            "Path": 'a path without "~"',
            "SecretStr": "a text in quotes",
            "str": "a text",
        }[kind]
        if _has(about, "pattern"):
            return "an address such as http://127.0.0.1:8080, or empty"
        return " ".join([words, *_limits(about)]).strip()

    def meaning(self, key: str, text: str) -> object:
        """Return what a bare word stands for: a number or truth value where one is due."""
        if key not in self.fields or self.fields[key].annotation not in (int, float, bool):
            return text
        if text.lower() in _TRUTH:
            return _TRUTH[text.lower()]
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
        return text

    def unknown(self, place: str, key: str, spell: Callable[[str], str] = str) -> str:
        """Return the problem that a key does not exist, in the place's own spelling."""
        if key in self.groups:
            example = next(name for name in self.fields if name.startswith(f"{key}."))
            return f"{place}: {spell(key)} is a section; name a key in it, such as {spell(example)}"
        nearest = self.nearest(key)
        mend = (
            f"the nearest is {spell(nearest)}"
            if nearest
            else f"the sections are {', '.join(self.sections)}"
        )
        return f"{place}: there is no setting {spell(key)}; {mend}"


def _has(about: FieldInfo, limit: str) -> bool:
    return any(getattr(each, limit, None) for each in about.metadata)


def _limits(about: FieldInfo) -> Iterator[str]:
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "at most"}
    if _has(about, "min_length"):
        yield "that is not empty"
    found = {
        name: value
        for each in about.metadata
        for name in words
        if (value := getattr(each, name, None)) is not None
    }
    if {"ge", "le"} <= found.keys():
        yield f"from {found['ge']} to {found['le']}"
        return
    yield " and ".join(f"{words[name]} {value}" for name, value in found.items())
