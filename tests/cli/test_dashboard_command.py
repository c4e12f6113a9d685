"""The command that serves the dashboard: what it refuses, and whom it lets in."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.dashboard import PROJECT, main, parse
from scripts.run_dashboard import _say_where, server_words

pytest.importorskip("streamlit", reason="streamlit serves the dashboard, and is not installed")


EVERYBODY = "0.0.0.0"  # noqa: S104 - what a person may ask for


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(each) for each in words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("optionsarbitrage: ")
    assert "Traceback" not in said.err
    return said.err


def options(*words: str) -> dict[str, str]:
    """Return the server's options by their names; of one that is given twice, all values."""
    given = server_words(parse(["--port", "0", *words]), PROJECT)
    given = given[3 : given.index("--")]
    found: dict[str, str] = {}
    for name, value in zip(given[::2], given[1::2], strict=True):
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


def test_without_streamlit_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    assert "pip install -r requirements.txt" in refused(capsys, "--port", 0)


def test_a_port_that_is_taken_is_named_with_what_to_do(
    capsys: pytest.CaptureFixture[str], taken: int
) -> None:
    said = refused(capsys, "--port", taken)
    assert f"--port {taken}: something listens there already" in said
    assert "name another port" in said


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(
    capsys: pytest.CaptureFixture[str], host: str
) -> None:
    said = refused(capsys, "--port", 0, "--host", host)
    assert f"--host {host}: this machine cannot listen there" in said


def test_a_data_directory_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "there is no such directory" in refused(capsys, "--data-dir", tmp_path / "none")


def test_a_config_that_is_wrong_is_told_of_before_anything_is_served(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("strategy:\n  max_spread: 2\n")
    assert "max_spreads" in refused(capsys, "--config", config)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--port", "70000"), "from 1 to 65535"),
        (("--refresh", "0"), "from 0.1 to 3600"),
        (("--refresh", "often"), "from 0.1 to 3600"),
    ],
)
def test_a_number_out_of_its_range_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_only_this_machine_is_let_in_and_nobody_else_is_told() -> None:
    found = options()
    assert found["--server.address"] == "127.0.0.1"
    assert found["--browser.gatherUsageStats"] == "false"
    assert found["--server.headless"] == "true"
    assert "127.0.0.1 localhost" in found["--server.allowedHosts"]
    assert int(found["--server.port"]) > 0


def test_a_browser_is_opened_only_when_that_is_asked_for() -> None:
    assert options("--open")["--server.headless"] == "false"


def test_another_address_is_listened_on_only_when_asked_for_and_with_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = options("--host", EVERYBODY)
    assert found["--server.address"] == EVERYBODY
    assert "--server.allowedHosts" not in found
    _say_where(EVERYBODY, 8501)
    said = capsys.readouterr()
    assert f"http://{EVERYBODY}:8501" in said.out
    assert "whoever reaches this page can close positions" in said.err
    _say_where("127.0.0.1", 8501)
    assert capsys.readouterr().err == ""


def test_what_was_asked_of_the_command_reaches_the_page(tmp_path: Path) -> None:
    words = server_words(
        parse(["--port", "0", "--data-dir", str(tmp_path), "--refresh", "2"]), PROJECT
    )
    told = words[words.index("--") + 1 :]
    assert told == ["--refresh", "2.0", "--data-dir", str(tmp_path.resolve())]


def test_the_help_shows_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    said = capsys.readouterr().out
    assert "ssh -L 8501:127.0.0.1:8501" in said
    assert "never writes, except for one control panel" in said
