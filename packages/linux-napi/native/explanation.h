#ifndef PAGEFERRY_EXPLANATION_H_
#define PAGEFERRY_EXPLANATION_H_

#include <node_api.h>

#include "arguments.h"
#include "fault_table.h"
#include "mapping.h"
#include "message_entries.h"
#include "result.h"

namespace pageferry {

/// The most bytes of advice that fit into a line.
using Advice = Text<800>;

/// Has writes to one mapping explained for as long as it lives.
class Explanation {
 public:
  Explanation(const Mapping& mapping, const MessageEntries& messages, const Advice& advice);
  ~Explanation();
  Explanation(const Explanation&) = delete;
  Explanation& operator=(const Explanation&) = delete;

  /// From here on writes are explained. `words`, which hold the entries, are kept alive. -errno if there
  /// is no room.
  Result Begin(napi_env env, napi_value words);

 private:
  const ExplainedRange range_;
  napi_env env_ = nullptr;
  napi_ref words_ = nullptr;
};

Result ExplainWrites(napi_env env, Buffer buffer, KeptInt32s words, Int32s shape, Advice advice);

}  // namespace pageferry

#endif  // PAGEFERRY_EXPLANATION_H_
