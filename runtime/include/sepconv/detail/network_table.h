#pragma once
// What a generated header says about the network of its library: plain data.

#include <cstddef>
#include <cstdint>

#include "sepconv/detail/data_type.h"

namespace sepconv {

/// An input or output of a network. Its views have the shape {batch * images, extents...}.
struct NetworkPort {
  const char* name;
  DataType dtype;
  std::int32_t rank;        // of the views, 2 to 4
  std::int64_t images;      // for each image of the batch: the steps in time of a TimeDistributed layer; else 1
  std::int64_t extents[3];  // those after the batch; 1 where the rank has none
  std::int64_t elements;    // of one item of the batch: images * extents
};

/// A generated header's network() returns it.
struct NetworkTable {
  const char* library;
  const char* plan;  // the text form of its NetworkPlan
  const NetworkPort* inputs;
  std::size_t input_count;
  const NetworkPort* outputs;
  std::size_t output_count;
  std::size_t workspace_bytes;   // for a batch of one and one thread
  const unsigned char* weights;  // the bytes of <name>.weights, at a multiple of 64, if they are embedded; else null
  std::size_t weights_bytes;
};

}  // namespace sepconv
