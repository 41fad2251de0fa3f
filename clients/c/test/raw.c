#define _GNU_SOURCE
#include "raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void check(bool is_so, const char *what) {
  if (is_so) return;
  fflush(stdout);
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

int size_seals(void) { return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL; }

int make_memory(size_t bytes, int seals, void **memory) {
  const int fd = memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  check(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "memfd");
  if (memory != NULL) {
    *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(*memory != MAP_FAILED, "mmap");
  }
  if (seals != 0) check(fcntl(fd, F_ADD_SEALS, seals) == 0, "seal");
  return fd;
}

int make_bell(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static struct sockaddr_un address_of(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  check(strlen(path) < sizeof address.sun_path, "path");
  strcpy(address.sun_path, path);
  return address;
}

int listen_at(const char *path) {
  const struct sockaddr_un address = address_of(path);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  unlink(path);
  check(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 100) == 0, "listen");
  return fd;
}

int connect_to(const char *path) {
  const struct sockaddr_un address = address_of(path);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  check(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0, "connect");
  return fd;
}

size_t make_record(uint8_t *record, uint16_t kind, const char *mechanism, const uint32_t *words, size_t count) {
  const uint16_t head[] = {2, kind};
  memset(record, 0, 48 + count * 4);
  memcpy(record, "PAGEFRRY", 8);
  memcpy(record + 8, head, 4);
  memcpy(record + 16, mechanism, strlen(mechanism));
  if (count > 0) memcpy(record + 48, words, count * 4);
  return 48 + count * 4;
}

bool send_raw(int socket, const void *bytes, size_t length, const int *fds, size_t count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(16 * sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

long receive_raw(int socket, void *bytes, size_t room, int *fds, size_t *count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(16 * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = bytes, .iov_len = room};
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  *count = 0;
  const ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return -1;
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
    *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
  }
  return length;
}

void close_all(const int *fds, size_t count) {
  for (size_t index = 0; index < count; index++)
    if (fds[index] >= 0) close(fds[index]);
}

int open_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  check(folder != NULL, "/proc");
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

void write_header(word *words) {
  words[0] = 0x59464750;
  words[1] = 2;
  words[2] = 1024;
  words[3] = (uint32_t)sysconf(_SC_PAGESIZE);
  words[4] = 128;
}

uint32_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 32);
}
