#ifndef PAGEFERRY_FAULT_TABLE_H_
#define PAGEFERRY_FAULT_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "message_entries.h"
#include "result.h"

namespace pageferry {

class FaultLine;

/// A range of read-only memory, and what to say of a write to it.
struct ExplainedRange {
  std::uintptr_t start;
  std::size_t length;
  /// Read at the time of the fault.
  MessageEntries messages;
  std::string text;
};

/// The explained ranges of this process. Any thread adds and removes; a signal handler may look
/// something up at any moment, and takes no lock for it.
class FaultTable {
 public:
  constexpr FaultTable() = default;
  FaultTable(const FaultTable&) = delete;
  FaultTable& operator=(const FaultTable&) = delete;

  /// -ENOSPC if the table is full. `range` must stay as it is until it is removed.
  Result Add(const ExplainedRange& range);
  /// When this returns, no handler looks at the range, or at its entries, any more.
  void Remove(const ExplainedRange& range);
  /// Writes what there is to say of a write to `address`; false if that is not explained.
  /// Async-signal-safe.
  bool Describe(std::uintptr_t address, FaultLine& line);

 private:
  static constexpr std::size_t kCapacity = 1024;

  std::array<std::atomic<const ExplainedRange*>, kCapacity> ranges_{};
  std::atomic<int> readers_ = 0;
};

}  // namespace pageferry

#endif  // PAGEFERRY_FAULT_TABLE_H_
