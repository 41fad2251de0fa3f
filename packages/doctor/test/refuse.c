/*
 * Runs a command for which some system calls fail with an errno of one's choice, or kill who makes them:
 *
 *     refuse ERRNO|kill-process|kill-thread CALL[,CALL...] COMMAND [ARGUMENT...]
 *
 * ERRNO is a number. A seccomp filter (seccomp(2)) makes the calls fail, as the filter of a container
 * does; the command and all its children have it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "no number for this architecture"
#endif

#define MAX_CALLS 8

static int number_of(const char *name) {
  if (strcmp(name, "vmsplice") == 0) return SYS_vmsplice;
  if (strcmp(name, "splice") == 0) return SYS_splice;
  if (strcmp(name, "tee") == 0) return SYS_tee;
  if (strcmp(name, "memfd_create") == 0) return SYS_memfd_create;
  fprintf(stderr, "refuse: unknown call %s\n", name);
  exit(125);
}

static unsigned action_of(const char *word) {
  if (strcmp(word, "kill-process") == 0) return SECCOMP_RET_KILL_PROCESS;
  if (strcmp(word, "kill-thread") == 0) return SECCOMP_RET_KILL_THREAD;
  return SECCOMP_RET_ERRNO | (unsigned)atoi(word);
}

static void install(const int *calls, int count, unsigned action) {
  struct sock_filter program[2 * MAX_CALLS + 5];
  int length = 0;
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int call = 0; call < count; call++) {
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[call], 0, 1);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

  struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    perror("refuse: seccomp");
    exit(125);
  }
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: refuse ERRNO|kill-process|kill-thread CALL[,CALL...] COMMAND [ARGUMENT...]\n");
    return 125;
  }
  int calls[MAX_CALLS];
  int count = 0;
  for (char *name = strtok(argv[2], ","); name != NULL && count < MAX_CALLS; name = strtok(NULL, ",")) {
    calls[count++] = number_of(name);
  }
  install(calls, count, action_of(argv[1]));
  execvp(argv[3], argv + 3);
  perror("refuse: exec");
  return 125;
}
