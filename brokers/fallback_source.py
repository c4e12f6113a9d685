"""One source of quotes with others behind it, which answer when it does not."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from src.models import OptionContract, Quote
from src.ports import OfficialCloses, QuoteSource, RetryLater


def is_real_time(source: object) -> bool:
    """Whether a source says of itself that its quotes are the market's own, not delayed or made."""
    return getattr(source, "is_real_time", False) is True


class FallbackSource:
    """Asks the first source, and the next when one raises RetryLater; implements QuoteSource.

    Prices and closes are taken from any of them. Option quotes, by which orders are priced, come
    only from those in real time, unless `delayed_quotes` says that this is a labelled paper day.
    `say` hears once of each change of the source that answers.
    """

    def __init__(
        self,
        primary: QuoteSource,
        *others: QuoteSource,
        say: Callable[[str], None] = lambda _: None,
        delayed_quotes: bool = False,
    ) -> None:
        self._primary = primary
        self._every = (primary, *others)
        self._quoting = tuple(
            each for each in self._every if each is primary or delayed_quotes or is_real_time(each)
        )
        self._say = say
        self._answering: dict[str, QuoteSource] = {}
        self.is_real_time = all(map(is_real_time, self._quoting))

    @property
    def name(self) -> str:
        """The first source, and what comes from elsewhere at present."""
        elsewhere = [
            f"{what} from {source.name}"
            for what, source in self._answering.items()
            if source is not self._primary
        ]
        return self._primary.name + (f" ({', '.join(elsewhere)})" if elsewhere else "")

    @property
    def cadence_seconds(self) -> float | None:
        """The longest of those that may give an option's quote."""
        known = [each.cadence_seconds for each in self._quoting if each.cadence_seconds]
        return max(known, default=None)

    def prices(self) -> Mapping[str, Quote]:
        """Return the prices of the first source that answers. Raises RetryLater if none does."""
        answer: Mapping[str, Quote] = self._first(
            "prices", self._every, lambda source: source.prices()
        )
        return answer

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the quotes of the first source that answers and may. Raises RetryLater."""
        asked = tuple(contracts)
        answer: Mapping[OptionContract, Quote] = self._first(
            "option quotes", self._quoting, lambda source: source.quotes(asked)
        )
        return answer

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes of the first source that knows them, None while none does.

        Raises RetryLater when none knows them and one could not be asked.
        """
        failures = []
        for source in self._every:
            try:
                if closes := source.official_closes(day):
                    return closes
            except RetryLater as error:
                failures.append(f"{source.name}: {error}")
        if failures:
            raise RetryLater("; ".join(failures))
        return None

    def _first(
        self, what: str, sources: Iterable[QuoteSource], ask: Callable[[QuoteSource], Any]
    ) -> Any:  # noqa: ANN401 - the answer of whichever question
        failures = []
        for source in sources:
            try:
                answer = ask(source)
            except RetryLater as error:
                failures.append(f"{source.name}: {error}")
                continue
            self._note(what, source, failures)
            return answer
        raise RetryLater("; ".join(failures))

    def _note(self, what: str, source: QuoteSource, failures: list[str]) -> None:
        before = self._answering.get(what, self._primary)
        self._answering[what] = source
        if source is before:
            return
        why = f" ({'; '.join(failures)})" if failures else ""
        self._say(f"The {what} now come from {source.name}{why}.")
