#include "message_entries.h"

#include <algorithm>
#include <array>

namespace pageferry {
namespace {

constexpr std::uint64_t kMaxSafeInteger = (std::uint64_t{1} << 53) - 1;

/// Reads a word once, and whole: another process may write to it meanwhile.
std::uint64_t Load(const std::int32_t* word) {
  return static_cast<std::uint32_t>(__atomic_load_n(word, __ATOMIC_RELAXED));
}

std::optional<EntryShape> ReadShape(std::span<const std::int32_t> shape) {
  std::array<std::uint64_t, 10> numbers{};
  if (shape.size() != numbers.size()) return std::nullopt;
  std::transform(shape.begin(), shape.end(), numbers.begin(),
                 [](const std::int32_t& number) { return Load(&number); });
  const auto negative = [](std::uint64_t number) { return number > INT32_MAX; };
  if (std::any_of(numbers.begin(), numbers.end(), negative)) return std::nullopt;
  const auto [first, count, stride, length, place, place_unit, lower, upper, flags, elsewhere] =
      numbers;
  return EntryShape{.first = first,
                    .count = count,
                    .stride = stride,
                    .length = length,
                    .place = place,
                    .place_unit = place_unit,
                    .lower_number = lower,
                    .upper_number = upper,
                    .flags = flags,
                    .elsewhere = elsewhere};
}

/// Each number is below 2^31, so that nothing here overflows.
bool LiesWithin(const EntryShape& shape, std::uint64_t word_count) {
  if (shape.count == 0) return true;
  const std::uint64_t last_entry = shape.first + (shape.count - 1) * shape.stride;
  const std::uint64_t last_word = std::max({shape.length, shape.place, shape.lower_number,
                                            shape.upper_number, shape.flags});
  return last_entry + last_word < word_count;
}

}  // namespace

std::optional<MessageEntries> MessageEntries::Of(std::span<const std::int32_t> words,
                                                 std::span<const std::int32_t> shape) {
  const auto read = ReadShape(shape);
  if (!read.has_value() || !LiesWithin(*read, words.size())) return std::nullopt;
  return MessageEntries(words.data(), *read);
}

std::optional<MessageByte> MessageEntries::Find(std::uint64_t offset) const {
  std::optional<MessageByte> youngest;
  for (std::uint64_t index = 0; index < shape_.count; ++index) {
    const auto found = FindIn(words_ + shape_.first + index * shape_.stride, offset);
    if (!found.has_value()) continue;
    if (!youngest.has_value() || found->number >= youngest->number) youngest = found;
  }
  return youngest;
}

std::optional<MessageByte> MessageEntries::FindIn(const std::int32_t* entry,
                                                  std::uint64_t offset) const {
  if ((Load(entry + shape_.flags) & shape_.elsewhere) != 0) return std::nullopt;
  const std::uint64_t start = Load(entry + shape_.place) * shape_.place_unit;
  if (offset < start || offset - start >= Load(entry + shape_.length)) return std::nullopt;
  const std::uint64_t number =
      Load(entry + shape_.upper_number) << 32 | Load(entry + shape_.lower_number);
  if (number > kMaxSafeInteger) return std::nullopt;
  return MessageByte{.number = number, .position = offset - start};
}

}  // namespace pageferry
