"""Every command's help: it shows examples that work, and what its exit codes mean."""

import argparse
import re
import shlex

import pytest

from scripts.completion import commands

COMMANDS = commands()
NAMES = sorted(COMMANDS)


def pages(name: str) -> dict[tuple[str, ...], str]:
    """The help of a command, and of each command inside it, by what is typed for it."""
    parser = COMMANDS[name]
    found: dict[tuple[str, ...], str] = {(name,): parser.format_help()}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {(name, word): each.format_help() for word, each in action.choices.items()}
    return found


def examples(page: str) -> list[list[str]]:
    """The command lines of a page, as a shell would split them; what is said beside is left out."""
    text = page.replace("\\\n", " ")
    lines = re.findall(r"^  (?:python )?(?:\./)?scripts/(\S+\.py.*)$", text, re.MULTILINE)
    return [shlex.split(re.split(r"\s{3,}", line)[0].strip()) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_shows_examples_and_each_of_them_can_be_typed(name: str) -> None:
    for typed, page in pages(name).items():
        found = examples(page)
        assert found, f"{' '.join(typed)} --help shows no example"
        for line in found:
            script, *arguments = line
            known = " ".join(line[:2])
            if known in COMMANDS:
                COMMANDS[known].parse_args(arguments[1:])
            else:
                COMMANDS[script].parse_args(arguments)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_tells_its_exit_codes(name: str) -> None:
    page = COMMANDS[name].format_help()
    assert re.search(r"^exit codes: 0 ", page, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_explains_each_of_its_options(name: str) -> None:
    parsers = [COMMANDS[name]]
    for action in COMMANDS[name]._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers += action.choices.values()
    silent = [
        action.option_strings or action.dest
        for parser in parsers
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []
