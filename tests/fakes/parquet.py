"""Parquet files for tests, written by duckdb."""

from pathlib import Path

import duckdb


def write_parquet(path: Path, select: str) -> Path:
    """Write what a SELECT gives; returns the path."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def parquet_of(csv: Path, path: Path) -> Path:
    """Write a tape's CSV as Parquet with the types that a database would give it."""
    columns = (
        "CAST(timestamp AS TIMESTAMPTZ) AS timestamp, symbol, CAST(bid AS DOUBLE) AS bid, "
        "CAST(ask AS DOUBLE) AS ask, CAST(bid_size AS BIGINT) AS bid_size, "
        "CAST(ask_size AS DOUBLE) AS ask_size, CAST(last AS DOUBLE) AS last"
    )
    source = f"read_csv('{csv}', all_varchar = true, header = true)"
    return write_parquet(path, f"SELECT {columns} FROM {source}")  # noqa: S608 - a test's own words
