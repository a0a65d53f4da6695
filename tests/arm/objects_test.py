#!/usr/bin/env python3
"""Compiles kernels for each ARM target and checks their objects' file format and machine; and whole libraries.

usage: objects_test.py GENERATOR SEPCONV LAYERS.json
"""

import concurrent.futures
import os
import struct
import subprocess
import sys
import tempfile

ELF, MACH_O = "ELF", "Mach-O"
FORMATS = {
    "arm-64": ELF,
    "arm-64-android": ELF,
    "arm-64-android-fp16": ELF,
    "arm-64-fp16": ELF,
    "arm-64-osx": MACH_O,
}
# Each operation, data format and type; windows of one and two axes; extents known and not.
PROBLEMS = (
    "f32_nhwc_i7x7x5.dw_k3x3_p1x1x1x1_m2.conv_o6_k1x1.bias.relu",
    "f32_nchw_i7x9x8.dw_k3x3_s2x2_p0x1x0x1.bias.relu6.conv_o16_k1x1.bias.gelu",
    "f16_nhwc_i1x20x8.dw_k1x5_d1x2_p0x0x8x0.conv_o16_k1x1.bias.silu",
    "f16_nchw_i9x9x4.dw_k3x3.tanh",
    "bf16_nhwc_i?x?x12.dw_k5x5_p?x?x?x?_m2.bias",
    "f64_nhwc_i6x6x7.conv_o9_k1x1.bias.sigmoid",
)


def format_of(data):
    """(format, whether it is a relocatable object for 64-bit ARM)."""
    if data[:4] == b"\x7fELF":
        kind, machine = struct.unpack_from("<HH", data, 16)
        return ELF, data[4] == 2 and kind == 1 and machine == 183
    if data[:4] == b"\xcf\xfa\xed\xfe":
        machine, _, kind = struct.unpack_from("<III", data, 4)
        return MACH_O, machine == 0x0100000C and kind == 1
    return "unknown", False


def fault_of(generator, folder, target, problem):
    """Why the object is wrong; None if it is right."""
    symbol = f"kernel_{len(problem)}_{abs(hash((target, problem)))}"
    argv = [generator, "--problem", problem, "--target", target, "--symbol", symbol, "--output", folder]
    result = subprocess.run(argv, capture_output=True, text=True)
    if result.returncode != 0:
        return f"{target} {problem}: {result.stderr.strip()}"
    with open(os.path.join(folder, symbol + ".o"), "rb") as file:
        found, is_arm_object = format_of(file.read())
    if found != FORMATS[target] or not is_arm_object:
        return f"{target} {problem}: expected a {FORMATS[target]} object for arm64, got {found}"
    return None


def library_fault(sepconv, layers, folder, target):
    """Why the library that `sepconv compile` makes for the target is wrong; None if it is right."""
    argv = [sepconv, "compile", layers, "--name", "objects", "-o", os.path.join(folder, target), "--target", target]
    result = subprocess.run(argv + ["--no-cache"], capture_output=True, text=True)
    if result.returncode != 0:
        return f"library for {target}: {result.stderr.strip()}"
    with open(os.path.join(folder, target, "libobjects.a"), "rb") as file:
        archive = file.read()
    magic = {ELF: b"\x7fELF", MACH_O: b"\xcf\xfa\xed\xfe"}[FORMATS[target]]
    if not archive.startswith(b"!<arch>\n") or magic not in archive:
        return f"library for {target}: no archive of {FORMATS[target]} objects"
    prefix = b"_" if FORMATS[target] == MACH_O else b""
    if b"\0" + prefix + b"sepconv_abi1_parallel_for\0" not in archive or b"halide_malloc" in archive:
        return f"library for {target}: the runtime's calls are not renamed"
    return None


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    generator, sepconv, layers = sys.argv[1:]
    pairs = [(t, p) for t in FORMATS for p in PROBLEMS if "_f16_" in p or not t.endswith("fp16")]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults = [f for f in pool.map(lambda pair: fault_of(generator, folder, *pair), pairs) if f]
        libraries = [target for target in FORMATS if not target.endswith("fp16")]
        library_faults = [f for t in libraries if (f := library_fault(sepconv, layers, folder, t))]
    for fault in faults + library_faults:
        print(fault)
    print(f"{len(pairs) - len(faults)} of {len(pairs)} objects and {len(libraries) - len(library_faults)} of "
          f"{len(libraries)} libraries are right")
    sys.exit(1 if faults or library_faults else 0)


if __name__ == "__main__":
    main()
