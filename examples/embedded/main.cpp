#include <sepconv/kernel_registry.h>
#include <sepconv/layers.h>
#include <speech.h>  // generated from speech.json, next to libspeech.a

#include <cstdio>

int main() {
  sepconv::use_kernels(speech::kernels());
  sepconv::SeparableConv1D conv(
      {.filters = 64, .kernel_size = 9, .strides = 2, .padding = "same", .activation = "relu"});
  conv.build({98, 40});  // weights by Keras' initializers; set_weights() brings trained ones
  sepconv::Tensor x({1, 98, 40}), y({1, 49, 64});
  const sepconv::Status status = conv.run({}, x, y);  // never throws; the first argument holds threads and workspace
  std::puts(status.ok() ? conv.layer_for({98, 40}).kernel()->symbol : status.message());
  return status.ok() ? 0 : 1;
}
