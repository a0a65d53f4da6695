// What the driver writes, and what it does not compile again.
#include "generators/compile/compile_library.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "sepconv/weights_file.h"
#include "tests/compile/compile_fixture.h"
#include "tests/compile/test_environment.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;

namespace {

TEST_F(CompileLibrary, WritesTheFilesAndOneKernelForEachProblemAndTarget) {
  const CompileResult result = compile_library(small_plan(), options_);
  EXPECT_EQ(output_files(),
            (std::set<std::string>{"libsmall.a", "small.h", "small.weights", "small.lock.json", "smallConfig.cmake"}));
  EXPECT_EQ(result.kernels.size(), 2 * default_target_names().size());
  EXPECT_EQ(generator_calls(), result.kernels.size());
  EXPECT_EQ(result.cached, 0u);
  EXPECT_EQ(result.written.size(), 5u);
  EXPECT_EQ(load_weights(options_.output_dir / "small.weights").size(), 3u);
  for (const PlannedKernel& kernel : result.kernels) {
    EXPECT_LT(kernel.symbol.size() + std::string("_metadata").size(), 200u);
    EXPECT_EQ(kernel.symbol.rfind("small_f32_nhwc_", 0), 0u) << kernel.symbol;
  }
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(CompileLibrary, KernelsOfTheSameBytesShareOneObject) {
  options_.measure = true;
  options_.targets = {"x86-64-avx2", "x86-64-sse41"};
  const CompileResult apart = compile_library(small_plan(), options_);
  EXPECT_EQ(apart.bodies, (std::vector<std::size_t>{0, 1, 2, 3}));
  for (const CodeSize& size : apart.sizes) EXPECT_GT(size.code, 0u);

  const ScopedVariable mode("FAKE_GENERATOR_MODE", "same");
  options_.cache_dir = dir_.path() / "other_cache";
  const CompileResult shared = compile_library(small_plan(), options_);
  EXPECT_EQ(shared.bodies, (std::vector<std::size_t>{0, 0, 0, 0}));
  EXPECT_GT(shared.sizes[0].code, 0u);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(shared.sizes[i].code + shared.sizes[i].constants, 0u);
  const std::string body = shared.kernels[0].symbol, header = output("small.h");
  EXPECT_EQ(count(header, "int small_"), 1u) << "one function is declared";
  EXPECT_EQ(count(header, "&::" + body + "_argv,"), 4u) << "and called by every kernel";
  for (const PlannedKernel& kernel : shared.kernels) EXPECT_EQ(count(header, "\"" + kernel.symbol + "\","), 1u);
  const ProcessResult listed = run_process({"ar", "t", (options_.output_dir / "libsmall.a").string()});
  EXPECT_EQ(listed.output, body + ".o\n");

  options_.shared = true;
  compile_library(small_plan(), options_);  // which links, so no symbol is missing
  EXPECT_TRUE(output_files().contains("libsmall.so"));
}

TEST_F(CompileLibrary, RefusesToMixArchitectures) {
  const auto refusal = [&](std::vector<std::string> targets) -> std::string {
    options_.targets = std::move(targets);
    try {
      compile_library(small_plan(), options_);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  const std::string mixed = refusal({"x86-64-avx2", "x86-64-sse41", "arm-64"});
  EXPECT_NE(mixed.find("'x86-64-avx2' is for x86-64 linux and 'arm-64' for arm-64 linux"), std::string::npos) << mixed;
  EXPECT_NE(refusal({"arm-64-osx", "arm-64"}).find("'arm-64-osx' is for arm-64 osx"), std::string::npos);
  EXPECT_EQ(output_files(), std::set<std::string>{});
}

TEST_F(CompileLibrary, DynamicAddsARowForEachDynamicProblem) {
  options_.dynamic = true;
  options_.targets = {"x86-64-avx2"};
  Plan plan = small_plan();
  plan.layers.push_back(layer("wider", 28, 8));  // differs from the first in its extents only
  const CompileResult result = compile_library(plan, options_);
  const auto dynamic = std::count_if(result.kernels.begin(), result.kernels.end(),
                                     [](const PlannedKernel& kernel) { return kernel.problem.is_dynamic(); });
  EXPECT_EQ(dynamic, 2);
  EXPECT_EQ(result.kernels.size(), 5u);
}

TEST_F(CompileLibrary, ObjectsDefineAndWantNoHalideSymbol) {
  compile_library(small_plan(), options_);
  const ProcessResult nm = run_process({"nm", (options_.output_dir / "libsmall.a").string()});
  ASSERT_TRUE(nm.ok()) << nm.output;
  EXPECT_EQ(nm.output.find("halide"), std::string::npos) << nm.output;
  EXPECT_EQ(nm.output.find(" T sepconv_kernel_"), std::string::npos) << nm.output;  // would clash between libraries
  EXPECT_NE(nm.output.find(" t sepconv_kernel_"), std::string::npos) << nm.output;
  for (const char* wanted : {"U sepconv_abi1_parallel_for", "U sepconv_abi1_allocate", "U sepconv_abi1_release"})
    EXPECT_NE(nm.output.find(wanted), std::string::npos) << wanted;
}

TEST_F(CompileLibrary, AnUnchangedLibraryCostsNoCompilationAndKeepsItsTimes) {
  compile_library(small_plan(), options_);
  const std::size_t calls = generator_calls();
  std::map<std::string, std::filesystem::file_time_type> times;
  for (const std::string& name : output_files()) times[name] = last_write_time(options_.output_dir / name);
  const CompileResult again = compile_library(small_plan(), options_);
  EXPECT_EQ(generator_calls(), calls);
  EXPECT_EQ(again.cached, again.kernels.size());
  EXPECT_TRUE(again.written.empty());
  for (const auto& [name, time] : times) EXPECT_EQ(last_write_time(options_.output_dir / name), time) << name;
}

TEST_F(CompileLibrary, OneCacheServesLibrariesOfOtherNames) {
  compile_library(small_plan(), options_);
  options_.name = "second";
  const CompileResult second = compile_library(small_plan(), options_);
  EXPECT_EQ(second.cached, second.kernels.size());
  const ProcessResult nm = run_process({"nm", (options_.output_dir / "libsecond.a").string()});
  EXPECT_EQ(nm.output.find("small_separable"), std::string::npos) << nm.output;
}

TEST_F(CompileLibrary, ADamagedCacheEntryIsCompiledAgain) {
  compile_library(small_plan(), options_);
  const std::string archive = output("libsmall.a");
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*options_.cache_dir))
    if (entry.is_regular_file()) entries.push_back(entry.path());
  ASSERT_EQ(entries.size(), 6u);
  std::string bytes = read_file(entries[0]);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(entries[0], bytes);
  write_file(entries[1], read_file(entries[1]).substr(0, 100));
  write_file(entries[2], "");
  const CompileResult again = compile_library(small_plan(), options_);
  EXPECT_EQ(again.cached, again.kernels.size() - 3);
  EXPECT_EQ(output("libsmall.a"), archive);
  EXPECT_EQ(compile_library(small_plan(), options_).cached, 6u);
}

TEST_F(CompileLibrary, AnUnusableCacheFolderCostsTimeOnly) {
  write_file(dir_.path() / "file", "");
  options_.cache_dir = dir_.path() / "file";
  struct Notes : CompileObserver {
    std::vector<std::string> lines;
    void note(const std::string& line) override { lines.push_back(line); }
  } notes;
  options_.observer = &notes;
  EXPECT_EQ(compile_library(small_plan(), options_).cached, 0u);
  ASSERT_EQ(notes.lines.size(), 1u);
  EXPECT_NE(notes.lines[0].find("cannot be written"), std::string::npos) << notes.lines[0];
}

TEST_F(CompileLibrary, TwoBuildsAreBitIdentical) {
  options_.cache_dir.reset();
  for (const bool shared : {false, true}) {
    options_.shared = shared;
    options_.output_dir = dir_.path() / "one";
    options_.jobs = 1;
    const CompileResult one = compile_library(small_plan(), options_);
    options_.output_dir = dir_.path() / "two" / "deeper";
    options_.jobs = 3;
    compile_library(small_plan(), options_);
    for (const auto& file : one.files) EXPECT_EQ(read_file(file), output(file.filename())) << file.filename();
  }
}

TEST_F(CompileLibrary, ASharedLibraryExportsOneSymbol) {
  options_.shared = true;
  compile_library(small_plan(), options_);
  EXPECT_TRUE(output_files().contains("libsmall.so"));
  EXPECT_FALSE(output_files().contains("libsmall.a"));
  const ProcessResult nm = run_process({"nm", "-D", "--defined-only", (options_.output_dir / "libsmall.so").string()});
  EXPECT_NE(nm.output.find(" T sepconv_kernel_table\n"), std::string::npos) << nm.output;
  EXPECT_EQ(std::count(nm.output.begin(), nm.output.end(), '\n'), 1) << nm.output;
}

TEST_F(CompileLibrary, ASharedLibraryNeedsACompiler) {
  options_.shared = true;
  options_.tools.compiler = "no-such-compiler";
  const std::string message = failure();
  EXPECT_NE(message.find("CXX='no-such-compiler' is not in PATH"), std::string::npos) << message;
  EXPECT_NE(message.find("'g++'"), std::string::npos) << message;
  EXPECT_EQ(output_files(), std::set<std::string>{});
}

TEST_F(CompileLibrary, AMissingObjcopyIsNamedWithItsPackage) {
  options_.tools.path = dir_.path().string();
  const std::string message = failure();
  EXPECT_NE(message.find("llvm-objcopy is not in PATH; install the Debian package 'llvm'"), std::string::npos)
      << message;
}

TEST_F(CompileLibrary, TwoLibrariesLinkIntoOneCpp17Program) {
  Plan plan = small_plan();
  plan.layers[0].name = R"(odd "name"\ with ??/ and é1)";
  compile_library(plan, options_);
  options_.name = "twin";  // the same kernels in a second library
  compile_library(plan, options_);
  for (const char* name : {"a.cpp", "b.cpp"})
    write_file(dir_.path() / name, std::string("#include <small.h>\nconst sepconv::KernelTable* table_") + name[0] +
                                       "() { return &small::kernels(); }\n");
  write_file(dir_.path() / "main.cpp",
             "#include <small.h>\n#include <twin.h>\n#include <cstdio>\n#include <cstring>\n"
             "const sepconv::KernelTable* table_a(); const sepconv::KernelTable* table_b();\n"
             "extern \"C\" int sepconv_abi1_parallel_for(void*, int (*)(void*, int, unsigned char*), int, int, "
             "unsigned char*) { return 42; }\n"
             "extern \"C\" void* sepconv_abi1_allocate(void*, std::size_t) { return nullptr; }\n"
             "extern \"C\" void sepconv_abi1_release(void*, void*) {}\n"
             "int main() {\n"
             "  const auto& t = small::kernels();\n"
             "  int context = 0; void* pointer = &context; void* argv[] = {&pointer};\n"
             "  if (small::kernels().kernels[0].function == twin::kernels().kernels[0].function) return 3;\n"
             "  if (table_a() != table_b() || t.kernel_count != 6 || t.layer_count != 3) return 1;\n"
             "  for (std::size_t i = 0; i < t.kernel_count; ++i)\n"
             "    if (t.kernels[i].function(argv) != 42 || t.kernels[i].task_scratch_bytes != 128) return 2;\n"
             "  std::puts(t.layers[0].name); return std::strcmp(t.library, \"small\"); }\n");
  const std::string program = (dir_.path() / "program").string(), folder = dir_.path().string() + "/";
  const ProcessResult build = run_process(
      {TEST_CXX, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I" + options_.output_dir.string(),
       std::string("-I") + RUNTIME_INCLUDE_DIR, folder + "a.cpp", folder + "b.cpp", folder + "main.cpp",
       (options_.output_dir / "libsmall.a").string(), (options_.output_dir / "libtwin.a").string(), "-o", program});
  ASSERT_TRUE(build.ok()) << build.output;
  const ProcessResult run = run_process({program});
  EXPECT_TRUE(run.ok()) << run.code;
  EXPECT_EQ(run.output, plan.layers[0].name + "\n");
}

struct FixedSource : ScheduleSource {
  std::optional<CpuSchedule> schedule;
  std::optional<Schedule> find(const ConvProblem& problem, const Target&) const override {
    return problem.IH == 14 ? std::optional<Schedule>(schedule) : std::nullopt;
  }
};

TEST_F(CompileLibrary, TakesSchedulesFromTheSourceAndNotesTheRest) {
  options_.targets = {"x86-64-avx2"};
  FixedSource source;
  source.schedule = default_cpu_schedule(lower(small_plan().layers[0].problem, target_from_name("x86-64-avx2")));
  source.schedule->pointwise->k_unroll = 3;
  options_.schedules = &source;
  struct Notes : CompileObserver {
    std::vector<std::string> lines;
    void note(const std::string& line) override { lines.push_back(line); }
  } notes;
  options_.observer = &notes;
  const CompileResult result = compile_library(small_plan(), options_);
  for (const PlannedKernel& kernel : result.kernels) {
    EXPECT_EQ(kernel.from_source, kernel.problem.IH == 14);
    if (kernel.from_source) {
      EXPECT_EQ(std::get<CpuSchedule>(kernel.schedule).pointwise->k_unroll, 3);
    }
  }
  ASSERT_EQ(notes.lines.size(), 1u);
  EXPECT_NE(notes.lines[0].find("layer 'other' on x86-64-avx2 has no row in the lockfile"), std::string::npos)
      << notes.lines[0];

  options_.locked = true;
  EXPECT_THROW(compile_library(small_plan(), options_), std::invalid_argument);
  source.schedule->pointwise->mr = 1000;
  options_.locked = false;
  EXPECT_THROW(compile_library(small_plan(), options_), std::invalid_argument);
}

TEST_F(CompileLibrary, RefusesWrongOptions) {
  const auto refused = [&](auto change) {
    CompileOptions options = options_;
    change(options);
    EXPECT_THROW(compile_library(small_plan(), options), std::invalid_argument);
  };
  refused([](CompileOptions& o) { o.name = "two words"; });
  refused([](CompileOptions& o) { o.targets = {"x86-64-avx3"}; });
  refused([](CompileOptions& o) { o.targets = {"x86-64-avx2", "x86-64-avx2"}; });
  refused([](CompileOptions& o) { o.targets = {}; });
  refused([](CompileOptions& o) { o.jobs = -1; });
  refused([](CompileOptions& o) { o.kernel_seconds = 0; });
  EXPECT_THROW(compile_library(Plan{}, options_), std::invalid_argument);
  options_.generator = dir_.path() / "none";
  EXPECT_NE(failure().find("does not exist or cannot be run"), std::string::npos);
  EXPECT_EQ(output_files(), std::set<std::string>{});
}

}  // namespace
}  // namespace sepconv::test
