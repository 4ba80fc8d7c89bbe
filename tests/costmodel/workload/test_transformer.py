"""Models against published parameter counts and hand counts of operations."""

from __future__ import annotations

import json

import pytest
import torch

from costmodel.errors import DataError
from costmodel.hardware.system import Deployment
from costmodel.workload import load_workload
from costmodel.workload.huggingface import load_transformer
from costmodel.workload.loading import load_model, load_scenario

# Sizes of the released checkpoints, as the model cards and index files state them.
PUBLISHED = {
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "llama-2-7b": 6_738_415_616,
    "llama-2-70b": 68_976_648_192,
    "mistral-7b-v0.3": 7_248_023_552,
    "qwen-2.5-72b": 72_706_203_648,
}


def deployment(tensor: int = 1, stages: int = 1, batch: int = 1) -> Deployment:
    whole = [torch.tensor(value) for value in (0, tensor, stages, 1, 1, batch)]
    return Deployment(*whole)


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_equal_the_released_checkpoint(name, parameters):
    assert load_model(name).parameters == parameters


def test_llama_70b_hand_counts():
    """68.45e9 body and 1.05e9 head parameters stream; 327,680 bytes of KV a token in bf16."""
    model = load_model("llama-3.1-70b")
    assert model.layers * model.layer_parameters == pytest.approx(68.45e9, rel=1e-3)
    assert model.head_parameters == pytest.approx(1.05e9, rel=2e-3)
    assert 2 * model.kv_elements_per_token == 327_680


@pytest.mark.parametrize("tensor", [1, 2, 8])
def test_gemm_operations_equal_two_per_parameter_and_token(tensor):
    """Over all packages a prefill multiplies each body weight once for each token."""
    workload = load_workload("llama-3.1-70b", "prefill-2048-decode-4096")
    operators = workload.operators(deployment(tensor), torch.tensor(2.0).double(), "prefill")
    body = operators.index("gemm")
    macs = (operators.count * operators.rows * operators.columns * operators.depth)[..., body]
    model = workload.model
    norms = 2 * model.hidden * model.layers
    weights = model.layers * model.layer_parameters - norms
    assert macs[..., :-1].sum().item() * tensor == weights * 2048
    assert macs[..., -1].item() * tensor == model.head_parameters


def test_causal_pairs_equal_a_loop():
    workload = load_workload("llama-3.1-8b", "interactive")
    operators = workload.operators(deployment(), torch.tensor(2.0).double(), "prefill")
    request = workload.scenario.requests[0]
    pairs = sum(request.cached_tokens + i + 1 for i in range(request.new_tokens))
    at = operators.index("attention")
    total = (operators.groups * operators.pairs)[..., at].item()
    assert total == pairs * workload.model.heads


def test_attention_knows_its_queries_and_widths():
    """A prefill has new queries after cached tokens, a decode one; neither has a window."""
    workload = load_workload("llama-3.1-8b", "interactive")
    request, model = workload.scenario.requests[0], workload.model
    for role, queries in (("prefill", request.new_tokens), ("decode", 1)):
        operators = workload.operators(deployment(), torch.tensor(2.0).double(), role)
        at = operators.index("attention")
        assert operators.queries[..., at].item() == queries
        shared = operators.rows[..., at] / operators.queries[..., at]
        assert shared.item() == model.heads // model.kv_heads
        assert operators.depth[..., at].item() == model.head_dim
        assert operators.value_depth[..., at].item() == model.head_dim
        assert operators.window[..., at].item() == operators.latent[..., at].item() == 0


def test_capacity_is_shared_by_packages_and_kv_heads_replicate():
    workload = load_workload("llama-3.1-70b", "interactive")
    width = torch.tensor(1.0).double()
    model = workload.model
    whole = workload.weight_bytes(deployment(), width).item()
    assert whole == model.parameters
    assert workload.weight_bytes(deployment(4, 2), width).item() == pytest.approx(whole / 8)
    one = workload.cache_bytes(deployment(batch=3), width).item()
    assert one == 3 * 8192 * model.kv_elements_per_token
    eight = workload.cache_bytes(deployment(8, batch=3), width).item()
    sixteen = workload.cache_bytes(deployment(16, batch=3), width).item()
    assert eight == one / 8
    assert sixteen == eight  # eight KV heads cannot be cut into sixteen


def config(**changes):
    base = {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": 100,
    }  # fmt: skip
    return {key: value for key, value in (base | changes).items() if value is not ...}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architectures": ["MixtralForCausalLM"]}, ["Mixtral", "not supported", ".json:2:"]),
        ({"hidden_size": ...}, ["hidden_size is missing"]),
        ({"hidden_size": "big"}, ["hidden_size", "'big'", "positive integer"]),
        ({"num_key_value_heads": 3}, ["do not divide"]),
        ({"sliding_window": 4096}, ["sliding-window"]),
    ],
)
def test_bad_config_gets_one_line_that_says_where(tmp_path, changes, words):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(**changes), indent=1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_transformer(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "config.json" in text
    assert all(word in text for word in words), text


def test_unknown_names_offer_the_nearest():
    with pytest.raises(DataError, match=r"llama-3\.1-70b"):
        load_model("llama-3.1-7ob")
    with pytest.raises(DataError, match="interactive"):
        load_scenario("interactve")


def test_scenario_weights_are_normalised_and_typos_located(tmp_path):
    path = tmp_path / "mix.yaml"
    text = (
        "schema_version: 1\ntitle: mix\nrequests:\n"
        "  - {name: a, weight: 3, new_tokens: 10, cached_tokens: 0, generated_tokens: 5,"
        " decode_context: 12}\n"
        "  - {name: b, weight: 1, new_tokens: 20, cached_tokens: 0, generated_tokens: 5,"
        " decode_context: 22}\n"
    )
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    assert [request.weight for request in scenario.requests] == [0.75, 0.25]
    path.write_text(text.replace("weight: 1", "wieght: 1"), encoding="utf-8")
    with pytest.raises(DataError, match=r"mix\.yaml:5: requests\.1\.(weight|wieght)"):
        load_scenario(path)
