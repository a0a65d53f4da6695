"""Networks over time: MatchboxNet and QuartzNet for speech, and a causal temporal convolutional network."""

import keras

layers = keras.layers


def time_channel_separable(x, filters, size, name, strides=1, dilation=1, activate=True):
    """Depthwise over time, 1x1, BatchNormalization, ReLU, as NVIDIA's speech models have it."""
    x = layers.DepthwiseConv1D(size, strides=strides, dilation_rate=dilation, padding="same", use_bias=False,
                               name=f"{name}_dw")(x)
    x = layers.Conv1D(filters, 1, use_bias=False, name=f"{name}_pw")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_act")(x) if activate else x


def residual_block(x, filters, size, repeats, name):
    """Separable convolutions whose sum with a 1x1 convolution of the input is activated."""
    shortcut = layers.Conv1D(filters, 1, use_bias=False, name=f"{name}_res")(x)
    shortcut = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_res_bn")(shortcut)
    for step in range(1, repeats + 1):
        x = time_channel_separable(x, filters, size, f"{name}_{step}", activate=step < repeats)
        if step < repeats:
            x = layers.Dropout(0.1, name=f"{name}_{step}_dropout")(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.Activation("relu", name=f"{name}_act")(x)


def matchboxnet(narrow, activation):
    """Speech commands, after Majumdar and Ginsburg, "MatchboxNet" (2020): 3 blocks of 2."""
    steps, mels, wide, filters = (40, 16, 20, 12) if narrow else (128, 64, 128, 64)
    sound = layers.Input((steps, mels), name="mfcc")
    x = time_channel_separable(sound, wide, 11, "prologue", strides=2)
    for block, size in enumerate((13, 15, 17), start=1):
        x = residual_block(x, filters, size, 2, f"block{block}")
    x = time_channel_separable(x, wide, 29, "epilogue1", dilation=2)
    x = layers.Conv1D(wide, 1, use_bias=False, name="epilogue2")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name="epilogue2_bn")(x)
    x = layers.Activation("relu", name="epilogue2_act")(x)
    x = layers.Conv1D(12, 1, name="classes")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Activation(activation, name="predictions")(x)
    return keras.Model(sound, x, name="matchboxnet")


def quartznet(narrow, activation):
    """Letters from speech, after Kriman et al., "QuartzNet" (2019), with 3 convolutions a block instead of 5."""
    steps, mels = (48, 16) if narrow else (256, 64)
    scale = 20 if narrow else 1
    repeats = 2 if narrow else 3
    sound = layers.Input((steps, mels), name="mels")
    x = time_channel_separable(sound, 256 // scale, 33, "prologue", strides=2)
    for block, (size, filters) in enumerate([(33, 256), (39, 256), (51, 512), (63, 512), (75, 512)], start=1):
        x = residual_block(x, filters // scale, size, repeats, f"block{block}")
    x = time_channel_separable(x, 512 // scale, 87, "epilogue1", dilation=2)
    x = layers.Conv1D(1024 // scale, 1, use_bias=False, name="epilogue2")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name="epilogue2_bn")(x)
    x = layers.Activation("relu", name="epilogue2_act")(x)
    x = layers.Conv1D(29, 1, activation=activation, name="letters")(x)
    return keras.Model(sound, x, name="quartznet")


def tcn(narrow, activation):
    """A causal temporal convolutional network: dilations 1 to 32, causal Conv1D and padded separable layers in turn."""
    steps, inputs, filters = (50, 6, 14) if narrow else (256, 20, 48)
    frames = layers.Input((steps, inputs), name="frames")
    x = layers.Conv1D(filters, 3, padding="causal", activation="relu", name="stem")(frames)
    for block in range(6):
        dilation = 2 ** block
        if block % 2 == 0:
            y = layers.Conv1D(filters, 3, padding="causal", dilation_rate=dilation, name=f"block{block}_conv")(x)
        else:
            y = layers.ZeroPadding1D((2 * dilation, 0), name=f"block{block}_pad")(x)
            y = layers.SeparableConv1D(filters, 3, dilation_rate=dilation, name=f"block{block}_conv")(y)
        y = layers.BatchNormalization(name=f"block{block}_bn")(y)
        y = layers.Activation("relu", name=f"block{block}_relu")(y)
        y = layers.SpatialDropout1D(0.1, name=f"block{block}_dropout")(y)
        x = layers.Add(name=f"block{block}_add")([y, x])
    x = layers.Conv1D(8, 1, activation=activation, name="labels")(x)
    return keras.Model(frames, x, name="tcn")
