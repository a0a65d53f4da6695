#pragma once
// The blocks of the model: compiled kernels with the model's weights, and whether they compute what they should.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/layer.h"

namespace demo {

/// A compiled block and how far it is from the reference.
struct CheckedBlock {
  sepconv::ConvLayer layer;
  std::vector<double> input;  // one image
  double max_error = 0;       // the error that is largest beside its limit, and that limit
  double limit = 0;
  bool ok = false;
};

/// Reads the model, binds each of its blocks to the linked kernels, and runs each once on a seeded input.
/// @param target  only kernels of this target ("x86-64-avx2"); empty: the best that the CPU runs
/// @throws std::invalid_argument for a model that cannot be read, and when no linked kernel serves a block.
std::vector<CheckedBlock> checked_blocks(const std::filesystem::path& model, const std::string& target);

/// The blocks one after the other, each on what the one before it has computed.
struct ChainResult {
  std::string first, last;  // names of the blocks at the ends
  std::size_t blocks = 0;
  double max_error = 0;   // of the last output, against the chain of references
  double max_output = 0;  // the largest of the reference's outputs
  bool ok = false;        // the error is at most kChainLimit times that
};

/// Each of a dozen blocks amplifies the rounding of those before it, so the chain has no limit that follows from one
/// sum; a wrong block is off by about the outputs themselves.
inline constexpr double kChainLimit = 1e-3;

/// Runs the longest chain from the first block on: a block follows the one whose output has its input's shape.
ChainResult run_chain(const std::vector<CheckedBlock>& blocks);

}  // namespace demo
