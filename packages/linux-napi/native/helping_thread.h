#ifndef PAGEFERRY_HELPING_THREAD_H_
#define PAGEFERRY_HELPING_THREAD_H_

#include <pthread.h>

#include <functional>

namespace pageferry {

/// One more thread for work that this thread does as well, in shares. There is none where this thread may run on one processor
/// alone, or where the process may not have one more: whoever wants one does without.
class HelpingThread {
 public:
  /// Starts it, and has it call `work`. No signal is handled there but faults of its own.
  explicit HelpingThread(std::function<void()> work);
  /// Waits until `work` has returned. What it has written is seen from then on.
  ~HelpingThread();

  HelpingThread(const HelpingThread&) = delete;
  HelpingThread& operator=(const HelpingThread&) = delete;

 private:
  static void* Run(void* self);

  const std::function<void()> work_;
  pthread_t thread_{};
  bool is_started_ = false;
};

}  // namespace pageferry

#endif  // PAGEFERRY_HELPING_THREAD_H_
