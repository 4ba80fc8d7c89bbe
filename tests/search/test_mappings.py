"""The mapping of every product, as people see it."""

import json

import pytest

import costmodel
from search.evaluation import answer, load_machine
from search.mappings import mappings_of
from search.tables import mapping_table


@pytest.mark.parametrize("chip", ["tpu-v5p", "h100", "trainium2"])
def test_blocks_and_tiles_stay_inside_the_product_and_the_machine(chip: str):
    designs = costmodel.load_chip(chip).designs
    workload = costmodel.load_workload("llama-3.1-8b", "interactive")
    found = mappings_of(designs, workload, costmodel.load_technology(), costmodel.build_tables())
    assert {item.point for item in found} == {"chat/prefill", "chat/decode"}
    for item in found:
        assert all(0 < b <= p for b, p in zip(item.block, item.product, strict=True))
        assert 0 < item.tile[0] <= item.product[0]
        assert 0 < item.tile[1] <= item.product[1]
        assert item.pieces >= 1
        assert sorted(item.order) == ["k", "m", "n"]
        assert 0 < item.busy <= 1 + 1e-9
        assert item.seconds > 0


def test_an_answer_carries_them_as_plain_containers():
    found = answer(load_machine("tpu-v5p"), "llama-3.1-8b", "interactive", format="bf16")
    record = json.loads(json.dumps(found.record()))["mappings"]
    assert len(record) == len(found.mappings) == mapping_table(found.mappings).row_count - 2
    assert record[0]["product"]["rows"] == 2048
    assert set(record[0]["tile"]) == {"rows", "columns"}
