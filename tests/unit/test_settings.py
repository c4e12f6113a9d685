import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from src.ports import MendInput
from src.settings import KEYS, PROJECT, LoadedSettings, Settings, load_settings, schema_json
from src.settings_sections import Broker
from src.settings_sources import is_placeholder, seen_by_others
from tests.fakes.settings_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of all values in a tree of sections."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name


# The files that come with the project


def test_the_config_file_of_the_project_says_exactly_the_defaults() -> None:
    loaded = load_settings(PROJECT / "config/config.yaml", environ={}, root=PROJECT / "config")
    assert loaded.settings == Settings.defaults()


def test_the_config_file_of_the_project_names_every_key_and_no_other() -> None:
    text = (PROJECT / "config/config.yaml").read_text("utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=config.schema.json"
    assert set(flat(yaml.safe_load(text))) == set(KEYS.fields)


def test_the_examples_load_as_they_are_and_bring_no_keys(project: Project) -> None:
    for example, name in ((".env.example", ".env"), ("config/secrets.yaml.example",) * 2):
        project.write(name.removesuffix(".example"), (PROJECT / example).read_bytes())
    loaded = project.load()
    assert loaded == LoadedSettings(Settings.defaults(), ())


def test_the_schema_beside_the_config_file_is_the_one_of_these_settings() -> None:
    written = (PROJECT / "config/config.schema.json").read_text("utf-8")
    assert written == schema_json(), "run: python -m src.settings > config/config.schema.json"


def test_the_schema_knows_no_other_keys_and_describes_all_of_them() -> None:
    schema = json.loads(schema_json())
    sections = schema["$defs"].values()
    assert schema["additionalProperties"] is False
    assert all(section["additionalProperties"] is False for section in sections)
    assert all(about["description"] for each in sections for about in each["properties"].values())
    assert schema["$defs"]["Broker"]["properties"]["api_key"]["type"] == "string"


def test_the_module_prints_its_schema() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "src.settings"], cwd=PROJECT, capture_output=True, check=True
    )
    assert result.stdout.decode() == schema_json()


# Sections inside a section

NESTED = "broker:\n  alpaca:\n    # the free quotes\n    feed: indicative # for paper\n"


@pytest.mark.parametrize(
    ("config", "overrides", "environ"),
    [
        (NESTED, [], {}),
        ('{"broker": {"alpaca": {"feed": "indicative"}}}', [], {}),
        ("broker: {alpaca: {feed: opra}}", ["broker.alpaca.feed=indicative"], {}),
        ("broker: {alpaca: {}}", [], {"OPTIONSARB_BROKER__ALPACA__FEED": "indicative"}),
    ],
)
def test_a_key_of_an_inner_section_can_be_given_like_any_other(
    project: Project, config: str, overrides: list[str], environ: dict[str, str]
) -> None:
    project.write("config/config.yaml", config)
    broker = project.load(overrides, environ).settings.broker
    assert broker.alpaca.feed == "indicative"
    assert broker.model_copy(update={"alpaca": Settings.defaults().broker.alpaca}) == Broker()


def test_an_inner_section_in_env_reaches_its_key(project: Project) -> None:
    project.write(".env", "OPTIONSARB_BROKER__IBKR__PORT=7497\n")
    assert project.load().settings.broker.ibkr.port == 7497


@pytest.mark.parametrize("nothing", ["", "~", "null", "{}", "\n    # feed: opra"])
def test_an_inner_section_without_any_key_leaves_the_defaults(
    project: Project, nothing: str
) -> None:
    project.write("config/config.yaml", f"broker:\n  alpaca: {nothing}\n")
    assert project.load().settings == Settings.defaults()


@pytest.mark.parametrize("nothing", ["", "~", "null", '""', "''"])
def test_a_text_may_be_left_empty_in_every_way_that_yaml_has(
    project: Project, nothing: str
) -> None:
    text = f"broker:\n  live_account: {nothing}\n  ibkr:\n    account: {nothing}\n"
    project.write("config/config.yaml", text)
    assert project.load().settings == Settings.defaults()


def test_an_account_made_of_digits_stays_a_text(project: Project) -> None:
    project.write("config/config.yaml", "broker:\n  live_account: 012345\n")
    assert project.load().settings.broker.live_account == "012345"


@pytest.mark.parametrize(
    ("name", "execution", "leaves"),
    [
        *(("alpaca", "", False), ("alpaca", "broker", True), ("alpaca", "embedded", False)),
        *(("ibkr", "", True), ("ibkr", "broker", True), ("ibkr", "embedded", False)),
        *(("simulated", "", False), ("simulated", "broker", False)),
    ],
)
def test_orders_of_a_paper_day_leave_the_machine_only_where_the_broker_can_take_them(
    name: str, execution: str, *, leaves: bool
) -> None:
    settings = Settings.defaults().changed(f"broker.name={name}", f"broker.execution={execution}")
    assert settings.broker.sends_orders is leaves


# Defaults and changes


def test_defaults_need_no_file_and_have_the_known_values() -> None:
    settings = Settings.defaults()
    assert settings.strategy.max_spreads == 2
    assert settings.strategy.strike_rule == "matched"
    assert settings.trading_hours.entry_start == time(9, 35)
    assert settings.trading_hours.exit_check == time(15, 45)
    assert settings.fees.spy_per_contract * 10 + settings.fees.spxw_per_contract == 2.15
    assert settings.logging.file == Path("logs/trading.log")
    assert settings.broker.paper_trading


def test_settings_cannot_be_changed_in_place() -> None:
    settings = Settings.defaults()
    with pytest.raises(ValidationError):
        settings.strategy.max_spreads = 3  # type: ignore[misc]  # that is what is proved
    with pytest.raises(ValidationError):
        settings.strategy = settings.strategy  # type: ignore[misc]  # likewise


def test_a_changed_copy_is_validated_and_leaves_the_original_alone() -> None:
    settings = Settings.defaults()
    changed = settings.changed("strategy.strike_rule=atm", "trading_hours.entry_end=10:30")
    assert (changed.strategy.strike_rule, changed.trading_hours.entry_end) == ("atm", time(10, 30))
    assert settings == Settings.defaults()
    with pytest.raises(MendInput, match="entry_start is 09:35"):
        settings.changed("trading_hours.entry_end=09:00")


def test_a_changed_copy_keeps_its_secrets() -> None:
    settings = Settings.defaults().changed("broker.api_key=PK1", "broker.api_secret=s")
    assert settings.changed("strategy.max_spreads=1").broker.has_keys


def test_settings_made_in_code_must_fit_together_too() -> None:
    with pytest.raises(ValidationError, match="must be later than"):
        Settings.model_validate({"trading_hours": {"entry_end": "09:00"}})


# Precedence

PLACES = ("set", "environ", "dotenv", "secrets", "config", "default")


@pytest.mark.parametrize("strongest", range(len(PLACES)))
def test_the_stronger_place_wins(project: Project, strongest: int) -> None:
    said = {place: f"logs/{place}.log" for place in PLACES[strongest:]}
    for place, name, text in (
        ("dotenv", ".env", "OPTIONSARB_LOGGING__FILE={}\n"),
        ("secrets", "config/secrets.yaml", "logging:\n  file: {}\n"),
        ("config", "config/config.yaml", "logging:\n  file: {}\n"),
    ):
        if place in said:
            project.write(name, text.format(said[place]))
    settings = project.load(
        [f"logging.file={said['set']}"] if "set" in said else [],
        {"OPTIONSARB_LOGGING__FILE": said["environ"]} if "environ" in said else {},
    ).settings
    expected = said[PLACES[strongest]] if strongest < 5 else "logs/trading.log"
    assert settings.logging.file == Path(expected)


def test_the_last_of_two_overrides_of_one_key_counts(project: Project) -> None:
    loaded = project.load(["strategy.max_spreads=3", "strategy.max_spreads=1"])
    assert loaded.settings.strategy.max_spreads == 1


@pytest.mark.parametrize(
    "names",
    [
        ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"),
        ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"),
        ("OPTIONSARB_BROKER__API_KEY", "OPTIONSARB_BROKER__API_SECRET"),
    ],
)
@pytest.mark.parametrize("place", ["environ", "dotenv"])
def test_the_usual_names_of_the_keys_are_understood(
    project: Project, names: tuple[str, str], place: str
) -> None:
    environ = dict(zip(names, ("PKREAL", "s3cret"), strict=True))
    if place == "dotenv":
        lines = (f"export {name}='{value}'\n" for name, value in environ.items())
        project.write(".env", "".join(lines))
    broker = project.load(environ=environ if place == "environ" else {}).settings.broker
    assert broker.has_keys
    assert broker.api_key.get_secret_value() == "PKREAL"
    assert broker.api_secret.get_secret_value() == "s3cret"


def test_our_own_name_of_a_key_beats_the_usual_ones(project: Project) -> None:
    environ = {
        "APCA_API_KEY_ID": "third",
        "ALPACA_API_KEY": "second",
        "OPTIONSARB_BROKER__API_KEY": "first",
    }
    for name, value in reversed(tuple(environ.items())):
        assert project.load(environ=environ).settings.broker.api_key == SecretStr(value)
        del environ[name]


def test_variables_of_other_programs_and_empty_ones_are_left_alone(project: Project) -> None:
    project.write(".env", "PATH=/bin\n\nEDITOR\nOPTIONSARB_STRATEGY__MAX_SPREADS=\n")
    environ = {"HOME": "/x", "OPTIONSARB_STRATEGY__MIN_RATIO": ""}
    assert project.load(environ=environ).settings == Settings.defaults()


def test_a_dollar_sign_in_a_password_stays_what_it_is(project: Project) -> None:
    project.write(".env", "ALPACA_SECRET_KEY=a${HOME}$b\n")
    assert project.load().settings.broker.api_secret.get_secret_value() == "a${HOME}$b"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("my.json", '{"strategy":\n\t{"max_spreads": 1}}'),
        ("my.yaml", '{"strategy":\n\t{"max_spreads": 1}}'),
        ("my.yaml", "strategy:\n  max_spreads: 1\n"),
        ("my.yaml", "{strategy: {max_spreads: 1}}"),
        ("my.conf", "strategy: {max_spreads: 1}"),
    ],
)
def test_a_config_file_may_be_yaml_or_json_with_tabs(
    project: Project, name: str, text: str
) -> None:
    assert project.load(path=project.write(name, text)).settings.strategy.max_spreads == 1


def test_an_escaped_emoji_in_a_json_secret_stays_one_character(project: Project) -> None:
    project.write("config/secrets.yaml", '{"broker": {"api_secret": "\\ud83d\\ude00\\u00e9/\\n"}}')
    loaded = project.load().settings.broker.api_secret
    assert loaded == SecretStr("\U0001f600\u00e9/")


def test_a_long_config_file_on_a_single_line_of_json_loads(project: Project) -> None:
    values = json.loads(Settings.defaults().model_dump_json(exclude={"broker", "notifications"}))
    values["strategy"]["max_spreads"] = 3
    path = project.write("one.json", json.dumps(values, separators=(",", ":")))
    assert project.load(path=path).settings.strategy.max_spreads == 3


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(project: Project) -> None:
    project.write("config/config.yaml", b"\xef\xbb\xbfstrategy:\r\n  max_spreads: 1\r\n")
    project.write(".env", b"\xef\xbb\xbfALPACA_API_KEY=PKREAL\r\nALPACA_SECRET_KEY=s3cret\r\n")
    settings = project.load().settings
    assert settings.strategy.max_spreads == 1
    assert settings.broker.has_keys
    path = project.write("my.json", b'\xef\xbb\xbf{"strategy": {"max_spreads": 3}}')
    assert project.load(path=path).settings.strategy.max_spreads == 3


def test_a_section_without_any_key_leaves_the_defaults(project: Project) -> None:
    project.write("config/config.yaml", "strategy:\n  # max_spreads: 1\nfees:\n")
    assert project.load().settings == Settings.defaults()


def test_text_from_outside_is_read_as_the_number_or_truth_value_it_says(project: Project) -> None:
    project.write(".env", "OPTIONSARB_STRATEGY__MIN_ENTRY_CREDIT=4e2\n")
    settings = project.load(
        ["broker.paper_trading=false", "trading_hours.entry_start=9:40"],
        {"OPTIONSARB_STRATEGY__MAX_SPREADS": "3"},
    ).settings
    assert settings.strategy.max_spreads == 3
    assert settings.strategy.min_entry_credit == 400
    assert settings.trading_hours.entry_start == time(9, 40)
    assert not settings.broker.paper_trading


def test_a_key_made_of_digits_stays_a_text(project: Project) -> None:
    project.write("config/secrets.yaml", "broker: {api_key: 0123, api_secret: '1e5'}")
    broker = project.load().settings.broker
    assert broker.api_key.get_secret_value() == "0123"
    assert broker.api_secret.get_secret_value() == "1e5"


@pytest.mark.parametrize("written", ["10:00", '"10:00"'])
def test_a_time_of_day_is_no_number_of_seconds_with_or_without_quotes(
    project: Project, written: str
) -> None:
    project.write("config/config.yaml", f"trading_hours:\n  entry_end: {written}\n")
    assert project.load().settings.trading_hours.entry_end == time(10)


# Keys and secrets


@pytest.mark.parametrize(
    "text", ["", " ", "YOUR_API_KEY", "YOUR_API_SECRET", "your-key", "changeme", "<your key>", "~"]
)
def test_a_placeholder_counts_as_no_key(project: Project, text: str) -> None:
    assert is_placeholder(text)
    broker = project.load([f"broker.api_key={text}", "broker.api_secret=real"]).settings.broker
    assert not broker.has_keys
    assert broker.missing_keys == ("broker.api_key",)
    assert broker.api_key == SecretStr("")


def test_a_project_without_keys_misses_both(project: Project) -> None:
    assert project.load().settings.broker.missing_keys == ("broker.api_key", "broker.api_secret")


def test_a_placeholder_in_a_stronger_place_does_not_hide_a_real_key(project: Project) -> None:
    project.write("config/secrets.yaml", "broker: {api_key: PKREAL, api_secret: s3cret}")
    project.write(".env", "OPTIONSARB_BROKER__API_KEY=YOUR_API_KEY\nALPACA_SECRET_KEY=\n")
    assert project.load().settings.broker.has_keys


def test_an_empty_override_takes_a_secret_away(project: Project) -> None:
    project.write("config/secrets.yaml", "notifications: {email: 'mailtos://a:b@c'}")
    assert project.load(["notifications.email="]).settings.notifications.email == SecretStr("")


def test_secrets_are_in_no_representation_and_no_dump(project: Project) -> None:
    project.write("config/secrets.yaml", "broker: {api_key: PKREAL, api_secret: s3cret}")
    loaded = project.load(["notifications.sms=twilio://t0ken"])
    shown = repr(loaded) + str(loaded.settings) + loaded.settings.model_dump_json()
    assert not any(secret in shown for secret in ("PKREAL", "s3cret", "t0ken"))


@pytest.mark.parametrize(
    "override", ["broker.api_kee=s3cret", "broker.sceret=s3cret", "api_key=s3cret", "token=s3cret"]
)
def test_a_secret_under_a_misspelt_name_is_not_shown(project: Project, override: str) -> None:
    (problem,) = project.problems([override])
    assert problem.startswith(f"--set {override.partition('=')[0]}=(hidden): there is no setting")
    assert "s3cret" not in problem


def test_secrets_in_the_config_file_are_warned_of(project: Project) -> None:
    project.write(
        "config/config.yaml",
        "broker:\n  api_key: PKREAL\n  api_secret: YOUR_API_SECRET\n"
        "notifications:\n  email: ''\n  slack_webhook: https://hooks.slack.com/services/T/B/s3cret\n",
    )
    warnings = project.load().warnings
    where = "holds a secret, and this file may be shared; move it to config/secrets.yaml or .env"
    assert warnings == (
        f"config/config.yaml:2: broker.api_key {where}",
        f"config/config.yaml:6: notifications.slack_webhook {where}",
    )


needs_mode_bits = pytest.mark.skipif(os.name != "posix", reason="needs POSIX mode bits")


@needs_mode_bits
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secrets_file_that_others_can_read_is_warned_of(project: Project, mode: int) -> None:
    project.write(".env", "ALPACA_API_KEY=PKREAL\n", mode)
    project.write("config/secrets.yaml", "fees: {}", mode)
    assert project.load().warnings == tuple(
        f"{name}: other users of this machine can read it; run chmod 600 {name}"
        for name in ("config/secrets.yaml", ".env")
    )


@needs_mode_bits
def test_a_secrets_file_of_ones_own_is_not_warned_of(project: Project) -> None:
    project.write(".env", "ALPACA_API_KEY=PKREAL\n", 0o600)
    assert project.load().warnings == ()


def test_a_platform_without_mode_bits_gives_no_warning(project: Project) -> None:
    path = project.write(".env", "", 0o644)
    assert not seen_by_others(path, has_mode_bits=False)


def test_a_config_file_elsewhere_has_its_secrets_beside_it(project: Project) -> None:
    (project.root / "other").mkdir()
    path = project.write("other/config.yaml", "fees: {}")
    project.write("other/secrets.yaml", "broker: {api_key: PKREAL, api_secret: s3cret}")
    assert project.load(path=path).settings.broker.has_keys
    assert not project.load().settings.broker.has_keys


def test_every_key_can_say_what_it_allows_and_describes_itself() -> None:
    for key, about in KEYS.fields.items():
        assert KEYS.allowed(key)
        assert about.description
