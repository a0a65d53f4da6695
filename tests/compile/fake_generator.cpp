// Stands in for sepconv-generator: honours the same command line and writes a real object made by the system's C
// compiler, or misbehaves as the environment says.
//   FAKE_GENERATOR_MODE   fail, refuse, crash, hang, eat (memory without end), no_object, bad_facts, same (code that
//   does not tell the row);
//                         otherwise it compiles
//   FAKE_GENERATOR_MATCH  misbehaves only for problems that contain this text
//   FAKE_GENERATOR_LOG    a line is appended for each call
//   FAKE_GENERATOR_DELAY  seconds to wait first
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int compile(const std::string& source, const std::string& object) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl(FAKE_GENERATOR_CC, FAKE_GENERATOR_CC, "-x", "c++", "-O1", "-fPIC", "-c", source.c_str(), "-o", object.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  for (const char* name : {"--problem", "--schedule", "--target", "--symbol", "--output"})
    if (arguments[name].empty()) {
      std::cerr << name << " is missing\n";
      return 2;
    }
  const std::string symbol = arguments["--symbol"], base = arguments["--output"] + "/" + symbol;
  if (const std::string log = setting("FAKE_GENERATOR_LOG"); !log.empty())
    std::ofstream(log, std::ios::app) << arguments["--problem"] + " " + arguments["--target"] + "\n";
  if (const std::string delay = setting("FAKE_GENERATOR_DELAY"); !delay.empty())
    usleep(static_cast<useconds_t>(std::stod(delay) * 1e6));

  std::string mode = setting("FAKE_GENERATOR_MODE");
  if (arguments["--problem"].find(setting("FAKE_GENERATOR_MATCH")) == std::string::npos) mode.clear();
  if (mode == "fail" || mode == "refuse") {
    std::cerr << "fake generator: a loop nest that cannot be\n";
    return mode == "fail" ? 1 : 2;
  }
  if (mode == "crash") {
    std::cerr << "fake generator: about to crash\n";
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }
  if (mode == "hang") {
    if (fork() == 0) pause();  // a grandchild that would keep the pipe open
    pause();
  }

  if (mode == "eat")
    for (std::vector<std::string> eaten;;) eaten.emplace_back(1 << 20, 'x');

  // The text of the row is in the object, so that other rows give other bytes.
  const std::string row =
      mode == "same" ? "any" : arguments["--problem"] + arguments["--schedule"] + arguments["--target"];
  std::ofstream(base + ".cc")
      << "typedef unsigned char u8; typedef unsigned long size;\n"
         "extern \"C\" int halide_do_par_for(void*, int (*)(void*, int, u8*), int, int, u8*);\n"
         "extern \"C\" void* halide_malloc(void*, size);\n"
         "extern \"C\" void halide_free(void*, void*);\n"
         "extern \"C\" int "
      << symbol << "_par_for_task(void* c, int i, u8* p) {\n"  // global, as Halide's are
      << "  p[i] = 1; halide_free(c, halide_malloc(c, 1 << 20)); return 0; }\nextern \"C\" const char* " << symbol
      << "_metadata() { return \"" << row << "\"; }\nextern \"C\" int " << symbol
      << "(void* c) { u8 done[4] = {}; return halide_do_par_for(c, " << symbol
      << "_par_for_task, 0, 4, done); }\nextern \"C\" int " << symbol << "_argv(void** a) { return " << symbol
      << "(*(void**)a[0]); }\n";
  if (mode != "no_object" && compile(base + ".cc", base + ".o") != 0) return 1;
  std::ofstream(base + ".json") << (mode == "bad_facts" ? "{\"flat_output\":7}"
                                                        : "{\"call_scratch_bytes\":64,\"task_scratch_bytes\":128,"
                                                          "\"flat_output\":1,\"depthwise_panel\":8,"
                                                          "\"pointwise_panel\":16}\n");
  return 0;
}
