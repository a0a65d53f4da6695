#include "runner/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>

namespace sepconv::test {

using namespace runner;

namespace {

namespace fs = std::filesystem;

class NpyTest : public testing::Test {
 protected:
  NpyTest() : directory_(fs::path(testing::TempDir()) / ("sepconv_npy_" + std::string(name()))) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~NpyTest() override { fs::remove_all(directory_); }
  static const char* name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }
  fs::path directory_;
};

std::vector<std::byte> file_bytes(const std::string& header, std::size_t data_bytes, char major = 1) {
  std::string text = "\x93NUMPY";
  text += {major, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  if (major == 2) text += {0, 0};
  text += header + std::string(data_bytes, '\0');
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string refusal(const std::vector<std::byte>& bytes) {
  try {
    parse_npy(bytes, "bad.npy");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST_F(NpyTest, RoundTripsEveryRank) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {3}, {2, 3}, {1, 2, 3, 4}, {0, 5}, std::vector<std::int64_t>(32, 1)}) {
    std::int64_t elems = 1;
    for (const std::int64_t extent : shape) elems *= extent;
    std::vector<float> values(static_cast<std::size_t>(elems));
    std::iota(values.begin(), values.end(), 0.5f);
    write_npy(directory_ / "x.npy", npy_from_floats(values, shape));
    const NpyArray back = read_npy(directory_ / "x.npy");
    EXPECT_EQ(back.shape, shape);
    EXPECT_EQ(back.dtype, "<f4");
    EXPECT_EQ(back.floats(), values);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1) << "no temporary file may stay";
}

TEST_F(NpyTest, DataBeginsAtAMultipleOf64Bytes) {
  const auto bytes = npy_bytes(npy_from_floats(std::vector<float>{1}, {1}));
  EXPECT_EQ((bytes.size() - sizeof(float)) % 64, 0u);
}

TEST_F(NpyTest, DoublesAndConversions) {
  const NpyArray doubles = parse_npy(npy_bytes(npy_from_doubles(std::vector<double>{1e-300, 2}, {2})), "x");
  EXPECT_EQ(doubles.doubles(), (std::vector<double>{1e-300, 2}));
  EXPECT_THROW(doubles.floats(), std::invalid_argument);
  EXPECT_EQ(npy_from_floats(std::vector<float>{0.5f}, {1}).doubles(), std::vector<double>{0.5});
  EXPECT_THROW(npy_from_floats(std::vector<float>{1, 2}, {3}), std::invalid_argument);
}

TEST_F(NpyTest, HoldsEveryFloatingPointType) {
  const std::vector<double> values{1, -2.5, 0x1p-3};
  for (const auto& [dtype, code] : {std::pair{DataType::float32, "<f4"},
                                    {DataType::float64, "<f8"},
                                    {DataType::float16, "<f2"},
                                    {DataType::bfloat16, "<u2"}}) {
    const NpyArray back = parse_npy(npy_bytes(npy_from_values(values, {3}, dtype)), "x");
    EXPECT_EQ(back.dtype, code);
    EXPECT_EQ(back.doubles_of(dtype), values);
    for (const DataType other : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
      if (other == dtype) continue;
      EXPECT_THROW(back.doubles_of(other), std::invalid_argument) << code;
    }
  }
  EXPECT_EQ(npy_from_values(std::vector<double>{1.0 / 3}, {1}, DataType::float16).doubles(),
            std::vector<double>{0x1.554p-2});
  EXPECT_THROW(npy_from_values(values, {3}, DataType::bfloat16).doubles(), std::invalid_argument);
  EXPECT_THROW(npy_from_values(values, {3}, DataType::int32), std::invalid_argument);
  NpyArray opaque = npy_from_values(values, {3}, DataType::bfloat16);
  opaque.dtype = "|V2";
  EXPECT_EQ(opaque.doubles_of(DataType::bfloat16), values);
}

TEST_F(NpyTest, ReadsVersion2AndOtherWriters) {
  EXPECT_EQ(parse_npy(file_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 8, 2), "x").shape,
            std::vector<std::int64_t>{2});
  EXPECT_EQ(parse_npy(file_bytes("{\"shape\":(2,3),\"descr\":\"<u2\",\"fortran_order\":False}", 12), "x").dtype, "<u2");
}

TEST_F(NpyTest, RefusesHostileFiles) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  ASSERT_EQ(refusal(file_bytes(good, 8)), "");
  const auto replaced = [&](const char* from, const char* to) {
    std::string header = good;
    header.replace(header.find(from), std::strlen(from), to);
    return refusal(file_bytes(header, 8));
  };
  EXPECT_NE(replaced("False", "True").find("Fortran order"), std::string::npos);
  EXPECT_NE(replaced("<f4", ">f4").find("'>f4' is not supported"), std::string::npos);
  EXPECT_NE(replaced("'<f4'", "[('a', '<f4')]").find("structured"), std::string::npos);
  EXPECT_NE(replaced("<f4", "|O").find("not supported"), std::string::npos);
  EXPECT_NE(replaced("<f4", "").find("not supported"), std::string::npos);
  EXPECT_NE(replaced("(2,)", "(3,)").find("does not match"), std::string::npos);
  EXPECT_NE(replaced("(2,)", "(-2,)").find("numbers >= 0"), std::string::npos);
  EXPECT_NE(replaced("(2,)", "(4294967296, 4294967296)").find("does not match"), std::string::npos);
  EXPECT_NE(replaced("(2,)", "(4611686018427387904,)").find("does not match"), std::string::npos);
  EXPECT_NE(replaced("(2,)", "(99999999999999999999,)").find("numbers >= 0"), std::string::npos);
  EXPECT_NE(
      replaced("(2,)", "(2,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)").find("32 dimensions"),
      std::string::npos);
  EXPECT_NE(replaced("(2,)", "2").find("expected '('"), std::string::npos);
  EXPECT_NE(replaced("'shape'", "'shpe'").find("unexpected or repeated key"), std::string::npos);
  EXPECT_NE(replaced("'shape'", "'descr'").find("unexpected or repeated key"), std::string::npos);
  EXPECT_NE(replaced("}", "} x").find("text after"), std::string::npos);
  EXPECT_NE(refusal(file_bytes("{'descr': '<f4'", 0)).find("malformed"), std::string::npos);
  EXPECT_NE(refusal(file_bytes("{}", 0)).find("lacks"), std::string::npos);
  EXPECT_NE(refusal(file_bytes(good, 8, 3)).find("version 3"), std::string::npos);
}

TEST_F(NpyTest, RefusesEveryTruncation) {
  const auto bytes = npy_bytes(npy_from_floats(std::vector<float>{1, 2}, {2}));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}), "") << length;
}

TEST_F(NpyTest, FileErrorsNameThePath) {
  EXPECT_THROW(read_npy(directory_ / "missing.npy"), std::invalid_argument);
  EXPECT_THROW(read_npy(directory_), std::invalid_argument);
  EXPECT_THROW(write_npy(directory_ / "no" / "x.npy", npy_from_floats(std::vector<float>{1}, {1})), std::runtime_error);
}

}  // namespace
}  // namespace sepconv::test
