#include "keep_loaded.h"

#include <dlfcn.h>

namespace pageferry {
namespace {

bool Keep() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<void*>(&Keep), &self) == 0) return false;
  return dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

}  // namespace

bool KeepLoaded() {
  static const bool kept = Keep();
  return kept;
}

}  // namespace pageferry
