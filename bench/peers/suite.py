"""The layers of a suite file: their geometry, operations and bytes. Standard library only."""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_SUITE = HERE.parent / "suites" / "peers.json"


def load_suite(path):
    """The suite's JSON: "groups", "layers", and "bars", what sepconv should reach."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Geometry:
    """A layer as 2-D, H = 1 for 1-D layers, with explicit pads. "same" is Keras': the odd one at the end."""

    def __init__(self, layer):
        self.layer = layer
        self.batch = layer["batch"]
        self.channels = layer["C"]
        self.multiplier = layer["depth_multiplier"]
        self.middle = self.channels * self.multiplier
        self.separable = layer["kind"] == "separable"
        self.filters = layer["F"] if self.separable else self.middle
        self.one = layer["dims"] == 1
        self.height, self.width = (1, layer["L"]) if self.one else (layer["H"], layer["W"])
        self.kernel, self.stride, self.dilation = (self._pair(layer[key]) for key in ("kernel", "stride", "dilation"))
        axes = [self._pad(axis, size) for axis, size in enumerate((self.height, self.width))]
        self.pads = [(before, after) for before, after, _ in axes]
        self.out_height, self.out_width = (out for _, _, out in axes)
        self.channels_last = layer["data_format"] == "channels_last"

    def _pair(self, values):
        return (1, values[0]) if self.one else tuple(values)

    def _pad(self, axis, size):
        """Pads before and after, and the output's extent."""
        window = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        stride = self.stride[axis]
        if self.layer["padding"] == "same":
            out = -(-size // stride)
            total = max((out - 1) * stride + window - size, 0)
            return total // 2, total - total // 2, out
        if self.layer["padding"] == "causal":
            return window - 1, 0, (size - 1) // stride + 1
        return 0, 0, (size - window) // stride + 1

    def flops(self):
        """Of one call; a multiply-add counts as two."""
        pixels = self.batch * self.out_height * self.out_width
        pointwise = self.middle * self.filters if self.separable else 0
        return 2.0 * pixels * (self.middle * self.kernel[0] * self.kernel[1] + pointwise)

    def bytes(self):
        """The least that a call moves: input, weights and output once."""
        elements = self.batch * self.height * self.width * self.channels
        elements += self.batch * self.out_height * self.out_width * self.filters
        elements += self.middle * self.kernel[0] * self.kernel[1]
        elements += self.middle * self.filters if self.separable else 0
        elements += self.filters if self.layer["bias"] else 0
        return 4.0 * elements

    def input_shape(self, channels_last=True, rank4=True):
        space = (self.height, self.width) if rank4 or not self.one else (self.width,)
        return (self.batch, *space, self.channels) if channels_last else (self.batch, self.channels, *space)

    def output_shape(self, channels_last=True, rank4=True):
        space = (self.out_height, self.out_width) if rank4 or not self.one else (self.out_width,)
        return (self.batch, *space, self.filters) if channels_last else (self.batch, self.filters, *space)
