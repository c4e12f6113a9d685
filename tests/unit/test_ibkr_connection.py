"""How TWS is reached, whose account it is, and what happens when the connection does not hold."""

import socket
import threading
from collections.abc import Iterator

import pytest

from src.models import Answer
from src.ports import MendInput, OrderState, RetryLater, StopTrading
from tests.fakes.builders import spxw_call
from tests.fakes.tws_desk import TwsDesk, a_tws_desk, an_intent, wait_for


@pytest.fixture
def desk() -> Iterator[TwsDesk]:
    with a_tws_desk() as desk:
        yield desk


# Where, who, and in which mode.


def test_the_port_of_the_gateway_is_chosen_by_the_mode() -> None:
    with a_tws_desk() as desk:
        assert desk.new_link(paper=True, port=4002).place.endswith(":4002")
        assert desk.link.account_id == ""


@pytest.mark.parametrize(("port", "paper"), [(7496, True), (4001, True), (7497, False)])
def test_a_port_of_the_other_mode_stops_before_anything_is_sent(
    desk: TwsDesk, port: int, *, paper: bool
) -> None:
    with pytest.raises(StopTrading, match=f"{port}.*this run is for"):
        desk.new_link(paper=paper, port=port).ready()


def test_nothing_listening_says_where_and_what_to_do(desk: TwsDesk) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(RetryLater, match=f"does not answer at 127.0.0.1:{port}; start it"):
            desk.new_link(port=port).ready()


def test_a_host_that_has_no_address_is_named(desk: TwsDesk) -> None:
    desk.patience = 5
    with pytest.raises(RetryLater, match=r"cannot be reached at no\.such\.host\.invalid:4002"):
        desk.new_link(host="no.such.host.invalid", port=4002).ready()


def test_a_listener_that_is_not_tws_is_told_apart(desk: TwsDesk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link = desk.new_link(port=mute.getsockname()[1])
        with pytest.raises(RetryLater, match="does not greet like TWS"):
            link.ready()


def test_a_logged_out_tws_is_told_apart(desk: TwsDesk) -> None:
    desk.server.faults.logged_out = True
    with pytest.raises(RetryLater, match="logged out"):
        desk.link.ready()


def test_a_tws_that_hangs_up_is_told_apart(desk: TwsDesk) -> None:
    desk.server.faults.hang_up = True
    with pytest.raises(RetryLater, match=r"closed the connection|does not answer"):
        desk.link.ready()


def test_a_client_id_in_use_stops_at_once(desk: TwsDesk) -> None:
    desk.patience = 5
    desk.link.ready()
    with pytest.raises(StopTrading, match=r"another program.*client 17.*let it run"):
        desk.new_link().ready()


def test_our_own_earlier_connection_that_tws_still_holds_is_waited_for(desk: TwsDesk) -> None:
    desk.patience = 5
    desk.link.ready()
    desk.server.drop()
    wait_for(lambda: not desk.link.is_up)
    other = desk.new_link()
    other.ready()
    with pytest.raises(RetryLater, match="not noticed yet"):
        desk.link.ready()
    other.close()
    wait_for(lambda: not desk.server.clients)
    desk.link.ready()


def test_the_only_account_is_taken(desk: TwsDesk) -> None:
    desk.link.ready()
    assert desk.link.account_id == "DU1234567"


def test_of_several_accounts_one_must_be_named() -> None:
    with a_tws_desk(accounts="DU1,DU2") as desk:
        with pytest.raises(MendInput, match="several accounts: DU1, DU2"):
            desk.link.ready()
        link = desk.new_link(account="DU2")
        link.ready()
        assert link.account_id == "DU2"


def test_an_account_that_is_not_there_is_answered_with_those_that_are(desk: TwsDesk) -> None:
    with pytest.raises(MendInput, match=r"account is DU9.*DU1234567"):
        desk.new_link(account="DU9").ready()


@pytest.mark.parametrize(("account", "paper"), [("U7654321", True), ("DU1234567", False)])
def test_paper_and_real_money_are_never_mixed_up(account: str, *, paper: bool) -> None:
    with a_tws_desk(accounts=account) as desk:
        link = desk.new_link(paper=paper)
        with pytest.raises(StopTrading, match=account):
            link.ready()
        assert link.account_id == ""


def test_an_order_on_the_wrong_account_is_not_sent() -> None:
    with a_tws_desk(accounts="U7654321") as desk:
        outcome = desk.broker.submit(an_intent())
        assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-sent")
        assert not [fields for fields in desk.server.received if fields[0] == "3"]


@pytest.mark.parametrize("version", [176, 177, 178])
def test_every_server_version_of_the_text_protocol_is_spoken(version: int) -> None:
    with a_tws_desk(version) as desk:
        desk.server.faults.chunk = 7
        assert desk.broker.submit(an_intent()).answer is Answer.ACCEPTED
        assert desk.link.server_version == version


# Requests that are not answered.


@pytest.mark.parametrize("request_number", [5, 61])
def test_a_start_up_fetch_that_is_not_answered_is_no_connection(
    desk: TwsDesk, request_number: int
) -> None:
    desk.server.faults.muted.add(request_number)
    with pytest.raises(RetryLater, match="does not answer requests"):
        desk.link.ready()


@pytest.mark.parametrize("number", [16, 99, 7])
def test_a_state_that_cannot_be_asked_is_not_an_empty_state(desk: TwsDesk, number: int) -> None:
    desk.server.faults.hold = True
    desk.broker.submit(an_intent())
    desk.server.faults.muted.add(number)
    with pytest.raises(RetryLater, match="did not answer"):
        desk.broker.order("2026-03-09-1-spx-open-1")
    with pytest.raises(RetryLater):
        desk.broker.open_orders()


def test_one_question_that_is_never_answered_does_not_keep_the_quotes_away(
    desk: TwsDesk,
) -> None:
    desk.broker.submit(an_intent())
    desk.server.faults.muted.add(61)
    with pytest.raises(RetryLater, match="positions"):
        desk.broker.holdings()
    assert desk.market.quotes([spxw_call()])[spxw_call()].bid == 23.0
    assert desk.broker.submit(an_intent(attempt=2)).answer is Answer.ACCEPTED


def test_positions_without_their_end_are_not_taken_for_all_positions(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    desk.server.faults.endless.add(61)
    with pytest.raises(RetryLater):
        desk.broker.holdings()
    desk.server.faults.endless.clear()
    assert [each.quantity for each in desk.broker.holdings()] == [1]


def test_an_answer_that_comes_too_late_is_not_the_answer_to_the_next_question(
    desk: TwsDesk,
) -> None:
    desk.broker.submit(an_intent(limit="20.00"))
    connections = desk.link.generation
    desk.server.faults.endless.add(16)
    with pytest.raises(RetryLater):
        desk.broker.open_orders()
    desk.server.faults.endless.clear()
    assert len(desk.broker.open_orders()) == 1
    assert desk.link.generation == connections + 1


def test_when_patience_is_used_up_nothing_is_sent(desk: TwsDesk) -> None:
    desk.link.ready()

    def none_left() -> float:
        raise RetryLater("the time of this tick is used up")

    desk.link._patience = none_left
    outcome = desk.broker.submit(an_intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-sent")
    assert "used up" in outcome.text
    with pytest.raises(RetryLater, match="used up"):
        desk.broker.holdings()


# Drops, restarts, and links that are lost further away.


def test_after_a_drop_everything_is_read_anew(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    desk.broker.submit(an_intent(limit="20.00", attempt=2))
    desk.server.drop()
    done, working = an_intent().client_order_id, an_intent(attempt=2).client_order_id
    report = desk.broker.order(done)
    assert report is not None
    assert (report.state, report.filled) == (OrderState.FILLED, 1)
    assert [each.client_order_id for each in desk.broker.open_orders()] == [working]
    assert len(desk.broker.holdings()) == 1


def test_a_fill_while_we_were_away_is_found(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent(limit="20.00"))
    desk.link.close()
    desk.server.quote(an_intent().contract, 19.60, 20.00)
    broker = desk.restarted()
    report = broker.order(an_intent().client_order_id)
    assert report is not None
    assert report.state is OrderState.FILLED
    assert broker.fills(an_intent().session) == list(report.fills)


def test_a_fill_keeps_its_id_over_a_reconnect(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    before = desk.broker.fills(an_intent().session)
    after = desk.restarted().fills(an_intent().session)
    assert before == after
    assert len(before) == 1


def test_while_tws_has_lost_its_servers_nothing_is_sent_nor_believed(desk: TwsDesk) -> None:
    desk.link.ready()
    desk.server.say(1100, "Connectivity between IB and TWS has been lost.")
    wait_for(lambda: desk.link._cut == "1100")
    outcome = desk.broker.submit(an_intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-sent")
    assert "1100" in outcome.text
    with pytest.raises(RetryLater, match="1100"):
        desk.broker.holdings()
    assert not desk.server.book.orders


@pytest.mark.parametrize("code", [1101, 1102])
def test_when_tws_is_back_orders_are_read_before_one_is_sent(desk: TwsDesk, code: int) -> None:
    desk.broker.submit(an_intent(limit="20.00"))
    desk.server.say(1100)
    desk.server.say(code)
    wait_for(lambda: desk.link.generation == 2)
    desk.server.do(desk.server.received.clear)
    assert desk.broker.submit(an_intent(attempt=2)).answer is Answer.ACCEPTED
    asked = [fields[0] for fields in desk.server.received]
    assert asked.index("16") < asked.index("99") < asked.index("7") < asked.index("3")


def test_order_numbers_handed_out_again_do_not_change_an_earlier_order(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent(limit="20.00"))
    desk.broker.submit(an_intent(attempt=2))
    desk.server.restart(next_id=1)
    broker = desk.restarted()
    assert broker.submit(an_intent(limit="20.10", attempt=3)).answer is Answer.ACCEPTED
    numbers = [each.order_id for each in desk.server.book.orders]
    assert len(set(numbers)) == 3
    assert [each.limit for each in desk.server.book.orders] == [20.0, 23.4, 20.1]


def test_closing_ends_the_thread_and_may_be_repeated(desk: TwsDesk) -> None:
    desk.link.ready()
    threads = threading.active_count()
    desk.link.close()
    desk.link.close()
    assert threading.active_count() == threads - 1


def test_a_closed_link_connects_again_when_it_is_asked(desk: TwsDesk) -> None:
    desk.link.ready()
    desk.link.close()
    assert desk.broker.account().account_id == "DU1234567"
