# Cross compilation for 64-bit ARM Linux on Debian and Ubuntu: the packages g++-aarch64-linux-gnu and, to run what was
# built, qemu-user. The generator and the sepconv command run on the host: SEPCONV_HOST_TOOLS names their build folder.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

find_program(SEPCONV_ARM64_CXX aarch64-linux-gnu-g++ REQUIRED)
set(CMAKE_CXX_COMPILER "${SEPCONV_ARM64_CXX}")

# Libraries of the target only; headers and packages without machine code may be the host's.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)

find_program(SEPCONV_ARM64_EMULATOR NAMES qemu-aarch64 qemu-aarch64-static)
if(SEPCONV_ARM64_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${SEPCONV_ARM64_EMULATOR};-L;/usr/aarch64-linux-gnu")
endif()
