#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets from tests/data and bench/suites: a folder for each target.

    make_seeds.py FOLDER

run_fuzzers.py --merge keeps of them, and of what the fuzzers found, the few files that reach all of the code.
"""

import io
import json
import pathlib
import struct
import sys
import zipfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
MODELS = TESTS / "data" / "models"
GOLDENS = TESTS / "data" / "goldens"
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), content, method)
    return target.getvalue()


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def keras_archives():
    for name in ("tiny_bf16", "wrapped", "nested", "timed", "timed_tfkeras", "grouped"):
        yield name, zipped(members_of(MODELS / f"{name}.keras"))
    yield "tiny_stored", zipped(members_of(MODELS / "tiny_bf16.keras"), zipfile.ZIP_STORED)


def h5_models():
    for name in ("wrapped", "nested", "timed", "timed_tfkeras"):
        yield name, (MODELS / f"{name}.h5").read_bytes()


def given_weights():
    yield "weights_h5", dict(members_of(MODELS / "wrapped.keras"))["model.weights.h5"]
    yield "h5", (MODELS / "wrapped.h5").read_bytes()
    yield "keras", zipped(members_of(MODELS / "wrapped.keras"))


def layer(class_name, name, inbound, **config):
    calls = [[[source, 0, 0, {}] for source in inbound]] if inbound else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def functional(layers, shape):
    """A tf.keras 2 model in which every layer reads the one before it; then a convolution of the last one."""
    first = {
        "class_name": "InputLayer",
        "name": "in",
        "inbound_nodes": [],
        "config": {"name": "in", "batch_input_shape": [None, *shape], "dtype": "float32"},
    }
    chain = [first]
    for index, (class_name, config) in enumerate(layers):
        chain.append(layer(class_name, f"layer_{index}", [chain[-1]["name"]], **config))
    last = chain[-1]["name"]
    return {
        "class_name": "Functional",
        "keras_version": "2.15.0",
        "backend": "tensorflow",
        "config": {"name": "model", "layers": chain, "input_layers": [["in", 0, 0]], "output_layers": [[last, 0, 0]]},
    }


CONV = ("SeparableConv2D", {"filters": 4, "kernel_size": [3, 3], "padding": "same", "use_bias": True})


def handmade_chains():
    conv = CONV
    depthwise = ("DepthwiseConv2D", {"kernel_size": [3, 3], "padding": "valid", "activation": "relu"})
    line = ("SeparableConv1D", {"filters": 4, "kernel_size": [3], "padding": "causal"})
    return {
        "pads": [
            ("ZeroPadding2D", {"padding": [[1, 2], [0, 1]]}),
            depthwise,
            ("BatchNormalization", {"axis": [3]}),
            ("ReLU", {"max_value": 6.0}),
            ("Conv2D", {"filters": 5, "kernel_size": [1, 1]}),
        ],
        "pools": [
            ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "padding": "same"}),
            conv,
            ("AveragePooling2D", {"pool_size": [2, 2]}),
            ("UpSampling2D", {"size": [2, 2]}),
            conv,
            ("Cropping2D", {"cropping": [[1, 1], [1, 1]]}),
            conv,
            ("GlobalAveragePooling2D", {}),
        ],
        "shapes": [
            ("Reshape", {"target_shape": [8, -1, 4]}),
            conv,
            ("Permute", {"dims": [2, 1, 3]}),
            conv,
            ("Flatten", {}),
            ("Dense", {"units": 12}),
            ("Reshape", {"target_shape": [6, 2]}),
            line,
        ],
        "activations": [
            conv,
            ("LeakyReLU", {"alpha": 0.2}),
            conv,
            ("Activation", {"activation": "swish"}),
            conv,
            ("Softmax", {"axis": -1}),
            conv,
            ("PReLU", {}),
            conv,
            ("ELU", {"alpha": 1.0}),
        ],
    }


def handmade_models():
    for name, layers in handmade_chains().items():
        yield name, compact(functional(layers, [16, 16, 3]))
    merged = functional([CONV, CONV], [16, 16, 3])
    merged["config"]["layers"].append(
        {
            "class_name": "Add",
            "name": "sum",
            "config": {"name": "sum"},
            "inbound_nodes": [[["layer_0", 0, 0, {}], ["layer_1", 0, 0, {}]]],
        }
    )
    merged["config"]["layers"].append(
        {
            "class_name": "Concatenate",
            "name": "both",
            "config": {"name": "both", "axis": -1},
            "inbound_nodes": [[["sum", 0, 0, {}], ["layer_1", 0, 0, {}]]],
        }
    )
    merged["config"]["output_layers"] = [["both", 0, 0]]
    yield "merged", compact(merged)


def tfjs_models():
    """A chain of two layers with the manifest of its weights, plain, quantized and in the older form."""
    layers = [
        ("DepthwiseConv2D", {"kernel_size": [3, 3], "use_bias": True}),
        ("Conv2D", {"filters": 5, "kernel_size": [1, 1], "use_bias": True}),
    ]
    model = functional(layers, [8, 8, 3])
    topology = {"keras_version": "tfjs-layers 4.22.0", "model_config": model}
    shapes = {
        "layer_0/depthwise_kernel": [3, 3, 3, 1],
        "layer_0/bias": [3],
        "layer_1/kernel": [1, 1, 3, 5],
        "layer_1/bias": [5],
    }
    quantizations = {
        "uint8": (1, {"dtype": "uint8", "scale": 0.01, "min": -1.5}),
        "uint16": (2, {"dtype": "uint16", "scale": 0.0001, "min": -3}),
        "float16": (2, {"dtype": "float16"}),
        "float32": (4, None),
    }
    for name, (width, quantization) in quantizations.items():
        weights = [{"name": key, "shape": shape, "dtype": "float32"} for key, shape in shapes.items()]
        for weight in weights if quantization else []:
            weight["quantization"] = quantization
        manifest = [{"paths": ["shard.bin"], "weights": weights}]
        document = {"format": "layers-model", "modelTopology": topology, "weightsManifest": manifest}
        yield name, compact(document) + b"\0" + bytes(50 * width)
    yield "no_weights", compact({"modelTopology": {**model, "keras_version": "2.15.0"}})


def model_jsons():
    for name in ("tiny_bf16", "wrapped", "nested", "timed", "timed_tfkeras", "grouped", "tcn_causal"):
        yield name, compact(json.loads(dict(members_of(MODELS / f"{name}.keras"))["config.json"]))
    yield "tcn_causal_2", compact(json.loads((MODELS / "tcn_causal.json").read_text()))
    yield from handmade_models()
    for rules, cases in json.loads((TESTS / "data" / "shapes.json").read_text()).items():
        for index, case in enumerate(cases):
            yield f"{rules}_{index}", compact(case["model"])
    yield "layer_list", compact(json.loads((TESTS / "kernels" / "layers.json").read_text())[:12])
    suite = json.loads((ROOT / "bench" / "suites" / "peers.json").read_text())
    suite["layers"] = suite["layers"][:6]
    suite.pop("bars", None)
    yield "suite", compact(suite)


def layer_configs():
    cases = json.loads((GOLDENS / "cases.json").read_text())["cases"]
    for case in cases:
        yield case["name"], compact(case["layer"])
    extras = json.loads((TESTS / "data" / "extras.json").read_text())
    for index, case in enumerate(extras["layer_losses"]):
        yield f"losses_{index}", compact(case["layer"])
    for key in ("constraint", "regularizer", "initializer"):
        for index, case in enumerate(extras[f"{key}s"]):
            value = {"class_name": case[key], "config": case.get("config", {})}
            config = {"filters": 3, "kernel_size": 3, f"depthwise_{key}": value, f"pointwise_{key}": case[key]}
            yield f"{key}_{index}", compact({"class_name": "SeparableConv1D", "config": config})
    errors = json.loads((TESTS / "data" / "errors.json").read_text())
    for case in errors["errors"] + errors["accepts"]:
        yield case["id"], compact({"class_name": case["class_name"], "config": case["kwargs"]})


def checksum(file):
    mask = (1 << 64) - 1
    value = 0x9E3779B97F4A7C15 ^ len(file)
    for at in range(0, len(file), 8):
        if at != 32:
            value = ((value ^ int.from_bytes(file[at : at + 8], "little")) * 0xFF51AFD7ED558CCD) & mask
            value ^= value >> 32
    return value


def weights_file(layers):
    """What `sepconv compile` writes; layers are (name, problem, counts of its arrays, bytes of an element)."""

    def index_from(begin):
        lines, end = "", begin
        for name, problem, counts, width in layers:
            places = []
            for count in counts:
                places.append(f"{end}:{count}")
                end = -(-(end + count * width) // 64) * 64
            lines += "\t".join([name, problem, *places]) + "\n"
        return lines.encode(), end

    begin = -(-(64 + len(index_from(4096)[0])) // 64) * 64
    index, end = index_from(begin)
    body = index + bytes(begin - 64 - len(index)) + bytes((i * 37) % 61 for i in range(end - begin))
    head = b"sepconvW" + struct.pack("<IIQQ", 2, 64, len(index), end)
    file = head + bytes(32) + body
    return file[:32] + struct.pack("<Q", checksum(file)) + file[40:]


def weights_files():
    depthwise = "{}_nhwc_i8x8x3.dw_k3x3_p1x1x1x1_m2.bias.relu"
    separable = "{}_nchw_i1x9x2.dw_k1x3_s1x2_p0x0x2x0.conv_o4_k1x1.bias.softmax"
    yield "floats", weights_file(
        [("dw", depthwise.format("f32"), (54, 6), 4), ("a/sep", separable.format("bf16"), (6, 8, 4), 4)]
    )
    yield "doubles", weights_file([("sep", separable.format("f64strict"), (6, 8, 4), 8)])


def npy(descr, shape, data, version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    prefix = 10 if version == 1 else 12
    header = header.ljust(-(-(prefix + len(header) + 1) // 64) * 64 - prefix - 1) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def arrays():
    numbers = bytes(range(96))
    for descr, width in (("<f4", 4), ("<f8", 8), ("<f2", 2), ("<u2", 2), ("|V2", 2), ("|u1", 1)):
        yield descr.strip("<|"), npy(descr, "(2, 3)", numbers[: 6 * width])
    yield "scalar_2", npy("<f4", "()", numbers[:4], version=2)
    yield "empty", npy("<f4", "(0, 4)", b"")
    yield "fortran", npy("<f4", "(1,)", numbers[:4]).replace(b"False", b"True ")


def archives_of_arrays():
    for name in ("d1_one_pixel", "s1_causal_k1", "d2_one_pixel_k5_same"):
        yield name, zipped(members_of(GOLDENS / f"{name}.npz"))
    yield "mixed", zipped([(f"{name}.npy", content) for name, content in arrays()], zipfile.ZIP_STORED)


def lockfiles():
    table = json.loads((ROOT / "generators" / "schedules" / "tables" / "x86-64-avx2.lock.json").read_text())
    rows = table["rows"]
    rule = [
        {
            "problem": rows[0]["problem"],
            "target": "x86-64-avx2",
            "schedule": rows[0]["schedule"],
            "record": {"source": "rule"},
        },
        {
            "problem": rows[0]["problem"],
            "target": "cuda-sm80",
            "schedule": "gpu_fuse1_tf32_tq8_f1_q2_k0",
            "record": {"source": "model", "predicted": 0.75, "threads": 2},
        },
    ]
    for name, kept in (("tuned", rows[:2] + rows[-1:]), ("rule", rule), ("empty", [])):
        yield name, compact({**table, "rows": kept})


def plan_bytes():
    """What tools/plan_bytes writes: counts of 8 bytes, then the fields of the plan's structs in their order."""

    def counted(items):
        return struct.pack("<Q", len(items)) + b"".join(items)

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    def numbers(count):
        return b"\0" + struct.pack("<Q", count) + struct.pack(f"<{count}f", *range(count))

    problem = "f32_nhwc_i8x8x3.dw_k3x3_p1x1x1x1_m2.bias.relu"
    weights = counted([numbers(54), numbers(6)])
    layer = text("dw") + counted([text("dw"), text("relu")]) + text(problem) + weights + b"\1" + text("same")
    layer += struct.pack("<iiiiq", 0, 1, 0, 1, 1)
    skipped = text("conv") + text("Conv2D") + text("its window is not 1x1")
    yield "plan", counted([layer]) + counted([skipped])
    yield "empty", counted([]) + counted([])


def texts():
    table = json.loads((ROOT / "generators" / "schedules" / "tables" / "x86-64-avx2.lock.json").read_text())
    lines = [
        "gpu_fuse1_tf32_tq8_f4_q8_k16",
        "224x224x3",
        "100x40",
        "relu(0.1;4;0.5)",
        "elu(0.5)",
        "leaky_relu",
        "3.15.1",
        "2.15.0",
        "tf_keras_2",
        "keras_3",
        "opencl",
        "arm-64",
        "x86-64-avx512",
        "f16_nhwc_i7x7x8.conv_o16_k1x1",
        "f64strict_nchw_i?x?x4.dw_k3x5_s2x1_d1x2_p?x?x?x?_m2.bias.relu6.conv_o8_k1x1.bias.softmax",
    ]
    rows = table["rows"][:4] + table["rows"][-4:]
    for row in rows:
        lines += [row["problem"], row["schedule"], "\t".join([row["problem"], row["target"], row["schedule"]])]
    for target in ("x86-64-sse41", "x86-64-avx512", "arm-64", "opencl", "cuda-sm80"):
        lines.append(f"{rows[0]['problem']}\t{target}")
        lines.append(f"{rows[-1]['problem'].replace('nhwc', 'nchw')}\t{target}")
    for index, line in enumerate(lines):
        yield f"{index:02}", line.encode()


def kernel_facts():
    yield "facts", compact(
        {
            "call_scratch_bytes": 1024,
            "task_scratch_bytes": 4096,
            "flat_output": 1,
            "depthwise_panel": 8,
            "pointwise_panel": 16,
        }
    )
    yield "too_many", compact({"call_scratch_bytes": 1 << 49, "task_scratch_bytes": -1, "flat_output": 2})


SEEDS = {
    "given_weights": given_weights,
    "h5_model": h5_models,
    "keras_archive": keras_archives,
    "kernel_facts": kernel_facts,
    "layer_config": layer_configs,
    "lockfile": lockfiles,
    "model_json": model_jsons,
    "npy": arrays,
    "npz": archives_of_arrays,
    "plan_bytes": plan_bytes,
    "texts": texts,
    "tfjs": tfjs_models,
    "weights_file": weights_files,
}


def make_seeds(folder):
    for target, seeds in SEEDS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds():
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make_seeds(pathlib.Path(sys.argv[1]))
