"""Which TWS and which account a run may use, and why a connection did not come about: in words."""

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from src.ports import MendInput, RetryLater, StopTrading

if TYPE_CHECKING:
    from brokers.ibkr_link import IB

PAPER_PORTS, LIVE_PORTS = {4002: "Gateway", 7497: "TWS"}, {4001: "Gateway", 7496: "TWS"}


class Login(NamedTuple):
    """Where TWS is looked for, as whom, and in which mode. `account` "" is the only one."""

    host: str
    port: int
    client_id: int
    account: str
    paper: bool

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def check_port(self) -> None:
        """Raise StopTrading when the port is known for the other mode."""
        wrong = LIVE_PORTS if self.paper else PAPER_PORTS
        if self.port in wrong:
            mode, other = ("paper", "real money") if self.paper else ("real money", "paper")
            right = sorted(PAPER_PORTS if self.paper else LIVE_PORTS)
            raise StopTrading(
                f"broker.ibkr.port {self.port} is the port of {wrong[self.port]} for {other}, but "
                f"this run is for {mode}; set it to {right[0]} (Gateway) or {right[1]} (TWS)"
            )

    def choose_account(self, there: list[str]) -> str:
        """Return the account to trade in. Raises MendInput if it is not clear which one.

        Raises StopTrading for a paper account on a run for real money, and the other way round.
        """
        listed, wanted = ", ".join(there), self.account
        if wanted and wanted not in there:
            raise MendInput(
                f"broker.ibkr.account is {wanted}, but the user logged in at {self.place} has "
                f"{listed}; set it to one of these"
            )
        if not wanted and len(there) != 1:
            raise MendInput(
                f"broker.ibkr.account is empty, but the user logged in at {self.place} has "
                f"several accounts: {listed}; set it to one of these"
            )
        chosen = wanted or there[0]
        is_paper = chosen.startswith("D")
        if is_paper != self.paper:
            found = "a paper account" if is_paper else "an account with real money"
            mode = "paper" if self.paper else "real money"
            raise StopTrading(
                f"this run is for {mode}, but {chosen} at {self.place} is {found} (the ids of "
                "paper accounts begin with D); log in to the other one, or mend "
                "broker.paper_trading"
            )
        return chosen


class Attempt(NamedTuple):
    """How far a connection came before it failed; each is later than the one before."""

    error: BaseException | None
    is_in_use: bool
    was_connected: bool
    hung_up: bool
    has_socket: bool
    has_greeted: bool
    is_logged_in: bool

    def failure(self, login: Login) -> Exception:
        """Return what to tell the user: what happened, and what to do."""
        place, error = login.place, self.error
        if self.is_in_use and self.was_connected:
            return RetryLater(f"TWS at {place} has not noticed yet that our last connection ended")
        if self.is_in_use:
            return StopTrading(
                f"another program is connected to TWS at {place} as client {login.client_id}; "
                "if it is a running day of this program, let it run, for it may be watching a "
                "position; else end it, or give this one a broker.ibkr.client_id of its own"
            )
        if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
            return RetryLater(
                f"TWS or IB Gateway cannot be reached at {place} ({error}); "
                "see broker.ibkr.host and the network"
            )
        if self.hung_up:
            words = (
                f"TWS at {place} closed the connection at once; see whether it trusts this "
                "machine's address (Configure, API, Settings, Trusted IPs)"
            )
        elif not self.has_socket:
            words = (
                f"TWS or IB Gateway does not answer at {place}; start it, log in, and switch "
                "its API on (Configure, API, Settings, Enable ActiveX and Socket Clients), or "
                "see broker.ibkr.port"
            )
        elif not self.has_greeted:
            words = (
                f"something listens at {place} but does not greet like TWS; see "
                "broker.ibkr.port, and whether TWS asks for permission on its screen"
            )
        elif not self.is_logged_in:
            words = f"TWS at {place} answers but is logged out; log in to it again"
        else:
            words = f"TWS at {place} is logged in but does not answer requests"
        return RetryLater(words)


async def hang_up(ib: "IB") -> None:
    """Disconnect, and wait until the socket is closed."""
    if ib.isConnected():
        ib.disconnect()
    else:
        ib.client.disconnect()  # type: ignore[no-untyped-call] # the library's
    for _ in range(100):
        if ib.client.conn.transport is None:
            return
        await asyncio.sleep(0.002)
