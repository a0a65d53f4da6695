#include "tools/model_child.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "generators/compile/process.h"
#include "tools/plan_bytes.h"

namespace sepconv::tools {
namespace {

/// The first byte of what a child leaves.
enum class Outcome : char { done = 'd', bad_input = 'b', failed = 'f', out_of_memory = 'm' };

constexpr std::size_t kMaxMessage = 2000;  // names and values of a hostile file may have any length

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// A file without a name, mapped to be read.
class Mapping {
 public:
  explicit Mapping(int file) {
    struct stat status {};
    if (::fstat(file, &status) != 0 || status.st_size == 0) return;
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (data_ == MAP_FAILED) throw std::runtime_error(fmt::format("mmap: {}", std::strerror(errno)));
  }
  ~Mapping() {
    if (size_ != 0) ::munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Of 1.5 GB, `inspect` took 4 times the file's memory and `save-weights` of an .h5 5 times, and 10 s of processor
/// time. The rest is for small files that are unpacked, and for slow machines.
generators::ProcessLimits limits_of(std::uintmax_t file_bytes) {
  generators::ProcessLimits limits;
  limits.memory_bytes = (std::uint64_t{768} << 20) + 6 * file_bytes;
  limits.cpu_seconds = static_cast<int>(5 + file_bytes / 20'000'000);
  limits.seconds = 20.0 * limits.cpu_seconds;  // where the machine is busy, or the disk slow
  return limits;
}

/// The child's part: the outcome and what belongs to it go into the file.
int read_into(std::FILE* file, const std::function<void(std::FILE*)>& read, const generators::ProcessLimits& limits) {
  const auto fail = [file](Outcome outcome, std::string message) {
    if (message.size() > kMaxMessage) message = message.substr(0, kMaxMessage - 3) + "...";
    message.insert(0, 1, static_cast<char>(outcome));
    // Below the stream, which may still hold what it could not write, and never shall.
    const int descriptor = ::fileno(file);
    const bool written = ::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, message.data(), message.size(), 0) ==
                                                                static_cast<ssize_t>(message.size());
    ::close(descriptor);
    return written ? 0 : 1;
  };
  const rlimit most{limits.memory_bytes, limits.memory_bytes};  // of the file, which is memory too
  ::setrlimit(RLIMIT_FSIZE, &most);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    std::fputc(static_cast<char>(Outcome::done), file);
    read(file);
    if (std::fflush(file) != 0 || std::ferror(file) != 0) return fail(Outcome::out_of_memory, "");
    return 0;
  } catch (const std::invalid_argument& error) {
    return fail(Outcome::bad_input, error.what());
  } catch (const std::bad_alloc&) {
    return fail(Outcome::out_of_memory, "");
  } catch (const std::length_error&) {  // of a container
    return fail(Outcome::out_of_memory, "");
  } catch (const std::exception& error) {
    return fail(Outcome::failed, error.what());
  }
}

std::unique_ptr<std::FILE, FileCloser> nameless_file() {
  const int file = ::memfd_create("sepconv-model", MFD_CLOEXEC);
  if (file < 0) throw std::runtime_error(fmt::format("memfd_create: {}", std::strerror(errno)));
  std::FILE* stream = ::fdopen(file, "w+b");
  if (stream == nullptr) throw std::runtime_error(fmt::format("fdopen: {}", std::strerror(errno)));
  return std::unique_ptr<std::FILE, FileCloser>(stream);
}

[[noreturn]] void throw_end(const std::filesystem::path& model, std::uintmax_t file_bytes,
                            const generators::ProcessResult& result, const generators::ProcessLimits& limits) {
  using End = generators::ProcessResult::End;
  const std::string end = end_text(result, limits);
  if (result.end == End::signalled && result.code == SIGKILL)
    throw std::runtime_error(fmt::format("{}: the process that reads it was {}", model.string(), end));
  if (result.end == End::signalled || result.end == End::exited)
    throw std::invalid_argument(fmt::format("{}: damaged: the process that reads it crashed: {}", model.string(), end));
  throw std::invalid_argument(fmt::format("{}: the process that reads it {}, the limit for a file of {} bytes",
                                          model.string(), end, file_bytes));
}

std::uintmax_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes =
      std::filesystem::is_regular_file(path, error) ? std::filesystem::file_size(path, error) : 0;
  return error ? 0 : bytes;
}

/// The shards that may belong to a model.json of TensorFlow.js.
std::uintmax_t size_of_shards(const std::filesystem::path& model) {
  if (model.extension() != ".json") return 0;
  std::uintmax_t bytes = 0;
  std::error_code error;
  const std::filesystem::path folder = model.parent_path().empty() ? "." : model.parent_path();
  for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (name.find("shard") != std::string::npos || name.ends_with(".bin")) bytes += size_of(file->path());
  }
  return bytes;
}

/// Bytes of all files that reading the model may read.
std::uintmax_t bytes_to_read(const std::filesystem::path& model, const std::filesystem::path& weights) {
  return size_of(model) + size_of_shards(model) + size_of(weights);
}

/// Runs `read` in a child and hands what it wrote to `take`.
void in_child(const std::filesystem::path& model, std::uintmax_t file_bytes,
              const std::function<void(std::FILE*)>& read, const std::function<void(std::string_view)>& take) {
  const generators::ProcessLimits limits = limits_of(file_bytes);
  const auto file = nameless_file();
  generators::ProcessResult result = run_forked([&] { return read_into(file.get(), read, limits); }, limits);
  const Mapping mapping(::fileno(file.get()));
  if (!result.ok() || mapping.bytes().empty()) throw_end(model, file_bytes, result, limits);
  const std::string_view rest = mapping.bytes().substr(1);
  switch (static_cast<Outcome>(mapping.bytes().front())) {
    case Outcome::done: return take(rest);
    case Outcome::bad_input: throw std::invalid_argument(std::string(rest));
    case Outcome::failed: throw std::runtime_error(std::string(rest));
    case Outcome::out_of_memory: break;
  }
  result.end = generators::ProcessResult::End::out_of_memory;
  throw_end(model, file_bytes, result, limits);
}

}  // namespace

Plan plan_in_child(const std::filesystem::path& model, const PlanOptions& options) {
  Plan plan;
  in_child(
      model, bytes_to_read(model, options.weights),
      [&](std::FILE* file) { write_plan(plan_file(model, options), file); },
      [&](std::string_view bytes) { plan = plan_from_bytes(bytes); });
  return plan;
}

std::string text_in_child(const std::filesystem::path& model, const std::function<std::string()>& read,
                          const std::filesystem::path& weights) {
  std::string text;
  in_child(
      model, bytes_to_read(model, weights),
      [&](std::FILE* file) {
        const std::string result = read();
        std::fwrite(result.data(), 1, result.size(), file);
      },
      [&](std::string_view bytes) { text.assign(bytes); });
  return text;
}

}  // namespace sepconv::tools
