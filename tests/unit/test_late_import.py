import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from utils.late_import import imported_when_used

NAME = "colorsys"
"""A module that nothing else here uses."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = sys.modules.pop(NAME, None)
    yield
    sys.modules.pop(NAME, None)
    if before:
        sys.modules[NAME] = before


def _imported() -> ModuleType:
    import colorsys  # noqa: PLC0415 - the import is what is looked at

    return colorsys


def test_a_module_that_is_not_used_is_not_imported() -> None:
    with imported_when_used(NAME):
        stand_in = _imported()
    assert NAME not in sys.modules
    assert "hls_to_rgb" not in vars(stand_in)


def test_what_stands_in_for_a_module_becomes_it_when_it_is_used() -> None:
    with imported_when_used(NAME):
        stand_in = _imported()
    assert stand_in.hls_to_rgb(0.0, 1.0, 0.0) == (1.0, 1.0, 1.0)
    assert stand_in.hls_to_rgb is _imported().hls_to_rgb


def test_a_module_may_be_used_while_its_import_is_put_off() -> None:
    with imported_when_used(NAME):
        assert _imported().hls_to_rgb(0.0, 0.0, 0.0) == (0.0, 0.0, 0.0)
        assert _imported() is sys.modules[NAME]
    assert "hls_to_rgb" in vars(sys.modules[NAME])


def test_who_imports_it_later_gets_the_module_itself() -> None:
    with imported_when_used(NAME):
        stand_in = _imported()
    assert _imported() is not stand_in
    assert "hls_to_rgb" in vars(_imported())


def test_a_module_that_is_there_already_stays() -> None:
    there = _imported()
    with imported_when_used(NAME):
        assert _imported() is there
    assert sys.modules[NAME] is there


def test_a_name_that_the_module_lacks_is_missing_as_ever() -> None:
    with imported_when_used(NAME):
        stand_in = _imported()
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = stand_in.no_such_name
