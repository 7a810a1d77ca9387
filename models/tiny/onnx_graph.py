"""A llama as an ONNX graph with a key-value cache, in the layout that transformers.js reads.

Only plain operators of opset 18, so that onnxruntime's CPU, WASM and WebGPU back ends all run it.
Weights come as a `LanguageModel`; what is written around the graph is `gguf_to_onnx.py`'s work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from models.tiny.language_model import FloatArray, LanguageModel
from models.tiny.shape import Shape
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
# Old enough for every onnxruntime since 1.17.
IR_VERSION = 9
MASKED = np.float32(-1e9)


def split_rotary_pairs(weight: FloatArray, heads: int) -> FloatArray:
    """Rows of a query or key matrix reordered from neighbouring pairs to two halves per head."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


class GraphWriter:
    """Collects nodes and constants; each method returns the name of its one output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def node(self, operator: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        output = out or name
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=name, **attributes)
        )
        return output

    def linear(self, hidden: str, weight: FloatArray, out: str | None = None) -> str:
        return self.node("MatMul", hidden, self.constant(weight.T), out=out)

    def norm(self, hidden: str, weight: FloatArray, epsilon: float) -> str:
        squares = self.node("Mul", hidden, hidden)
        mean = self.node("ReduceMean", squares, self.integers(-1), keepdims=1)
        root = self.node("Sqrt", self.node("Add", mean, self.scalar(epsilon)))
        return self.node("Mul", self.node("Div", hidden, root), self.constant(weight))


class _Positions:
    """What every layer shares: rotation tables at the given positions, and the mask."""

    def __init__(self, graph: GraphWriter, shape: Shape) -> None:
        exponents = np.arange(0, shape.head_width, 2) / shape.head_width
        angles = np.outer(np.arange(shape.context), shape.rope_base**-exponents)
        both_halves = np.concatenate([angles, angles], axis=-1).astype(np.float64)
        heads_axis = graph.integers(1)
        self.cosines, self.sines = (
            graph.node(
                "Unsqueeze",
                graph.node("Gather", graph.constant(table.astype(np.float32)), "position_ids"),
                heads_axis,
            )
            for table in (np.cos(both_halves), np.sin(both_halves))
        )
        self.halves = (
            graph.integers(0),
            graph.integers(shape.head_width // 2),
            graph.integers(shape.head_width),
        )
        self.last_axis = graph.integers(-1)
        self.mask = _write_mask(graph)

    def rotate(self, graph: GraphWriter, heads: str) -> str:
        start, middle, end = self.halves
        left = graph.node("Slice", heads, start, middle, self.last_axis)
        right = graph.node("Slice", heads, middle, end, self.last_axis)
        turned = graph.node("Concat", graph.node("Neg", right), left, axis=-1)
        return graph.node(
            "Add",
            graph.node("Mul", heads, self.cosines),
            graph.node("Mul", turned, self.sines),
        )


def _write_mask(graph: GraphWriter) -> str:
    """What to add to scores: 0 for what a token may see, very little for what it may not.

    Its shape is (batch, 1, 1, new, all): the queries are the last `new` of `all` positions.
    """
    zero, one = graph.constant(np.array(0, np.int64)), graph.constant(np.array(1, np.int64))
    first_axis = graph.integers(0)
    every = graph.node("Squeeze", graph.node("Shape", "attention_mask", start=1, end=2), first_axis)
    new = graph.node("Squeeze", graph.node("Shape", "input_ids", start=1, end=2), first_axis)
    keys = graph.node("Range", zero, every, one)
    queries = graph.node("Range", graph.node("Sub", every, new), every, one)
    is_past = graph.node(
        "LessOrEqual",
        graph.node("Unsqueeze", keys, first_axis),
        graph.node("Unsqueeze", queries, graph.integers(1)),
    )
    is_real = graph.node(
        "Unsqueeze",
        graph.node("Cast", "attention_mask", to=TensorProto.BOOL),
        graph.integers(1, 2, 3),
    )
    visible = graph.node("And", is_past, is_real)
    return graph.node("Where", visible, graph.scalar(0.0), graph.constant(np.array(MASKED)))


def _write_attention(
    graph: GraphWriter, model: LanguageModel, layer: int, hidden: str, positions: _Positions
) -> str:
    shape, weights, prefix = model.shape, model.weights, f"blk.{layer}.attn_"
    key_heads, width = shape.key_heads, shape.head_width
    groups = shape.heads // key_heads

    def project(matrix: FloatArray, heads: int) -> str:
        flat = graph.linear(hidden, matrix)
        parted = graph.node("Reshape", flat, graph.integers(0, 0, heads, width))
        return graph.node("Transpose", parted, perm=[0, 2, 1, 3])

    query_matrix = split_rotary_pairs(weights[prefix + "q.weight"], shape.heads)
    key_matrix = split_rotary_pairs(weights[prefix + "k.weight"], key_heads)
    query = positions.rotate(graph, project(query_matrix, shape.heads))
    new_key = positions.rotate(graph, project(key_matrix, key_heads))
    new_value = project(weights[prefix + "v.weight"], key_heads)
    past, present = f"past_key_values.{layer}.", f"present.{layer}."
    key = graph.node("Concat", past + "key", new_key, out=present + "key", axis=2)
    value = graph.node("Concat", past + "value", new_value, out=present + "value", axis=2)
    group_axis = graph.integers(2)
    query = graph.node("Reshape", query, graph.integers(0, key_heads, groups, -1, width))
    key = graph.node("Transpose", graph.node("Unsqueeze", key, group_axis), perm=[0, 1, 2, 4, 3])
    value = graph.node("Unsqueeze", value, group_axis)
    scores = graph.node("Mul", graph.node("MatMul", query, key), graph.scalar(width**-0.5))
    shares = graph.node("Softmax", graph.node("Add", scores, positions.mask), axis=-1)
    mixed = graph.node("MatMul", shares, value)
    heads = graph.node("Reshape", mixed, graph.integers(0, shape.heads, -1, width))
    joined = graph.node(
        "Reshape",
        graph.node("Transpose", heads, perm=[0, 2, 1, 3]),
        graph.integers(0, 0, shape.width),
    )
    return graph.linear(joined, weights[prefix + "output.weight"])


def _write_feed_forward(graph: GraphWriter, model: LanguageModel, layer: int, hidden: str) -> str:
    weights, prefix = model.weights, f"blk.{layer}.ffn_"
    gate = graph.linear(hidden, weights[prefix + "gate.weight"])
    opened = graph.node("Mul", gate, graph.node("Sigmoid", gate))
    raised = graph.linear(hidden, weights[prefix + "up.weight"])
    return graph.linear(graph.node("Mul", opened, raised), weights[prefix + "down.weight"])


def _declare_inputs_and_outputs(
    shape: Shape,
) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    def declare(name: str, kind: int, *sizes: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(sizes))

    batch, new, every = "batch_size", "sequence_length", "total_sequence_length"
    inputs = [
        declare("input_ids", TensorProto.INT64, batch, new),
        declare("attention_mask", TensorProto.INT64, batch, every),
        declare("position_ids", TensorProto.INT64, batch, new),
    ]
    outputs = [declare("logits", TensorProto.FLOAT, batch, new, shape.vocabulary)]
    heads, width = shape.key_heads, shape.head_width
    for layer in range(shape.layers):
        for part in ("key", "value"):
            past, present = f"past_key_values.{layer}.{part}", f"present.{layer}.{part}"
            inputs.append(
                declare(past, TensorProto.FLOAT, batch, heads, "past_sequence_length", width)
            )
            outputs.append(declare(present, TensorProto.FLOAT, batch, heads, every, width))
    return inputs, outputs


def build_graph(model: LanguageModel) -> onnx.ModelProto:
    """The checked ONNX model; equal models give equal bytes."""
    graph, weights, epsilon = GraphWriter(), model.weights, model.shape.norm_epsilon
    positions = _Positions(graph, model.shape)
    hidden = graph.node("Gather", graph.constant(weights["token_embd.weight"]), "input_ids")
    for layer in range(model.shape.layers):
        normed = graph.norm(hidden, weights[f"blk.{layer}.attn_norm.weight"], epsilon)
        attended = _write_attention(graph, model, layer, normed, positions)
        hidden = graph.node("Add", hidden, attended)
        normed = graph.norm(hidden, weights[f"blk.{layer}.ffn_norm.weight"], epsilon)
        hidden = graph.node("Add", hidden, _write_feed_forward(graph, model, layer, normed))
    hidden = graph.norm(hidden, weights["output_norm.weight"], epsilon)
    graph.linear(hidden, weights["token_embd.weight"], out="logits")
    inputs, outputs = _declare_inputs_and_outputs(model.shape)
    built = helper.make_model(
        helper.make_graph(graph.nodes, model.name, inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="basis",
    )
    onnx.checker.check_model(built)
    return built
