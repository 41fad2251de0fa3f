#ifndef PAGEFERRY_FAULT_HANDLER_H_
#define PAGEFERRY_FAULT_HANDLER_H_

#include "fault_table.h"
#include "result.h"

namespace pageferry {

/// The table that the handler looks into; one per process and copy of the addon.
FaultTable& ExplainedRanges();

/// Has writes to explained ranges explained from now on, in the whole process and for as long as it
/// lives. Harmless the second time. -ENOSYS if the addon cannot be kept from being unloaded.
Result InstallFaultHandler();

}  // namespace pageferry

#endif  // PAGEFERRY_FAULT_HANDLER_H_
