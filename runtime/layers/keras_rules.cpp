#include "sepconv/detail/keras_rules.h"

#include <stdexcept>
#include <string>

namespace sepconv {

KerasRules keras_rules_from_text(std::string_view text) {
  if (text == "tf_keras2" || text.substr(0, 2) == "2.") return KerasRules::tf_keras_2;
  if (text == "keras3" || text.substr(0, 2) == "3.") return KerasRules::keras_3;
  throw std::invalid_argument("Keras version: expected 'keras3', 'tf_keras2' or a number 2.x or 3.x. Received: '" +
                              std::string(text) + "'");
}

}  // namespace sepconv
