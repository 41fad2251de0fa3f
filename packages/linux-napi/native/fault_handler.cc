#include "fault_handler.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "fault_line.h"
#include "keep_loaded.h"

namespace pageferry {
namespace {

constinit FaultTable explained_ranges;
// Whoever handled faults before. Written once, before the handler can run.
struct sigaction previous;
// The thread whose fault was explained, which ends the process; 0 before that.
std::atomic<long> explained_thread = 0;

constexpr int kPatienceMilliseconds = 1000;

/// Writes to standard error, unless nobody takes it: the process is not to hang instead of ending.
void Tell(std::string_view text) {
  pollfd error_output{STDERR_FILENO, POLLOUT, 0};
  if (poll(&error_output, 1, kPatienceMilliseconds) != 1) return;
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
}

/// Has the process end when the faulting instruction is run again.
void GiveUp(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
}

/// Tells why the process is about to end, once. False if it has been told: then nothing else has ended it
/// since, and it is to end now.
bool Explain(FaultLine& line) {
  const long thread = syscall(SYS_gettid);
  long nobody = 0;
  if (explained_thread.compare_exchange_strong(nobody, thread)) {
    Tell(line.Finish());
    return true;
  }
  // Another thread is about to tell. The process ends before this one is back, unless something hangs.
  if (nobody != thread) poll(nullptr, 0, 2 * kPatienceMilliseconds);
  return false;
}

/// Does what would have been done without this handler.
void PassOn(int signal, siginfo_t* info, void* context) {
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    // It is called with all three, whatever its flags: the kernel does so too.
    previous.sa_sigaction(signal, info, context);
    return;
  }
  sigaction(signal, &previous, nullptr);
  // The faulting instruction is run again, and ends the process. A signal that somebody sent is not
  // repeated by itself.
  if (info->si_code <= 0) raise(signal);
}

/// Runs in the place of whatever has faulted: nothing but async-signal-safe calls, signal-safety(7).
void OnFault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  FaultLine line;
  // A mapping that exists and does not allow the access; `si_addr` means nothing in a signal that
  // was sent.
  if (info->si_code == SEGV_ACCERR &&
      explained_ranges.Describe(reinterpret_cast<std::uintptr_t>(info->si_addr), line) &&
      !Explain(line)) {
    // Whoever handled faults before had its turn, and has just returned: a listener in JavaScript does
    // that, and would for ever.
    return GiveUp(signal);
  }
  errno = error;
  PassOn(signal, info, context);
}

bool Install() {
  // The handler stays.
  if (!KeepLoaded() || sigaction(SIGSEGV, nullptr, &previous) != 0) return false;
  struct sigaction action = previous;
  action.sa_sigaction = OnFault;
  action.sa_flags |= SA_SIGINFO;
  if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) action.sa_flags |= SA_ONSTACK;
  return sigaction(SIGSEGV, &action, nullptr) == 0;
}

}  // namespace

FaultTable& ExplainedRanges() { return explained_ranges; }

Result InstallFaultHandler() {
  static const bool installed = Install();
  return installed ? 0 : -ENOSYS;
}

}  // namespace pageferry
