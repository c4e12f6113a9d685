"""Parquet files as rows of text, the only file that knows duckdb."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from src.ports import MendInput

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SUFFIX = ".parquet"
_ROWS_AT_ONCE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_parquet(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Return the columns of a file and its rows, each value as the text that a CSV would hold.

    A moment with a time zone becomes ISO 8601 in UTC, a whole floating number loses its ".0", and
    what is null becomes empty. Raises MendInput for a file that is missing or no Parquet.
    """
    try:
        import duckdb  # noqa: PLC0415 - only who reads Parquet pays for it
    except ImportError as error:
        raise MendInput(
            f"{path}: Parquet is read by duckdb, which is not installed ({error}): "
            "run pip install -r requirements.txt"
        ) from error
    if not path.is_file():
        raise MendInput(f"{path}: there is no such file.")
    # Nothing is fetched from anywhere: what reads Parquet is part of the package.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        columns = _columns(connection, path)
        wanted = ", ".join(_as_text(name, kind) for name, kind in columns)
        connection.execute(f"SELECT {wanted} FROM read_parquet(?)", [str(path)])  # noqa: S608 - quoted names
    except duckdb.Error as error:
        connection.close()
        words = " ".join(str(error).split())[:200]
        raise MendInput(f"{path}: this is no sound Parquet file ({words}).") from error
    moments = {n for n, (_, kind) in enumerate(columns) if kind == "TIMESTAMP WITH TIME ZONE"}
    return [name for name, _ in columns], _rows(connection, path, moments)


def _columns(connection: "DuckDBPyConnection", path: Path) -> list[tuple[str, str]]:
    found = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [(str(name), str(kind)) for name, kind, *_ in found]


def _as_text(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"epoch_us({quoted})"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"regexp_replace(CAST({quoted} AS VARCHAR), '\\.0$', '')"
    return f"CAST({quoted} AS VARCHAR)"


def _rows(connection: "DuckDBPyConnection", path: Path, moments: set[int]) -> Iterator[list[str]]:
    import duckdb  # noqa: PLC0415 - as above

    try:
        while found := connection.fetchmany(_ROWS_AT_ONCE):
            for row in found:
                yield [_text(value, n in moments) for n, value in enumerate(row)]
    except duckdb.Error as error:
        words = " ".join(str(error).split())[:200]
        raise MendInput(f"{path}: this is no sound Parquet file ({words}).") from error
    finally:
        connection.close()


def _text(value: object, is_moment: bool) -> str:  # noqa: FBT001 - a column's kind
    if value is None:
        return ""
    if is_moment and isinstance(value, int):
        return (_EPOCH + timedelta(microseconds=value)).isoformat()
    return str(value)
