"""Libraries whose graphs are NCHW: the variants that such a graph can run a layer in, and its data."""

import numpy as np

from protocol import Variant
from suite import Geometry

TO_FIRST, TO_LAST = {4: [0, 3, 1, 2], 3: [0, 2, 1]}, {4: [0, 2, 3, 1], 3: [0, 2, 1]}


class Graph:
    """A layer as a graph of rank 3 or 4 in NCHW; `transpose` keeps channels_last data by nodes at both ends."""

    def __init__(self, layer, x, rank4, transpose):
        self.layer, self.geometry, self.transpose = layer, Geometry(layer), transpose
        self.two = rank4 or not self.geometry.one
        self.input_shape = self.geometry.input_shape(transpose, self.two)
        self.output_shape = self.geometry.output_shape(transpose, self.two)
        self.to_first, self.to_last = TO_FIRST[len(self.input_shape)], TO_LAST[len(self.input_shape)]
        image = x if transpose else x.transpose(0, 3, 1, 2)
        self.input = np.ascontiguousarray(np.ascontiguousarray(image).reshape(self.input_shape))
        self.output = np.zeros(self.output_shape, np.float32)

    def space(self, pair):
        """The spatial axes of the graph."""
        return list(pair) if self.two else [pair[1]]

    def depthwise_weights(self, depthwise):
        """(C * multiplier, 1, *window)"""
        g = self.geometry
        weights = depthwise.reshape(*g.kernel, g.middle).transpose(2, 0, 1)
        return np.ascontiguousarray(weights.reshape(g.middle, 1, *self.space(g.kernel)))

    def pointwise_weights(self, pointwise):
        """(F, C * multiplier, 1, ...)"""
        g = self.geometry
        return np.ascontiguousarray(pointwise.T.reshape(g.filters, g.middle, *self.space((1, 1))))

    def nhwc(self, y):
        g = self.geometry
        return (
            y.reshape(g.output_shape(True))
            if self.transpose
            else y.reshape(g.output_shape(False)).transpose(0, 2, 3, 1)
        )


def graph_variants(layer, x, make):
    """make(graph) -> run, read: a call, and its output array. 1-D layers run as 1-D and as 2-D with H = 1."""
    g = Geometry(layer)
    variants = []
    for rank4 in (False, True) if g.one else (True,):
        for transpose in (False, True):
            graph = Graph(layer, x, rank4, transpose)
            name = ("as2d" if rank4 else "1d") if g.one else "2d"
            run, read = make(graph)

            def out(graph=graph, read=read):
                return graph.nhwc(read())

            variants.append(Variant(name + ("+transpose" if transpose else ""), transpose == g.channels_last, run, out))
    return variants
