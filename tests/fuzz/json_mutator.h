#pragma once
// Mutations that keep JSON well-formed, so that what reads the values is reached, not only the parser.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sepconv::fuzz {

/// A change of one or a few values of the text; nothing when it is no JSON.
std::optional<std::string> mutated_json(std::string_view text, unsigned seed);

/// The first text with a value of the second; nothing when one of them is no JSON.
std::optional<std::string> crossed_json(std::string_view text, std::string_view other, unsigned seed);

/// The custom mutator of targets whose whole input is JSON.
std::size_t mutate_json_input(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);
std::size_t cross_json_inputs(const std::uint8_t* data, std::size_t size, const std::uint8_t* other,
                              std::size_t other_size, std::uint8_t* out, std::size_t max_size, unsigned seed);

}  // namespace sepconv::fuzz
