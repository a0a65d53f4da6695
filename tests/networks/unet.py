"""U-Nets with separable convolutions: one enlarges by repetition, one by transposed convolutions."""

import keras

layers = keras.layers


def step(x, filters, name):
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_sep")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_act")(x)


def unet(narrow, activation, enlarge):
    size, widths = (16, (4, 6, 10)) if narrow else (128, (32, 64, 128))
    image = layers.Input((size, size, 3), name="image")
    x = layers.Conv2D(widths[0], 3, padding="same", activation="relu", name="stem")(image)
    skips = []
    for level, filters in enumerate(widths, start=1):
        x = step(step(x, filters, f"down{level}_1"), filters, f"down{level}_2")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
    x = step(x, 2 * widths[-1], "bottom")
    for level, filters in reversed(list(enumerate(widths, start=1))):
        x = enlarge(x, filters, f"up{level}")
        x = layers.Concatenate(name=f"up{level}_join")([x, skips[level - 1]])
        x = step(step(x, filters, f"up{level}_1"), filters, f"up{level}_2")
    x = layers.Conv2D(4, 1, activation=activation, name="labels")(x)
    return keras.Model(image, x, name="unet")


def unet_upsampling(narrow, activation):
    def enlarge(x, filters, name):
        x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_larger")(x)
        return layers.Conv2D(filters, 1, name=f"{name}_conv")(x)

    return unet(narrow, activation, enlarge)


def unet_transpose(narrow, activation):
    def enlarge(x, filters, name):
        return layers.Conv2DTranspose(filters, 3, strides=2, padding="same", name=f"{name}_larger")(x)

    return unet(narrow, activation, enlarge)
