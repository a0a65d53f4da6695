#!/usr/bin/env python3
"""Trains the network of this example and writes the files that the program is built from. The files are committed: building
and running the example needs neither Keras nor scikit-learn.

    tests/networks/setup.sh && build/keras/bin/python -m pip install scikit-learn==1.9.1
    build/keras/bin/python examples/digits/train.py

digits.keras        the trained network, without the state of the optimizer
images.npy          [360, 8, 8] uint8: the test images, 0 to 16
labels.npy          [360] uint8: their digits
probabilities.npy   [360, 10] float32: what Keras computes for them

The numbers depend on the versions and on the machine: replace all four files together.
"""

import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "networks"))

import archives  # noqa: E402

TEST_IMAGES = 360
LEAST_ACCURACY = 0.97
MOST_BYTES = 100_000
layers = keras.layers


def separable(x, filters, name, strides=1):
    x = layers.SeparableConv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def build():
    """A stem, three separable blocks with one residual addition, and a classifier."""
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("relu", name="stem_relu")(x)
    x = separable(x, 32, "block1")
    shortcut = x = separable(x, 64, "block2", strides=2)
    x = separable(x, 64, "block3a")
    x = separable(x, 64, "block3b")
    x = layers.Add(name="block3_add")([x, shortcut])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(10, activation="softmax", name="digit")(x)
    return keras.Model(image, x, name="digits")


def train(model, images, labels):
    steps = 40 * (len(images) // 32)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
                  "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=40, verbose=0)


def main():
    keras.utils.set_random_seed(1)
    data = load_digits()
    pixels = data.images.astype("uint8")
    train_pixels, pixels, train_labels, labels = train_test_split(pixels, data.target.astype("uint8"), test_size=TEST_IMAGES,
                                                                  random_state=0, stratify=data.target)
    model = build()
    train(model, train_pixels[..., None].astype("float32") / 16, train_labels)
    probabilities = np.asarray(model(pixels[..., None].astype("float32") / 16))
    accuracy = float((probabilities.argmax(1) == labels).mean())
    size = 4 * model.count_params()
    print(f"{model.count_params()} weights, {size} bytes, accuracy {accuracy:.4f} on {len(labels)} test images")
    if accuracy < LEAST_ACCURACY or size > MOST_BYTES:
        sys.exit("digits: the network is not accurate or not small enough")
    trained = build()  # never compiled: it has no optimizer to save
    trained.set_weights(model.get_weights())
    archives.save_small(trained, HERE / "digits.keras")
    for name, array in {"images": pixels, "labels": labels, "probabilities": probabilities}.items():
        np.save(HERE / f"{name}.npy", array)


if __name__ == "__main__":
    main()
