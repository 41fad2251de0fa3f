#include "helping_thread.h"

#include <sched.h>

#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace pageferry {

namespace {

constexpr std::size_t kStackBytes = 64 * 1024;

bool MayRunOnSeveral() {
  cpu_set_t processors;
  // It fails where there are more than fit.
  return sched_getaffinity(0, sizeof processors, &processors) != 0 || CPU_COUNT(&processors) > 1;
}

/// As long as it lives, threads that this one starts begin with all signals blocked but those that tell of a fault: the program
/// expects its handlers to run on threads of its own.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

HelpingThread::HelpingThread(std::function<void()> work) : work_(std::move(work)) {
  if (!MayRunOnSeveral()) return;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  const BlockedSignals blocked;
  is_started_ = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                pthread_create(&thread_, &attributes, &HelpingThread::Run, this) == 0;
  pthread_attr_destroy(&attributes);
}

HelpingThread::~HelpingThread() {
  if (is_started_) pthread_join(thread_, nullptr);
}

void* HelpingThread::Run(void* self) {
  static_cast<const HelpingThread*>(self)->work_();
  return nullptr;
}

}  // namespace pageferry
