#pragma once
// Passes that make a network's steps fewer. Each keeps what the network computes.

#include "runtime/keras/network_draft.h"

namespace sepconv::keras {

/// Makes every output of the network a tensor of its own: with a copy where it is an input, a part, or twice an output.
void separate_outputs(Draft& draft);

/// Makes one step of those that compute the same from the same tensor.
void merge_equal(Draft& draft);

/// Lets convolutions add the zeros of padding layers, and max pools those around values that are never negative.
void absorb_padding(Draft& draft);
void absorb_padding_of_pools(Draft& draft);

/// Applies elementwise layers in the step that makes their input.
void fuse_elementwise(Draft& draft);

/// Makes a depthwise convolution and the 1x1 convolution that reads it one step.
void join_separable(Draft& draft);

/// Lets the makers of a concatenation's inputs write into it.
void place_parts(Draft& draft);

/// The constants of the last epilogue with as few steps as possible; those in front go into the weights.
void fold_constants(DraftStep& step);

/// If a tensor times a function of it, such as x * sigmoid(x), is one function, makes that the first step of step `s`.
void recognise_gate(Draft& draft, int s);

/// The only step that writes the tensor, where that writes all of its memory, step `reader` alone reads it, and the
/// network does not return it; else -1.
int sole_maker(const Draft& draft, int tensor, int reader);

}  // namespace sepconv::keras
