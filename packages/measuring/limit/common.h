// What the programs here have in common: the clock, messages on huge pages and in a pipe, processes that
// end with their parent, and what all of them took together. Include it first.
#pragma once
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20, PIPE_BYTES = 1 << 20 };

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

static inline size_t at_most(size_t a, size_t b) { return a < b ? a : b; }

static inline long long nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline long long now(void) { return nanoseconds(CLOCK_MONOTONIC); }

// For qsort(3).
static inline int ascending(const void *a, const void *b) {
  long long left = *(const long long *)a, right = *(const long long *)b;
  return (left > right) - (left < right);
}

// Between two looks at what another processor may change.
static inline void pause_processor(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// A positive number of the command line, or the end with what `usage` says.
static inline long positive(const char *text, long most, int (*usage)(void)) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno != 0 || *end != '\0' || value < 1 || value > most) exit(usage());
  return value;
}

// --- memory and pipes --------------------------------------------------------------------------

// Faulted-in memory on huge pages, where the kernel gives them.
static inline char *message_memory(size_t bytes) {
  size_t rounded = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  char *memory = aligned_alloc(HUGE_PAGE, rounded);
  if (!memory) fail("aligned_alloc");
  madvise(memory, rounded, MADV_HUGEPAGE);
  memset(memory, 1, rounded);
  return memory;
}

static inline void create_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) < 0) fail("pipe2");
  fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
}

// References to a whole message go into a pipe, piece by piece.
static inline void vmsplice_message(int pipe, char *message, size_t bytes, size_t piece) {
  for (size_t offset = 0; offset < bytes;) {
    struct iovec part = {message + offset, at_most(piece, bytes - offset)};
    ssize_t taken = vmsplice(pipe, &part, 1, 0);
    if (taken < 0 && errno != EINTR) fail("vmsplice");
    if (taken > 0) offset += (size_t)taken;
  }
}

// --- processes ---------------------------------------------------------------------------------

// Each program ends with the process that has started it, however that ends.
__attribute__((constructor)) static void end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

// 0 in the child, which ends with its parent.
static inline pid_t start_child(void) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  return child;
}

// Called before a child that fails ends its parent. May be NULL.
static void (*on_failure)(void);

// A child that fails ends the parent, wherever that is: it would wait for ever.
static inline void on_child_end(int signal) {
  (void)signal;
  static const char text[] = ": a child has failed\n";
  const char *name = program_invocation_short_name;
  for (int status; waitpid(-1, &status, WNOHANG) > 0;) {
    if (status == 0) continue;
    if (on_failure != NULL) on_failure();
    if (write(STDERR_FILENO, name, strlen(name)) < 0 || write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(2);
    _exit(1);
  }
}

static inline void watch_children(void) {
  struct sigaction action = {.sa_handler = on_child_end, .sa_flags = SA_RESTART};
  sigaction(SIGCHLD, &action, NULL);
}

// True in the child, which has none of its own to watch.
static inline bool become_child(void) {
  if (start_child() > 0) return false;
  signal(SIGCHLD, SIG_DFL);
  return true;
}

// 0 if every child that is left has ended well.
static inline int wait_for_children(void) {
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status;
  return failed;
}

// The last members of the JSON object, and its end: what this process and its children used.
static inline void print_usage(void) {
  struct rusage own, theirs;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &theirs);
#define BOTH(field) (own.field + theirs.field)
  printf(",\"cpuMicroseconds\":%lld,\"contextSwitches\":%ld,\"pageFaults\":%ld,\"peakRssBytes\":%lld}\n",
         (BOTH(ru_utime.tv_sec) + BOTH(ru_stime.tv_sec)) * 1000000LL + BOTH(ru_utime.tv_usec) +
             BOTH(ru_stime.tv_usec),
         BOTH(ru_nvcsw) + BOTH(ru_nivcsw), BOTH(ru_minflt) + BOTH(ru_majflt),
         (long long)BOTH(ru_maxrss) * 1024);
#undef BOTH
}
