"""What Keras computes for a network: in float32, and as the reference in float64 with the same weights."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

import archives
import calibrate
import inputs
import networks

LEAST_DEVIATION, MOST_DEVIATION = 0.1, 10.0  # of the values after a block
AGREEMENT = 1e-3  # between float32 and float64, of the largest value; more would be another network
FACTOR = 4  # how many times Keras' own error is allowed
SHARE = 1e-4  # of the largest value, allowed at most


@dataclasses.dataclass
class Output:
    name: str
    values: np.ndarray   # float64
    keras_error: float   # largest difference of Keras' float32 from float64, over all inputs
    largest: float
    deviation: float     # standard deviation over all inputs
    limit: float


@dataclasses.dataclass
class Reference:
    name: str
    model: keras.Model   # float32, without the last softmax
    cut: keras.Model     # the same with the output of each block
    seed: int
    inputs: np.ndarray
    outputs: list


def evaluate(model, x):
    """The outputs as arrays. TensorFlow computes channels_first on a CPU only through XLA."""
    first = any(getattr(layer, "data_format", None) == "channels_first" for layer in model.layers)
    y = tf.function(model, jit_compile=first)(tf.constant(x))
    return [np.asarray(one) for one in (y if isinstance(y, (list, tuple)) else [y])]


def describe(name, single, double, least=LEAST_DEVIATION):
    """Keras' error and the limit of one output, whose standard deviation must be at least LEAST."""
    if not np.isfinite(double).all():
        raise ValueError(f"{name}: not finite")
    largest = float(np.abs(double).max())
    error = float(np.abs(single - double).max())
    deviation = float(double.std())
    if error > AGREEMENT * largest:
        raise ValueError(f"{name}: float32 and float64 differ by {error:.3g}, of {largest:.3g}")
    if not least <= deviation <= MOST_DEVIATION:
        raise ValueError(f"{name}: the standard deviation is {deviation:.3g}")
    return Output(name, double, error, largest, deviation, min(FACTOR * error, SHARE * largest))


def make_reference(name, narrow, count):
    """Builds the network, sets its weights, and computes COUNT inputs in both precisions."""
    seed = sum(name.encode())
    image = networks.NETWORKS[name].image
    model = networks.build(name, narrow, None)
    shape = model.input_shape[1:]
    batch = inputs.make_inputs(seed + 1, shape, 64 if narrow else 8, image)
    calibrate.calibrate(model, batch, seed, 7 if narrow else 23)
    cut, names = networks.cut_model(name, model)
    double = networks.build(name, narrow, None, "float64")
    double.set_weights(model.get_weights())
    calibrate.apply_normalization(double)
    double, double_names = networks.cut_model(name, double)
    assert names == double_names and double.outputs[-1].dtype == "float64"
    x = inputs.make_inputs(seed, shape, count, image)
    pairs = zip(names, evaluate(cut, x), evaluate(double, x.astype("float64")))
    return Reference(name, model, cut, seed, x, [describe(*pair) for pair in pairs])


def check_file(reference, path):
    """Raises an error unless the saved model, cut into blocks, computes the same as the one that was saved."""
    if misses(reference, keras.models.load_model(path, compile=False)):
        raise ValueError(f"{path}: Keras computes something else from this file than from the model that it saved")


def misses(reference, model, count=None):
    """Whether Keras' float32 outputs of another model, for the first COUNT inputs, are outside the limits."""
    return any(np.abs(y - output.values[:count]).max() > output.limit
               for y, output in zip(evaluate(model, reference.inputs[:count]), reference.outputs))


def noticed_change(reference, count):
    """A weight in the middle whose change Keras' outputs for the first COUNT inputs show."""
    for change in archives.middle_weights(reference.model):
        archives.apply(change, reference.model, change.changed)
        noticed = misses(reference, reference.cut, count)
        archives.apply(change, reference.model, change.value)
        if noticed:
            return change
    raise ValueError(f"{reference.name}: changed weights in the middle make no difference")
