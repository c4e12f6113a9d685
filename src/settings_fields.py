"""What the sections of the settings are made of: the types of their values."""

import re
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

from src.settings_sources import is_placeholder

_TIME = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and re.match(_TIME, value):
        hour, minute = value.split(":")
        return time(int(hour), int(minute))
    return value


def _path(value: object) -> object:
    # "~" would become a folder of that name inside the project.
    is_plain = isinstance(value, str) and value.strip() and not value.startswith("~")
    return Path(str(value)) if is_plain else value


def _secret(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    return SecretStr("" if is_placeholder(text) else text.strip())


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": _TIME}),
]
PathText = Annotated[
    Path, BeforeValidator(_path), PlainSerializer(lambda value: value.as_posix(), return_type=str)
]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
"""A text that is never shown; a placeholder such as YOUR_API_KEY becomes the empty text."""
ABSENT = SecretStr("")


class Section(BaseModel):
    """What every section of the settings has in common."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )


class Rule(NamedTuple):
    """What values of several keys must be to each other; `words` follow the first key's value."""

    keys: tuple[str, ...]
    holds: Callable[..., bool]
    words: str
