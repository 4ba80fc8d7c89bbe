from __future__ import annotations

import dataclasses

import pytest

from costmodel.hardware.loading import load_technology
from costmodel.hardware.technology import Technology


@pytest.fixture(scope="session")
def technology() -> Technology:
    return load_technology()


@pytest.fixture(scope="session")
def dearer(technology: Technology) -> Technology:
    """The same technology with every amount of money three times as large."""
    tables = {}
    for name, table in technology.tables.items():
        columns = {key: values.clone() for key, values in table.columns.items()}
        for (row, column), value in table.entries.items():
            if "USD" in value.unit:
                columns[column][..., technology.row(name, row)] *= 3.0
        tables[name] = dataclasses.replace(table, columns=columns)
    return dataclasses.replace(technology, tables=tables)
