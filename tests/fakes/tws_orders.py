"""How the fake TWS takes, rejects, fills and cancels orders, and what it tells of them."""

from typing import TYPE_CHECKING

from tests.fakes import tws_wire as wire
from tests.fakes.tws_wire import WireExecution, WireOrder

if TYPE_CHECKING:
    from tests.fakes.tws_server import Client, FakeTws


class OrderDesk:
    """The part of the server that deals with orders."""

    def __init__(self, server: "FakeTws") -> None:
        self._server = server
        self._book = server.book
        self._withheld: list[WireExecution] = []

    def place(self, client: "Client", fields: list[str]) -> None:
        """Answer placeOrder: a new order, a modification, or a what-if."""
        faults = self._server.faults
        order_id = int(fields[1])
        found = self._book.matching(fields[2:14])
        if len(found) != 1:
            client.send(wire.error(order_id, 200, "No security definition has been found"))
            return
        order = wire.read_order(fields, client.client_id, found[0], self._server.version)
        if faults.drop_before_order and not order.what_if:
            faults.drop_before_order = False
            client.drop()
            return
        if refusal := self._refusal(order):
            self._reject(client, order, *refusal)
        elif order.what_if:
            self._what_if(client, order)
        elif earlier := self._same_id(client, order_id):
            self._modify(client, earlier, order)
        else:
            self._take(client, order)

    def _refusal(  # noqa: PLR0911 - one reason a line
        self, order: WireOrder
    ) -> tuple[int, str] | None:
        faults, book = self._server.faults, self._book
        if faults.read_only:
            return 321, "Error validating request.-'cn' : cause - The API is in Read-Only mode."
        if faults.what_if_rejection and order.what_if:
            return faults.what_if_rejection
        if faults.rejections and not order.what_if:
            return faults.rejections.pop(0)
        if order.account and order.account not in self._server.accounts.split(","):
            return 321, f"Error validating request: invalid account code '{order.account}'"
        if order.quantity < 1:
            return 434, "The order size cannot be zero"
        if order.order_type != "LMT":
            return 387, "Unsupported order type for this exchange and security type"
        if book.off_the_rule(order):
            return 110, "The price does not conform to the minimum price variation"
        if not order.what_if and (short := book.shortfall(order)):
            return 201, (
                "Order rejected - reason:YOUR EQUITY WITH LOAN VALUE "
                f"[{short[0]:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{short[1]:.2f} USD]"
            )
        return None

    def _reject(self, client: "Client", order: WireOrder, code: int, text: str) -> None:
        client.send(wire.error(order.order_id, code, text))
        if code == 201 and not order.what_if:
            order.status, order.note = "Inactive", text
            order.perm_id = self._new_perm_id()
            self._book.orders.append(order)
            self.tell(order)

    def _what_if(self, client: "Client", order: WireOrder) -> None:
        if self._server.faults.what_if_empty:
            order.note = "no margin information"
            client.send(wire.open_order(order, self._server.version))
            return
        book = self._book
        before, after = book.margin(), book.margin(order)
        cost = 100 * order.quantity * order.limit if order.sign > 0 else 0.0
        equity = book.cash
        numbers = (
            *(before, before, equity),
            *(after - before, after - before, -cost),
            *(after, after, equity - cost),
        )
        order.status = "PreSubmitted"
        client.send(wire.open_order(order, self._server.version, numbers))

    def _same_id(self, client: "Client", order_id: int) -> WireOrder | None:
        for each in reversed(self._book.orders):
            if (each.client_id, each.order_id) == (client.client_id, order_id):
                return each
        return None

    def _modify(self, client: "Client", earlier: WireOrder, order: WireOrder) -> None:
        if earlier.status == "Filled":
            client.send(wire.error(order.order_id, 104, "Cannot modify a filled order"))
        elif earlier.is_done:
            client.send(wire.error(order.order_id, 103, "Duplicate order id"))
        else:
            earlier.limit, earlier.quantity = order.limit, order.quantity
            self.tell(earlier)
            self.match()

    def _take(self, client: "Client", order: WireOrder) -> None:
        faults, server = self._server.faults, self._server
        order.perm_id = self._new_perm_id()
        order.held = faults.hold
        self._book.orders.append(order)
        server.next_id = max(server.next_id, order.order_id + 1)
        if faults.drop_after_order:
            faults.drop_after_order = False
            client.drop()
            server.clients.remove(client)
        if not faults.no_answer:
            self.tell(order)
        if not order.tif:
            faults.notices.append((10349, "Order TIF was set to DAY based on order preset"))
        for code, text in faults.notices:
            client.send(wire.error(order.order_id, code, text))
        faults.notices.clear()
        self.match()

    def _new_perm_id(self) -> int:
        return 1_400_000_000 + len(self._book.orders)

    def tell(self, order: WireOrder) -> None:
        """Send an order's state to the client that sent it."""
        faults = self._server.faults
        for client in () if faults.executions_only else self._server.clients:
            if client.client_id == order.client_id:
                self._tell(client, order)
                if faults.duplicate_status:
                    client.send(order.status_message())

    def _tell(self, client: "Client", order: WireOrder) -> None:
        client.send(wire.open_order(order, self._server.version))
        if not self._server.faults.no_status:
            client.send(order.status_message())

    # Filling.

    def match(self) -> None:
        """Let everything trade that can."""
        for order in list(self._book.orders):
            if execution := self._book.trade(order):
                self.tell_fill(execution)

    def fill(self, order: WireOrder, shares: int, price: float) -> None:
        """Fill an order whatever the market shows."""
        self.tell_fill(self._book.execute(order, shares, price))

    def tell_fill(self, execution: WireExecution) -> None:
        """Send a fill, its commission and the new position, then the order's new state."""
        server, order = self._server, execution.order
        for client in server.clients:
            if client.client_id == order.client_id:
                client.send(execution.message(-1, server.version))
                if not server.faults.late_commissions:
                    client.send(execution.commission_message())
            if client.wants_positions:
                client.send(wire.position_message(order.account, order.contract, execution.net))
        if server.faults.late_commissions:
            self._withheld.append(execution)
        self.tell(order)

    def release_commissions(self) -> None:
        """Send the commission reports that were withheld."""
        self._server.faults.late_commissions = False
        for execution in self._withheld:
            self._server.broadcast(execution.commission_message())
        self._withheld.clear()

    # Cancelling.

    def cancel(self, client: "Client", fields: list[str]) -> None:
        """Answer cancelOrder; only the client that sent an order can cancel it."""
        faults, order_id = self._server.faults, int(fields[2])
        order = self._same_id(client, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            client.send(wire.error(order_id, 10147, text))
        elif faults.fill_on_cancel and not order.is_done:
            self.fill(order, order.remaining, order.limit)
            self._too_late(client, order)
        elif order.is_done:
            self._too_late(client, order)
        elif not faults.ignore_cancel:
            order.status = "Cancelled"
            self.tell(order)
            client.send(wire.error(order_id, 202, "Order Canceled - reason:"))

    def _too_late(self, client: "Client", order: WireOrder) -> None:
        text = f"OrderId {order.order_id} that needs to be cancelled cannot be cancelled, state: "
        client.send(wire.error(order.order_id, 10148, f"{text}{order.status}."))

    # Reading.

    def open_orders(self, client: "Client", fields: list[str]) -> None:
        """Answer reqOpenOrders (5) and reqAllOpenOrders (16)."""
        number = int(fields[0])
        for order in self._book.orders:
            mine = order.client_id == client.client_id
            if not order.is_done and (mine or number == 16):
                self._tell(client, order)
        self._server.end(client, number, 1)

    def completed(self, client: "Client", fields: list[str]) -> None:
        """Answer reqCompletedOrders."""
        del fields
        stamp = f"{self._server.now():%Y%m%d %H:%M:%S} US/Eastern"
        for order in self._book.orders:
            if order.is_done and not self._server.faults.lose_completed:
                client.send(wire.completed_order(order, self._server.version, stamp))
        self._server.end(client, 99)

    def executions(self, client: "Client", fields: list[str]) -> None:
        """Answer reqExecutions; filters for client and account are honoured."""
        request, wanted_client, account = fields[2], int(fields[3] or 0), fields[4]
        for each in self._book.executions:
            if wanted_client and each.order.client_id != wanted_client:
                continue
            if account and each.order.account != account:
                continue
            client.send(each.message(request, self._server.version))
            if each not in self._withheld:
                client.send(each.commission_message())
        self._server.end(client, 7, 1, request)
