"""The list of networks: how each is built, which layers end its blocks, and what it reads.

build(name, narrow, activation) returns a Keras model; activation None leaves out the last softmax.
"""

import dataclasses
import re
from collections.abc import Callable

import keras

import applications
import sequences
import small_images
import unet


@dataclasses.dataclass
class Network:
    build: Callable          # (narrow, activation) -> keras.Model
    blocks: str              # pattern of the names of the layers after which the check compares
    image: bool = True       # reads pixels from 0 to 255, otherwise numbers near 0


NETWORKS = {
    "mobilenet_v1": Network(applications.mobilenet_v1, r"conv1_relu|conv_pw_\d+_relu"),
    "mobilenet_v2": Network(applications.mobilenet_v2, r"expanded_conv_project_BN|block_\d+_(project_BN|add)|out_relu"),
    "mobilenet_v3_small": Network(applications.mobilenet_v3_small, r"expanded_conv(_\d+)?_(project_bn|add)|conv_1_bn"),
    "efficientnet_b0": Network(applications.efficientnet_b0, r"block\d[a-z]_(project_bn|add)|top_activation"),
    "nasnet_mobile": Network(applications.nasnet_mobile, r"(normal|reduction)_concat_\w+"),
    "xception": Network(applications.xception, r"block1_conv2_act|block\d+_add|add(_\d+)?|block14_sepconv2_act"),
    "convnext_tiny": Network(applications.convnext_tiny, r"convnext_tiny_downsampling_block_\d|add(_\d+)?"),
    "ds_cnn": Network(small_images.ds_cnn, r"conv_act|pw\d_act", False),
    "mini_xception": Network(small_images.mini_xception, r"conv2_act|block\d_add", False),
    "eegnet_last": Network(small_images.eegnet_last, r"temporal_bn|pool\d", False),
    "eegnet_first": Network(small_images.eegnet_first, r"temporal_bn|pool\d", False),
    "matchboxnet": Network(sequences.matchboxnet, r"prologue_act|block\d_act|epilogue\d_act", False),
    "quartznet": Network(sequences.quartznet, r"prologue_act|block\d_act|epilogue\d_act", False),
    "tcn": Network(sequences.tcn, r"stem|block\d_add", False),
    "unet_upsampling": Network(unet.unet_upsampling, r"stem|(down|up)\d_2_act|bottom_act", False),
    "unet_transpose": Network(unet.unet_transpose, r"stem|(down|up)\d_2_act|bottom_act", False),
}


def build(name, narrow, activation="softmax", dtype="float32"):
    """A new model whose automatic layer names do not depend on what was built before."""
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        return NETWORKS[name].build(narrow, activation)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def block_names(name, model):
    """The layers that end blocks, in order; of a residual block only the addition."""
    found = [layer.name for layer in model.operations if re.fullmatch(NETWORKS[name].blocks, layer.name)]
    ends = {found_name.removesuffix("_add") for found_name in found if found_name.endswith("_add")}
    return [one for one in found if re.sub(r"_project_(bn|BN)$", "", one) not in ends]


def cut_model(name, model):
    """The same network with the output of each block, and then its last one, as outputs."""
    blocks = block_names(name, model)
    outputs = [model.get_layer(block).output if block in {layer.name for layer in model.layers}
               else operation_output(model, block) for block in blocks]
    return keras.Model(model.input, outputs + [model.output], name=model.name), blocks + [model.output_names[0]]


def operation_output(model, name):
    """The output of an operation that is no layer, such as the addition of ConvNeXt's blocks."""
    return next(operation for operation in model.operations if operation.name == name).output
