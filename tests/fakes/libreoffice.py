"""What LibreOffice makes of CSV files, in a profile of its own and without a window."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

needs_libreoffice = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not installed"
)
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_UTF8, _SYSTEM_LANGUAGE = 76, 0
_LOCALE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">
<value>{locale}</value></prop></item>
</oor:items>
"""


class Cell(NamedTuple):
    """`kind` is date, time, float or string, empty for an empty cell; `formula` should be None."""

    kind: str
    value: str
    formula: str | None = None


class LibreOffice:
    """A LibreOffice whose user has chosen a locale such as de-DE, and so its numbers."""

    def __init__(self, folder: Path, locale: str) -> None:
        self._out = folder / "converted"
        self._profile = folder / "profile"
        (self._profile / "user").mkdir(parents=True)
        settings = self._profile / "user" / "registrymodifications.xcu"
        settings.write_text(_LOCALE.format(locale=locale), encoding="utf-8")

    def open(
        self, paths: Sequence[Path], separator: str, *, detects_special: bool = False
    ) -> dict[str, list[list[Cell]]]:
        """Return the cells of each file by its name; formulas would be run.

        `detects_special` is the box "Detect special numbers" of the import window.
        """
        special = str(detects_special).lower()
        tokens = (
            *(ord(separator), ord('"'), _UTF8, 1, "", _SYSTEM_LANGUAGE, "false", special),
            *("", "", "", "", "true"),  # the last one lets formulas run
        )
        options = ",".join(map(str, tokens))
        subprocess.run(
            [
                *("soffice", f"-env:UserInstallation={self._profile.as_uri()}", "--headless"),
                *(f"--infilter=CSV:{options}", "--convert-to", "fods"),
                *("--outdir", str(self._out), *map(str, paths)),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return {path.name: _cells(self._out / path.with_suffix(".fods").name) for path in paths}


def _cells(path: Path) -> list[list[Cell]]:
    # LibreOffice wrote this file a moment ago, from one of ours.
    document = ET.parse(path)  # noqa: S314
    return [
        [cell for element in row if element.tag == f"{_TABLE}table-cell" for cell in _some(element)]
        for row in document.iter(f"{_TABLE}table-row")
    ]


def _some(element: ET.Element) -> list[Cell]:
    kind = element.get(f"{_OFFICE}value-type", "")
    shown = "\n".join("".join(p.itertext()) for p in element.findall(f"{_TEXT}p"))
    value = next(
        (v for name in ("date-value", "time-value", "value") if (v := element.get(_OFFICE + name))),
        shown,
    )
    times = int(element.get(f"{_TABLE}number-columns-repeated", "1"))
    return [Cell(kind, value, element.get(f"{_TABLE}formula"))] * min(times, 100)
