#include "copy.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "helping_thread.h"

namespace pageferry {

#ifdef __SSE2__
namespace {

constexpr std::size_t kLine = 64;
/// How far ahead the source is asked for. The processor does so by itself, but ends at each page.
constexpr std::size_t kAhead = 1024;
/// How much a thread copies at a time: so short that the one that is through first hardly waits for the other.
constexpr std::size_t kShare = 1024 * 1024;
/// From here on two threads copy. To start one takes some ten microseconds, and to copy so much half a millisecond.
constexpr std::size_t kWorthAThread = 8 * kShare;

bool Overlap(Bytes one, Bytes other) {
  const auto first = reinterpret_cast<std::uintptr_t>(one.data);
  const auto second = reinterpret_cast<std::uintptr_t>(other.data);
  return first < second + other.length && second < first + one.length;
}

/// Whole lines of an aligned target. Each is written at a stretch, so that none has to be read.
void CopyLines(std::uint8_t* target, const std::uint8_t* source, std::size_t length) {
  for (std::size_t at = 0; at < length; at += kLine) {
    const auto* const from = reinterpret_cast<const __m128i*>(source + at);
    auto* const to = reinterpret_cast<__m128i*>(target + at);
    // Beyond the end it does nothing.
    _mm_prefetch(reinterpret_cast<const char*>(source + at + kAhead), _MM_HINT_T0);
    const __m128i first = _mm_loadu_si128(from);
    const __m128i second = _mm_loadu_si128(from + 1);
    const __m128i third = _mm_loadu_si128(from + 2);
    const __m128i fourth = _mm_loadu_si128(from + 3);
    _mm_stream_si128(to, first);
    _mm_stream_si128(to + 1, second);
    _mm_stream_si128(to + 2, third);
    _mm_stream_si128(to + 3, fourth);
  }
  // These stores are in no order with others until here: whoever is told of the bytes is to see them.
  _mm_sfence();
}

/// As CopyLines, in shares, each by whichever thread asks for it: one does not use all of what memory can carry.
void CopyWithHelp(std::uint8_t* target, const std::uint8_t* source, std::size_t length) {
  std::atomic<std::size_t> next = 0;
  const auto copy_shares = [&] {
    for (;;) {
      const std::size_t at = next.fetch_add(kShare, std::memory_order_relaxed);
      if (at >= length) return;
      CopyLines(target + at, source + at, std::min(kShare, length - at));
    }
  };
  const HelpingThread thread(copy_shares);
  copy_shares();
}

}  // namespace

Result CopyPastCache(Bytes target, Bytes source) {
  if (target.length != source.length) return -EINVAL;
  if (target.length == 0) return 0;
  if (Overlap(target, source)) {
    std::memmove(target.data, source.data, target.length);
    return 0;
  }
  const std::size_t beyond = reinterpret_cast<std::uintptr_t>(target.data) % kLine;
  const std::size_t head = std::min(target.length, beyond == 0 ? 0 : kLine - beyond);
  const std::size_t lines = (target.length - head) / kLine * kLine;
  const std::size_t end = head + lines;
  std::memcpy(target.data, source.data, head);
  const auto copy = lines < kWorthAThread ? &CopyLines : &CopyWithHelp;
  copy(target.data + head, source.data + head, lines);
  std::memcpy(target.data + end, source.data + end, target.length - end);
  return 0;
}
#else
Result CopyPastCache(Bytes, Bytes) { return -ENOSYS; }
#endif

}  // namespace pageferry
