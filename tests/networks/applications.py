"""Networks of keras.applications, full and narrow.

A narrow network has the layer kinds and the wiring of the full one, and a few thousand weights. Where
keras.applications offers no such width, the network is cut off early or written here.
"""

import keras
from keras.src.applications import convnext, efficientnet, mobilenet_v3, nasnet  # their builders take other widths

layers = keras.layers
CLASSES = 10  # of a narrow network


def mobilenet_v1(narrow, activation):
    if narrow:
        return keras.applications.MobileNet((32, 32, 3), alpha=0.08, weights=None, classes=CLASSES,
                                            classifier_activation=activation)
    return keras.applications.MobileNet(weights=None, classifier_activation=activation)


def mobilenet_v2(narrow, activation):
    """The narrow one ends after 10 of 17 blocks, since the later ones have no fewer than 16 channels."""
    if not narrow:
        return keras.applications.MobileNetV2(weights=None, classifier_activation=activation)
    whole = keras.applications.MobileNetV2((32, 32, 3), alpha=0.1, weights=None, include_top=False)
    x = whole.get_layer("block_9_add").output
    x = layers.Conv2D(20, 1, use_bias=False, name="Conv_1")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name="Conv_1_bn")(x)
    x = layers.ReLU(6.0, name="out_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(CLASSES, activation=activation, name="predictions")(x)
    return keras.Model(whole.input, x, name="mobilenet_v2")


def narrow_v3_blocks(x, kernel, activation, se_ratio):
    """Blocks with ReLU and hard-swish, with 3x3 and 5x5 windows, with strides and residual additions."""
    block, relu = mobilenet_v3._inverted_res_block, mobilenet_v3.relu
    x = block(x, 1, 8, 3, 2, se_ratio, relu, 0)
    x = block(x, 3, 8, 3, 1, None, relu, 1)
    x = block(x, 4, 12, kernel, 2, se_ratio, activation, 2)
    x = block(x, 4, 12, kernel, 1, se_ratio, activation, 3)
    x = block(x, 3, 14, kernel, 2, se_ratio, activation, 4)
    return block(x, 3, 14, kernel, 1, se_ratio, activation, 5)


def mobilenet_v3_small(narrow, activation):
    if narrow:
        return mobilenet_v3.MobileNetV3(narrow_v3_blocks, 24, (32, 32, 3), weights=None, classes=CLASSES,
                                        classifier_activation=activation, name="MobileNetV3Small")
    return keras.applications.MobileNetV3Small((224, 224, 3), weights=None, classifier_activation=activation)


def efficientnet_b0(narrow, activation):
    if narrow:
        return efficientnet.EfficientNet(0.06, 0.5, 32, depth_divisor=4, weights=None, input_shape=(32, 32, 3),
                                         classes=CLASSES, classifier_activation=activation, name="efficientnetb0")
    return keras.applications.EfficientNetB0(weights=None, classifier_activation=activation)


def nasnet_mobile(narrow, activation):
    if narrow:
        return nasnet.NASNet((32, 32, 3), 96, 1, 8, True, 2, weights=None, classes=CLASSES,
                             classifier_activation=activation)
    return keras.applications.NASNetMobile((224, 224, 3), weights=None, classifier_activation=activation)


def xception_separable(x, filters, name, activate=True):
    if activate:
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def xception_shortcut(x, filters, name):
    x = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def narrow_xception(activation):
    """Entry, middle and exit flow of Xception with one middle block."""
    image = layers.Input((39, 39, 3), name="image")
    x = image
    for index, (filters, stride) in enumerate([(6, 2), (10, 1)], start=1):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"block1_conv{index}")(x)
        x = layers.BatchNormalization(name=f"block1_conv{index}_bn")(x)
        x = layers.Activation("relu", name=f"block1_conv{index}_act")(x)
    for block, filters in enumerate([12, 20, 24], start=2):
        shortcut = xception_shortcut(x, filters, f"block{block}_res")
        x = xception_separable(x, filters, f"block{block}_sepconv1", activate=block > 2)
        x = xception_separable(x, filters, f"block{block}_sepconv2")
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
        x = layers.Add(name=f"block{block}_add")([x, shortcut])
    shortcut = x
    for step in (1, 2, 3):
        x = xception_separable(x, 24, f"block5_sepconv{step}")
    x = layers.Add(name="block5_add")([x, shortcut])
    shortcut = xception_shortcut(x, 30, "block13_res")
    x = xception_separable(x, 24, "block13_sepconv1")
    x = xception_separable(x, 30, "block13_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="block13_pool")(x)
    x = layers.Add(name="block13_add")([x, shortcut])
    for step, filters in enumerate([36, 48], start=1):
        x = xception_separable(x, filters, f"block14_sepconv{step}", activate=False)
        x = layers.Activation("relu", name=f"block14_sepconv{step}_act")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(CLASSES, activation=activation, name="predictions")(x)
    return keras.Model(image, x, name="xception")


def xception(narrow, activation):
    if narrow:
        return narrow_xception(activation)
    return keras.applications.Xception(input_shape=(71, 71, 3), weights=None, classifier_activation=activation)


def convnext_tiny(narrow, activation):
    if narrow:
        return convnext.ConvNeXt([1, 1, 2, 1], [6, 10, 14, 20], input_shape=(64, 64, 3), classes=CLASSES,
                                 classifier_activation=activation, name="convnext_tiny")
    return keras.applications.ConvNeXtTiny(input_shape=(64, 64, 3), weights=None, classifier_activation=activation)
