// What libsepconv_gpu and the benchmark ask of a CUDA driver, by a driver that computes nothing.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "bench/gpu/device_timer.h"
#include "gpu_cuda_layers.h"
#include "gpu_cuda_network.h"
#include "sepconv/gpu.h"
#include "sepconv/kernel_registry.h"
#include "tests/gpu/fake_cuda.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

FakeCuda& fake_cuda() {
  static FakeCuda* const fake = [] {
    void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
    auto* find = library == nullptr ? nullptr : ::dlsym(library, "sepconv_fake_cuda");
    if (find == nullptr) throw std::runtime_error("libcuda.so.1 is not the tests' own; set LD_LIBRARY_PATH");
    return reinterpret_cast<FakeCuda* (*)()>(find)();
  }();
  return *fake;
}

namespace {

/// An application with a context and streams.
class CudaCalls : public testing::Test {
 protected:
  CudaCalls() { use_kernels(gpu_cuda_layers::kernels()); }

  static GpuLayer layer(const GpuContext& gpu, const std::string& name) {
    const KernelTable& table = gpu_cuda_layers::kernels();
    const std::int32_t channels = name == "fused" ? 8 : 512;
    for (std::size_t i = 0; i < table.kernel_count; ++i) {
      const ConvProblem p = problem_from_text(table.kernels[i].problem);
      if (p.IC != channels) continue;
      const auto floats = [](int count) { return std::vector<float>(static_cast<std::size_t>(count)); };
      ConvWeights weights;
      for (const Argument& argument : weights_of(p))
        weights.arrays.emplace_back(floats(static_cast<int>(elements_of(argument))));
      return GpuLayer(gpu, name, p, weights);
    }
    throw std::logic_error("the library lacks the layer");
  }

  FakeCuda& cuda_ = fake_cuda();
  int context_ = 0, stream_ = 0, other_stream_ = 0;
  CudaHandles app_{&context_, &stream_};
};

TEST_F(CudaCalls, WorkGoesToTheApplicationsContextAndStream) {
  const GpuContext gpu(app_);
  EXPECT_EQ(gpu.features(), kDeviceCuda50 | kDeviceCuda70 | kDeviceCuda80);
  const GpuLayer fused = layer(gpu, "fused");
  EXPECT_STREQ(fused.kernel().target, "cuda-sm80");
  GpuTensor in(gpu, DataType::float32, fused.input_shape(3)), out(gpu, DataType::float32, fused.output_shape(3));
  cuda_.launches.clear(), cuda_.copy_streams.clear();
  ASSERT_TRUE(fused.run(in, out).ok());
  ASSERT_EQ(cuda_.launches.size(), 1u);
  const FakeLaunch& launch = cuda_.launches[0];
  EXPECT_EQ(launch.context, &context_);
  EXPECT_EQ(launch.stream, &stream_);
  EXPECT_EQ(launch.blocks[2], 3u);  // images
  EXPECT_LE(launch.threads[0] * launch.threads[1] * launch.threads[2], 256u);
  EXPECT_LE(launch.shared_bytes, 48u << 10);
  const std::vector<float> host(3 * 10 * 10 * 8);
  ASSERT_TRUE(in.copy_from(dense_view(host.data(), in.shape())).ok());
  EXPECT_EQ(cuda_.copy_streams, std::vector<void*>{&stream_});
  EXPECT_TRUE(cuda_.context_stack.empty());  // the thread's own context is as it was
  EXPECT_EQ(cuda_.created_contexts, 0);
}

TEST_F(CudaCalls, KernelsMayUse128Registers) {
  const GpuContext gpu(app_);
  const GpuLayer unfused = layer(gpu, "unfused");
  GpuTensor in(gpu, DataType::float32, unfused.input_shape(1)), out(gpu, DataType::float32, unfused.output_shape(1));
  ASSERT_TRUE(unfused.run(in, out).ok());
  EXPECT_EQ(cuda_.max_registers, 128u);
  EXPECT_NE(cuda_.module.find(".target sm_80"), std::string::npos);
  const int modules = cuda_.modules;
  ASSERT_TRUE(unfused.run(in, out).ok());
  EXPECT_EQ(cuda_.modules, modules);  // compiled once
}

TEST_F(CudaCalls, RunningNeitherWaitsNorAllocates) {
  const GpuContext gpu(app_);
  for (const char* name : {"fused", "unfused"}) {
    const GpuLayer layer = CudaCalls::layer(gpu, name);
    GpuTensor in(gpu, DataType::float32, layer.input_shape(2)), out(gpu, DataType::float32, layer.output_shape(2));
    ASSERT_TRUE(layer.run(in, out).ok());  // the memory between two kernels is now there
    const int allocations = cuda_.allocations, frees = cuda_.frees, waits = cuda_.stream_waits + cuda_.context_waits;
    cuda_.launches.clear();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(layer.run(in, out).ok());
    EXPECT_EQ(cuda_.launches.size(), std::string(name) == "fused" ? 5u : 10u) << name;
    EXPECT_EQ(cuda_.allocations, allocations) << name;
    EXPECT_EQ(cuda_.frees, frees) << name;
    EXPECT_EQ(cuda_.stream_waits + cuda_.context_waits, waits) << name;
  }
  const int waits = cuda_.stream_waits;
  ASSERT_TRUE(gpu.synchronize().ok());
  EXPECT_EQ(cuda_.stream_waits, waits + 1);
}

TEST_F(CudaCalls, ANetworkRunsOnTheApplicationsStreamInOneAllocation) {
  use_kernels(gpu_cuda_network::kernels());
  const GpuContext gpu(app_);
  const Network on_cpu = load_network(SEPCONV_TEST_NETWORK);
  const GpuNetwork network(gpu, on_cpu);
  GpuTensor image(gpu, DataType::float32, {2, 8, 8, 1}), digit(gpu, DataType::float32, {2, 10});
  gpu.release_unused_memory();
  const auto waits = [&] { return cuda_.stream_waits + cuda_.context_waits; };
  const int allocations = cuda_.allocations, frees = cuda_.frees, waits_before = waits();
  const std::size_t copies = cuda_.copy_streams.size();
  cuda_.launches.clear();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(network.run(image, digit).ok());
  EXPECT_EQ(cuda_.allocations, allocations + 1);  // the workspace
  EXPECT_EQ(cuda_.frees, frees);
  EXPECT_EQ(waits(), waits_before);
  EXPECT_EQ(cuda_.copy_streams.size(), copies);
  ASSERT_EQ(cuda_.launches.size(), 3 * (on_cpu.steps().size() + 1));  // softmax has a kernel of its own
  for (const FakeLaunch& launch : cuda_.launches) {
    EXPECT_EQ(launch.context, &context_) << launch.kernel;
    EXPECT_EQ(launch.stream, &stream_) << launch.kernel;
    // Images are the last axis of the grid.
    EXPECT_EQ(launch.blocks[2] == 1 ? launch.blocks[1] : launch.blocks[2], 2u) << launch.kernel;
  }
  EXPECT_TRUE(cuda_.context_stack.empty());
}

TEST_F(CudaCalls, ReservedMemoryServesSmallerBatches) {
  use_kernels(gpu_cuda_network::kernels());
  const GpuContext gpu(app_);
  const GpuNetwork network(gpu, load_network(SEPCONV_TEST_NETWORK));
  const GpuTensor image(gpu, DataType::float32, {1, 8, 8, 1});
  GpuTensor digit(gpu, DataType::float32, {1, 10});
  network.reserve(5);
  const int allocations = cuda_.allocations, frees = cuda_.frees;
  const GpuNetwork copy = network;
  ASSERT_TRUE(copy.run(image, digit).ok());
  EXPECT_EQ(cuda_.allocations, allocations);
  EXPECT_EQ(cuda_.frees, frees);
}

TEST_F(CudaCalls, MemoryIsReusedOnItsOwnStreamOnly) {
  const GpuContext gpu(app_), other(CudaHandles{&context_, &other_stream_});
  gpu.release_unused_memory();
  const Shape shape = {1000};
  const int allocations = cuda_.allocations, frees = cuda_.frees;
  { const GpuTensor tensor(gpu, DataType::float32, shape); }
  { const GpuTensor tensor(gpu, DataType::float32, shape); }
  EXPECT_EQ(cuda_.allocations, allocations + 1);
  const GpuTensor tensor(other, DataType::float32, shape);
  EXPECT_EQ(cuda_.allocations, allocations + 2);
  EXPECT_EQ(cuda_.frees, frees);
  gpu.release_unused_memory();
  EXPECT_EQ(cuda_.frees, frees + 1);
}

TEST_F(CudaCalls, TheBenchmarkTimesByEvents) {
  {
    const std::unique_ptr<bench::DeviceTimer> timer = bench::open_device_timer(GpuApi::cuda);
    EXPECT_EQ(timer->device(), "Fake, CUDA 12.4");
    const GpuLayer layer = CudaCalls::layer(timer->context(), "fused");
    GpuTensor in(timer->context(), DataType::float32, layer.input_shape(1));
    GpuTensor out(timer->context(), DataType::float32, layer.output_shape(1));
    cuda_.launches.clear();
    const auto start = [&] { ASSERT_TRUE(layer.run(in, out).ok()); };
    // The fake's clock ticks once a launch, a millisecond: nothing else lies between two events.
    EXPECT_EQ(timer->time(start, 25, bench::Caches::warm), std::vector<double>(25, 1.0f * 1e-3));
    EXPECT_EQ(cuda_.launches.size(), 33u);  // three series of ten, and one before each
    EXPECT_EQ(timer->time(start, 4, bench::Caches::flushed), std::vector<double>(4, 1.0f * 1e-3));
    EXPECT_EQ(cuda_.launches.size(), 37u);
    EXPECT_EQ(cuda_.launches.back().stream, cuda_.launches.front().stream);
    EXPECT_NE(cuda_.launches.back().stream, nullptr);
  }
  EXPECT_EQ(cuda_.live_streams, 0);
  EXPECT_EQ(cuda_.live_events, 0);
  EXPECT_EQ(cuda_.primary_uses, 0);
  EXPECT_TRUE(cuda_.context_stack.empty());
}

}  // namespace
}  // namespace sepconv::test
