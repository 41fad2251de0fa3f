#include "fault_table.h"

#include <sched.h>

#include "fault_line.h"

namespace pageferry {
namespace {

void Write(const ExplainedRange& range, std::uintptr_t address, FaultLine& line) {
  line.Append("pageferry: write to read-only memory at 0x");
  line.AppendHexadecimal(address);
  if (const auto found = range.messages.Find(address - range.start); found.has_value()) {
    line.Append(": byte ");
    line.AppendDecimal(found->position);
    line.Append(" of message ");
    line.AppendDecimal(found->number);
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
