// Why layers of some classes are never a part of a compiled network.

#include <array>

#include "runtime/keras/network_lowering.h"

namespace sepconv::keras {
namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

std::string why_class_refused(const std::string& name) {
  struct Reason {
    std::string_view part;  // of the class's name
    const char* reason;
  };
  static constexpr std::array<Reason, 14> kReasons = {{
      {"Attention", "attention layers are not compiled"},
      {"LSTM", "recurrent layers are not compiled"},
      {"GRU", "recurrent layers are not compiled"},
      {"RNN", "recurrent layers are not compiled"},
      {"Bidirectional", "recurrent layers are not compiled"},
      {"Embedding", "embeddings are not compiled"},
      {"Masking", "masks are not compiled"},
      {"Lambda", "the code of a lambda is not in the model"},
      {"UpSampling", "up-sampling of this rank is not compiled"},
      {"GroupNormalization", "normalization by each sample's own statistics is not compiled"},
      {"UnitNormalization", "normalization by each sample's own statistics is not compiled"},
      {"RMSNormalization", "normalization by each sample's own statistics is not compiled"},
      {"Conv", "convolutions of this class are not compiled"},
      {"Pooling", "pooling of this class is not compiled"},
  }};
  for (const Reason& reason : kReasons)
    if (contains(name, reason.part)) return reason.reason;
  return "layers of this class are not compiled";
}

}  // namespace sepconv::keras
