#include "fault_table.h"

#include <sched.h>

#include "fault_line.h"

namespace pageferry {
namespace {

/// The number of the message that `offset` lies in, and how far; the youngest where they overlap.
bool FindMessage(const ExplainedRange& range, double offset, double& number, double& position) {
  constexpr double kMaxSafeInteger = 9007199254740991;
  bool found = false;
  for (std::size_t index = 0; index < range.message_count; ++index) {
    const double* const message = range.messages + 3 * index;
    const bool inside = offset >= message[0] && offset - message[0] < message[1];
    // False for NaN, too: the numbers are the program's.
    if (!inside || !(message[2] >= 0 && message[2] <= kMaxSafeInteger)) continue;
    if (found && message[2] < number) continue;
    number = message[2];
    position = offset - message[0];
    found = true;
  }
  return found;
}

void Write(const ExplainedRange& range, std::uintptr_t address, FaultLine& line) {
  line.Append("pageferry: write to read-only memory at 0x");
  line.AppendHexadecimal(address);
  double number = 0;
  double position = 0;
  if (FindMessage(range, static_cast<double>(address - range.start), number, position)) {
    line.Append(": byte ");
    line.AppendDecimal(static_cast<std::uint64_t>(position));
    line.Append(" of message ");
    line.AppendDecimal(static_cast<std::uint64_t>(number));
  }
  line.Append(". ");
  line.Append(range.text);
}

}  // namespace

Result FaultTable::Add(const ExplainedRange& range) {
  for (auto& slot : ranges_) {
    const ExplainedRange* expected = nullptr;
    if (slot.compare_exchange_strong(expected, &range)) return 0;
  }
  return -ENOSPC;
}

void FaultTable::Remove(const ExplainedRange& range) {
  for (auto& slot : ranges_) {
    const ExplainedRange* expected = &range;
    if (slot.compare_exchange_strong(expected, nullptr)) break;
  }
  // A handler that came before still reads. It waits for nobody, and those to come see nothing.
  while (readers_.load() != 0) sched_yield();
}

bool FaultTable::Describe(std::uintptr_t address, FaultLine& line) {
  readers_.fetch_add(1);
  bool found = false;
  for (const auto& slot : ranges_) {
    const ExplainedRange* const range = slot.load();
    if (range == nullptr || address - range->start >= range->length) continue;
    Write(*range, address, line);
    found = true;
    break;
  }
  readers_.fetch_sub(1);
  return found;
}

}  // namespace pageferry
