// Reads digits with a network that is part of the program: kernels, weights and test images.

#include <digits.h>            // generated from digits.keras, beside libdigits.a
#include <digits_test_data.h>  // generated from images.npy, labels.npy and probabilities.npy
#include <sepconv/executor.h>
#include <sepconv/kernel_registry.h>
#include <sepconv/network.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace {

constexpr int kPixels = 8 * 8, kClasses = 10;
constexpr int kImages = sizeof(digits_test::labels);
constexpr float kTolerance = 1e-5f;  // between the probabilities of Keras and of sepconv, which sum to 1
static_assert(sizeof(digits_test::images) == kImages * kPixels);
static_assert(sizeof(digits_test::probabilities) == kImages * kClasses * sizeof(float));

/// The images as the network was trained on them: 0 to 1.
std::vector<float> scaled_images() {
  std::vector<float> scaled(kImages * kPixels);
  std::transform(std::begin(digits_test::images), std::end(digits_test::images), scaled.begin(),
                 [](unsigned char pixel) { return static_cast<float>(pixel) / 16; });
  return scaled;
}

int most_likely(const float* probabilities) {
  return static_cast<int>(std::max_element(probabilities, probabilities + kClasses) - probabilities);
}

/// Runs the images one by one, with one thread and without allocating.
/// @return microseconds of the middle call
double run_one_by_one(const sepconv::Network& net, const std::vector<float>& images, std::vector<float>& outputs,
                      sepconv::Status& status) {
  sepconv::RunContext context;
  context.executor = &sepconv::single_thread();
  std::vector<std::byte> scratch(net.workspace_bytes(1, context));
  context.workspace = {scratch.data(), scratch.size()};
  std::vector<double> microseconds(kImages);
  for (int i = 0; i < kImages && status.ok(); ++i) {
    const auto image = sepconv::dense_view(images.data() + i * kPixels, {1, 8, 8, 1});
    const auto digit = sepconv::dense_view(outputs.data() + i * kClasses, {1, kClasses});
    const auto start = std::chrono::steady_clock::now();
    status = net.run(context, image, digit);
    microseconds[i] = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }
  std::nth_element(microseconds.begin(), microseconds.begin() + kImages / 2, microseconds.end());
  return microseconds[kImages / 2];
}

struct Comparison {
  int right = 0;         // images whose digit was found
  int as_keras = 0;      // images for which Keras finds the same digit
  float difference = 0;  // the largest of a probability; NaN counts as 1
};

Comparison compare(const std::vector<float>& outputs) {
  std::vector<float> keras(outputs.size());
  std::memcpy(keras.data(), digits_test::probabilities, sizeof(digits_test::probabilities));
  Comparison found;
  for (int i = 0; i < kImages; ++i) {
    const int digit = most_likely(outputs.data() + i * kClasses);
    found.right += digit == digits_test::labels[i];
    found.as_keras += digit == most_likely(keras.data() + i * kClasses);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const float difference = std::fabs(outputs[i] - keras[i]);
    found.difference = std::max(found.difference, difference >= 0 ? difference : 1.0f);
  }
  return found;
}

int run(const char* program) {
  sepconv::use_kernels(digits::kernels());
  const sepconv::Network net = sepconv::load_network(digits::network());
  const std::vector<float> images = scaled_images();
  std::vector<float> outputs(kImages * kClasses);
  sepconv::Status status;
  double microseconds = 0;
  for (int round = 0; round < 3; ++round)  // the last round has warm caches
    microseconds = run_one_by_one(net, images, outputs, status);
  if (!status.ok()) {
    std::fprintf(stderr, "digits: %s\n", status.message());
    return 3;
  }
  const Comparison found = compare(outputs);
  struct stat file {};
  const long long bytes = stat(program, &file) == 0 ? static_cast<long long>(file.st_size) : -1;
  std::printf("accuracy        %.2f %% of %d test images\n", 100.0 * found.right / kImages, kImages);
  std::printf("as Keras        %d of %d digits; probabilities differ by at most %.1e\n", found.as_keras, kImages,
              static_cast<double>(found.difference));
  std::printf("time            %.1f us an image (batch 1, one thread, median)\n", microseconds);
  std::printf("program         %lld bytes, with kernels, weights and test images\n", bytes);
  return found.as_keras == kImages && found.difference <= kTolerance ? 0 : 1;
}

}  // namespace

int main(int, char** argv) {
  try {
    return run(argv[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "digits: %s\n", error.what());
    return 3;
  }
}
