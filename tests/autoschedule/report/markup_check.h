#pragma once
// Whether HTML is well-formed.

#include <string>

namespace sepconv::test {

/// What is wrong first: a tag that is not closed in order, an attribute without quotes or given twice, a '<', '>' or
/// '&' that is no markup, a script, anything that would be loaded from elsewhere. Empty when nothing is.
std::string markup_error(const std::string& page);

}  // namespace sepconv::test
