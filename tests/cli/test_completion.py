"""What the Tab key finds, in a real bash and a real zsh on a real terminal."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.completion import SHELLS, commands, completion, main
from tests.fakes.terminal import Terminal, plain

PROJECT = Path(__file__).resolve().parents[2]
START = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}
# Both are told to put in at once all that fits, so that it can be printed.
PREPARE = {
    "bash": "",
    "zsh": "autoload -Uz compinit; compinit -u -D; "
    "zstyle ':completion:all-matches:*' completer _all_matches _complete; "
    "zstyle ':completion:all-matches:*' insert true; "
    "zle -C all-matches complete-word _generic; bindkey '^Xa' all-matches; ",
}
ALL_THAT_FITS = {"bash": "\x1b*", "zsh": "\x18a"}
BEGIN, END = "\x01", "\x05"
Tab = Callable[[str], list[str]]


@pytest.fixture(params=SHELLS)
def tab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tab]:
    """Types a line and returns its words after everything that fits was put in."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(completion(shell), encoding="utf-8")
    terminal = Terminal(START[shell], cwd=PROJECT, env={"PS1": "> "})
    terminal.type(f'{PREPARE[shell]}eval "$(cat {script})"; echo RE""ADY\n')
    terminal.read_until("READY")

    def words(line: str) -> list[str]:
        terminal.type(f"{line}{ALL_THAT_FITS[shell]}{BEGIN}printf '<%s>' {END}; echo DO''NE\n")
        (found,) = re.findall(r"^(<.*>)DONE", plain(terminal.read_until("DONE")), re.MULTILINE)
        return re.findall("<(.*?)>", found)[len(line.split()[:-1]) or 1 :]

    yield words
    terminal.close()


def test_the_tab_key_finds_options_commands_and_choices_however_a_command_is_called(
    tab: Tab,
) -> None:
    assert {"--paper", "--replay", "--explain"} <= set(tab("scripts/main.py --"))
    assert tab("./scripts/main.py --pa") == ["--paper"]
    assert tab(f"{PROJECT}/scripts/doctor.py --li") == ["--live"]
    assert tab("scripts/control.py re") == ["reduce-only", "resume"]
    assert tab("python scripts/control.py st") == ["status"]
    assert tab("python3 ./scripts/backfill.py fetch --source a") == ["alpaca"]
    assert tab("scripts/backfill.py ver") == ["verify"]
    assert tab("scripts/backtest.py --fills w") == ["worse"]
    assert tab("scripts/backtest.py sw") == ["sweep"]
    assert tab("scripts/backtest.py sweep --ex") == ["--exact"]
    assert tab("scripts/export.py --csv-dialect e") == ["excel", "excel-german"]
    assert tab("scripts/completion.py z") == ["zsh"]
    assert tab("scripts/main.py --set strategy.max_s") == ["strategy.max_spreads="]
    assert tab("scripts/main.py --config req") == ["requirements-dev.txt", "requirements.txt"]
    assert tab("scripts/main.py --data-dir scr")[0].startswith("scripts")
    assert tab("python scr")[0].startswith("scripts"), "what is not ours is completed as ever"


def test_the_commands_of_other_projects_are_left_alone(tab: Tab) -> None:
    assert tab("elsewhere/main.py --pa") == ["--pa"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_has_its_function(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shell]) == 0
    text = capsys.readouterr().out
    for name in commands():
        assert f"_shtab_{re.sub('[^a-z]', '_', name)}()" in text


def test_a_shell_that_is_not_known_is_answered_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fish"])
    assert "'bash', 'zsh'" in capsys.readouterr().err


def test_every_program_that_can_be_started_has_a_parser_to_complete_it() -> None:
    started = {
        file.name
        for file in (PROJECT / "scripts").glob("*.py")
        if '__name__ == "__main__"' in file.read_text(encoding="utf-8")
    }
    named = {name.split()[0] for name in commands()}
    assert started - {"run_sweep.py", "dashboard_page.py"} == named
    assert sys.modules["scripts.completion"].__doc__
