#ifndef PAGEFERRY_KEEP_LOADED_H_
#define PAGEFERRY_KEEP_LOADED_H_

namespace pageferry {

/// Keeps this addon in memory until the process ends. Node unloads it when the last worker that has loaded it
/// ends, and what may be called after that must still be there. False if that is not possible.
bool KeepLoaded();

}  // namespace pageferry

#endif  // PAGEFERRY_KEEP_LOADED_H_
