#!/usr/bin/env python3
"""Writes short.tsv and long.tsv without schedules and digests, which `kernel_digests.py write` then adds.

    make_lists.py [--sepconv PROGRAM]

long   every problem of the suites and of the golden cases on the six main targets, and CHOSEN of the tests' problems in
       every mode (as it is, dynamic, strict, in the other layout) on all targets whose objects can be read
short  60 kernels with each generator, placement, layout and target among them; small ones, which compile fast
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import kernel_digests
from kernel_digests import GIVEN, Kernel

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
SUITES = ["peers", "networks", "dtypes"]
MAIN_TARGETS = ["x86-64-avx2", "x86-64-avx512", "x86-64-sse41", "arm-64", "cuda-sm70", "opencl"]
# Mach-O objects are not read: their code is that of arm-64-fp16.
OTHER_TARGETS = ["x86-64-avx512-bf16", "arm-64-fp16", "arm-64-android", "cuda-sm50", "cuda-sm80", "cuda-sm86"]
CHOSEN = 40


def problems_of(sepconv, path):
    """The problems of a suite or list of layers, each once, in order."""
    text = subprocess.run([sepconv, "inspect", path, "--json"], check=True, capture_output=True, text=True).stdout
    return list(dict.fromkeys(layer["problem"] for layer in json.loads(text)["layers"]))


def golden_problems(sepconv):
    cases = json.loads((ROOT / "tests/data/goldens/cases.json").read_text())["cases"]
    problems = []
    for case in cases:
        layer = {
            "class_name": case["layer"]["class_name"],
            "config": case["layer"]["config"] | {"name": case["name"]},
            "input_shape": [None, *case["input_shape"][1:]],
        }
        if case["api"] == "tf_keras2":
            layer["api"] = "tf_keras2"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([layer], file)
            file.flush()
            problems += problems_of(sepconv, file.name)
    return list(dict.fromkeys(problems))


def with_first_stage(problem, head, pads):
    """Another head, and other pads in the first stage."""
    _, first, *rest = problem.split(".", 2)
    window, _, multiplier = re.sub(r"_p[0-9x?]+", "", first).partition("_m")
    return ".".join([head, window + pads + (f"_m{multiplier}" if multiplier else ""), *rest])


def dynamic(problem):
    """With extents that are known at run time only; those of a 1-D problem's rows stay."""
    head, first, *_ = problem.split(".", 2)
    if "_i1x" in head and "_k1x" in first:
        return with_first_stage(problem, re.sub(r"_i1x\d+x", "_i1x?x", head), "_p0x0x?x?")
    return with_first_stage(problem, re.sub(r"_i\d+x\d+x", "_i?x?x", head), "_p?x?x?x?")


def strict(problem):
    return re.sub(r"^([a-z0-9]+)_", r"\1strict_", problem)


def other_layout(problem):
    return problem.replace("_nhwc_", "_nchw_") if "_nhwc_" in problem else problem.replace("_nchw_", "_nhwc_")


def served(problem, target):
    """The problem, or the like of it that the target has kernels for."""
    if target == "arm-64-fp16":
        return re.sub("^f32(strict)?_", "f16_", problem)
    if target == "x86-64-avx512-bf16":
        return re.sub("^f32(strict)?_", "bf16_", problem)
    if "?" in problem and target.startswith(("cuda", "opencl")):
        head = problem.split(".", 1)[0].replace("_i1x?x", "_i1x35x").replace("_i?x?x", "_i37x41x")
        return with_first_stage(problem, head, "")
    return problem


def long_list(sepconv):
    problems = [p for suite in SUITES for p in problems_of(sepconv, ROOT / f"bench/suites/{suite}.json")]
    problems = list(dict.fromkeys(problems + golden_problems(sepconv)))
    small = problems_of(sepconv, ROOT / "tests/kernels/layers.json")
    chosen = [small[i * len(small) // CHOSEN] for i in range(CHOSEN)]
    modes = [lambda p: p, dynamic, strict, other_layout]
    pairs = [(p, t) for p in problems for t in MAIN_TARGETS]
    pairs += [(mode(p), t) for p in chosen for mode in modes for t in MAIN_TARGETS + OTHER_TARGETS]
    return [Kernel(*pair) for pair in dict.fromkeys(pairs)]


def short_list(sepconv):
    small = problems_of(sepconv, ROOT / "tests/kernels/layers.json")
    targets = MAIN_TARGETS + OTHER_TARGETS  # 12
    modes = [lambda p: p, dynamic, other_layout, strict, lambda p: other_layout(dynamic(p))]
    spread = [small[i * len(small) // 47] for i in range(47)] + [JOINED]
    kernels = [Kernel(served(modes[i // 2 % 5](p), targets[i % 12]), targets[i % 12]) for i, p in enumerate(spread)]
    return kernels + [Kernel(*pair.split(), GIVEN, schedule) for pair, schedule in GIVEN_SCHEDULES]


# Placements and generators that the rules choose for larger layers, or never.
SEPARABLE = "f32_{}_i9x8x16.dw_k3x3_p1x1x1x1.conv_o24_k1x1.bias.relu {}"
JOINED = "f32_nhwc_i9x8x16.dw_k3x3_p1x1x1x1.bias.relu6.conv_o24_k1x1.bias.silu"
NHWC, NCHW = "nhwc", "nchw"
GIVEN_SCHEDULES = [
    (SEPARABLE.format(layout, target), schedule)
    for layout, target, schedule in [
        (NHWC, "x86-64-avx2", "block_fuse0_flat0_oh1_ow8.dw_c8_ow4_pad1.pw_mr4_nr16_ku2_vf1"),
        (NHWC, "x86-64-avx2", "block_fuse1_flat0_oh3_ow8.dw_c8_ow4_pad0.pw_mr4_nr16_ku2_vf1"),
        (NHWC, "x86-64-avx2", "block_fuse1_flat1_oh3_ow8.dw_c8_ow4_pad1.pw_mr4_nr16_ku2_vf1"),
        (NHWC, "x86-64-avx2", "block_fuse1_flat2_oh3_ow8.dw_c8_ow4_pad1.pw_mr4_nr16_ku2_vf1"),
        (NHWC, "x86-64-avx2", "block_fuse1_flat0_oh3_ow8_spread16.dw_c8_ow4_pad1_cb16.pw_mr4_nr16_ku2_vf1"),
        (NCHW, "x86-64-avx2", "block_fuse1_flat1_oh3_ow8.dw_c8_ow8_pad1.pw_mr8_nr8_ku2_vf0"),
        (NCHW, "x86-64-avx2", "block_fuse1_flat0_oh3_ow8.dw_c8_ow8_pad1.pw_mr4_nr16_ku2_vf1"),
        (NCHW, "x86-64-avx2", "block_fuse1_flat1_oh3_ow8.dw_c8_ow4_pad1_vc1.pw_mr4_nr16_ku2_vf1"),
        (NCHW, "arm-64", "block_fuse1_flat1_oh3_ow8.dw_c8_ow4_pad1_vc1.pw_mr4_nr8_ku2_vf1"),
        (NHWC, "opencl", "gpu_fuse0_tf8_tq8_f2_q2_k8"),
        (NHWC, "x86-64-avx2", "halide-mullapudi2016"),
        (NHWC, "arm-64", "halide-mullapudi2016"),
    ]
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", default=ROOT / "build/release/tools/sepconv")
    sepconv = parser.parse_args().sepconv
    for name, kernels in (("short", short_list(sepconv)), ("long", long_list(sepconv))):
        kernel_digests.write_list(FOLDER / f"{name}.tsv", "no versions yet", kernels)
        print(f"{name}: {len(kernels)} kernels")


if __name__ == "__main__":
    main()
