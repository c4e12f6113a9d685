from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from src.ports import MendInput
from src.settings import LoadedSettings, load_settings


class Project:
    """A folder with the files that settings come from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "config").mkdir()
        self.write("config/config.yaml", "strategy:\n  max_spreads: 2\n")

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        path = self.root / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def load(
        self,
        overrides: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> LoadedSettings:
        return load_settings(path, tuple(overrides), environ or {}, self.root)

    def problems(
        self,
        overrides: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> list[str]:
        with pytest.raises(MendInput) as caught:
            self.load(overrides, environ, path)
        return [line.strip() for line in str(caught.value).splitlines()[1:]]
