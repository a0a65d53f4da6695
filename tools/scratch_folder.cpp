#include "tools/scratch_folder.h"

namespace sepconv::tools {

ScratchFolder::ScratchFolder()
    : locked_(std::filesystem::temp_directory_path(), ".sepconv-scratch-"), path_(locked_.path() / "files") {
  std::filesystem::create_directory(path_);
}

}  // namespace sepconv::tools
