"""What can go wrong at a fake TWS, by name; nothing does unless a test says so."""

from dataclasses import dataclass, field
from enum import StrEnum


class Feed(StrEnum):
    """Which market data the user may see."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_OFF = "delayed data not switched on"
    NONE = "not subscribed"
    COMPETING = "seen in a competing session"
    DEAD = "subscribed and silent"


@dataclass
class Faults:
    """Scripted faults. Message numbers are those of section "client to server"."""

    muted: set[int] = field(default_factory=set)
    """Requests that are never answered."""
    endless: set[int] = field(default_factory=set)
    """Requests that are answered without their end marker."""
    rejections: list[tuple[int, str]] = field(default_factory=list)
    """Code and words for the next orders, one each."""
    what_if_rejection: tuple[int, str] | None = None
    """Code and words for every what-if."""
    notices: list[tuple[int, str]] = field(default_factory=list)
    """Code and words sent with the next orders, which live nevertheless."""
    hold: bool = False
    """New orders are accepted and never trade."""
    no_answer: bool = False
    """New orders are taken without a word."""
    drop_before_order: bool = False
    """The next order cuts the connection and is lost."""
    drop_after_order: bool = False
    """The next order cuts the connection and lives."""
    duplicate_status: bool = False
    no_status: bool = False
    """orderStatus is never sent."""
    executions_only: bool = False
    """Of an order nothing is told but its executions."""
    ignore_cancel: bool = False
    fill_on_cancel: bool = False
    """A cancellation comes too late: the order fills, and the cancellation gets 10148."""
    lose_completed: bool = False
    """Orders that are over are not among the completed ones."""
    late_commissions: bool = False
    read_only: bool = False
    logged_out: bool = False
    hang_up: bool = False
    """Connections are closed as soon as they are made."""
    feed: Feed = Feed.LIVE
    what_if_empty: bool = False
    chunk: int = 0
    """Bytes a piece in which answers are cut; 0: not cut."""
    clock_skew: float = 0.0
    """Seconds that the server's clock is ahead."""
