#!/usr/bin/env python3
"""Print what makes a shell complete the commands: eval "$(python scripts/completion.py zsh)"."""

import argparse
import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHELLS = ("bash", "zsh")
EPILOG = """\
examples:
  python scripts/completion.py bash
  python scripts/completion.py zsh

Put one of these into ~/.bashrc or ~/.zshrc (there after compinit), with the path of this project:
  eval "$(cd ~/optionsarbitrage && .venv/bin/python scripts/completion.py bash)"
  eval "$(cd ~/optionsarbitrage && .venv/bin/python scripts/completion.py zsh)"
Then the Tab key completes scripts/main.py and its like, also behind ./ and behind python.

exit codes: 0 done, 2 bad usage, or a package that is missing.
"""
FILES = frozenset({"FILE", "TAPE"})
FOLDERS = frozenset({"DIR", "FOLDER"})
KEYS = frozenset({"KEY=VALUE", "KEY=VALUES"})

BASH = r"""
_optionsarbitrage_keys() { compgen -W "@KEYS@" -- "$1"; }

# Completes the words behind one of the commands.
_optionsarbitrage() {
  local name="${COMP_WORDS[0]##*/}"
  name="${name%.py}"
  if [[ $name == backtest && $COMP_CWORD -ge 2 && ${COMP_WORDS[1]} == sweep ]]; then
    _optionsarbitrage_shift
    name=backtest_py_sweep
  else
    name="${name}_py"
  fi
  "_shtab_$name"
  if [[ $name == backtest_py && $COMP_CWORD -eq 1 && sweep == "${COMP_WORDS[1]}"* ]]; then
    COMPREPLY+=(sweep)
  fi
  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}

_optionsarbitrage_shift() {
  COMP_WORDS=("${COMP_WORDS[@]:1}")
  COMP_CWORD=$((COMP_CWORD - 1))
}

# Behind python, one of the commands is completed like itself, and all else as a file.
_optionsarbitrage_python() {
  if [[ $COMP_CWORD -ge 2 ]]; then
    case "${COMP_WORDS[1]}" in
      @PATTERNS@)
        _optionsarbitrage_shift
        _optionsarbitrage
        return
        ;;
    esac
  fi
  compopt -o filenames 2>/dev/null
  COMPREPLY=()
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
    compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -o bashdefault -F _optionsarbitrage @COMMANDS@
complete -F _optionsarbitrage_python python python3 .venv/bin/python ./.venv/bin/python
"""

ZSH = r"""
_optionsarbitrage_keys() { compadd -S '' -- @KEYS@ }

# Completes the words behind one of the commands.
_optionsarbitrage() {
  local name="${words[1]:t:r}_py"
  _compskip=all  # no file names beside what is found here
  if [[ $name == backtest_py && $CURRENT -ge 3 && $words[2] == sweep ]]; then
    shift words  # in here, for zsh takes it back at the end of a function
    (( CURRENT -= 1 ))
    name=backtest_py_sweep
  elif [[ $name == backtest_py && $CURRENT -eq 2 ]]; then
    compadd -- sweep
  fi
  "_shtab_$name"
}

# Behind python, one of the commands is completed like itself, and all else as ever.
_optionsarbitrage_python() {
  if (( CURRENT >= 3 )) && [[ $words[2] == @PATTERNS@ ]]; then
    shift words
    (( CURRENT -= 1 ))
    _optionsarbitrage
  elif (( $+functions[_python] )); then _python; else _files; fi
}

compdef -p _optionsarbitrage @COMMANDS@
compdef _optionsarbitrage_python python python3
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="completion.py",
        description="Print what makes bash or zsh complete the commands of this project.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    return parser


def commands() -> "dict[str, argparse.ArgumentParser]":
    """Return what reads the command line of each command, by its name such as "main.py"."""
    found = {}
    for file in sorted((PROJECT / "scripts").glob("*.py")):
        if "\ndef make_parser(" in file.read_text(encoding="utf-8"):
            parser = importlib.import_module(f"scripts.{file.stem}").make_parser()
            found[parser.prog] = parser
    return found


def completion(shell: str) -> str:
    """Return the text that a shell reads. Raises ImportError where shtab is not installed."""
    import shtab  # noqa: PLC0415 - only for who completes

    known = commands()
    parts = []
    for parser in known.values():
        for action in _actions(parser):
            names = {action.metavar} if isinstance(action.metavar, str) else set()
            if names & FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined] # where shtab looks
            elif names & FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined] # likewise
            elif names & KEYS:
                keys = dict.fromkeys(SHELLS, "_optionsarbitrage_keys")
                action.complete = keys  # type: ignore[attr-defined] # likewise
        parser.prog = parser.prog.replace(" ", "-")  # becomes the name of a shell's function
        parts.append(_without_its_end(shtab.complete(parser, shell)))
    return "\n".join((*parts, _dispatcher(shell, [name for name in known if " " not in name])))


def _actions(parser: argparse.ArgumentParser) -> "Iterator[argparse.Action]":
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for below in action.choices.values():
                yield from _actions(below)


def _without_its_end(script: str) -> str:
    """Leave out how shtab would announce its function, which is by the bare name of the file."""
    return re.split(r"^(?:complete -o|if \[\[ \$zsh_eval_context)", script, flags=re.MULTILINE)[0]


def _dispatcher(shell: str, names: "Sequence[str]") -> str:
    from src.settings import KEYS as SETTINGS  # noqa: PLC0415 - needs packages

    keys = " ".join(f"{key}=" for key in SETTINGS.fields)
    stems = "|".join(name.removesuffix(".py") for name in names)
    if shell == "bash":
        patterns = " | ".join(f"scripts/{name} | */scripts/{name}" for name in names)
        places = (f"{way}scripts/{name}" for name in names for way in ("", "./", f"{PROJECT}/"))
        announced, script = " ".join(f"'{place}'" for place in places), BASH
    else:
        patterns = f"(*/|)scripts/({stems}).py"
        announced, script = f"'{patterns}'", ZSH
    for mark, text in (("@KEYS@", keys), ("@PATTERNS@", patterns), ("@COMMANDS@", announced)):
        script = script.replace(mark, text)
    return script


def main(argv: "Sequence[str] | None" = None) -> int:
    """Print the completion of a shell; return the exit code."""
    args = make_parser().parse_args(argv)
    try:
        text = completion(args.shell)
    except ImportError as error:
        print(
            f"optionsarbitrage: a package is missing ({error}): run make paper once, or "
            "pip install -r requirements.txt.",
            file=sys.stderr,
        )
        return 2
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
