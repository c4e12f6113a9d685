"""The pictures of the dashboard; times are shown as New York's, dollars after fees."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from src.dashboard_facts import DayNow
from src.dashboard_history import ROLLING, History
from src.tape_lines import Line, TapeLines
from src.words import count
from utils.figures import BLUE, GREEN, GREY, ORANGE, RED, Figure, new_figure, rows_of

_MARGIN = {"l": 10, "r": 10, "t": 40, "b": 0}


def day_figure(day: DayNow) -> Figure:
    """Return the live P&L of each position at each check, with entries and exits marked."""
    figure = new_figure("Live P&L at each check", "", "dollars")
    for spread in dict.fromkeys(each.spread_no for each in day.looks):
        looks = [each for each in day.looks if each.spread_no == spread]
        figure.add_scatter(
            name=f"position {spread}",
            x=[_wall(each.at) for each in looks],
            y=[each.pnl for each in looks],
            text=[_spy(each.spy) for each in looks],
            mode="lines+markers",
            line_color=BLUE if spread == 1 else ORANGE,
        )
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    _mark(figure, day.entered, day.left)
    return _laid_out(figure, 320, legend=len({each.spread_no for each in day.looks}) > 1)


def account_figure(past: History) -> Figure:
    """Return the account, its falls and the win rate over all traded days of one mode."""
    n = past.statistics.trades
    figure = rows_of(
        (
            f"P&L since the beginning, dollars ({count(n, 'trade')})",
            "Below the highest point so far, dollars",
            f"Win rate, % (all so far grey, last {ROLLING} blue)",
        ),
        (0.44, 0.26, 0.3),
    )
    days = [each.day for each in past.traded]
    shape = "lines" if len(days) > 60 else "lines+markers"
    figure.add_scatter(
        x=days, y=[each.equity for each in past.traded], mode=shape, line_color=BLUE, row=1, col=1
    )
    figure.add_scatter(
        x=days,
        y=[each.drawdown for each in past.traded],
        mode=shape,
        fill="tozeroy",
        line_color=RED,
        row=2,
        col=1,
    )
    for values, colour in (
        ([_percent(each.win_rate) for each in past.traded], GREY),
        ([_percent(each.recent) for each in past.traded], BLUE),
    ):
        figure.add_scatter(x=days, y=values, mode=shape, line_color=colour, row=3, col=1)
    figure.update_yaxes(rangemode="tozero", row=1, col=1)
    figure.update_yaxes(range=[0, 105], row=3, col=1)
    if len(days) == 1:
        figure.update_xaxes(type="category")
    return _laid_out(figure, 620)


def reasons_figure(past: History) -> Figure:
    """Return the dollars by why trades ended."""
    figure = new_figure("P&L by why it ended", "dollars", "")
    parts = sorted(past.statistics.by_reason.items(), key=lambda each: each[1].total)
    figure.add_bar(
        orientation="h",
        y=[f"{reason or 'unknown'} (n = {each.trades})" for reason, each in parts],
        x=[float(each.total) for _, each in parts],
        marker_color=[GREEN if each.total >= 0 else RED for _, each in parts],
    )
    return _laid_out(figure, 160 + 34 * len(parts))


def promises_figure(past: History) -> Figure:
    """Return what trades were expected to bring against what they brought."""
    n = len(past.promises)
    figure = new_figure(
        f"Predicted edge against result (n = {n})", "predicted, dollars a trade", "result, dollars"
    )
    predicted = [each.predicted for each in past.promises]
    figure.add_scatter(
        name="trades",
        x=predicted,
        y=[each.realised for each in past.promises],
        text=[each.trade_id for each in past.promises],
        mode="markers",
        marker={"color": BLUE, "size": 6 if n < 200 else 4},
    )
    ends = [min(predicted), max(predicted)]
    figure.add_scatter(
        name="as predicted", x=ends, y=ends, mode="lines", line={"dash": "dot", "color": GREY}
    )
    if line := past.line:
        figure.add_scatter(
            name="what came of it, on average",
            x=ends,
            y=[line.intercept + line.slope * x for x in ends],
            mode="lines",
            line_color=RED,
        )
    return _laid_out(figure, 380, legend=True)


def tape_figure(
    tape: TapeLines, entered: Sequence[datetime] = (), left: Sequence[datetime] = ()
) -> Figure:
    """Return the tape of a day: both indices, both legs, and what opening and closing cost."""
    rows: list[Row] = [(name, ((line, BLUE),)) for name, line in tape.prices.items()]
    rows += _legs(tape)
    figure = rows_of([title for title, _ in rows], [1.0] * len(rows))
    for number, (_, lines) in enumerate(rows, start=1):
        for line, colour in lines:
            figure.add_scatter(
                x=[_wall(each) for each in line.times],
                y=line.values,
                mode="lines",
                line={"color": colour, "width": 1.5, "shape": "hv"},
                row=number,
                col=1,
            )
    _mark(figure, entered, left)
    return _laid_out(figure, 150 * len(rows) + 60)


Row = tuple[str, tuple[tuple[Line, str], ...]]
"""A title, and lines with their colours."""


def _legs(tape: TapeLines) -> Iterator[Row]:
    for call, unit, bid, ask in zip(
        tape.calls or (), ("dollars", "points"), tape.bids or (), tape.asks or (), strict=False
    ):
        yield f"{call}, {unit} (bid green, ask red)", ((bid, GREEN), (ask, RED))
    if tape.credit and tape.cost:
        title = "Credit to open (blue), cost to close (orange), $"
        yield title, ((tape.credit, BLUE), (tape.cost, ORANGE))


def _mark(figure: Figure, entered: Iterable[datetime], left: Iterable[datetime]) -> None:
    """Draw a line where a position was opened, and where one was closed."""
    for moments, words, colour, side in (
        (entered, "entry", GREEN, "left"),
        (left, "exit", RED, "right"),
    ):
        for each in moments:
            # A line with its words in one call asks plotly to average times, which it cannot.
            figure.add_vline(x=_wall(each), line={"color": colour, "dash": "dash", "width": 1.5})
            figure.add_annotation(
                x=_wall(each),
                y=1,
                yref="paper",
                yanchor="top",
                xanchor=side,
                xshift=4 if side == "left" else -4,
                text=f"{words} {each:%H:%M}",
                showarrow=False,
                font={"color": colour},
            )


def _laid_out(figure: Figure, height: int, *, legend: bool = False) -> Figure:
    figure.update_layout(
        height=height,
        margin=_MARGIN,
        showlegend=legend,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        hovermode="closest",
        dragmode=False,
    )
    return figure


def _wall(moment: datetime) -> datetime:
    """Return New York's wall time: the browser shows it as it is, wherever it runs."""
    return moment.replace(tzinfo=None)


def _percent(part: float | None) -> float | None:
    return None if part is None else 100 * part


def _spy(price: float | None) -> str:
    return "" if price is None else f"SPY {price:.2f}"
