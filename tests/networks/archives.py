"""Small .keras files that are the same at each making, and where a weight lies in them."""

import dataclasses
import io
import json
import re
import zipfile

import h5py
import numpy as np

DATE = (1980, 1, 1, 0, 0, 0)
WEIGHTS = "model.weights.h5"


@dataclasses.dataclass
class ChangedWeight:
    """One weight of a layer in the middle, and a value that makes the outputs wrong."""
    layer: str
    index: int       # of the weight's array in the layer
    element: int     # in that array
    value: float
    changed: float


def renumbered(config):
    """The configuration with small numbers for shared objects, where Keras writes their addresses."""
    numbers = {}

    def number(found):
        return b'"shared_object_id": %d' % numbers.setdefault(found.group(1), len(numbers) + 1)

    return re.sub(rb'"shared_object_id": (\d+)', number, config)


def save_small(model, path):
    """Saves the model; the members are compressed and bear no date."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(members["metadata.json"])
    metadata["date_saved"] = "1980-01-01@00:00:00"
    members["metadata.json"] = json.dumps(metadata).encode()
    members["config.json"] = renumbered(members["config.json"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED, 9)


def middle_weights(model):
    """Large weights of the convolution in the middle, the largest first; each would become 3 % larger."""
    kernels = [(layer, index) for layer in model.layers if not getattr(layer, "layers", None)
               for index, weight in enumerate(layer.weights) if "kernel" in weight.name and "Conv" in type(layer).__name__]
    layer, index = kernels[len(kernels) // 2]
    values = np.asarray(layer.weights[index]).ravel()
    for element in np.abs(values).argsort(kind="stable")[::-1][:32]:
        value = float(values[element])
        yield ChangedWeight(layer.name, index, int(element), value, float(np.float32(value * 1.03125)))


def apply(change, model, value):
    """Sets the weight to a value."""
    weight = model.get_layer(change.layer).weights[change.index]
    values = np.array(weight)
    values.flat[change.element] = value
    weight.assign(values)


def byte_offset(change, model, path):
    """Where the weight's four bytes lie in the file model.weights.h5 of a .keras file."""
    wanted = np.asarray(model.get_layer(change.layer).weights[change.index])
    with zipfile.ZipFile(path) as archive:
        data = archive.read(WEIGHTS)
    found = []

    def visit(_, node):
        if isinstance(node, h5py.Dataset) and node.shape == wanted.shape and np.array_equal(node[()], wanted):
            found.append(node.id.get_offset() + 4 * change.element)

    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(visit)
    assert len(found) == 1, change
    assert np.frombuffer(data, "<f4", 1, found[0])[0] == np.float32(change.value)
    return found[0]
