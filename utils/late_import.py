"""Leaving out of a start what a library imports and we may never use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


class _WhenUsed(ModuleType):
    """Stands in for a module: the real one is imported when a name of it is asked for."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def imported_when_used(name: str) -> Iterator[None]:
    """Within the block, `import name` costs nothing until the module is used.

    Whoever imports it after the block gets the module itself. One that is there already stays.
    """
    if name in sys.modules:
        yield
        return
    stand_in = sys.modules[name] = _WhenUsed(name)
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
