"""The doctor's rows: the machine's, then the broker's, each standing alone.

Only the standard library is needed to get as far as the first row: a missing package is a row.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.checks import guarded, guarded_rows, worst
from src.live_guard import ACCOUNT_VARIABLE
from src.ports import Check, MendInput, Verdict
from utils import machine_checks as machine
from utils.console import BAD_INPUT, DONE, INTERRUPTED, REFUSED, Console
from utils.logging_setup import hide
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

if TYPE_CHECKING:
    from src.settings import LoadedSettings, Settings

_MEND_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Places:
    """Where the program lies, and where it writes."""

    project: Path
    folder: Path
    database: Path
    log: Path


BrokerChecks = Callable[["Settings", Places, bool], Iterable[Check]]
"""Ask the broker of the settings; the last argument says whether a live day is meant."""


def not_asked(settings: "Settings", places: Places, live: bool) -> tuple[Check, ...]:  # noqa: FBT001 - the form of BrokerChecks
    """Return that no broker was asked."""
    del places, live
    name = settings.broker.name
    if name == "simulated":
        return (Check("broker", Verdict.OK, "the exchange inside this program is always there."),)
    return (Check("broker", Verdict.SKIP, f"{name} was not asked."),)


def run(args: argparse.Namespace, project: Path, broker_checks: BrokerChecks = not_asked) -> int:
    """Look at everything, print the rows, and return the exit code."""
    try:
        return _run(args, project, broker_checks)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(args: argparse.Namespace, project: Path, broker_checks: BrokerChecks) -> int:
    config, loaded, is_unreadable = _config(args, project)
    rows = [*_before_the_config(project), config]
    secrets: tuple[str, ...] = ()
    if loaded:
        places = places_of(loaded.settings, project, args.data_dir)
        secrets = secrets_of(loaded.settings)
        rows += examine(loaded.settings, places, live=args.live, broker_checks=broker_checks)
        if args.notify:
            rows += guarded_rows("notify", lambda: notify_rows(loaded.settings))
    rows = [
        each._replace(found=hide(each.found, secrets), mend=hide(each.mend, secrets))
        for each in rows
    ]
    console = Console(secrets)
    if args.json:
        console.data(_as_json(rows))
    else:
        console.page(_as_text(rows), _MEND_WIDTH)
    if is_unreadable:
        return BAD_INPUT
    return REFUSED if worst(rows) is Verdict.FAIL else DONE


def places_of(settings: "Settings", project: Path, data_dir: Path | None) -> Places:
    """Return where a real day of these settings writes, as main.py decides it."""
    folder = data_dir or (project / settings.logging.database).parent
    log = data_dir / "logs" / settings.logging.file.name if data_dir else settings.logging.file
    database = folder / settings.logging.database.name
    return Places(project, folder, database, project / log)


def secrets_of(settings: "Settings") -> tuple[str, ...]:
    """Return every secret of the settings, so that no row shows one."""
    from src.settings import KEYS  # noqa: PLC0415 - needs packages

    return tuple(
        settings.value(key).get_secret_value() for key in KEYS.fields if KEYS.is_secret(key)
    )


def examine(
    settings: "Settings",
    places: Places,
    *,
    live: bool,
    broker_checks: BrokerChecks = not_asked,
    environ: Mapping[str, str] | None = None,
) -> tuple[Check, ...]:
    """Return all rows that need settings: the machine's, a live day's, the broker's.

    For a live day they are what `src.live_guard` asks for. Nothing is changed, no order is sent.
    """
    now = WallClock().now()
    table = places.project / "config" / "dividends.csv"

    # Loaded days are kept where a run has made the folder for them; nothing is made here.
    kept = places.folder if (places.folder / "calendar").is_dir() else None
    days = MarketCalendar(kept)
    looks: Sequence[tuple[str, Callable[[], Check]]] = (
        ("clock", lambda: machine.clock(now)),
        ("calendar", lambda: machine.calendar(now.date(), days)),
        ("ex-dividend", lambda: machine.ex_dividend(now.date(), table, days)),
        ("disk", lambda: machine.disk(places.folder)),
        ("database", lambda: machine.database(places.database)),
        ("lock", lambda: machine.lock(places.folder)),
        ("log", lambda: machine.log_folder(places.log)),
        ("cron or launchd", machine.schedule),
        ("sleep", machine.sleep),
        ("notifications", lambda: machine.notifications(settings, places.database)),
        ("keys", lambda: machine.keys(settings, live=live)),
    )
    rows = [guarded(name, look, machine.INSTALL) for name, look in looks]
    if live:
        rows += live_rows(settings, os.environ if environ is None else environ)
    rows += guarded_rows("broker", lambda: broker_checks(settings, places, live))
    return tuple(rows)


def live_rows(settings: "Settings", environ: Mapping[str, str]) -> tuple[Check, ...]:
    """Return what real money needs and can be seen without the broker."""
    broker = settings.broker
    mode = Check("mode", Verdict.OK, "broker.paper_trading is false.")
    if broker.paper_trading:
        mend = "Set it to false in the config file."
        mode = Check("mode", Verdict.FAIL, "broker.paper_trading is true.", mend)
    named = environ.get(ACCOUNT_VARIABLE, "")
    account = Check("account named", Verdict.OK, f"{ACCOUNT_VARIABLE} is {named}.")
    if not named:
        mend = "Set it to the id of the account that may trade real money."
        account = Check("account named", Verdict.FAIL, f"{ACCOUNT_VARIABLE} is not set.", mend)
    quotes = Check("quotes", Verdict.SKIP, f"of what kind they are {broker.name} is asked.")
    if broker.name == "alpaca" and broker.alpaca.feed == "opra":
        quotes = Check("quotes", Verdict.OK, "broker.alpaca.feed is opra, the market's own.")
    elif broker.name == "alpaca" and broker.alpaca.feed != "opra":
        words = f"broker.alpaca.feed is {broker.alpaca.feed}, which is derived and may be late."
        quotes = Check("quotes", Verdict.FAIL, words, "Set it to opra, which needs a subscription.")
    elif broker.name == "simulated":
        words = "broker.name is simulated, whose money is not real."
        quotes = Check("quotes", Verdict.FAIL, words, "Set it to alpaca or ibkr.")
    if settings.market_data.source == "yfinance":
        words = "market_data.source is yfinance, whose prices are late."
        quotes = Check("quotes", Verdict.FAIL, words, "Set it to broker.")
    return (mode, account, quotes)


def notify_rows(settings: "Settings") -> tuple[Check, ...]:
    """Send a test through every channel; return one row for each, with the reason and the mend."""
    from utils.notifications import send_notification  # noqa: PLC0415 - needs packages

    text = (
        f"This test was sent by doctor.py at {WallClock().now():%H:%M} ET. Messages of the program "
        "arrive here. You need not do anything."
    )
    answers = send_notification(settings.notifications, "optionsarbitrage: a test", text)
    return tuple(
        Check(f"notify {name}", Verdict.OK, "a test was taken; see that it has arrived.")
        if answer.is_taken and not answer.words
        else Check(
            f"notify {name}",
            Verdict.WARN if answer.is_taken else Verdict.FAIL,
            f"{answer.words}.",
            answer.mend or "Try again later; what waits is kept and tried again.",
        )
        for name, answer in answers.items()
    )


def _before_the_config(project: Path) -> tuple[Check, ...]:
    requirements = project / "requirements.txt"
    return (
        guarded("Python", machine.python_version),
        guarded("packages", lambda: machine.packages(requirements), machine.INSTALL),
    )


def _config(args: argparse.Namespace, project: Path) -> tuple[Check, "LoadedSettings | None", bool]:
    """Return the row of the config, the settings, and whether the config is what is wrong."""
    found: list[LoadedSettings] = []
    wrong = False

    def load() -> Check:
        nonlocal wrong
        from src.settings import load_settings  # noqa: PLC0415 - needs packages

        try:
            loaded = load_settings(args.config, args.overrides, root=project)
        except MendInput:
            wrong = True
            raise
        found.append(loaded)
        if loaded.warnings:
            return Check("config", Verdict.WARN, f"{'; '.join(loaded.warnings)}.")
        return Check("config", Verdict.OK, f"{args.config or 'config/config.yaml'} is sound.")

    row = guarded("config", load)
    if row.verdict is Verdict.FAIL and not wrong:
        row = row._replace(mend=machine.INSTALL)
    return row, (found[0] if found else None), wrong


def _as_text(rows: Sequence[Check]) -> str:
    lines = []
    for each in rows:
        lines.append(f"{each.verdict:<4}  {each.name}: {each.found}")
        if each.mend and each.verdict is not Verdict.OK:
            lines.append(f"{' ' * _MEND_WIDTH}{each.mend}")
    counts = Counter(each.verdict for each in rows)
    lines.append(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict) + ".")
    return "\n".join(lines)


def _as_json(rows: Sequence[Check]) -> Mapping[str, object]:
    checks = [
        {
            "name": each.name,
            "verdict": each.verdict.value,
            "found": each.found,
            "mend": each.mend,
        }
        for each in rows
    ]
    return {"worst": worst(rows).value, "checks": checks}
