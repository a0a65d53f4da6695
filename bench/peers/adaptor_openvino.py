#!/usr/bin/env python3
"""OpenVINO's CPU plugin, held to float32: where the CPU has bfloat16 its default is that.

See graph_variants for what is tried; the plugin turns most transpositions into a choice of layout."""

import numpy as np

from graph_variants import graph_variants
from protocol import adaptor_main
from reference import tensors


def model_of(graph, tensor_values):
    import openvino
    from openvino import opset13 as ops

    layer, g = graph.layer, graph.geometry
    _, depthwise, pointwise, bias = tensor_values
    x = ops.parameter(list(graph.input_shape), np.float32, name="x")
    current = ops.transpose(x, np.array(graph.to_first, np.int64)) if graph.transpose else x
    weights = graph.depthwise_weights(depthwise).reshape(g.channels, g.multiplier, 1, *graph.space(g.kernel))
    current = ops.group_convolution(
        current,
        ops.constant(np.ascontiguousarray(weights)),
        graph.space(g.stride),
        graph.space([before for before, _ in g.pads]),
        graph.space([after for _, after in g.pads]),
        graph.space(g.dilation),
    )
    one, zero = graph.space((1, 1)), graph.space((0, 0))
    if g.separable:
        weights = ops.constant(graph.pointwise_weights(pointwise))
        current = ops.convolution(current, weights, one, zero, zero, one)
    if bias is not None:
        current = ops.add(current, ops.constant(bias.reshape(1, g.filters, *one)))
    if layer["activation"] == "relu":
        current = ops.relu(current)
    if layer["activation"] == "relu6":
        current = ops.clamp(current, 0.0, 6.0)
    if graph.transpose:
        current = ops.transpose(current, np.array(graph.to_last, np.int64))
    return openvino.Model([current], [x], "layer")


def caller(request, x, y):
    """The binding's own synchronous call where the version has it, with less of Python around it."""
    try:
        from openvino._pyopenvino import InferRequest

        infer = InferRequest.infer
        infer(request, x, False, False)
        request.set_output_tensor(y)
        infer(request, x, False, False)
        return lambda: infer(request, x, False, False)
    except (ImportError, AttributeError, TypeError):

        def run():
            request.start_async()
            request.wait()

        return run


def setup(threads):
    import openvino

    core = openvino.Core()
    properties = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }

    def build(layer):
        values = tensors(layer)

        def make(graph):
            compiled = core.compile_model(model_of(graph, values), "CPU", properties)
            request = compiled.create_infer_request()
            x = openvino.Tensor(graph.input, shared_memory=True)
            y = openvino.Tensor(graph.output, shared_memory=True)
            request.set_input_tensor(x)
            request.set_output_tensor(y)
            run = caller(request, x, y)
            run()
            run.keep = compiled, graph
            return run, lambda: np.array(request.get_output_tensor().data)

        return graph_variants(layer, values[0], make)

    return openvino.__version__.split("-")[0], build


if __name__ == "__main__":
    adaptor_main("openvino", setup)
