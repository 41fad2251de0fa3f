#ifndef PAGEFERRY_COPY_H_
#define PAGEFERRY_COPY_H_

#include "arguments.h"
#include "result.h"

namespace pageferry {

/// Copies with stores that go past the caches, and much of it with one more thread until it returns. -ENOSYS on a processor
/// without such stores.
Result CopyPastCache(Bytes target, Bytes source);

}  // namespace pageferry

#endif  // PAGEFERRY_COPY_H_
