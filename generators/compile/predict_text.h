#pragma once
// <name>_predict.h and <name>_predict.cpp: a network for programs in C, and in languages that call C.

#include <string>

#include "generators/compile/library_text.h"

namespace sepconv::generators {

/// C99 and C++: sizes, and functions that run the network on the calling thread.
std::string predict_header_text(const LibraryContents& library);

/// C++17. The user's build compiles it; it includes <name>.h and the runtime's headers.
std::string predict_source_text(const LibraryContents& library);

}  // namespace sepconv::generators
