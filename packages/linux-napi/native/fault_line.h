#ifndef PAGEFERRY_FAULT_LINE_H_
#define PAGEFERRY_FAULT_LINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pageferry {

/// Puts a line of text together with nothing but its own memory, so that a signal handler can. What
/// does not fit is left out.
class FaultLine {
 public:
  void Append(std::string_view text) {
    for (const char character : text) Append(character);
  }
  void AppendDecimal(std::uint64_t number) { AppendNumber(number, 10); }
  void AppendHexadecimal(std::uint64_t number) { AppendNumber(number, 16); }

  /// The line and its end.
  std::string_view Finish() {
    characters_[length_++] = '\n';
    return {characters_.data(), length_};
  }

 private:
  // One write of no more than PIPE_BUF (4096) bytes is not mixed with others, pipe(7).
  static constexpr std::size_t kCapacity = 1024;

  void Append(char character) {
    if (length_ < kCapacity - 1) characters_[length_++] = character;
  }

  void AppendNumber(std::uint64_t number, unsigned base) {
    std::array<char, 20> digits;
    std::size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    while (count > 0) Append(digits[--count]);
  }

  std::array<char, kCapacity> characters_;
  std::size_t length_ = 0;
};

}  // namespace pageferry

#endif  // PAGEFERRY_FAULT_LINE_H_
