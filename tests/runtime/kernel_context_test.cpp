// Which loops of a kernel reach the executor, and which memory their tasks see.

#include "runtime/core/kernel_context.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "sepconv/executor.h"

namespace sepconv::detail {
namespace {

/// Runs tasks in place, on alternating workers, and keeps the counts of the loops it was given.
class RecordingExecutor : public Executor {
 public:
  int concurrency() const noexcept override { return 2; }
  int parallel_for(int count, Task task, void* data) noexcept override {
    counts.push_back(count);
    for (int i = 0; i < count; ++i)
      if (const int result = task(data, i, i % 2)) return result;
    return 0;
  }
  std::vector<int> counts;
};

/// A kernel with a loop over images and, in each, a loop over blocks.
struct NestedLoops {
  int blocks;
  bool allocate_in_image;
  std::vector<void*> block_memory;

  static int image(void* context, int, std::uint8_t* closure) {
    auto& self = *reinterpret_cast<NestedLoops*>(closure);
    auto* services = static_cast<KernelContext*>(context);
    void* own = self.allocate_in_image ? services->allocate(services, 100) : nullptr;
    const int result = services->parallel_for(services, block, 0, self.blocks, closure);
    if (own != nullptr) services->release(services, own);
    return result;
  }

  static int block(void* context, int, std::uint8_t* closure) {
    auto* services = static_cast<KernelContext*>(context);
    void* scratch = services->allocate(services, 100);
    reinterpret_cast<NestedLoops*>(closure)->block_memory.push_back(scratch);
    services->release(services, scratch);
    return 0;
  }
};

class KernelContextTest : public testing::Test {
 protected:
  std::size_t run(NestedLoops& loops, int images) {
    CallContext call(executor, {memory.data(), 0, kWorkerBytes});
    KernelContext* services = call.services();
    EXPECT_EQ(services->parallel_for(services, NestedLoops::image, 0, images, reinterpret_cast<std::uint8_t*>(&loops)),
              0);
    return loops.block_memory.size();
  }

  int worker_of(void* pointer) const {
    const auto offset = static_cast<std::byte*>(pointer) - memory.data();
    return offset >= 0 && offset < 2 * std::ptrdiff_t{kWorkerBytes} ? static_cast<int>(offset / kWorkerBytes) : -1;
  }

  static constexpr std::size_t kWorkerBytes = arena_bytes(200);
  RecordingExecutor executor;
  alignas(kGuardBytes) std::array<std::byte, 2 * kWorkerBytes> memory;
};

TEST_F(KernelContextTest, OneImageLeavesItsBlocksToTheExecutor) {
  NestedLoops loops{5, false, {}};
  EXPECT_EQ(run(loops, 1), 5u);
  EXPECT_EQ(executor.counts, (std::vector<int>{5}));
  for (std::size_t i = 0; i < loops.block_memory.size(); ++i)
    EXPECT_EQ(worker_of(loops.block_memory[i]), static_cast<int>(i % 2)) << i;
}

TEST_F(KernelContextTest, SeveralImagesAreTheTasksAndTheirBlocksRunInPlace) {
  NestedLoops loops{4, false, {}};
  EXPECT_EQ(run(loops, 3), 12u);
  EXPECT_EQ(executor.counts, (std::vector<int>{3}));
  for (std::size_t i = 0; i < loops.block_memory.size(); ++i)
    EXPECT_EQ(worker_of(loops.block_memory[i]), static_cast<int>(i / 4 % 2)) << i;
}

TEST_F(KernelContextTest, OneBlockOfOneImageNeedsNoExecutor) {
  NestedLoops loops{1, false, {}};
  EXPECT_EQ(run(loops, 1), 1u);
  EXPECT_TRUE(executor.counts.empty());
  EXPECT_EQ(worker_of(loops.block_memory[0]), 0);
}

TEST_F(KernelContextTest, AnImageThatHoldsScratchKeepsItsBlocksAwayFromIt) {
  NestedLoops loops{3, true, {}};
  EXPECT_EQ(run(loops, 1), 3u);
  EXPECT_TRUE(executor.counts.empty());  // on the executor, worker 0 would hand out the image's scratch again
  for (void* scratch : loops.block_memory) {
    EXPECT_EQ(worker_of(scratch), 0);
    EXPECT_GE(static_cast<std::byte*>(scratch) - memory.data(), 200);
  }
}

}  // namespace
}  // namespace sepconv::detail
