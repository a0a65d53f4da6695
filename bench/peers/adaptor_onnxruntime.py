#!/usr/bin/env python3
"""ONNX Runtime, CPU execution provider. Its Conv is NCHW; see graph_variants for what is tried."""

import numpy as np

from graph_variants import graph_variants
from protocol import adaptor_main
from reference import tensors

OPSET, IR_VERSION = 17, 8


def model_of(graph, tensor_values):
    from onnx import TensorProto, helper, numpy_helper

    layer, g = graph.layer, graph.geometry
    _, depthwise, pointwise, bias = tensor_values
    constants = [numpy_helper.from_array(graph.depthwise_weights(depthwise), "depthwise")]
    nodes = []

    def add(op, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [f"t{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    current = add("Transpose", ["x"], perm=graph.to_first) if graph.transpose else "x"
    biases = []
    if bias is not None:
        constants.append(numpy_helper.from_array(bias, "bias"))
        biases = ["bias"]
    current = add(
        "Conv",
        [current, "depthwise"] + ([] if g.separable else biases),
        group=g.channels,
        kernel_shape=graph.space(g.kernel),
        strides=graph.space(g.stride),
        dilations=graph.space(g.dilation),
        pads=graph.space([before for before, _ in g.pads]) + graph.space([after for _, after in g.pads]),
    )
    if g.separable:
        constants.append(numpy_helper.from_array(graph.pointwise_weights(pointwise), "pointwise"))
        current = add("Conv", [current, "pointwise"] + biases, kernel_shape=graph.space((1, 1)))
    if layer["activation"] == "relu":
        current = add("Relu", [current])
    if layer["activation"] == "relu6":
        constants += [numpy_helper.from_array(np.float32(value), name) for value, name in ((0, "low"), (6, "high"))]
        current = add("Clip", [current, "low", "high"])
    if graph.transpose:
        add("Transpose", [current], perm=graph.to_last)
    nodes[-1].output[0] = "y"
    float_info = helper.make_tensor_value_info
    body = helper.make_graph(
        nodes,
        "layer",
        [float_info("x", TensorProto.FLOAT, graph.input_shape)],
        [float_info("y", TensorProto.FLOAT, graph.output_shape)],
        constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model.SerializeToString()


def setup(threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3

    def build(layer):
        values = tensors(layer)

        def make(graph):
            session = onnxruntime.InferenceSession(model_of(graph, values), options, providers=["CPUExecutionProvider"])
            binding = session.io_binding()
            x, y = (onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (graph.input, graph.output))
            binding.bind_ortvalue_input("x", x)
            binding.bind_ortvalue_output("y", y)
            call, bound = session._sess.run_with_iobinding, binding._iobinding  # without Python's own layer around it

            def run():
                call(bound, None)

            run.keep = session, binding, x, y
            return run, y.numpy

        return graph_variants(layer, values[0], make)

    return onnxruntime.__version__, build


if __name__ == "__main__":
    adaptor_main("onnxruntime", setup)
