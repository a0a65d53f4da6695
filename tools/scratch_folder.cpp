#include "scratch_folder.h"

namespace sepconv::tools {

ScratchFolder::ScratchFolder() : LockedFolder(std::filesystem::temp_directory_path(), ".sepconv-scratch-") {}

}  // namespace sepconv::tools
