#ifndef PAGEFERRY_MESSAGE_ENTRIES_H_
#define PAGEFERRY_MESSAGE_ENTRIES_H_

#include <cstdint>
#include <optional>
#include <span>

namespace pageferry {

/// A message, and how far into it a byte lies.
struct MessageByte {
  std::uint64_t number;
  std::uint64_t position;
};

/// How entries lie in words: indices and counts of words, but for `place_unit`, which is in bytes, and
/// `elsewhere`, a mask of flags.
struct EntryShape {
  std::uint64_t first;
  std::uint64_t count;
  std::uint64_t stride;
  // Within an entry.
  std::uint64_t length;
  std::uint64_t place;
  std::uint64_t place_unit;
  std::uint64_t lower_number;
  std::uint64_t upper_number;
  std::uint64_t flags;
  std::uint64_t elsewhere;
};

/// Which message lies where in a mapping, as the entries of a queue have it.
///
/// Another process may write to the words at any moment, and whatever it likes: what they hold is
/// compared and told, and never says where to look.
class MessageEntries {
 public:
  /// Null unless `shape` has the ten numbers of an `EntryShape`, none of them negative, and entries of
  /// that shape lie within `words`. Those must stay where they are for as long as somebody looks.
  static std::optional<MessageEntries> Of(std::span<const std::int32_t> words,
                                          std::span<const std::int32_t> shape);

  /// The message in which the byte at `offset` of the mapping lies; the youngest where they overlap.
  /// Async-signal-safe.
  std::optional<MessageByte> Find(std::uint64_t offset) const;

 private:
  MessageEntries(const std::int32_t* words, const EntryShape& shape)
      : words_(words), shape_(shape) {}

  std::optional<MessageByte> FindIn(const std::int32_t* entry, std::uint64_t offset) const;

  const std::int32_t* words_;
  EntryShape shape_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_MESSAGE_ENTRIES_H_
