"""Plotly, and nothing else of the program speaks to it: blank figures, and figures as HTML."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from src.ports import MendInput

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
else:
    Figure = object

GREEN, RED, GREY, BLUE, ORANGE = "#2a7f3f", "#b00020", "#888888", "#20609f", "#c77700"
__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "RED", "Figure", "as_html", "new_figure", "rows_of"]


def require(what: str, instead: str) -> None:
    """Raise MendInput where plotly is not installed; both texts become parts of its sentence."""
    try:
        import plotly  # noqa: F401, PLC0415 - only who wants pictures pays for it
    except ImportError as error:
        raise MendInput(
            f"{what} drawn by plotly, which is not installed: "
            f"run pip install -r requirements.txt{instead}."
        ) from error


def new_figure(title: str, x: str, y: str) -> "Figure":
    """Return a figure without anything in it yet."""
    from plotly.graph_objects import Figure as Blank  # noqa: PLC0415 - likewise

    figure = Blank()
    figure.update_layout(title=title, xaxis_title=x, yaxis_title=y)
    return figure


def rows_of(titles: Iterable[str], heights: Iterable[float]) -> "Figure":
    """Return an empty figure of several rows, one below the other, over one axis of time."""
    from plotly.subplots import make_subplots  # noqa: PLC0415 - likewise

    names = list(titles)
    figure: Figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        subplot_titles=names,
        row_heights=list(heights),
        vertical_spacing=0.08,
    )
    # Titles stand over the beginning of their row, where a phone shows them whole.
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    return figure


def as_html(pictures: Iterable["Figure"]) -> Iterator[str]:
    """Yield figures as pieces of one page that needs no network."""
    from plotly.io import to_html  # noqa: PLC0415 - likewise

    for number, picture in enumerate(pictures):
        picture.update_layout(template="plotly_white", height=420)
        # The library itself goes into the file once, with the first picture.
        yield to_html(picture, full_html=False, include_plotlyjs=number == 0)
