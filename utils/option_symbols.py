"""Option symbols of the OCC (OSI): read in the compact and in the padded form."""

import re
from datetime import date

from src.models import OptionContract

_OSI = re.compile(
    r"(?P<root>[A-Z][A-Z0-9]{0,5})(?P<padding> *)"
    r"(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<mills>[0-9]{8})"
)
_ROOT_WIDTH = 6
_EXAMPLES = "SPXW260126C06935000, or padded to 21 characters SPXW  260126C06935000"


def parse_symbol(text: str) -> OptionContract:
    """Return the contract that an OSI symbol names: root, YYMMDD, C or P, strike x 1000.

    Accepts the compact form that vendors use and the 21 characters of the standard, in which
    the root is padded with blanks to six. Raises ValueError, with what is wrong, for all else.
    """
    match = _OSI.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an option symbol (such as {_EXAMPLES})")
    root, padding = match["root"], match["padding"]
    if padding and len(root) + len(padding) != _ROOT_WIDTH:
        raise ValueError(f"{text!r}: a padded root has {_ROOT_WIDTH} characters ({_EXAMPLES})")
    try:
        expiry = date(2000 + int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError as error:
        raise ValueError(f"{text!r}: the expiry is not a date ({error})") from error
    mills = int(match["mills"])
    if mills == 0:
        raise ValueError(f"{text!r}: the strike is zero")
    return OptionContract(root, expiry, mills / 1000, "C" if match["right"] == "C" else "P")


def padded(contract: OptionContract) -> str:
    """Return the 21 characters of the standard, e.g. `SPY   250117C00600000`."""
    return contract.root.ljust(_ROOT_WIDTH) + contract.symbol.removeprefix(contract.root)
