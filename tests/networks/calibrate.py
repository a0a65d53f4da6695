"""Draws the weights of a model so that its activations neither vanish nor saturate.

Kernels have He's scale; biases, gamma and beta are random. Then a batch goes through the model layer by layer. The
moving statistics of each BatchNormalization become those of its input, moved a little at random. A kernel whose output is
too small or too large is scaled.
"""

import keras
import numpy as np
import tensorflow as tf

SMALLEST, LARGEST = 0.5, 2.0  # standard deviation after a kernel; outside, the kernel is scaled to reach 1
BOUNDED = ("sigmoid", "hard_sigmoid", "tanh", "softmax")


def rounded(value, bits):
    """The value as float32 with BITS of its fraction kept; small files then compress well."""
    raw = np.asarray(value, "float32").view(np.uint32).astype(np.uint64)
    drop = 23 - bits
    raw = (raw + (1 << (drop - 1))) >> drop << drop if drop else raw
    return raw.astype(np.uint32).view("float32")


def fan_in(layer, name, shape):
    """Terms of each sum of a kernel."""
    if "depthwise" in name or "Depthwise" in type(layer).__name__:
        return np.prod(shape[:-2])
    if "Transpose" in type(layer).__name__:
        return np.prod(shape[:-2]) * shape[-1] / np.prod(layer.strides)
    return np.prod(shape[:-1])


def draw(layer, name, shape, rng):
    if type(layer).__name__ == "Normalization":
        return {"mean": [0.485, 0.456, 0.406], "variance": [0.0524, 0.0502, 0.0506]}[name]
    if type(layer).__name__ == "LayerScale":
        return rng.uniform(0.2, 0.6, shape)
    if name == "gamma":
        return rng.uniform(0.6, 1.4, shape)
    if name in ("beta", "bias"):
        return rng.normal(0, 0.2, shape)
    if name in ("moving_mean", "moving_variance"):
        return np.full(shape, name == "moving_variance", "float32")
    return rng.normal(0, np.sqrt(2 / fan_in(layer, name, shape)), shape)


def draw_all(model, rng, bits):
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "layers", None):
            continue
        for weight in layer.weights:
            if weight.name != "count":
                shape = tuple(weight.shape)
                weight.assign(rounded(np.reshape(draw(layer, weight.name, shape, rng), shape), bits))


def apply_normalization(model):
    """Makes each Normalization layer compute with its weights, which Keras reads only when it loads a file."""
    for layer in model.layers:
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def call(layer, *arguments, **options):
    """The layer's outputs; TensorFlow computes channels_first on a CPU only through XLA."""
    if getattr(layer, "data_format", None) == "channels_first":
        return tf.function(lambda *x: layer(*x, **options), jit_compile=True)(*arguments)
    return layer(*arguments, **options)


def take_statistics(layer, x, rng, bits):
    x = np.asarray(x)
    axes = tuple(axis for axis in range(x.ndim) if axis != layer.axis % x.ndim)
    mean, variance = x.mean(axes), np.maximum(x.var(axes), 0.01)
    mean = mean + 0.1 * np.sqrt(variance) * rng.normal(0, 1, mean.shape)
    layer.moving_mean.assign(rounded(mean, bits))
    layer.moving_variance.assign(rounded(variance * rng.uniform(0.8, 1.25, mean.shape), bits))


def scale_kernel(layer, deviation, bits):
    """Divides the kernel that is applied last by the deviation."""
    kernel = next((weight for weight in layer.weights if weight.name == "pointwise_kernel"), layer.weights[0])
    kernel.assign(rounded(np.asarray(kernel) / deviation, bits))


def calibrate(model, inputs, seed, bits=23):
    """Sets all weights of the model. BITS of each weight's fraction are kept."""
    rng = np.random.default_rng(seed)
    draw_all(model, rng, bits)
    apply_normalization(model)

    def visit(layer):
        def run(*arguments, **options):
            if isinstance(layer, keras.Sequential):
                x = arguments[0]
                for inner in layer.layers:
                    x = visit(inner)(x)
                return x
            if type(layer).__name__ == "BatchNormalization":
                take_statistics(layer, arguments[0], rng, bits)
            y = call(layer, *arguments, **options)
            kernels = any("kernel" in weight.name for weight in getattr(layer, "weights", []))
            activation = getattr(getattr(layer, "activation", None), "__name__", "")
            if kernels and activation not in BOUNDED:
                deviation = float(np.std(np.asarray(y)))
                if not SMALLEST < deviation < LARGEST:
                    scale_kernel(layer, deviation, bits)
                    y = call(layer, *arguments, **options)
            return y
        return run

    model._run_through_graph([keras.ops.convert_to_tensor(inputs)], visit)  # Keras has no public way
