#!/usr/bin/env python3
"""Answers bench_networks.py for one peer: runs and times the networks that network_convert.py converted.

  network_adaptor.py PEER FOLDER THREADS SECONDS

Each line on stdin is a question; each answer is one JSON line:
  check NAME   runs FOLDER/NAME's model on its input.npy and writes FOLDER/NAME/PEER.out.npy
  time NAME    times calls for SECONDS, as protocol.py says
Input and output stay where they are, without copies, where a library allows it.
"""

import gc
import importlib.metadata
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np

from network_files import existing, failures_of
from protocol import measure


def load_litert(model, x, threads):
    """The interpreter with its XNNPACK delegate."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    output = interpreter.get_output_details()[0]["index"]
    call = getattr(getattr(interpreter, "_interpreter", None), "Invoke", interpreter.invoke)
    names = [op["op_name"] for op in interpreter._get_ops_details()]
    note = f"XNNPACK, {names.count('DELEGATE')} part(s)" if "DELEGATE" in names else "without XNNPACK"
    return (lambda: call()), (lambda: interpreter.get_tensor(output)), note


def load_onnxruntime(model, x, threads):
    """The CPU execution provider, with all its graph optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_outputs()[0].name
    y = session.run([name], {session.get_inputs()[0].name: x})[0]
    binding = session.io_binding()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (x, y)]
    binding.bind_ortvalue_input(session.get_inputs()[0].name, values[0])
    binding.bind_ortvalue_output(name, values[1])
    call, bound = session._sess.run_with_iobinding, binding._iobinding
    return (lambda: call(bound, None)), (lambda: values[1].numpy()), ""


def load_openvino(model, x, threads):
    """The CPU plugin, held to float32."""
    import openvino

    from adaptor_openvino import caller

    properties = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(str(model), "CPU", properties)
    request = compiled.create_infer_request()
    tensor = openvino.Tensor(x, shared_memory=True)
    request.set_input_tensor(tensor)
    request.infer()
    y = np.array(request.get_output_tensor().data)
    run = caller(request, tensor, openvino.Tensor(y, shared_memory=True))
    run.keep = compiled, tensor, y
    return run, (lambda: np.array(request.get_output_tensor().data)), ""


def load_tensorflow(model, x, threads, compiled):
    """The Keras model in a tf.function, called as a concrete function."""
    import tensorflow as tf

    if not load_tensorflow.ready:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        load_tensorflow.ready = True
    loaded = tf.saved_model.load(str(model))
    signature = [tf.TensorSpec(x.shape, tf.float32)]
    function = tf.function(lambda t: loaded.compute(t), jit_compile=compiled, input_signature=signature)
    concrete, t = function.get_concrete_function(), tf.constant(x)
    result = [concrete(t)]

    def run():
        result[0] = concrete(t)

    run.keep = loaded, function
    return run, (lambda: result[0].numpy()), ""


load_tensorflow.ready = False


def load_iree(model, x, threads):
    """IREE's synchronous device, or its task system with a worker for each thread. Without the Python layer that packs
    arguments for each call."""
    from iree import runtime

    if threads > 1:
        runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
    config = runtime.Config(device=runtime.get_device("local-task" if threads > 1 else "local-sync"))
    module = runtime.VmModule.mmap(config.vm_instance, str(model))
    context = runtime.SystemContext(vm_modules=[module], config=config)
    function, invoke = module.lookup_function("main"), context.vm_context.invoke
    arguments, result = runtime.VmVariantList(1), [None]
    arguments.push_ref(config.device.allocator.allocate_buffer_copy(
        memory_type=runtime.MemoryType.DEVICE_LOCAL, allowed_usage=runtime.BufferUsage.DEFAULT, device=config.device,
        buffer=x, element_type=runtime.HalElementType.FLOAT_32))

    def run():
        result[0] = runtime.VmVariantList(1)
        invoke(function, arguments, result[0])

    def out():
        return runtime.DeviceArray(config.device, result[0].get_as_object(0, runtime.HalBufferView)).to_host()

    return run, out, ""


# For each peer its package, the file that it reads, and its function.
PEERS = {
    "litert": ("ai-edge-litert", "model.tflite", load_litert),
    "onnxruntime": ("onnxruntime", "model.onnx", load_onnxruntime),
    "openvino": ("openvino", "model.onnx", load_openvino),
    "openvino-tflite": ("openvino", "model.tflite", load_openvino),
    "iree": ("iree-base-runtime", "model.vmfb", load_iree),
    "iree-im2col": ("iree-base-runtime", "im2col.vmfb", load_iree),
    "keras-tf": ("tensorflow-cpu", "saved_model", lambda *arguments: load_tensorflow(*arguments, False)),
    "keras-xla": ("tensorflow-cpu", "saved_model", lambda *arguments: load_tensorflow(*arguments, True)),
}


def load(peer, folder, threads):
    _, file, function = PEERS[peer]
    return function(existing(folder, file, failures_of(folder)), np.load(folder / "input.npy"), threads)


class Answerer:
    """Keeps the network that was asked for last."""

    def __init__(self, peer, folder, threads, seconds):
        self.peer, self.folder, self.threads, self.seconds = peer, pathlib.Path(folder), int(threads), float(seconds)
        self.name, self.loaded = None, None

    def answer(self, what, name):
        try:
            if name != self.name:
                self.name = self.loaded = None
                gc.collect()
                self.loaded = load(self.peer, self.folder / name, self.threads)
                self.name = name
            run, out, note = self.loaded
            if what == "check":
                run()
                np.save(self.folder / name / f"{self.peer}.out.npy", np.asarray(out(), np.float32))
                return {"version": importlib.metadata.version(PEERS[self.peer][0]), "note": note}
            median, least, _ = measure(run, self.seconds)
            return {"ms_median": median, "ms_min": least}
        except Exception as error:  # a network that a peer cannot run is an answer, too
            return {"error": f"{type(error).__name__}: {error}"[:300]}


def main():
    answers = os.fdopen(os.dup(1), "w")  # what libraries print to stdout goes to stderr
    os.dup2(2, 1)
    answerer = Answerer(*sys.argv[1:])
    for line in sys.stdin:
        answers.write(json.dumps(answerer.answer(*line.split())) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
