#include "helping_thread.h"

#include <sched.h>

#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace pageferry {

namespace {

constexpr std::size_t kStackBytes = 64 * 1024;

/// Where this thread may run.
class Processors {
 public:
  bool HaveOthers() const { return !known_ || CPU_COUNT(&set_) > 1; }

  /// Has a thread that begins with these attributes run elsewhere. Otherwise the scheduler begins it here where the other
  /// processors are busy for a moment, and it waits until this thread has done everything, or waits for it.
  void LeaveThisOut(pthread_attr_t* attributes) const {
#ifdef __GLIBC__
    const int here = sched_getcpu();
    if (!known_ || here < 0) return;
    cpu_set_t others = set_;
    CPU_CLR(static_cast<unsigned>(here), &others);
    pthread_attr_setaffinity_np(attributes, sizeof others, &others);
#else
    // There only a thread that runs can be told, and one that has ended meanwhile is taken for this one.
    static_cast<void>(attributes);
#endif
  }

 private:
  cpu_set_t set_{};
  /// False if there are more than fit.
  const bool known_ = sched_getaffinity(0, sizeof set_, &set_) == 0;
};

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
  const Processors processors;
  if (!processors.HaveOthers()) return;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  processors.LeaveThisOut(&attributes);
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
