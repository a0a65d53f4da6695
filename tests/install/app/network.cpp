// A network that is a part of the program, called as a Network and through its interface for C.
#include <net.h>
#include <net_predict.h>
#include <sepconv/kernel_registry.h>
#include <sepconv/network.h>

#include <cstdio>
#include <vector>

static_assert(net::inputs[0].elements == 4 * 4 * 2 && NET_INPUT_0_ELEMENTS == 32 && NET_OUTPUT_0_ELEMENTS == 32,
              "the header describes the network");

int main() {
  // The weights of the shard, rounded to bfloat16.
  const float weights[] = {12.0625f, 48.5f};
  std::vector<float> in(32), out(32), again(32);
  for (int i = 0; i < 32; ++i) in[i] = static_cast<float>(i);

  static char workspace[NET_WORKSPACE_BYTES + 1];
  if (net_predict(in.data(), again.data(), 1, workspace, sizeof workspace) != 0) {
    std::puts(net_predict_error());
    return 1;
  }
  sepconv::use_kernels(net::kernels());  // which net_predict has done: harmless
  const sepconv::Network network = sepconv::load_network(net::network());
  const sepconv::Status status =
      network.run({}, sepconv::dense_view(static_cast<const float*>(in.data()), {1, 4, 4, 2}),
                  sepconv::dense_view(out.data(), {1, 4, 4, 2}));
  if (!status.ok()) {
    std::puts(status.message());
    return 1;
  }
  for (int i = 0; i < 32; ++i)
    if (out[i] != in[i] * weights[i % 2] || again[i] != out[i]) {
      std::printf("element %d is %g and %g\n", i, static_cast<double>(out[i]), static_cast<double>(again[i]));
      return 1;
    }
  std::printf("network of %zu steps, %s\n", network.steps().size(), network.inputs()[0].name.c_str());
  return 0;
}
