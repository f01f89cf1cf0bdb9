"""Reads the tables of a result folder with pandas and its interval log with the HdrHistogram of
Python, and prints what it found as JSON.

    formats.py FOLDER SCHEMAS
"""

import json
import pathlib
import sys

import pandas
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

HOUR_NS = 3_600_000_000_000


def is_promised(column, kind):
    if column.isna().all():
        return True
    if kind == "string":
        return pandas.api.types.is_string_dtype(column) or column.dtype == object
    if kind == "integer":
        # A column with blank cells is one of floats for pandas.
        numeric = pandas.api.types.is_numeric_dtype(column)
        return numeric and (column.dropna() % 1 == 0).all()
    return pandas.api.types.is_numeric_dtype(column)


def wrong_types(folder, schemas):
    tables, wrong = 0, []
    for name, schema in schemas.items():
        path = folder / f"{name}.csv"
        if not path.exists():
            continue
        tables += 1
        kinds = {field["name"]: field["type"] for field in schema["fields"]}
        text = {column: str for column, kind in kinds.items() if kind == "string"}
        table = pandas.read_csv(path, dtype={c: str for c in text})
        guessed = pandas.read_csv(path)
        for column in table.columns:
            kind = kinds.get(column, "number")
            frame = table if kind == "string" else guessed
            if not is_promised(frame[column], kind):
                wrong.append(f"{name}.{column}: {frame[column].dtype} is no {kind}")
    return tables, wrong


def histograms(path):
    merged = {}
    reader = HistogramLogReader(str(path), HdrHistogram(1, HOUR_NS, 3))
    while (interval := reader.get_next_interval_histogram()) is not None:
        tag = interval.get_tag()
        if tag not in merged:
            merged[tag] = HdrHistogram(1, HOUR_NS, 3)
        merged[tag].add(interval)
    return {tag: figures(one) for tag, one in merged.items()}


def figures(histogram):
    count = histogram.get_total_count()
    found = {"samples": count}
    for name, thousandths in {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999}.items():
        # This library rounds to the nearest sample, Java's and Rust's up to the next one.
        rank = -(-count * thousandths // 1000)
        found[f"{name}_ns"] = histogram.get_value_at_percentile(100 * rank / count)
    found["min_ns"] = histogram.get_min_value()
    found["max_ns"] = histogram.get_max_value()
    return found


def main():
    folder = pathlib.Path(sys.argv[1])
    tables, wrong = wrong_types(folder, json.loads(pathlib.Path(sys.argv[2]).read_text()))
    found = {
        "tables": tables,
        "wrong_types": wrong,
        "histograms": histograms(folder / "latency.hlog"),
    }
    json.dump(found, sys.stdout)


main()
