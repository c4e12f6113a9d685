import os
from pathlib import Path

import pytest

from tests.fakes.settings_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# What is wrong with a value

BAD_VALUES = [
    # key, text in YAML, what the message says of it, what is allowed
    ("strategy.max_spreads", "4", "is 4", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "0", "is 0", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "yes", "is yes", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "true", "is true", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "1.5", "is 1.5", "a whole number from 1 to 3"),
    ("strategy.max_spreads", '"2"', 'is "2"', "a whole number from 1 to 3"),
    ("strategy.max_spreads", "", "is empty", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "[2]", "is a list", "a whole number from 1 to 3"),
    ("strategy.max_spreads", "{a: 2}", "is a mapping", "a whole number from 1 to 3"),
    ("strategy.min_entry_credit", "-1", "is -1", "a number of at least 0"),
    ("strategy.min_entry_credit", "$400", "is $400", "a number of at least 0"),
    ("strategy.min_entry_credit", "false", "is false", "a number of at least 0"),
    ("strategy.max_daily_loss", "0", "is 0", "a number above 0"),
    ("strategy.max_daily_loss", "nan", "is nan", "a number above 0"),
    ("strategy.max_daily_loss", ".inf", "is .inf", "a number above 0"),
    ("strategy.max_daily_loss", "1e999", "is 1e999", "a number above 0"),
    ("strategy.max_position_loss", "-500", "is -500", "a number above 0"),
    ("strategy.capital_per_spread", "-5", "is -5", "a number above 0"),
    ("strategy.max_position_size", "10", "is 10", "a number above 0 and at most 1"),
    ("strategy.strike_rule", "mached", "is mached", "one of atm, matched"),
    ("strategy.trade_half_days", "1", "is 1", "true or false"),
    ("broker.paper_trading", "maybe", "is maybe", "true or false"),
    ("broker.name", "etrade", "is etrade", "one of alpaca, ibkr, simulated"),
    ("broker.execution", "paper", "is paper", "one of broker, embedded, or empty"),
    ("broker.timeout_seconds", "0", "is 0", "a number above 0 and at most 120"),
    ("broker.live_account", "[A1]", "is a list", "a text"),
    ("broker.alpaca.feed", "sip", "is sip", "one of opra, indicative"),
    ("broker.alpaca.feed", "", "is empty", "one of opra, indicative"),
    (
        *("broker.alpaca.trading_url", "paper-api.alpaca.markets", "is paper-api.alpaca.markets"),
        "an address such as http://127.0.0.1:8080, or empty",
    ),
    ("broker.alpaca.data_url", "ftp://a.test", "is ftp://a.test", "an address such as http://"),
    ("broker.ibkr.host", '""', 'is ""', "a text that is not empty"),
    ("broker.ibkr.port", "65536", "is 65536", "a whole number from 0 to 65535"),
    ("broker.ibkr.client_id", "0", "is 0", "a whole number from 1 to 999999"),
    ("broker.api_key", "[PKREAL]", "is (hidden)", "a text in quotes"),
    ("trading_hours.entry_start", "9.35", "is 9.35", "a New York time of day"),
    ("trading_hours.entry_start", '"24:00"', 'is "24:00"', "a New York time of day"),
    ("trading_hours.exit_check", "15:45:30", "is 15:45:30", "a New York time of day"),
    ("trading_hours.entry_check_seconds", "3601", "is 3601", "from 1 to 3600"),
    ("trading_hours.monitor_interval_seconds", "9", "is 9", "from 10 to 3600"),
    ("trading_hours.final_interval_seconds", "301", "is 301", "from 1 to 300"),
    ("execution.poll_seconds", "61", "is 61", "above 0 and at most 60"),
    ("execution.max_exit_slippage", "11", "is 11", "from 0 to 10"),
    ("market_data.max_leg_skew_seconds", "-0.1", "is -0.1", "a number of at least 0"),
    ("fees.spy_per_contract", "-0.15", "is -0.15", "a number of at least 0"),
    ("simulation.starting_cash", "lots", "is lots", "a number above 0"),
    ("logging.level", "LOUD", "is LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
    ("logging.file", '""', 'is ""', "a path"),
    ("logging.database", "~/x.db", "is ~/x.db", 'a path without "~"'),
]


@pytest.mark.parametrize(("key", "text", "given", "allowed"), BAD_VALUES)
def test_a_value_that_is_not_allowed_is_named_with_its_line(
    project: Project, key: str, text: str, given: str, allowed: str
) -> None:
    *sections, name = key.split(".")
    above = "".join(f"{'  ' * depth}{each}:\n" for depth, each in enumerate(sections))
    written = f"# settings\n{above}{'  ' * len(sections)}{name}: {text}\n"
    project.write("config/config.yaml", written)
    (problem,) = project.problems()
    line = written.count("\n")
    assert problem.startswith(f"config/config.yaml:{line}: {key} {given}; allowed is ")
    assert allowed in problem
    assert "PKREAL" not in problem


@pytest.mark.parametrize(
    ("override", "environ", "dotenv", "place"),
    [
        ("9", "", "", "--set strategy.max_spreads=9"),
        ("", "9", "", "environment variable OPTIONSARB_STRATEGY__MAX_SPREADS"),
        ("", "", "9", ".env:3: OPTIONSARB_STRATEGY__MAX_SPREADS"),
    ],
)
def test_a_wrong_value_is_named_by_the_place_it_came_from(
    project: Project, override: str, environ: str, dotenv: str, place: str
) -> None:
    name = "OPTIONSARB_STRATEGY__MAX_SPREADS"
    project.write(".env", f"# mine\n\n{name}={dotenv}\n")
    (problem,) = project.problems(
        [f"strategy.max_spreads={override}"] if override else [], {name: environ}
    )
    assert problem == f"{place}: strategy.max_spreads is 9; allowed is a whole number from 1 to 3."


# What is wrong with names

UNKNOWN = [
    # YAML, the whole problem
    (
        "strategy:\n  max_spread: 1",
        (
            "config/config.yaml:2: there is no setting strategy.max_spread; "
            "the nearest is strategy.max_spreads."
        ),
    ),
    (
        "risk:\n  max_daily_loss: 1",
        (
            "config/config.yaml:1: there is no section risk; there are broker, strategy, "
            "market_data, trading_hours, execution, fees, simulation, exports, notifications, "
            "logging."
        ),
    ),
    (
        "stratgy:\n  max_spreads: 1",
        "config/config.yaml:1: there is no section stratgy; the nearest is strategy.",
    ),
    (
        "max_spreads: 1",
        (
            "config/config.yaml:1: there is no setting max_spreads; "
            "the nearest is strategy.max_spreads."
        ),
    ),
    (
        "fees:\n  max_daily_loss: 1",
        (
            "config/config.yaml:2: there is no setting fees.max_daily_loss; "
            "the nearest is strategy.max_daily_loss."
        ),
    ),
]


UNKNOWN_INSIDE = [
    # YAML, what the whole problem says of its place
    (
        "broker:\n  alpaca:\n    fed: opra",
        ":3: there is no setting broker.alpaca.fed; the nearest is broker.alpaca.feed.",
    ),
    (
        "broker:\n  feed: opra",
        ":2: there is no setting broker.feed; the nearest is broker.alpaca.feed.",
    ),
    (
        "broker:\n  alpaca:\n    port: 7497",
        ":3: there is no setting broker.alpaca.port; the nearest is broker.ibkr.port.",
    ),
    (
        "broker:\n  alpacca:\n    feed: opra",
        ":2: there is no section broker.alpacca; the nearest is broker.alpaca.",
    ),
    (
        "alpaca:\n  feed: opra",
        ":1: there is no section alpaca; the nearest is broker.alpaca.",
    ),
    (
        "strategy:\n  max_spread: {a: 2}",
        ":2: there is no setting strategy.max_spread; the nearest is strategy.max_spreads.",
    ),
    (
        "broker:\n  alpaca: indicative",
        (
            ":2: broker.alpaca is a single value; a section must be keys with values, "
            "indented below its name."
        ),
    ),
    (
        "broker:\n  ibkr: [7497]",
        ":2: broker.ibkr is a list; a section must be keys with values, indented below its name.",
    ),
]


@pytest.mark.parametrize(("text", "problem"), UNKNOWN_INSIDE)
def test_an_unknown_name_inside_a_section_is_reported_with_the_nearest_one(
    project: Project, text: str, problem: str
) -> None:
    project.write("config/config.yaml", text)
    assert project.problems() == [f"config/config.yaml{problem}"]


def test_a_section_given_a_value_is_told_of_its_keys(project: Project) -> None:
    assert project.problems(["broker=ibkr"], {"OPTIONSARB_BROKER__ALPACA": "opra"}) == [
        "--set broker=ibkr: broker is a section; name a key in it, such as broker.name.",
        (
            "environment variable OPTIONSARB_BROKER__ALPACA: OPTIONSARB_BROKER__ALPACA is a "
            "section; name a key in it, such as OPTIONSARB_BROKER__ALPACA__TRADING_URL."
        ),
    ]


@pytest.mark.parametrize(("text", "problem"), UNKNOWN)
def test_an_unknown_name_is_reported_with_the_nearest_one(
    project: Project, text: str, problem: str
) -> None:
    project.write("config/config.yaml", text)
    assert project.problems() == [problem]


def test_an_unknown_override_or_variable_is_reported_in_its_own_spelling(project: Project) -> None:
    project.write(".env", "OPTIONSARB_STRATEGY_STRIKE_RULE=atm\n")
    assert project.problems(["strategy.max_spread=1"], {"OPTIONSARB_MAX_RATIO": "10"}) == [
        (
            "--set strategy.max_spread=1: there is no setting strategy.max_spread; "
            "the nearest is strategy.max_spreads."
        ),
        (
            "environment variable OPTIONSARB_MAX_RATIO: there is no setting OPTIONSARB_MAX_RATIO; "
            "the nearest is OPTIONSARB_STRATEGY__MAX_RATIO."
        ),
        (
            ".env:1: OPTIONSARB_STRATEGY_STRIKE_RULE: there is no setting "
            "OPTIONSARB_STRATEGY_STRIKE_RULE; the nearest is OPTIONSARB_STRATEGY__STRIKE_RULE."
        ),
    ]


def test_an_override_without_a_value_says_how_to_write_one(project: Project) -> None:
    (problem,) = project.problems(["strategy.max_spreads"])
    assert problem.startswith("--set strategy.max_spreads: a value is missing; write KEY=VALUE")


MALFORMED = [
    # what, text, a part of the problem
    (
        "a key given twice",
        "strategy:\n  max_spreads: 1\n  max_spreads: 3\n",
        ":3: strategy.max_spr",
    ),
    ("a section given twice", "fees: {}\nstrategy: {}\nfees: {}\n", ":3: fees is given a second"),
    ("the same in JSON", '{"fees": {},\n"fees": {}}', ":2: fees is given a second time, first in"),
    ("a section that is a number", "strategy: 5\n", ":1: strategy is a single value; a section"),
    ("a section that is a list", "strategy:\n- a\n", ":1: strategy is a list; a section"),
    ("a key that is a list", "strategy:\n  ? [a]\n  : 1\n", ":2: a list stands where a key is due"),
    ("a file that is a list", "- strategy\n", ": the file is a list; it must be sections"),
    ("an empty file", "", ": the file is empty"),
    ("a file of comments", "# strategy:\n", ": the file is empty"),
    ("a list left open", "fees: {}\nstrategy: [1,\n", ":3: the YAML is broken here"),
    ("a quote left open", 'logging:\n  file: "logs\n', ":3: the YAML is broken here"),
    ("a key cut off", "strategy:\n  max_spreads: 2\n  max_dai\n", ":4: the YAML is broken here"),
    ("a tab as indentation", "strategy:\n\tmax_spreads: 2\n", ":2: the YAML is broken here"),
    ("a NUL character", "fees: {}\n\x00", ":2: the YAML is broken here"),
    ("two documents", "fees: {}\n---\nfees: {}\n", ":2: the YAML is broken here"),
    ("endless nesting", "fees: " + "[" * 1000, "the YAML is broken here"),
    ("not UTF-8", b"fees: {}\nlogging: {file: caf\xe9}\n", ":2: this is not UTF-8 text"),
]


@pytest.mark.parametrize(("what", "text", "problem"), MALFORMED)
def test_a_malformed_file_is_one_clear_sentence(
    project: Project, what: str, text: str | bytes, problem: str
) -> None:
    project.write("config/config.yaml", text)
    found = project.problems()
    assert len(found) == 1, what
    assert found[0].startswith("config/config.yaml")
    assert problem in found[0]


@pytest.mark.parametrize(
    "text", ['{"strategy":\n {"max_spreads": 1', '{"fees": {},}', "", "fees: {}"]
)
def test_broken_json_is_named_with_its_line(project: Project, text: str) -> None:
    path = project.write("my.json", text)
    (problem,) = project.problems(path=path)
    assert problem.startswith(f"my.json:{text.count(chr(10)) + 1}: the JSON is broken here")


def test_a_broken_line_of_the_env_file_is_named_without_its_text(project: Project) -> None:
    project.write(".env", "A=1\n\nPKREAL s3cret\n")
    assert project.problems() == [".env:3: this line is not NAME=value."]


def test_the_yaml_parser_does_not_give_a_password_away(project: Project) -> None:
    project.write("config/secrets.yaml", "broker:\n  api_secret: *s3cret\n")
    (problem,) = project.problems()
    assert problem.startswith("config/secrets.yaml:2: the YAML is broken here")
    assert "s3cret" not in problem


# Files that cannot be had


def test_a_config_file_that_is_not_there_is_named(project: Project) -> None:
    path = project.root / "config" / "mine.yaml"
    (problem,) = project.problems(path=path)
    assert problem.startswith("config/mine.yaml: there is no such file")


@pytest.mark.parametrize("name", ["config/config.yaml", "config/secrets.yaml", ".env"])
def test_a_folder_in_place_of_a_file_is_named(project: Project, name: str) -> None:
    (project.root / name).unlink(missing_ok=True)
    (project.root / name).mkdir()
    assert project.problems() == [f"{name}: this is a folder; a file belongs here."]


@pytest.mark.parametrize("name", ["config/config.yaml", "config/secrets.yaml", ".env"])
def test_a_file_that_cannot_be_opened_is_named(project: Project, name: str) -> None:
    (project.root / name).unlink(missing_ok=True)
    (project.root / name).symlink_to(project.root / name)
    (problem,) = project.problems()
    assert problem.startswith(f"{name}: the file cannot be read (")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable to root"
)
def test_a_file_without_permission_is_named(project: Project) -> None:
    project.write("config/config.yaml", "fees: {}", mode=0)
    (problem,) = project.problems()
    assert problem.startswith("config/config.yaml: the file cannot be read (Permission denied)")


# Everything at once, and together

COMBINATIONS = [
    (
        ("trading_hours.entry_start=10:00", "trading_hours.entry_end=10:00"),
        (
            "--set trading_hours.entry_end=10:00: trading_hours.entry_end is 10:00 and "
            "trading_hours.entry_start is 10:00 (--set trading_hours.entry_start=10:00); "
            "it must be later than trading_hours.entry_start."
        ),
    ),
    (
        ("trading_hours.exit_check=10:00",),
        (
            "--set trading_hours.exit_check=10:00: trading_hours.exit_check is 10:00 and "
            "trading_hours.entry_end is 10:00 (the default); "
            "it must be later than trading_hours.entry_end."
        ),
    ),
    (
        ("trading_hours.exit_check=16:00",),
        (
            "--set trading_hours.exit_check=16:00: trading_hours.exit_check is 16:00; "
            "it must be before 16:00, the close of a full day."
        ),
    ),
    (
        ("strategy.min_ratio=10.05",),
        (
            "--set strategy.min_ratio=10.05: strategy.min_ratio is 10.05 and strategy.max_ratio is "
            "10.05 (the default); it must be less than strategy.max_ratio."
        ),
    ),
    (
        ("execution.reprice_seconds=31",),
        (
            "the default: execution.leg_deadline_seconds is 30 and execution.reprice_seconds is 31 "
            "(--set execution.reprice_seconds=31); it must be at least execution.reprice_seconds."
        ),
    ),
]


@pytest.mark.parametrize(("overrides", "problem"), COMBINATIONS)
def test_values_that_exclude_each_other_are_both_named(
    project: Project, overrides: tuple[str, ...], problem: str
) -> None:
    assert project.problems(overrides) == [problem]


def test_all_problems_of_all_places_are_reported_at_once(project: Project) -> None:
    project.write(
        "config/config.yaml",
        "strategy:\n  max_spreads: 4\n  min_ratio: 11\n  max_spraeds: 1\nfees: 3\n"
        "trading_hours:\n  entry_start: noon\n",
    )
    project.write("config/secrets.yaml", "broker:\n  api_key: [x]\n")
    project.write(".env", "OPTIONSARB_NONSENSE=1\n")
    found = project.problems(["logging.level=LOUD"], {"OPTIONSARB_FEES__SPY_PER_CONTRACT": "-1"})
    places = [
        ".env:1: OPTIONSARB_NONSENSE",
        "config/config.yaml:4: there is no setting strategy.max_spraeds",
        "config/config.yaml:5: fees is a single value",
        "config/config.yaml:2: strategy.max_spreads is 4",
        "config/config.yaml:3: strategy.min_ratio is 11 and strategy.max_ratio is 10.05",
        "config/config.yaml:7: trading_hours.entry_start is noon",
        "config/secrets.yaml:2: broker.api_key is (hidden)",
        "--set logging.level=LOUD: logging.level is LOUD",
        "environment variable OPTIONSARB_FEES__SPY_PER_CONTRACT: fees.spy_per_contract is -1",
    ]
    assert len(found) == len(places)
    assert all(any(line.startswith(place) for line in found) for place in places)


def test_a_wrong_value_causes_no_second_complaint_about_its_default(project: Project) -> None:
    project.write(
        "config/config.yaml", "trading_hours:\n  entry_start: noon\n  entry_end: '09:00'\n"
    )
    (problem,) = project.problems()
    assert "entry_start is noon" in problem
