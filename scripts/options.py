"""The options that several commands have in common. Only the standard library is needed."""

import argparse
from pathlib import Path


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add --config and --data-dir."""
    _add_config(parser)
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where the program writes (default: data/)"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add --config, and --set, whose texts are `overrides`."""
    _add_config(parser)
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add --set, whose texts are `overrides`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one setting, e.g. --set strategy.max_spreads=1; may be given several times",
    )


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML or JSON (default: config/config.yaml)"
    )
