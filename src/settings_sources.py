"""Where settings come from: files, the environment and the command line, each with its place.

Nothing is judged here but names and form. A reading keeps for every value where it was written,
so that whatever is wrong with it can be found; what is wrong is collected, not raised one by one.
"""

import io
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from dotenv.parser import parse_stream

from src.ports import MendInput
from src.settings_keys import Keys

ENV_PREFIX = "OPTIONSARB_"
USUAL_NAMES = {
    "ALPACA_API_KEY": "broker.api_key",
    "APCA_API_KEY_ID": "broker.api_key",
    "ALPACA_SECRET_KEY": "broker.api_secret",
    "APCA_API_SECRET_KEY": "broker.api_secret",
    "SMTP_HOST": "notifications.smtp.host",
    "SMTP_PORT": "notifications.smtp.port",
    "SMTP_USER": "notifications.smtp.user",
    "SMTP_PASSWORD": "notifications.smtp.password",
    "SMTP_FROM": "notifications.smtp.sender",
    "TWILIO_ACCOUNT_SID": "notifications.twilio.account_sid",
    "TWILIO_AUTH_TOKEN": "notifications.twilio.auth_token",
    "TWILIO_FROM_NUMBER": "notifications.twilio.from_number",
    "SLACK_WEBHOOK_URL": "notifications.slack_webhook",
}
"""Variables by which other tools know these values, the stronger name first."""

_DEEPEST = 20
"""Levels of a file that the fast parser is trusted with; a sound one has three."""
_PLACEHOLDER = re.compile(r"(your[_-].*|change[_-]?me|<.*>|null|~)?", re.IGNORECASE | re.DOTALL)


class Given(NamedTuple):
    """One value as a place gives it. `text` is how it was written, `value` what that means."""

    place: str
    key: str
    text: str
    value: object


@dataclass(slots=True)
class Reading:
    """All that one place says, and all that is wrong with how it says it."""

    given: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def is_placeholder(text: str) -> bool:
    """Return whether a secret's text only marks where a real one belongs."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def from_overrides(overrides: Sequence[str], keys: Keys) -> Reading:
    """Read `KEY=VALUE` texts of the command line; of the same key twice the last one counts."""
    reading = Reading()
    for override in overrides:
        key, equals, text = (part.strip() for part in override.partition("="))
        place = f"--set {key}={keys.shown(key, text) if text else ''}"
        if not equals:
            reading.problems.append(
                f"--set {key}: a value is missing; write KEY=VALUE, "
                "for example strategy.max_spreads=1"
            )
        elif key not in keys.fields:
            reading.problems.append(keys.unknown(place, key))
        else:
            reading.given[key] = Given(place, key, text, keys.meaning(key, text))
    return reading


def from_environment(environ: Mapping[str, str], keys: Keys) -> Reading:
    """Read `OPTIONSARB_SECTION__KEY` and the usual names of the broker's keys.

    An empty variable counts as not set.
    """
    return _from_variables(
        {name: (f"environment variable {name}", text) for name, text in environ.items()}, keys
    )


def from_dotenv(path: Path, name: str, keys: Keys) -> Reading:
    """Read the same variables from a `.env` file, if there is one. Nothing is interpolated."""
    if not _exists(path):
        return Reading()
    variables = {}
    broken = []
    try:
        text = _text(path, name)
    except MendInput as error:
        return Reading(problems=[str(error)])
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        blank = written[: len(written) - len(written.lstrip())]
        line = f"{name}:{binding.original.line + blank.count(chr(10))}"
        if binding.error:
            broken.append(f"{line}: this line is not NAME=value")
        elif binding.key:
            variables[binding.key] = (f"{line}: {binding.key}", binding.value or "")
    reading = _from_variables(variables, keys)
    reading.problems[:0] = broken
    return reading


def _from_variables(variables: Mapping[str, tuple[str, str]], keys: Keys) -> Reading:
    reading = Reading()
    for name, (place, text) in variables.items():
        if not name.upper().startswith(ENV_PREFIX):
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        if key not in keys.fields:
            reading.problems.append(keys.unknown(place, key, _variable))
        elif text:
            _keep(reading, Given(place, key, text, keys.meaning(key, text)), keys)
    for name, key in USUAL_NAMES.items():
        if name in variables and key not in reading.given:
            place, text = variables[name]
            if text:
                _keep(reading, Given(place, key, text, keys.meaning(key, text)), keys)
    return reading


def _variable(key: str) -> str:
    return ENV_PREFIX + key.upper().replace(".", "__")


def _keep(reading: Reading, given: Given, keys: Keys) -> None:
    """Keep a value, unless it only marks a place: such a one must not hide a weaker real one."""
    if not (keys.is_secret(given.key) and is_placeholder(str(given.value))):
        reading.given[given.key] = given


def from_file(path: Path, name: str, keys: Keys) -> Reading:
    """Read a YAML or JSON file of sections; `name` is how messages call it."""
    reading = Reading()
    try:
        root = _parse(_text(path, name), name, must_be_json=path.suffix == ".json")
    except MendInput as error:
        reading.problems.append(str(error))
        return reading
    for section, line, node in _pairs(root, name, "", reading.problems):
        place = f"{name}:{line}"
        if section not in keys.sections:
            reading.problems.append(_unknown_section(place, section, node, keys))
        elif isinstance(node, yaml.MappingNode):
            _read_section(node, name, section, keys, reading)
        elif not _is_nothing(node):
            reading.problems.append(_no_section(place, section, node))
    return reading


def from_optional_file(path: Path, name: str, keys: Keys) -> Reading:
    """Read a file like `from_file`, or nothing where there is none."""
    return from_file(path, name, keys) if _exists(path) else Reading()


def _read_section(
    node: yaml.MappingNode, name: str, section: str, keys: Keys, reading: Reading
) -> None:
    for leaf, line, value in _pairs(node, name, f"{section}.", reading.problems):
        key = f"{section}.{leaf}"
        place = f"{name}:{line}"
        if key in keys.groups and isinstance(value, yaml.MappingNode):
            _read_section(value, name, key, keys, reading)
        elif key in keys.groups:
            if not _is_nothing(value):
                reading.problems.append(_no_section(place, key, value))
        elif key not in keys.fields:
            reading.problems.append(_unknown_section(place, key, value, keys))
        elif isinstance(value, yaml.SequenceNode) and keys.is_list(key):
            words = " ".join(
                each.value for each in value.value if isinstance(each, yaml.ScalarNode)
            )
            _keep(reading, Given(place, key, words, words), keys)
        elif not isinstance(value, yaml.ScalarNode):
            reading.given[key] = Given(place, key, _form(value), [])
        elif value.style in ("'", '"'):
            words = _whole_characters(value.value)
            _keep(reading, Given(place, key, f'"{words}"', words), keys)
        elif _is_nothing(value) and keys.fields[key].annotation is str:
            reading.given[key] = Given(place, key, "", "")
        else:
            meaning = keys.meaning(key, value.value)
            _keep(reading, Given(place, key, value.value, meaning), keys)


def _pairs(
    node: yaml.MappingNode, name: str, prefix: str, problems: list[str]
) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield key, line and value of a mapping; a key that comes twice is a problem."""
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(f"{name}:{line}: {_form(key)} stands where a key is due; write a word")
        elif key.value in lines:
            problems.append(
                f"{name}:{line}: {prefix}{key.value} is given a second time, "
                f"first in line {lines[key.value]}; keep one of the two"
            )
        else:
            lines[key.value] = line
            yield key.value, line, value


def _no_section(place: str, section: str, node: yaml.Node) -> str:
    return (
        f"{place}: {section} is {_form(node)}; a section must be keys with values, "
        "indented below its name"
    )


def _unknown_section(place: str, section: str, node: yaml.Node, keys: Keys) -> str:
    if isinstance(node, yaml.ScalarNode):
        return keys.unknown(place, section)
    import difflib  # noqa: PLC0415 - only for who mistypes

    inside, _, leaf = section.rpartition(".")
    there = [each for each in keys.groups if each != inside and each.startswith(inside)]
    same = [each for each in there if each.endswith(f".{leaf}")]
    near = same or difflib.get_close_matches(section, there, n=1)
    if inside and not near:
        return keys.unknown(place, section)
    mend = f"the nearest is {near[0]}" if near else f"there are {', '.join(keys.sections)}"
    return f"{place}: there is no section {section}; {mend}"


def _whole_characters(text: str) -> str:
    """Join the halves in which JSON escapes a character such as an emoji; YAML leaves them two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null")


def _form(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


def _exists(path: Path) -> bool:
    """Return whether something stands there, be it a dangling link, so that it gets named."""
    return os.path.lexists(path)


def _text(path: Path, name: str) -> str:
    try:
        if path.is_dir():
            raise MendInput(f"{name}: this is a folder; a file belongs here")
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise MendInput(
            f"{name}: there is no such file; put it back or name another with --config"
        ) from error
    except OSError as error:
        raise MendInput(
            f"{name}: the file cannot be read ({error.strerror}); check its permissions"
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise MendInput(f"{name}:{line}: this is not UTF-8 text; save the file as UTF-8") from error


def _parse(text: str, name: str, *, must_be_json: bool) -> yaml.MappingNode:
    """Return the tree of a file, in which every key knows its line."""
    if must_be_json or text.lstrip().startswith("{"):
        try:
            json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            if must_be_json:
                line, why = getattr(error, "lineno", 1), getattr(error, "msg", "nested too deeply")
                raise MendInput(
                    f"{name}:{line}: the JSON is broken here ({why}); is the file cut off?"
                ) from error
        else:
            # YAML, which knows lines, allows no tabs; in sound JSON a tab is never inside a text.
            text = text.replace("\t", " ")
    try:
        root = _composed(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise MendInput(_broken_yaml(error, text, name)) from error
    if root is None or _is_nothing(root):
        raise MendInput(f"{name}: the file is empty; put its settings back")
    if not isinstance(root, yaml.MappingNode):
        raise MendInput(f"{name}: the file is {_form(root)}; it must be sections with settings")
    return root


def _composed(text: str) -> yaml.Node | None:
    """Return the tree of a text. Raises YAMLError and RecursionError."""
    with suppress(yaml.YAMLError, AttributeError):  # without its C library yaml has no CSafeLoader
        fast = yaml.CSafeLoader
        depth = 0
        for event in yaml.parse(text, Loader=fast):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                # It would end the process instead of raising.
                raise yaml.YAMLError
        return yaml.compose(text, Loader=fast)
    # Whatever the fast one stumbles over is judged, and named, by the other.
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _broken_yaml(error: Exception, text: str, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark else 1
    if position is not None:
        line = text[:position].count("\n") + 1
    # The parser quotes what it stumbled over, which may be half a password.
    why = re.sub(r" '[^'<][^']+'", "", getattr(error, "problem", None) or "it cannot be read")
    return f"{name}:{line}: the YAML is broken here ({why}); check indentation, colons and quotes"


def seen_by_others(path: Path, *, has_mode_bits: bool = os.name == "posix") -> bool:
    """Return whether other users of the machine may read a file, as far as that can be told."""
    if not has_mode_bits or not path.is_file():
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def shown_path(path: Path, root: Path) -> str:
    """Return a path as messages name it: short where it lies inside the project."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def merged(readings: Iterable[Reading]) -> dict[str, Given]:
    """Return the value in effect for each key; the first reading is the strongest."""
    result: dict[str, Given] = {}
    for reading in readings:
        result = reading.given | result
    return result
