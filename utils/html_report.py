"""The pictures of a backtest in one HTML file that needs no network."""

from collections.abc import Iterator, Sequence
from html import escape

from src.backtest import DayResult, TradeResult
from src.backtest_figures import Figures, Prediction, finished, forecasts
from src.backtest_summary import few, span
from utils import figures as draw
from utils.figures import BLUE, GREEN, GREY, RED, Figure

_STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "pre{background:#f4f4f4;padding:1em;white-space:pre-wrap}"
    "h1 b{color:#b00020}table{border-collapse:collapse}td,th{padding:.2em .7em;text-align:right}"
)
_TICKS = 12
"""Days that an axis names at most."""


def report_html(days: Sequence[DayResult], found: Figures, summary: str) -> str:
    """Return the page: the summary, and the pictures where there are trades to show.

    Raises MendInput where plotly is not installed.
    """
    draw.require("The HTML report is", ", or leave it out with --no-html")
    title = f"Backtest, {span(days)}"
    if found.trades:
        pictures = "\n".join(draw.as_html(_pictures(days, found)))
    else:
        pictures = "<p>Nothing was traded to its end, so there is nothing to draw.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>SIMULATED: {escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1><b>SIMULATED</b> {escape(title)}</h1><pre>{escape(summary)}</pre>\n{pictures}\n"
        "</body></html>\n"
    )


def _pictures(days: Sequence[DayResult], found: Figures) -> Iterator[Figure]:
    trades = finished(days)
    yield _equity(found)
    yield _drawdown(found)
    yield _by_reason(found)
    yield _split_by_day(trades)
    if found.prediction:
        yield _predicted(trades, found.prediction)
    yield _entries(trades)


def _figure(title: str, x: str, y: str) -> Figure:
    return draw.new_figure(f"SIMULATED: {title}", x, y)


def _equity(found: Figures) -> Figure:
    figure = _figure(
        f"P&L since the beginning ({found.trades} trades on {found.days} days)", "day", "dollars"
    )
    days = [point.label for point in found.points]
    figure.add_scatter(
        x=days, y=[point.equity for point in found.points], mode="lines+markers", line_color=BLUE
    )
    figure.update_layout(xaxis={"type": "category", "nticks": _TICKS})
    return figure


def _drawdown(found: Figures) -> Figure:
    figure = _figure(f"Below the highest point so far ({found.days} days)", "day", "dollars")
    figure.add_scatter(
        x=[point.label for point in found.points],
        y=[point.drawdown for point in found.points],
        fill="tozeroy",
        line_color=RED,
    )
    figure.update_layout(xaxis={"type": "category", "nticks": _TICKS})
    return figure


def _by_reason(found: Figures) -> Figure:
    figure = _figure(f"P&L by why it ended ({found.trades} trades)", "exit reason", "dollars")
    for reason, each in found.statistics.by_reason.items():
        figure.add_bar(
            x=[f"{reason} (n = {each.trades})"],
            y=[float(each.total)],
            marker_color=GREEN if each.total >= 0 else RED,
            showlegend=False,
        )
    return figure


def _split_by_day(trades: Sequence[TradeResult]) -> Figure:
    figure = _figure(f"Where the credit came from, by day ({len(trades)} trades)", "day", "dollars")
    # Generated days may bear one date: each trade has a bar of its own.
    days = [f"{number}: {trade.day}" for number, trade in enumerate(trades, start=1)]
    for name in dict.fromkeys(name for trade in trades for name in trade.parts):
        figure.add_bar(
            name=name,
            x=days,
            y=[trade.parts.get(name, 0.0) for trade in trades],
        )
    figure.update_layout(barmode="relative", xaxis={"type": "category", "nticks": _TICKS})
    return figure


def _predicted(trades: Sequence[TradeResult], known: Prediction) -> Figure:
    figure = _figure(
        f"Predicted edge against realised P&L (n = {known.n}{few(known.n)})",
        "edge, dollars a trade; the bar ends where SPY's evening costs nothing",
        "realised, dollars a trade",
    )
    found = forecasts(trades)
    edges = [each.edge for each in found]
    figure.add_scatter(
        name="trades",
        x=edges,
        y=[each.realised for each in found],
        mode="markers",
        text=[trade.trade_id for trade in trades if trade.edge is not None],
        marker_color=BLUE,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [each.kept - each.edge for each in found],
            "arrayminus": [0.0] * len(found),
            "color": GREY,
        },
    )
    kept = [each.kept for each in found]
    ends = [min(edges), max(kept)]
    figure.add_scatter(
        name="as predicted", x=ends, y=ends, mode="lines", line={"dash": "dot", "color": GREY}
    )
    lines = ((known.line, edges, "edge", RED), (known.kept_line, kept, "upper end", GREEN))
    for line, values, of, colour in lines:
        if line:
            ends = [min(values), max(values)]
            figure.add_scatter(
                name=f"calibration: {line.intercept:+,.0f} + {line.slope:.2f} x {of}",
                x=ends,
                y=[line.intercept + line.slope * x for x in ends],
                mode="lines",
                line_color=colour,
            )
    return figure


def _entries(trades: Sequence[TradeResult]) -> Figure:
    figure = _figure(
        f"When, and at which strike gap (n = {len(trades)}; colour: P&L in dollars)",
        "entry, New York time",
        "strike gap, SPX points",
    )
    entries = [trade.entry for trade in trades]
    figure.add_scatter(
        # One day for all: only the time of day is shown.
        x=[f"2000-01-01 {entry:%H:%M:%S}" for entry in entries],
        y=[trade.strike_gap for trade in trades],
        mode="markers",
        text=[f"{trade.trade_id}: {trade.pnl:+,.2f}" for trade in trades],
        marker={
            "color": [trade.pnl for trade in trades],
            "colorscale": "RdYlGn",
            "cmid": 0,
            "showscale": True,
            "size": 10,
        },
    )
    figure.update_xaxes(tickformat="%H:%M")
    return figure
