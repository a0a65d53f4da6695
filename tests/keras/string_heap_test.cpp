// Variable-length strings of HDF5 files whose heaps lie about what they hold.

#include "runtime/keras/string_heap.h"

#include <gtest/gtest.h>

#include <cstring>

#include "runtime/keras/hdf5_file.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

std::string number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string object(std::uint64_t index, const std::string& data, std::uint64_t claimed) {
  return number(index, 2) + number(1, 2) + number(0, 4) + number(claimed, 8) + data +
         std::string((8 - data.size() % 8) % 8, '\0');
}
std::string object(std::uint64_t index, const std::string& data) { return object(index, data, data.size()); }

std::string collection(const std::string& objects, const std::string& reserved = std::string(3, '\0')) {
  return "GCOL\1" + reserved + number(16 + objects.size(), 8) + objects;
}

std::string reference(std::uint64_t length, std::uint64_t address, std::uint64_t index) {
  return number(length, 4) + number(address, 8) + number(index, 4);
}

/// @return the reason, or what was read
std::string read(const std::string& file, const std::string& references) {
  try {
    std::string all;
    for (const std::string_view text : StringHeap(file).texts(references)) all += "[" + std::string(text) + "]";
    return all;
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

constexpr std::uint64_t kAt = 8;  // the collection's address; 0 means "no string"
std::string file_of(const std::string& objects) { return std::string(kAt, '.') + collection(objects); }

TEST(StringHeap, ReadsWhatReferencesName) {
  const std::string file = file_of(object(1, "one") + object(2, "and two") + object(0, "", 16));
  EXPECT_EQ(read(file, reference(3, kAt, 1) + reference(0, 0, 0) + reference(7, kAt, 2)), "[one][][and two]");
  EXPECT_EQ(read(file, reference(0, ~std::uint64_t{0}, 0)), "[]");
  EXPECT_EQ(read(file_of(object(1, std::string("a\0b", 3))), reference(3, kAt, 1)), "[a]");
  // Too little room for one more header is free space.
  EXPECT_EQ(read(file_of(object(1, "x") + std::string(8, '\0')), reference(1, kAt, 1)), "[x]");
}

TEST(StringHeap, GoesOnBehindFreeSpaceAsTheLibraryDoes) {
  const std::string free_space = number(0, 8) + number(24, 8) + std::string(8, '\0');
  EXPECT_EQ(read(file_of(free_space + object(1, "behind")), reference(6, kAt, 1)), "[behind]");
  EXPECT_EQ(read(file_of(free_space + object(1, "behind", 1 << 20)), reference(6, kAt, 1)),
            "a string does not fit its heap");
}

TEST(StringHeap, FreeSpaceOfNoSizeIsRefused) {
  for (const std::uint64_t size : {0, 1, 15})
    EXPECT_EQ(read(file_of(object(1, "x") + object(0, "", size) + object(0, "", 16)), reference(1, kAt, 1)),
              "a string does not fit its heap");
}

TEST(StringHeap, ReservedBytesMeanNothing) {
  const std::string file = std::string(kAt, '.') + collection(object(1, "x", 1 << 20), "abc");
  EXPECT_EQ(read(file, reference(1, kAt, 1)), "a string does not fit its heap");
  EXPECT_EQ(read(std::string(kAt, '.') + collection(object(1, "x"), "abc"), reference(1, kAt, 1)), "[x]");
}

TEST(StringHeap, WhatReferencesClaimIsChecked) {
  const std::string file = file_of(object(1, "one") + object(0, "", 16));
  const std::string no_heap = "a string is in no heap", no_fit = "a string does not fit its heap";
  EXPECT_EQ(read(file, reference(4, kAt, 1)), no_fit);
  EXPECT_EQ(read(file, reference(1, kAt, 0)), no_fit);
  EXPECT_EQ(read(file, reference(1, kAt, 2)), no_fit);
  EXPECT_EQ(read(file, reference(1, kAt, 1u << 16 | 1)), no_fit);
  EXPECT_EQ(read(file, reference(1, kAt + 1, 1)), no_heap);
  EXPECT_EQ(read(file, reference(1, file.size(), 1)), no_heap);
  EXPECT_EQ(read(file, reference(1, ~std::uint64_t{0} - 1, 1)), no_heap);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{15}, std::uint64_t{1} << 20, ~std::uint64_t{0}}) {
    std::string damaged = file;
    damaged.replace(kAt + 8, 8, number(size, 8));
    EXPECT_EQ(read(damaged, reference(3, kAt, 1)), "a heap of strings does not fit the file") << size;
  }
  for (const std::uint64_t size : {std::uint64_t{60}, ~std::uint64_t{0}, ~std::uint64_t{0} - 7})
    EXPECT_EQ(read(file_of(object(1, "one", size)), reference(1, kAt, 1)), no_fit) << size;
}

TEST(StringHeap, OverlappingCollectionsAreWalkedOnce) {
  // Each begins 16 bytes behind the last and takes the rest of the file.
  std::string file(kAt, '.'), references;
  constexpr std::uint64_t kCount = 100000;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    references += reference(1, kAt + 16 * i, 1);
    file += "GCOL\1" + std::string(3, '\0') + number(16 * (kCount - i), 8);
  }
  EXPECT_NE(read(file, references.substr(0, 16)), "its heaps of strings overlap");
  std::string sound(kAt, '.'), two;
  sound += collection(object(1, collection(object(1, "inner"))) + object(2, "outer"));
  two = reference(5, kAt, 2) + reference(5, kAt + 32, 1);
  EXPECT_EQ(read(sound, two), "its heaps of strings overlap");
}

TEST(StringHeap, StringsThatShareAnObjectAreNotLongerThanTheFile) {
  const std::string file = file_of(object(1, std::string(1 << 16, 'x')));
  std::string references;
  for (int i = 0; i < 100000; ++i) references += reference(1 << 16, kAt, 1);
  EXPECT_EQ(read(file, references), "its strings are longer than the file");
}

TEST(Hdf5Strings, AreReadThroughTheHeap) {
  const std::vector<std::string> names{"first", "", "the third"};
  const std::string bytes = make_hdf5({}, {{"/", "names", names}, {"/group", "one", {"text"}, true}});
  const Hdf5File file(bytes, "f");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(file.strings("/", "names"), names);
  EXPECT_EQ(file.strings("/group", "one"), std::vector<std::string>{"text"});
}

TEST(Hdf5Strings, OtherSizesOfAddressesAreRefused) {
  const std::string bytes = make_hdf5({}, {{"/", "names", {"a"}}});
  ASSERT_TRUE(has_usual_superblock(bytes));
  for (const std::size_t at : {13, 14})
    for (const char size : {2, 4, 16, 32}) {
      std::string other = bytes;
      other[at] = size;
      EXPECT_FALSE(has_usual_superblock(other));
      EXPECT_THROW(Hdf5File(other, "f"), std::invalid_argument);
    }
  EXPECT_FALSE(has_usual_superblock(std::string(512, '\0') + bytes)) << "a user block in front";
}

TEST(Hdf5Strings, WeightsThatLookLikeADamagedHeapAreWeights) {
  KerasArray values{{4}, {}, DataType::float64};
  const std::string heap = "GCOL\1" + std::string(3, '\0') + number(32, 8) + object(1, "", 1 << 20);
  values.values.resize(heap.size() / sizeof(double));
  std::memcpy(values.values.data(), heap.data(), heap.size());
  const std::string bytes = make_hdf5({{"/w", values, Storage::float64}}, {{"/", "names", {"a"}}});
  const Hdf5File file(bytes, "f");
  EXPECT_EQ(file.strings("/", "names"), std::vector<std::string>{"a"});
  EXPECT_EQ(file.array("/w").shape, std::vector<std::int64_t>{4});
}

}  // namespace
}  // namespace sepconv::keras::test
