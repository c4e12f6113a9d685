import json
import tempfile
from collections.abc import Callable
from datetime import time
from functools import reduce
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from src.settings import KEYS, Settings, load_settings


def value_of(about: FieldInfo) -> st.SearchStrategy[Any]:
    """Values that a field allows by itself."""
    limits = {
        name: getattr(each, name)
        for each in about.metadata
        for name in ("ge", "gt", "le", "min_length")
        if hasattr(each, name)
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le")
    if choices := get_args(about.annotation):
        return st.sampled_from(choices)
    if any(getattr(each, "pattern", None) for each in about.metadata):
        return st.sampled_from(("", "http://127.0.0.1:8080", "https://a.test/x"))
    kinds: dict[object, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(low, high),
        float: st.floats(low, 1e12 if high is None else high, exclude_min="gt" in limits),
        SecretStr: st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])),
        str: st.text(
            st.characters(codec="utf-8", exclude_categories=["C", "Z"]),
            min_size=limits.get("min_length", 0),
        ),
        Path: st.from_regex(r"[a-z0-9][a-z 0-9./:#'-]{0,20}[a-z]", fullmatch=True),
    }
    return kinds[about.annotation]


_URL = st.from_regex(r"[a-z]{1,8}://[!-~äß€]{1,30}", fullmatch=True)
_NOT_HTTP = _URL.filter(lambda text: not text.startswith("http"))
ADDRESSES: dict[str, st.SearchStrategy[str]] = {
    "notifications.email": st.just("") | _URL,
    "notifications.sms": st.just("") | _URL,
    "notifications.slack_webhook": st.just("") | _NOT_HTTP,
    "notifications.other": st.lists(_URL, max_size=3).map(" ".join),
}
"""What of the settings must be an address of a service."""


def put(values: dict[str, Any], key: str, value: object) -> None:
    """Set the value of a dotted key in a tree of sections."""
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[name] = value


@st.composite
def valid_settings(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for key, about in KEYS.fields.items():
        if key in ADDRESSES:
            put(values, key, draw(ADDRESSES[key]))
        elif about.annotation is not time:
            put(values, key, draw(value_of(about)))
    minutes = draw(st.lists(st.integers(0, 16 * 60 - 1), min_size=3, max_size=3, unique=True))
    times = (f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(minutes))
    hours = zip(("entry_start", "entry_end", "exit_check"), times, strict=True)
    values["trading_hours"].update(hours)
    strategy, execution = values["strategy"], values["execution"]
    strategy["max_ratio"] = strategy["min_ratio"] * 1.5 + 1
    execution["leg_deadline_seconds"] = execution["reprice_seconds"]
    return values


def plain(wanted: Settings) -> dict[str, dict[str, Any]]:
    """The settings as a person would write them, secrets included."""
    values = wanted.model_dump(mode="json")
    for key, about in KEYS.fields.items():
        if about.annotation is SecretStr:
            put(values, key, wanted.value(key).get_secret_value())
    return values


def at(values: dict[str, Any], key: str) -> object:
    """The value of a dotted key in a tree of sections."""
    found: object = reduce(dict.__getitem__, key.split("."), values)
    return found


@pytest.mark.parametrize("dump", [yaml.safe_dump, json.dumps])
@given(values=valid_settings())
@settings(max_examples=40, deadline=None)
def test_any_valid_settings_written_to_a_file_are_the_same_when_loaded(
    dump: Callable[[object], str], values: dict[str, dict[str, Any]]
) -> None:
    wanted = Settings.model_validate(values)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(dump(plain(wanted)), "utf-8")
        loaded = load_settings(path, environ={}, root=Path(folder))
    assert loaded.settings == wanted


@given(values=valid_settings())
@settings(max_examples=20, deadline=None)
def test_any_valid_settings_given_one_by_one_are_the_same(
    values: dict[str, dict[str, Any]],
) -> None:
    wanted = Settings.model_validate(values)
    written = plain(wanted)
    each = (f"{key}={at(written, key)}" for key in KEYS.fields)
    assert Settings.defaults().changed(*each) == wanted
