"""Checks what the dashboard needs, then is its server."""

import argparse
import errno
import importlib.util
import ipaddress
import logging
import runpy
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

from src.ports import MendInput
from src.settings import load_settings
from utils.console import DONE, FAILED, complain, exit_code, sentence

_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path) -> int:
    """Serve the page until somebody ends it; return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)  # until the server has its own way to end
    try:
        words = server_words(args, project)
        _load_what_pages_need(args, project)
        _say_where(args.host, int(words[words.index("--server.port") + 1]))
        # In this process: signals reach the server, and nothing is left behind.
        sys.argv = words
        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return FAILED if ended.code else DONE
    except KeyboardInterrupt as error:
        complain(sentence(error))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        _log.log(logging.ERROR if code == FAILED else logging.DEBUG, "details", exc_info=error)
        complain(sentence(error))
        return code
    return DONE


def _load_what_pages_need(args: argparse.Namespace, project: Path) -> None:
    """Load libraries before the first visitor comes, who would wait for them."""
    from scripts.dashboard_page import warm_up  # noqa: PLC0415 - streamlit is known to be there

    warm_up(args.config, project)


def _say_where(host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    print(f"Dashboard: http://{shown}:{port} (Ctrl-C ends it)", flush=True)
    if not _is_this_machine(host):
        complain(
            f"warning: --host {host} lets others in, and there is no password: whoever reaches "
            "this page can close positions."
        )


def server_words(args: argparse.Namespace, project: Path) -> list[str]:
    """Return the command line of the server. Raises MendInput for what is wrong."""
    if importlib.util.find_spec("streamlit") is None:
        raise MendInput(
            "The dashboard is shown by streamlit, which is not installed: run "
            "pip install -r requirements.txt."
        )
    load_settings(args.config, (), root=project)  # a config that is wrong is told of here
    if args.data_dir and not args.data_dir.is_dir():
        raise MendInput(
            f"--data-dir {args.data_dir}: there is no such directory. Name the one that the "
            "program was started with."
        )
    port = _free_port(args.host, args.port)
    page = project / "scripts" / "dashboard_page.py"
    return ["streamlit", "run", str(page), *_options(args, port), "--", *_page_arguments(args)]


def _options(args: argparse.Namespace, port: int) -> list[str]:
    """Return streamlit's options; given here, they rule over a file of the user's."""
    options: dict[str, object] = {
        "server.address": args.host,
        "server.port": port,
        "server.headless": str(not args.open).lower(),
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        # What is not foreseen goes to the terminal, not to the page.
        "client.showErrorDetails": "none",
        "runner.magicEnabled": "false",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
    }
    if _is_this_machine(args.host):
        # A foreign page whose name was made to point here does not get in.
        options["server.allowedHosts"] = ["127.0.0.1", "localhost", "::1"]
    found: list[str] = []
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            found += [f"--{name}", str(each)]
    return found


def _page_arguments(args: argparse.Namespace) -> list[str]:
    found = ["--refresh", str(args.refresh)]
    if args.data_dir:
        found += ["--data-dir", str(args.data_dir.resolve())]
    if args.config:
        found += ["--config", str(args.config.resolve())]
    return found


def _free_port(host: str, port: int) -> int:
    """Return the port, or any free one for 0. Raises MendInput where it cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return int(probe.getsockname()[1])
        except OSError as error:
            raise MendInput(_why_not(host, port, error)) from error


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"--port {port}: something listens there already, perhaps another dashboard. Open "
            f"http://{host}:{port}, or name another port with --port."
        )
    if error.errno == errno.EACCES:
        return f"--port {port}: this port is not for everybody. Name one above 1023."
    return (
        f"--host {host}: this machine cannot listen there ({error.strerror or error}). Name one of "
        "its own addresses, or leave --host out."
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
