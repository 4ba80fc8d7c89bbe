"""Dense decoder-only transformers with grouped-query attention, read from ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass

SUPPORTED = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"}
"""Architectures whose operators are built here: dense layers, GQA, gated MLP."""


@dataclass(frozen=True)
class Transformer:
    """Dimensions of a dense decoder with grouped-query attention and a gated MLP."""

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied_embeddings: bool = False
    attention_bias: bool = False

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer: QKV, output, gate, up, down and two norms [count]."""
        query = self.heads * self.head_dim
        key_value = 2 * self.kv_heads * self.head_dim
        attention = self.hidden * (query + key_value) + query * self.hidden
        bias = (query + key_value) if self.attention_bias else 0
        return attention + bias + 3 * self.hidden * self.intermediate + 2 * self.hidden

    @property
    def head_parameters(self) -> int:
        """Weights of the output projection, streamed at every step [count]."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights: embedding, layers, last norm, head unless tied [count]."""
        embeddings = self.head_parameters * (1 if self.tied_embeddings else 2)
        return embeddings + self.layers * self.layer_parameters + self.hidden

    @property
    def kv_elements_per_token(self) -> int:
        """Keys and values that one token leaves behind in all layers [count]."""
        return 2 * self.layers * self.kv_heads * self.head_dim
