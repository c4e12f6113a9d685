import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.ports import MendInput, StopTrading
from utils.instance_lock import only_instance

PROJECT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from utils.instance_lock import only_instance
with only_instance(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def a_holder(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the folder until its input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_is_refused_and_told_which_folder_is_in_use(tmp_path: Path) -> None:
    with a_holder(tmp_path) as holder:
        with pytest.raises(StopTrading, match="another run") as refusal, only_instance(tmp_path):
            pass
        holder.kill()
    assert str(tmp_path) in str(refusal.value)
    assert "--data-dir" in str(refusal.value)


def test_two_folders_do_not_disturb_each_other(tmp_path: Path) -> None:
    with only_instance(tmp_path / "one"), only_instance(tmp_path / "two"):
        assert (tmp_path / "one").is_dir()


def test_a_folder_is_free_again_after_its_holder_is_done_even_when_it_failed(
    tmp_path: Path,
) -> None:
    with pytest.raises(ZeroDivisionError), only_instance(tmp_path):
        raise ZeroDivisionError
    with only_instance(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_does_not_block_the_next_one(tmp_path: Path) -> None:
    with a_holder(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=10)
    with only_instance(tmp_path):
        pass


def test_a_data_directory_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(MendInput, match="--data-dir"), only_instance(file):
        pass
