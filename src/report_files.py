"""A report in its three forms, each file written whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.exports import write_atomically
from src.report_html import as_html
from src.report_layout import Block, as_markdown, as_text


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report as it was written: plain text, the same as Markdown and as HTML, and its files."""

    text: str
    markdown: str
    paths: tuple[Path, ...]
    html: str = ""


def write_report(folder: Path, name: str, blocks: Sequence[Block]) -> WrittenReport:
    """Write `<name>.txt`, `.md` and `.html`. Raises MendInput when one cannot be written."""
    text, markdown, html = as_text(blocks), as_markdown(blocks), as_html(blocks)
    paths = []
    for suffix, content in (("txt", text), ("md", markdown), ("html", html)):
        paths.append(folder / f"{name}.{suffix}")
        write_atomically(paths[-1], content)
    return WrittenReport(text, markdown, tuple(paths), html)
