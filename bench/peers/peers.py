"""The peers: how each adaptor is started, and which cores calls run on."""

import os
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


class Peer:
    """A command that follows the protocol, with its environment."""

    def __init__(self, command, env=None, serves=True):
        self.command = [str(word) for word in command]
        self.env = {key: str(value) for key, value in (env or {}).items()}
        self.serves = serves


# What holds a library to AVX2. The others choose by the CPU alone: onnxruntime, openvino, litert.
AVX2 = {
    "onednn": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "onednn_new": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "keras-tf": {"ONEDNN_MAX_CPU_ISA": "AVX2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    "jax": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
}


def all_peers(home, threads, isa=None):
    """By name. home: the folder that setup.sh filled; isa: None, or "avx2"."""
    home = pathlib.Path(home)
    new = home / "onednn-new" / "lib"

    def python(script):
        return [home / "bin" / "python", HERE / script]

    openmp = {"OMP_NUM_THREADS": threads}
    found = {
        "onednn": Peer([home / "build" / "onednn_gomp"], openmp),
        # The SYCL build's CPU engine needs the OpenCL CPU driver of its own wheels; its threads are TBB's.
        "onednn_new": Peer(
            [home / "build" / "onednn_new"],
            {"OCL_ICD_FILENAMES": new / "libintelocl.so", "LD_LIBRARY_PATH": new, "DPCPP_CPU_NUM_CUS": threads},
        ),
        "onnxruntime": Peer(python("adaptor_onnxruntime.py")),
        "openvino": Peer(python("adaptor_openvino.py")),
        "litert": Peer(python("adaptor_litert.py"), {"SEPCONV_PEERS": home}),
        "keras-tf": Peer(python("adaptor_tensorflow.py"), openmp),
        "jax": Peer(python("adaptor_jax.py")),
    }
    if isa == "avx2":
        for name, env in AVX2.items():
            found[name].env.update(env)
    return found


def installed_peers(home, threads, isa=None, wanted=None):
    """Those that setup.sh made, or the wanted ones of them.

    Raises ValueError for a wanted one that is not there."""
    home = pathlib.Path(home)
    marks = {name: home / f"{name}.ready" for name in all_peers(home, threads)}
    found = {name: peer for name, peer in all_peers(home, threads, isa).items() if marks[name].exists()}
    for name in wanted or ():
        if name not in found:
            raise ValueError(f"--peers: '{name}' is not set up in '{home}'; there are: {', '.join(found) or 'none'}")
    return {name: found[name] for name in wanted} if wanted else found


def cores_for(threads, given=None):
    """A list for taskset: the last cores; one thread leaves core 0, where a system's own work runs, alone."""
    if given:
        return given
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < threads:
        raise ValueError(f"--threads: {threads} of them on {len(cores)} cores measure nothing")
    return ",".join(str(core) for core in cores[-threads:])


def last_core(cores):
    """Of a list for taskset ("0,1", "0-3", "0-6:2"): where one thread runs beside them."""
    return re.findall(r"\d+", re.sub(r":\d+", "", cores))[-1]
