"""Small networks for sounds, faces and brain waves: DS-CNN, mini_XCEPTION and EEGNet."""

import keras

layers = keras.layers


def normalized(x, name, axis=-1, activation="relu"):
    x = layers.BatchNormalization(axis=axis, name=f"{name}_bn")(x)
    return layers.Activation(activation, name=f"{name}_act")(x)


def ds_cnn(narrow, activation):
    """Keyword spotting on the microcontroller, after Zhang et al., "Hello Edge" (2017)."""
    filters = 10 if narrow else 64
    sound = layers.Input((49, 10, 1), name="mfcc")
    x = layers.Conv2D(filters, (10, 4), strides=2, padding="same", name="conv")(sound)
    x = normalized(x, "conv")
    x = layers.Dropout(0.2, name="dropout")(x)
    for block in range(1, 5):
        x = layers.DepthwiseConv2D(3, padding="same", name=f"dw{block}")(x)
        x = normalized(x, f"dw{block}")
        x = layers.Conv2D(filters, 1, name=f"pw{block}")(x)
        x = normalized(x, f"pw{block}")
    x = layers.Dropout(0.4, name="dropout_2")(x)
    x = layers.AveragePooling2D((25, 5), name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(12, activation=activation, name="predictions")(x)
    return keras.Model(sound, x, name="ds_cnn")


def mini_xception(narrow, activation):
    """Emotions from faces, after Arriaga et al., "Real-time Convolutional Neural Networks" (2017)."""
    size, widths = (28, (4, 6, 8)) if narrow else (64, (16, 32, 64, 128))
    face = layers.Input((size, size, 1), name="face")
    x = face
    for index in (1, 2):
        x = layers.Conv2D(5 if narrow else 8, 3, use_bias=False, name=f"conv{index}")(x)
        x = normalized(x, f"conv{index}")
    for block, filters in enumerate(widths, start=1):
        shortcut = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False, name=f"block{block}_res")(x)
        shortcut = layers.BatchNormalization(name=f"block{block}_res_bn")(shortcut)
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"block{block}_sep1")(x)
        x = normalized(x, f"block{block}_sep1")
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"block{block}_sep2")(x)
        x = layers.BatchNormalization(name=f"block{block}_sep2_bn")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
        x = layers.Add(name=f"block{block}_add")([x, shortcut])
    x = layers.Conv2D(7, 3, padding="same", name="classes")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Activation(activation, name="predictions")(x)
    return keras.Model(face, x, name="mini_xception")


def eegnet(narrow, activation, data_format):
    """Brain waves, after Lawhern et al., "EEGNet" (2018): the window of the depthwise layer covers all electrodes."""
    electrodes, samples, filters, window = (7, 64, 4, 16) if narrow else (64, 128, 8, 64)
    first = data_format == "channels_first"
    axis = 1 if first else -1
    same = {"padding": "same", "use_bias": False, "data_format": data_format}
    waves = layers.Input((1, electrodes, samples) if first else (electrodes, samples, 1), name="waves")
    x = layers.Conv2D(filters, (1, window), name="temporal", **same)(waves)
    x = layers.BatchNormalization(axis=axis, name="temporal_bn")(x)
    x = layers.DepthwiseConv2D((electrodes, 1), depth_multiplier=2, use_bias=False, data_format=data_format,
                               depthwise_constraint=keras.constraints.MaxNorm(1.0), name="spatial")(x)
    x = normalized(x, "spatial", axis, "elu")
    x = layers.AveragePooling2D((1, 4), data_format=data_format, name="pool1")(x)
    x = layers.Dropout(0.5, name="dropout1")(x)
    x = layers.SeparableConv2D(2 * filters, (1, 16), name="separable", **same)(x)
    x = normalized(x, "separable", axis, "elu")
    x = layers.AveragePooling2D((1, 8), data_format=data_format, name="pool2")(x)
    x = layers.Dropout(0.5, name="dropout2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4, activation=activation, kernel_constraint=keras.constraints.MaxNorm(0.25), name="predictions")(x)
    return keras.Model(waves, x, name="eegnet")


def eegnet_last(narrow, activation):
    return eegnet(narrow, activation, "channels_last")


def eegnet_first(narrow, activation):
    return eegnet(narrow, activation, "channels_first")
