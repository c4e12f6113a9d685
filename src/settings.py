"""The settings of a trading day: one frozen, validated object, and how it is put together.

A value is taken from the strongest place that gives it: `--set`, the environment, `.env`,
`config/secrets.yaml`, `config/config.yaml`, and at last the section's default. The file
`config/config.schema.json` is made of these classes: `python -m src.settings > ...`.
"""

import json
import operator
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from src import settings_sources as sources
from src.ports import MendInput
from src.settings_fields import Rule, Section
from src.settings_keys import Keys
from src.settings_notifications import Notifications
from src.settings_sections import (
    RULES,
    Broker,
    Execution,
    Exports,
    Fees,
    Logging,
    MarketData,
    Simulation,
    Strategy,
    TradingHours,
)
from src.settings_sources import Given

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings of a trading day; `Settings()` are the defaults, whatever the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", case_sensitive=True)

    broker: Broker = Field(default_factory=Broker)
    strategy: Strategy = Field(default_factory=Strategy)
    market_data: MarketData = Field(default_factory=MarketData)
    trading_hours: TradingHours = Field(default_factory=TradingHours)
    execution: Execution = Field(default_factory=Execution)
    fees: Fees = Field(default_factory=Fees)
    simulation: Simulation = Field(default_factory=Simulation)
    exports: Exports = Field(default_factory=Exports)
    notifications: Notifications = Field(default_factory=Notifications)
    logging: Logging = Field(default_factory=Logging)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the base class's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the sources to `load_settings`, which remembers where each value stands."""
        return (init_settings,)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if broken := self._broken_rules():
            words = "; ".join(f"{rule.keys[0]}: {rule.words}" for rule in broken)
            raise PydanticCustomError("impossible", "{words}", {"words": words, "broken": broken})
        return self

    def _broken_rules(self) -> list[Rule]:
        return [rule for rule in RULES if not rule.holds(*map(self.value, rule.keys))]

    @classmethod
    def defaults(cls) -> Self:
        """Return the settings of a config file that says nothing."""
        return cls()

    def value(self, key: str) -> Any:  # noqa: ANN401 (each key has a type of its own)
        """Return the value of a dotted key such as "strategy.max_spreads"."""
        return operator.attrgetter(key)(self)

    def changed(self, *overrides: str) -> "Settings":
        """Return settings with some values replaced, each written like "strategy.max_spreads=1".

        Raises MendInput, naming all that is wrong, like `load_settings`.
        """
        reading = sources.from_overrides(overrides, KEYS)
        now = {
            key: Given("the settings before", key, _as_text(self.value(key)), self.value(key))
            for key in KEYS.fields
        }
        return _build(now | reading.given, reading.problems)


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


KEYS = Keys(dict(_fields(Settings)))
"""Every key there is, with what it allows."""


class LoadedSettings(NamedTuple):
    """Settings that hold together, and what a person should know about how they were given."""

    settings: Settings
    warnings: tuple[str, ...]


def load_settings(
    path: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    root: Path = PROJECT,
) -> LoadedSettings:
    """Read, merge and validate the settings.

    `path` is the config file, YAML or JSON, `config/config.yaml` of the project by default;
    `secrets.yaml` is looked for beside it and `.env` in `root`. `overrides` are KEY=VALUE texts.
    `environ` is the process's environment by default. Raises MendInput with one line for each
    thing that is wrong, its place and what is allowed; no line shows a secret.
    """
    config = path or root / "config" / "config.yaml"
    secrets, dotenv = config.parent / "secrets.yaml", root / ".env"
    name = {each: sources.shown_path(each, root) for each in (config, secrets, dotenv)}
    from_config = sources.from_file(config, name[config], KEYS)
    readings = (
        sources.from_overrides(overrides, KEYS),
        sources.from_environment(os.environ if environ is None else environ, KEYS),
        sources.from_dotenv(dotenv, name[dotenv], KEYS),
        sources.from_optional_file(secrets, name[secrets], KEYS),
        from_config,
    )
    problems = [problem for reading in readings for problem in reading.problems]
    settings = _build(sources.merged(readings), problems)
    misplaced = [
        f"{given.place}: {given.key} holds a secret, and this file may be shared; "
        f"move it to {name[secrets]} or {name[dotenv]}"
        for given in from_config.given.values()
        if KEYS.is_secret(given.key)
    ]
    exposed = [
        f"{name[file]}: other users of this machine can read it; run chmod 600 {name[file]}"
        for file in (secrets, dotenv)
        if sources.seen_by_others(file)
    ]
    return LoadedSettings(settings, tuple(misplaced + exposed))


def schema_json() -> str:
    """Return the JSON Schema of a config file, with which editors complete and check it."""
    schema = Settings.model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The settings of optionsarbitrage",
    }
    return json.dumps(schema | head, indent=2, sort_keys=True) + "\n"


def _build(given: Mapping[str, Given], problems: Sequence[str]) -> Settings:
    """Return the settings that the values make, or raise MendInput with all problems."""
    with suppress(ValidationError):
        settings = Settings.model_validate(_nested(given))
        if not problems:
            return settings
    found = [*problems, *_problems(given)]
    lines = "".join(f"\n  {line}." for line in found)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    raise MendInput(f"The settings have {count}, so nothing was started:{lines}")


def _problems(given: Mapping[str, Given], wrong: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what is wrong with each value, then with values together, save the `wrong` ones."""
    try:
        Settings.model_validate(_nested({k: v for k, v in given.items() if k not in wrong}))
    except ValidationError as error:
        for fault in error.errors():
            for rule in fault.get("ctx", {}).get("broken", ()):
                if wrong.isdisjoint(rule.keys):
                    yield _impossible(rule, given)
        new = [".".join(map(str, each["loc"])) for each in error.errors() if each["loc"]]
        for key in new:
            place, text = given[key].place, KEYS.shown(key, given[key].text)
            yield f"{place}: {key} is {text}; allowed is {KEYS.allowed(key)}"
        if new:
            yield from _problems(given, wrong | set(new))


def _impossible(rule: Rule, given: Mapping[str, Given]) -> str:
    def source(key: str) -> Given:
        default = _as_text(Settings.defaults().value(key))
        each = given.get(key, Given("the default", key, default, None))
        return (
            each if each.place == "the default" else each._replace(text=KEYS.shown(key, each.text))
        )

    first, *others = map(source, rule.keys)
    compared = "".join(
        f" and {other.key} is {other.text or 'empty'} ({other.place})" for other in others
    )
    return f"{first.place}: {first.key} is {first.text or 'empty'}{compared}; {rule.words}"


def _as_text(value: object) -> str:
    return f"{value:%H:%M}" if isinstance(value, time) else str(value).removesuffix(".0")


def _nested(given: Mapping[str, Given]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, each in given.items():
        *sections, name = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = each.value
    return result


if __name__ == "__main__":
    sys.stdout.write(schema_json())
