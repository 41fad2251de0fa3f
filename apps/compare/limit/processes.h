// What the programs here have in common: the clock, children that end with their parent, and what
// all of them took together.
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static pid_t start_child(void) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  return child;
}

// 0 if every child that is left has ended well.
static int wait_for_children(void) {
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status;
  return failed;
}

// The last members of the JSON object, and its end: what this process and its children used.
static void print_usage(void) {
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
