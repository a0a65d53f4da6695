#pragma once
// What to say about a name that nothing has.

#include <string>
#include <vector>

namespace sepconv::keras {

/// "; did you mean 'conv_1' or 'conv_11'?", or, where no name is near, the first few: "; there are 'a', 'b' and 7
/// more". Empty when there are no names.
std::string near_names(const std::string& name, const std::vector<std::string>& known);

}  // namespace sepconv::keras
