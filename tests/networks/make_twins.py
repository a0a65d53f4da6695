#!/usr/bin/env python3
"""Makes the narrow networks of tests/data/networks with Keras; the tests only read the files.

    tests/networks/setup.sh
    build/keras/bin/python tests/networks/make_twins.py [NAME ...]

NAME.keras has the output of each block and then the last one before the softmax as outputs. NAME_io.npz has "input" and
each output, computed in float64 and stored in float32. networks.json lists for each network the outputs with Keras' own
float32 error, the limit, the largest value and the standard deviation. It also names one weight in the middle, whose change
makes a run fail.

The numbers depend on the versions in setup.sh: replace all files of a network together.
"""

import argparse
import io
import json
import os
import pathlib
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402

import archives  # noqa: E402
import networks  # noqa: E402
import reference  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "networks"
MEASURED = 16  # inputs that Keras' error is taken from
STORED_VALUES = 6000  # of the outputs of a network; 2 inputs are stored where they fit, otherwise 1
MOST_BYTES = 1 << 20


def significant(number):
    return float(f"{number:.4g}")


def save_arrays(path, arrays):
    """As numpy.savez_compressed, without the time of writing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", archives.DATE), buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


def describe_change(made, path, count):
    """The manifest's entry of one changed weight."""
    change = reference.noticed_change(made, count)
    return {"layer": change.layer, "member": archives.WEIGHTS, "offset": archives.byte_offset(change, made.model, path),
            "value": change.value, "changed": change.changed}


def make_twin(name):
    made = reference.make_reference(name, True, MEASURED)
    values = sum(output.values[0].size for output in made.outputs)
    count = 2 if 2 * values <= STORED_VALUES else 1
    path = FOLDER / f"{name}.keras"
    archives.save_small(made.cut, path)
    reference.check_file(made, path)
    arrays = {"input": made.inputs[:count]}
    outputs = []
    for output in made.outputs:
        arrays[output.name] = output.values[:count].astype("float32")
        outputs.append({"name": output.name, "shape": list(arrays[output.name].shape)}
                       | {key: significant(getattr(output, key)) for key in ("keras_error", "limit", "largest", "deviation")})
    save_arrays(FOLDER / f"{name}_io.npz", arrays)
    deviations = [output.deviation for output in made.outputs]
    print(f"{name:20} {made.model.count_params():7} weights, {len(made.model.operations):4} layers, {count} inputs, standard "
          f"deviations {' '.join(f'{value:.2f}' for value in deviations)}", flush=True)
    return {"name": name, "file": path.name, "io": f"{name}_io.npz", "seed": made.seed,
            "layers": len(made.model.operations),
            "input": {"name": made.model.inputs[0].name, "shape": list(arrays["input"].shape)},
            "outputs": outputs, "middle_weight": describe_change(made, path, count)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks to make; all when none is named")
    names = parser.parse_args().names or list(networks.NETWORKS)
    if unknown := set(names) - set(networks.NETWORKS):
        parser.error(f"unknown network {sorted(unknown)[0]}; known: {', '.join(networks.NETWORKS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    manifest = FOLDER / "networks.json"
    rows = {row["name"]: row for row in json.loads(manifest.read_text())["networks"]} if manifest.exists() else {}
    rows |= {name: make_twin(name) for name in names}
    ordered = [rows[name] for name in networks.NETWORKS if name in rows]
    text = ",\n".join("  " + json.dumps(row) for row in ordered)
    manifest.write_text(f'{{"format": 1, "networks": [\n{text}\n]}}\n')
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{total} bytes")
    assert total <= MOST_BYTES


if __name__ == "__main__":
    main()
