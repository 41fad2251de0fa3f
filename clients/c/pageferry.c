/*
 * A peer of Pageferry's shared-memory transport. The sections named below are those of docs/shared-memory-layout.md.
 *
 * Words that two processes share are atomic and accessed with seq_cst throughout ("Memory ordering"): then nothing more
 * has to be known, on any processor. Each is read once into a variable, which is checked and used: the other side may
 * change it at any time.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* g++ has it already. */
#endif
#include "pageferry.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* The file is C++20, too, for programs that are built with one compiler. */
#ifdef __cplusplus
#include <atomic>
using std::atomic_thread_fence;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;
typedef std::atomic<uint32_t> word;
/* What an initializer leaves out is 0 in both languages; C compilers do not warn of it where fields are named. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#else
#include <stdatomic.h>
typedef _Atomic(uint32_t) word;
#endif

static_assert(sizeof(word) == 4 && ATOMIC_INT_LOCK_FREE == 2, "words are shared between processes");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "all integers are little-endian");

/* The handshake */
enum { KIND_HELLO = 1, KIND_WELCOME = 2, KIND_REFUSAL = 3 };
enum { HEAD_BYTES = 48, RECORD_BYTES = 256, PARAMETERS = 16, MOST_DESCRIPTORS = 16 };
enum { REFUSED_VERSION = 1, REFUSED_TRANSPORT = 2, REFUSED_USER = 3, REFUSED_FULL = 4, REFUSED_FAILURE = 5 };

/* How many may be silent at once, and for how long, in milliseconds. */
enum { MOST_GUESTS = 64, HELLO_PATIENCE = 10000 };

/* Control memory, in words */
enum {
  AT_MAGIC = 0, AT_VERSION = 1, AT_CAPACITY = 2, AT_PAGE_SIZE = 3, AT_PARKED = 4,
  AT_PUBLISHED = 32, AT_FINISHED = 34, AT_PASSED = 35, AT_CUT_OFF = 36, AT_DROPPED = 37,
  AT_RING_IS_LIMITED = 38, AT_RING_LIMIT = 39,
  AT_RETURNED = 64, AT_CURSOR = 65, AT_TAKEN = 66,
  AT_SENDER_PARKED = 96,
  AT_ENTRIES = 1024
};
enum { ENTRY_WORDS = 8, RETURN_WORDS = 2, MOST_CAPACITY = 65536 };
enum { IN_LENGTH, IN_PLACE, IN_SLOT, IN_NUMBER, IN_CLAIM, IN_NUMBER_HIGH, IN_TAG, IN_EXCHANGE };
static const uint32_t CONTROL_MAGIC = 0x59464750, RING_MAGIC = 0x47524750, RECORD_MAGIC = 0x4D4D4750;
static const uint32_t WAITS_FOR_RETURNS = 1;

/* Payload */
enum { UNIT = 64, PAGE = 4096 };
static const uint32_t OWN_MEMORY = 1u << 30, NO_SLOT = 1u << 31, KEPT = 0xFFFFFFFF;
static const uint32_t CLAIMED = 0xFFFFFFFF, DROPPED = 0xFFFFFFFE;
static const int SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/* Records with memory of a message's own, and rings that tell of nothing: more than an honest peer sends. */
enum { MOST_PASSED = 64, MOST_IDLE_RINGS = 64 };

/*
 * Messages with memory of their own that may be under way to a receiver, numbers for which some may have been passed in
 * vain, and records that may be on the socket; and after how many milliseconds to try again what could not be passed.
 */
enum { MOST_OWN = 16, MOST_IN_VAIN = 16, MOST_UNTAKEN = 32, PASS_AGAIN = 5 };

/* Channels */
enum { ASKS = 1, ANSWERS = 2, FAILS = 3 };
static const uint32_t LAST_QUESTION = (1u << 29) - 1;
enum { SLOTS = 2048 };

/* What this side makes: queues of so many entries, and a sender with so many receivers and messages. */
enum { QUEUE = 1024, MOST_RECEIVERS = 64, SENDER_SLOTS = 16384 };

/* ------------------------------------------------------------------------------------------- time and results */

const char *pf_text(int result) {
  switch (result) {
    case PF_OK: return "done";
    case PF_END: return "the other side has ended in good order";
    case PF_AGAIN: return "nothing has come, or there was no room, within the time limit";
    case PF_E_SYSTEM: return "a system call failed; errno says how";
    case PF_E_INVALID: return "an argument cannot be used";
    case PF_E_PEER_DIED: return "the other side ended without closing";
    case PF_E_MISBEHAVED: return "the other side broke the protocol";
    case PF_E_CUT_OFF: return "the other side lives, and has cut this one off";
    case PF_E_VERSION: return "the other side speaks another version of the protocol";
    case PF_E_TRANSPORT: return "the other side uses another mechanism";
    case PF_E_REJECTED: return "the other side is of another user, or has no room for one more";
    case PF_E_LOST: return "a message was lost: no descriptor was free for its memory";
    case PF_E_UNANSWERED: return "the question was released without an answer";
    case PF_E_FAILED: return "the question was answered with an error";
    case PF_E_TOO_LONG: return "a message has less than 4 GiB";
    case PF_E_IN_USE: return "somebody listens at the endpoint already";
    case PF_E_FORBIDDEN: return "the endpoint, or its folder, is not this user's alone";
    default: return "an unknown result";
  }
}

static int64_t nanoseconds_of(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* In milliseconds. */
static int64_t now(void) { return nanoseconds_of(CLOCK_MONOTONIC) / 1000000; }

/* The same as far as the last tick of the kernel, which is cheaper to ask for. */
static int64_t now_about(void) { return nanoseconds_of(CLOCK_MONOTONIC_COARSE) / 1000000; }

/* When a wait is over, in milliseconds of the clock; -1 for never, and 0 for one that does not wait. */
static int64_t limit_of(int timeout) { return timeout < 0 ? -1 : timeout == 0 ? 0 : now() + timeout; }

/* What poll(2) wants to know of a limit. */
static int left_of(int64_t limit) {
  if (limit < 0) return -1;
  const int64_t left = limit - now();
  return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* What is left of a limit for another call. */
static int left_until(int64_t limit) {
  if (limit < 0) return -1;
  const int64_t left = limit - now();
  return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static bool is_over(int64_t limit) { return limit == 0 || (limit > 0 && now() >= limit); }

/* A wait that polls before it sleeps: to sleep and to be woken takes longer than most of what it waits for. */
struct polling {
  int microseconds; /* For how long. */
  unsigned looks;
  int64_t until;    /* Nanoseconds of the clock. */
  bool is_over;
};

/*
 * What 0 stands for, the longest, and after how many looks the clock is asked and the processor is offered to others. Who
 * polls learns nothing of the socket meanwhile: neither that the other side has died, nor what it has passed.
 */
enum { POLLED = 50, MOST_POLLED = 10000, LOOKS = 32 };

static void pause_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* For waits in which each look takes system calls. */
#define NO_POLLING ((struct polling){.is_over = true})

/* Whether a wait is to look again before it sleeps. */
static bool polls_on(struct polling *polling, int64_t limit) {
  if (limit == 0 || polling->microseconds < 0 || polling->is_over) return false;
  if (polling->looks++ % LOOKS != 0) {
    pause_processor();
    return true;
  }
  const int64_t nanoseconds = nanoseconds_of(CLOCK_MONOTONIC);
  const int wanted = polling->microseconds == 0 ? (int)POLLED : polling->microseconds;
  const int microseconds = wanted > MOST_POLLED ? (int)MOST_POLLED : wanted;
  /* The other side may be waiting for this very processor. */
  if (polling->until != 0) sched_yield();
  else polling->until = nanoseconds + (int64_t)microseconds * 1000;
  polling->is_over = nanoseconds >= polling->until || (limit > 0 && nanoseconds / 1000000 >= limit);
  return !polling->is_over;
}

/* close(2) that leaves errno as it is, and -1 where it is none. */
static void shut(int fd) {
  const int saved = errno;
  if (fd >= 0) close(fd);
  errno = saved;
}

/* ------------------------------------------------------------------------------------------ the connection itself */

struct passed {
  uint32_t number;
  int fd; /* -1 if none was free for it. */
};

/* What both directions share: "Doorbells", "Death and the end", "Memory of its own". */
struct link {
  int socket;
  int other_bell;
  int own_bell;
  int events; /* An epoll instance with the socket and the own bell. */
  int process; /* A pidfd of who said hello, or -1: it may end and leave its socket to a child. */
  int timer;   /* A timer that tells when to pass memory again, or -1. */
  bool is_gone;
  unsigned idle_rings;
  unsigned passed_count;
  struct passed passed[MOST_PASSED];
};

#define NO_LINK ((struct link){.socket = -1, .other_bell = -1, .own_bell = -1, .events = -1, .process = -1, .timer = -1})

/* A second time does nothing. */
static void close_link(struct link *link) {
  for (unsigned index = 0; index < link->passed_count; index++) shut(link->passed[index].fd);
  shut(link->events);
  shut(link->own_bell);
  shut(link->other_bell);
  shut(link->socket);
  shut(link->process);
  shut(link->timer);
  *link = NO_LINK;
  link->is_gone = true;
}

static int watch(int events, int fd, uint32_t what, uint32_t name) {
  struct epoll_event event = {.events = what, .data = {.u32 = name}};
  return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) < 0 ? PF_E_SYSTEM : PF_OK;
}

static int start_link(struct link *link) {
  const int fds[] = {link->own_bell, link->socket};
  if (fcntl(link->socket, F_SETFL, O_NONBLOCK) < 0) return PF_E_SYSTEM;
  link->events = epoll_create1(EPOLL_CLOEXEC);
  if (link->events < 0) return PF_E_SYSTEM;
  for (size_t index = 0; index < 2; index++)
    if (watch(link->events, fds[index], EPOLLIN, 0) != PF_OK) return PF_E_SYSTEM;
  return PF_OK;
}

/* Has a timer of an epoll instance fire soon, which is made when it is needed first: nobody rings when memory can be passed. */
static int retry_soon(int events, int *timer, uint32_t name) {
  const struct itimerspec soon = {.it_value = {.tv_nsec = PASS_AGAIN * 1000 * 1000}};
  if (*timer < 0) {
    *timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (*timer < 0 || watch(events, *timer, EPOLLIN, name) != PF_OK) return PF_E_SYSTEM;
  }
  return timerfd_settime(*timer, 0, &soon, NULL) < 0 ? PF_E_SYSTEM : PF_OK;
}

/* Has it tell no more of what is over. */
static void quiet(int timer) {
  uint64_t times;
  if (timer >= 0 && read(timer, &times, sizeof times) < 0) return;
}

/* Has the kernel tell when the process that said hello ends, where it can: a child of it may have the socket, too. */
static void watch_process(struct link *link, pid_t process) {
#ifdef SYS_pidfd_open
  if (process <= 0) return;
  link->process = (int)syscall(SYS_pidfd_open, process, 0);
  if (link->process < 0 || watch(link->events, link->process, EPOLLIN, 0) == PF_OK) return;
  shut(link->process);
#endif
  link->process = -1;
}

/* The other side has ended. What it has published stays. */
static void note_end(struct link *link) {
  link->is_gone = true;
  epoll_ctl(link->events, EPOLL_CTL_DEL, link->socket, NULL);
  if (link->process >= 0) epoll_ctl(link->events, EPOLL_CTL_DEL, link->process, NULL);
}

static bool is_ready(int fd, short events) {
  struct pollfd asked = {.fd = fd, .events = events};
  return poll(&asked, 1, 0) == 1 && (asked.revents & events) != 0;
}

/* A bell that takes no more was rung. Asked first: the other side may have made it blocking. */
static void ring(const struct link *link) {
  const uint64_t one = 1;
  if (is_ready(link->other_bell, POLLOUT) && write(link->other_bell, &one, sizeof one) < 0) return;
}

/* "To wake, after publishing" */
static void wake(const struct link *link, word *parked, uint32_t bits) {
  atomic_thread_fence(memory_order_seq_cst);
  if ((atomic_load(parked) & bits) == 0) return;
  if (atomic_exchange(parked, 0) != 0) ring(link);
}

/* Whether the process that said hello has ended, where that is known. */
static bool process_has_ended(const struct link *link) {
  return link->process >= 0 && is_ready(link->process, POLLIN);
}

/* Takes in a ring. PF_AGAIN if there was none. */
static int answer_bell(struct link *link) {
  uint64_t count;
  if (!is_ready(link->own_bell, POLLIN)) return PF_AGAIN;
  if (read(link->own_bell, &count, sizeof count) < 0 && errno != EAGAIN) return PF_E_SYSTEM;
  return ++link->idle_rings > MOST_IDLE_RINGS ? PF_E_MISBEHAVED : PF_OK;
}

static void forget_passed(struct link *link, unsigned index) {
  shut(link->passed[index].fd);
  link->passed[index] = link->passed[--link->passed_count];
}

static int find_passed(const struct link *link, uint32_t number) {
  for (unsigned index = 0; index < link->passed_count; index++)
    if (link->passed[index].number == number) return (int)index;
  return -1;
}

/* Descriptors that came with a record. All that exceed `most` are closed. */
static size_t descriptors_of(struct msghdr *message, int *fds, size_t most) {
  size_t count = 0;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each != NULL; each = CMSG_NXTHDR(message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const size_t came = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < came; index++) {
      int fd;
      memcpy(&fd, CMSG_DATA(each) + index * sizeof(int), sizeof fd);
      if (count < most) fds[count] = fd;
      else shut(fd);
      count++;
    }
  }
  return count;
}

/* What came with a record besides its bytes. */
struct came {
  size_t count; /* Of descriptors: how many came, of which the first are in the caller's list. */
  int flags;    /* As recvmsg(2) has them. */
  pid_t process; /* Who has sent it, where both sides let the kernel tell (SO_PASSCRED); otherwise 0. */
};

/* Reads one record without waiting, and the descriptors with it, of which all beyond `most` are closed. As recvmsg(2). */
static ssize_t read_record(int socket, void *to, size_t room, int *fds, size_t most, struct came *came) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct iovec bytes = {.iov_base = to, .iov_len = room};
  struct msghdr message = {
    .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  *came = (struct came){0};
  const ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return length;
  *came = (struct came){.count = descriptors_of(&message, fds, most), .flags = message.msg_flags};
  for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL; each = CMSG_NXTHDR(&message, each)) {
    struct ucred sender;
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_CREDENTIALS) continue;
    memcpy(&sender, CMSG_DATA(each), sizeof sender);
    came->process = sender.pid;
  }
  return length;
}

/*
 * Takes one record off the socket. PF_OK if there was one, or if the other side has ended; PF_AGAIN if there is none.
 * `taken` counts records, for the other side.
 */
static int hear(struct link *link, word *taken) {
  uint32_t record[3];
  int fds[1] = {-1};
  struct came came;
  if (link->is_gone) return PF_AGAIN;
  const ssize_t length = read_record(link->socket, record, sizeof record, fds, 1, &came);
  const bool is_empty = length < 0 && (errno == EAGAIN || errno == EINTR);
  if (is_empty && !process_has_ended(link)) return PF_AGAIN;
  if (length < 0 && !is_empty && errno != ECONNRESET) return PF_E_SYSTEM;
  if (length <= 0 && came.count == 0) {
    note_end(link);
    return PF_OK;
  }
  /* The kernel had no descriptor for this process: the memory is lost, and nothing else is wrong. */
  const bool is_lost = came.count == 0 && (came.flags & MSG_CTRUNC) != 0;
  const bool is_right = length == 8 && record[0] == RECORD_MAGIC && (came.count == 1 || is_lost);
  const int known = is_right ? find_passed(link, record[1]) : -1;
  if (!is_right || (known < 0 && link->passed_count == MOST_PASSED)) {
    shut(fds[0]);
    return PF_E_MISBEHAVED;
  }
  /* What was passed before for that number belonged to a message that was not sent after all. */
  if (known >= 0) forget_passed(link, (unsigned)known);
  link->passed[link->passed_count++] = (struct passed){.number = record[1], .fd = fds[0]};
  atomic_fetch_add(taken, 1);
  link->idle_rings = 0;
  return PF_OK;
}

/* Sleeps until the bell rings, something comes over the socket, or the limit is over. */
static int sleep_until(struct link *link, int64_t limit) {
  struct pollfd asked[] = {
    {.fd = link->own_bell, .events = POLLIN}, {.fd = link->is_gone ? -1 : link->socket, .events = POLLIN},
    {.fd = link->is_gone ? -1 : link->process, .events = POLLIN}, {.fd = link->timer, .events = POLLIN}
  };
  if (poll(asked, 4, left_of(limit)) < 0 && errno != EINTR) return PF_E_SYSTEM;
  const int rang = answer_bell(link);
  return rang < 0 ? rang : PF_OK;
}

/* ------------------------------------------------------------------------------------------------- memory */

/* The length of memory that nobody can make shorter; 0 if somebody could, or if it is not that. */
static size_t sealed_length(int fd, int seals) {
  struct stat file;
  const int found = fcntl(fd, F_GET_SEALS);
  if (found < 0 || (found & seals) != seals || fstat(fd, &file) < 0 || file.st_size <= 0) return 0;
  return (size_t)file.st_size;
}

/* Whether a descriptor is an eventfd that counts up: "Doorbells". */
static bool is_bell(int fd) {
  char path[64], text[256];
  struct stat file;
  if (fstat(fd, &file) < 0 || (file.st_mode & S_IFMT) != 0) return false;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(path, text, sizeof text - 1);
  if (length < 0) return errno == ENOENT || errno == EACCES; /* There is no /proc to ask. */
  text[length] = 0;
  if (strcmp(text, "anon_inode:[eventfd]") != 0) return false;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *info = fopen(path, "re");
  bool counts_down = false;
  if (info == NULL) return true;
  while (fgets(text, sizeof text, info) != NULL) {
    int value;
    if (sscanf(text, "eventfd-semaphore: %d", &value) == 1) counts_down = value == 1;
  }
  fclose(info);
  return !counts_down;
}

static bool is_capacity(uint32_t capacity) {
  return capacity >= 1 && capacity <= MOST_CAPACITY && (capacity & (capacity - 1)) == 0;
}

/* Control memory of one direction. */
struct part {
  word *words;
  uint32_t capacity;
  uint32_t parked; /* Which word says that its receiver sleeps. */
};

static size_t part_bytes(uint32_t capacity) {
  return (AT_ENTRIES + (size_t)capacity * (ENTRY_WORDS + 2 * RETURN_WORDS)) * 4;
}

/* Reads the header of a part, of which at least AT_ENTRIES words are mapped. */
static bool read_part(struct part *part, word *words) {
  part->words = words;
  part->capacity = atomic_load(&words[AT_CAPACITY]);
  part->parked = atomic_load(&words[AT_PARKED]);
  return atomic_load(&words[AT_MAGIC]) == CONTROL_MAGIC &&
         atomic_load(&words[AT_VERSION]) == PF_PROTOCOL_VERSION && is_capacity(part->capacity) &&
         atomic_load(&words[AT_PAGE_SIZE]) == (uint32_t)sysconf(_SC_PAGESIZE) && part->parked >= 128 &&
         part->parked < AT_ENTRIES;
}

static word *first_return(const struct part *part) {
  return part->words + AT_ENTRIES + (size_t)part->capacity * ENTRY_WORDS;
}

/* Maps memory of the other side's, or fails with MAP_FAILED. */
static void *map_shared(int fd, size_t length, int protection) {
  return mmap(NULL, length, protection, MAP_SHARED, fd, 0);
}

static void unmap(const void *memory, size_t length) {
  if (memory != NULL) munmap((void *)(uintptr_t)memory, length);
}

/* -------------------------------------------------------------------------------------------------- meeting */

static bool is_inherited(const char *endpoint) { return strncmp(endpoint, "fd:", 3) == 0; }

/* 65534 stands for all users that this user namespace does not know. */
static bool is_trusted(uid_t user) { return user == geteuid() && user != 65534; }

/* Whether a folder is this user's, links followed. */
static bool is_own_folder(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid();
}

/* Makes the folder of names where it is missing, and checks that nobody but this user can enter it: "Names". */
static int prepare_folder(const char *folder) {
  struct stat found;
  if (mkdir(folder, 0700) == 0) {
    /* A set-group-id bit of the parent and an unusual umask make something else of it. */
    if (chmod(folder, 0700) < 0) return PF_E_SYSTEM;
  } else if (errno != EEXIST) return PF_E_SYSTEM;
  if (lstat(folder, &found) < 0) return PF_E_SYSTEM;
  return S_ISDIR(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 077) == 0 ? PF_OK : PF_E_FORBIDDEN;
}

/* The address of an endpoint that is a path or a name. */
static int address_of(const char *endpoint, struct sockaddr_un *address) {
  char folder[sizeof address->sun_path];
  int length;
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (endpoint[0] == 0 || strcmp(endpoint, ".") == 0 || strcmp(endpoint, "..") == 0) return PF_E_INVALID;
  if (strchr(endpoint, '/') != NULL) {
    if (strlen(endpoint) >= sizeof address->sun_path) return PF_E_INVALID;
    strcpy(address->sun_path, endpoint);
    return PF_OK;
  }
  const char *runtime = getenv("XDG_RUNTIME_DIR"), *temporary = getenv("TMPDIR");
  /* Not the folder that su(1) leaves in the environment: it is another user's. */
  if (runtime != NULL && runtime[0] == '/' && is_own_folder(runtime)) {
    length = snprintf(folder, sizeof folder, "%s/pageferry", runtime);
  } else {
    if (temporary == NULL || temporary[0] == 0) temporary = "/tmp";
    length = snprintf(folder, sizeof folder, "%s/pageferry-%u", temporary, (unsigned)geteuid());
  }
  if (length < 0 || (size_t)length >= sizeof folder) return PF_E_INVALID;
  const size_t room = sizeof address->sun_path - (size_t)length;
  if (strlen(endpoint) + 2 > room) return PF_E_INVALID;
  memcpy(address->sun_path, folder, (size_t)length);
  address->sun_path[length] = '/';
  strcpy(address->sun_path + length + 1, endpoint);
  return prepare_folder(folder);
}

/* The socket of an endpoint "fd:N": it is this side's from now on. */
static int take_inherited(const char *endpoint, int *found) {
  char *end;
  const long fd = strtol(endpoint + 3, &end, 10);
  if (*end != 0 || end == endpoint + 3 || endpoint[3] == '-' || fd < 0 || fd > 0xFFFFFF) return PF_E_INVALID;
  *found = (int)fd;
  return fcntl(*found, F_SETFD, FD_CLOEXEC) < 0 ? PF_E_SYSTEM : PF_OK;
}

/* Opens the socket of an endpoint. PF_AGAIN if nobody is there yet. */
static int reach(const char *endpoint, int *found) {
  struct sockaddr_un address;
  if (is_inherited(endpoint)) return take_inherited(endpoint, found);
  const int placed = address_of(endpoint, &address);
  if (placed != PF_OK) return placed;
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return PF_E_SYSTEM;
  int result = PF_OK;
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
    const bool may_come = errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN;
    result = may_come ? PF_AGAIN : errno == EPROTOTYPE ? PF_E_TRANSPORT : PF_E_SYSTEM;
  } else {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) result = PF_E_SYSTEM;
    else if (!is_trusted(peer.uid)) result = PF_E_REJECTED;
  }
  if (result == PF_OK) *found = fd;
  else shut(fd);
  return result;
}

/* Who may end the search for the other side: see pf_receiver_options. */
struct stop {
  bool (*is_wanted)(void *with);
  void *with;
};

static bool is_stopped(const struct stop *stop) { return stop->is_wanted != NULL && stop->is_wanted(stop->with); }

/* What is said, and what is answered. */
struct handshake {
  const char *mechanism;
  uint32_t hello[2];
  int passed; /* A descriptor to pass with the hello, or -1. */
  size_t descriptors; /* How many come with the welcome. */
  uint32_t welcome[2];
  int fds[MOST_DESCRIPTORS];
};

/* Sends bytes and descriptors as one record. As sendmsg(2), without waiting. */
static ssize_t send_with(int socket, void *from, size_t length, const int *fds, size_t count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
  } control = {0};
  struct iovec bytes = {.iov_base = from, .iov_len = length};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  if (count > 0) {
    control.header = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
    };
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Sends one record of the handshake. As sendmsg(2), without waiting. */
static ssize_t send_record(int socket, uint16_t kind, uint32_t why, const char *mechanism, const uint32_t *words,
                           size_t count, const int *fds, size_t fd_count) {
  uint8_t record[HEAD_BYTES + PARAMETERS * sizeof *words] = "PAGEFRRY";
  const uint16_t head[] = {PF_PROTOCOL_VERSION, kind};
  memcpy(record + 8, head, sizeof head);
  memcpy(record + 12, &why, sizeof why);
  memcpy(record + 16, mechanism, strlen(mechanism));
  if (count > 0) memcpy(record + HEAD_BYTES, words, count * sizeof *words);
  return send_with(socket, record, HEAD_BYTES + count * sizeof *words, fds, fd_count);
}

static int say_hello(int socket, const struct handshake *hands) {
  const size_t words = sizeof hands->hello / sizeof *hands->hello, fds = hands->passed >= 0 ? 1 : 0;
  const int on = 1;
  /* Lets the other side know which process this is, where it has inherited its socket. */
  if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return PF_E_SYSTEM;
  const ssize_t sent = send_record(socket, KIND_HELLO, 0, hands->mechanism, hands->hello, words, &hands->passed, fds);
  const int saved = errno, off = 0;
  if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &off, sizeof off) < 0) return PF_E_SYSTEM;
  errno = saved;
  if (sent >= 0) return PF_OK;
  return errno == EPIPE || errno == ECONNRESET ? PF_AGAIN : PF_E_SYSTEM;
}

static int refused(const uint8_t *record) {
  uint32_t why;
  memcpy(&why, record + 12, sizeof why);
  return why == REFUSED_VERSION ? PF_E_VERSION : why == REFUSED_TRANSPORT ? PF_E_TRANSPORT : PF_E_REJECTED;
}

/* PF_AGAIN if the other side has hung up, or has said nothing within the limit. */
static int hear_welcome(int socket, struct handshake *hands, int64_t limit, const struct stop *stop) {
  uint8_t record[RECORD_BYTES + 1] = {0};
  struct came came;
  struct pollfd asked = {.fd = socket, .events = POLLIN};
  for (;;) {
    const int ready = poll(&asked, 1, left_of(limit));
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) return PF_E_SYSTEM;
    if (is_over(limit) || is_stopped(stop)) return PF_AGAIN;
  }
  const ssize_t length = read_record(socket, record, sizeof record, hands->fds, MOST_DESCRIPTORS, &came);
  if (length < 0) return errno == ECONNRESET || errno == EAGAIN ? PF_AGAIN : PF_E_SYSTEM;
  if (length == 0) return PF_AGAIN;
  uint16_t head[2];
  memcpy(head, record + 8, sizeof head);
  int result = PF_E_MISBEHAVED;
  if (length >= 16 && memcmp(record, "PAGEFRRY", 8) == 0) {
    if (head[0] != PF_PROTOCOL_VERSION) result = PF_E_VERSION;
    else if (head[1] == KIND_REFUSAL) result = refused(record);
    else if (head[1] == KIND_WELCOME && length <= RECORD_BYTES && (came.flags & MSG_TRUNC) == 0) {
      if (came.count == hands->descriptors && (came.flags & MSG_CTRUNC) == 0) result = PF_OK;
      else if (came.count < hands->descriptors && (came.flags & MSG_CTRUNC) != 0) {
        errno = EMFILE; /* That is what the kernel means by it. */
        result = PF_E_SYSTEM;
      }
    }
  }
  if (result == PF_OK) {
    memcpy(hands->welcome, record + HEAD_BYTES, sizeof hands->welcome); /* What is missing is 0. */
    return PF_OK;
  }
  for (size_t index = 0; index < came.count && index < MOST_DESCRIPTORS; index++) shut(hands->fds[index]);
  return result;
}

/* Finds the other side, and shakes hands. */
static int meet(const char *endpoint, struct handshake *hands, int timeout, const struct stop *stop, int *found) {
  const int64_t limit = limit_of(timeout);
  for (;;) {
    int socket = -1;
    int result = reach(endpoint, &socket);
    if (result == PF_OK) result = say_hello(socket, hands);
    if (result == PF_OK) result = hear_welcome(socket, hands, limit, stop);
    if (result == PF_OK) {
      *found = socket;
      return PF_OK;
    }
    shut(socket);
    /* Who hangs up without an answer was closing; at a path another one may come. */
    if (result != PF_AGAIN) return result;
    const bool is_given_up = is_over(limit) || is_stopped(stop);
    if (is_inherited(endpoint)) return is_given_up ? PF_AGAIN : PF_E_PEER_DIED;
    if (is_given_up) return PF_AGAIN;
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    nanosleep(&pause, NULL);
  }
}

/* ------------------------------------------------------------------------------------------------- the inbox */

/* The receiving half of one direction. */
struct inbox {
  struct part part;
  const uint8_t *payload;
  size_t payload_length;
  bool may_miss;          /* Entries come out of the delivery queue, and are claimed. */
  const word *published;  /* The ring's counter; of what may miss messages, the delivery queue's. */
  const word *entries;
  uint32_t capacity;
  uint64_t next;          /* The number of the next message; with `may_miss`, the least that it can be. */
  uint32_t position;      /* With `may_miss`: the next entry of the queue. */
  uint64_t cursor;        /* Everything before it was returned, but for what is kept. */
  uint32_t returned;
};

static void put_return(struct inbox *inbox, uint32_t slot, uint64_t number) {
  const uint32_t places = 2 * inbox->part.capacity;
  word *entry = first_return(&inbox->part) + (size_t)(inbox->returned & (places - 1)) * RETURN_WORDS;
  atomic_store(&entry[0], slot);
  atomic_store(&entry[1], (uint32_t)number);
  atomic_store(&inbox->part.words[AT_RETURNED], ++inbox->returned);
}

/* "Returns" */
static void give_back(struct inbox *inbox, const struct link *link, uint32_t slot, uint64_t number) {
  word *words = inbox->part.words;
  if (inbox->may_miss || number < inbox->cursor) put_return(inbox, slot, number);
  else {
    for (uint64_t kept = inbox->cursor; kept < number; kept++) put_return(inbox, KEPT, kept);
    inbox->cursor = number + 1;
    /* wake() has the barrier. */
    atomic_store_explicit(&words[AT_CURSOR], (uint32_t)inbox->cursor, memory_order_release);
  }
  wake(link, &words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
}

/* What an entry says, each word read once. */
struct entry {
  uint32_t length, place, slot, tag, exchange;
  uint64_t number;
};

static uint32_t read_word(const word *from) { return atomic_load_explicit(from, memory_order_relaxed); }

static struct entry read_entry(const word *from, bool has_high_half) {
  struct entry entry = {
    .length = read_word(&from[IN_LENGTH]), .place = read_word(&from[IN_PLACE]), .slot = read_word(&from[IN_SLOT]),
    .tag = read_word(&from[IN_TAG]), .exchange = read_word(&from[IN_EXCHANGE])
  };
  const uint32_t high = has_high_half ? read_word(&from[IN_NUMBER_HIGH]) : 0;
  /* Last: it is written first when the place gets another message. */
  atomic_thread_fence(memory_order_acquire);
  entry.number = (uint64_t)high << 32 | atomic_load_explicit(&from[IN_NUMBER], memory_order_acquire);
  return entry;
}

static bool is_cut_off(const struct inbox *inbox) {
  const uint32_t cut = atomic_load(&inbox->part.words[AT_CUT_OFF]);
  return cut == 1 || cut == 2;
}

/* How many messages of the ring wait, or may be read by now. */
static uint32_t available_in_ring(const struct inbox *inbox) {
  const uint32_t next = (uint32_t)inbox->next;
  const uint32_t available = atomic_load(inbox->published) - next;
  const word *words = inbox->part.words;
  if (atomic_load(&words[AT_RING_IS_LIMITED]) != 1) return available;
  const uint32_t allowed = atomic_load(&words[AT_RING_LIMIT]) - next;
  return allowed < available ? allowed : available;
}

/* The next entry of the ring. PF_AGAIN if there is none. */
static int take_from_ring(struct inbox *inbox, struct entry *entry) {
  const uint32_t available = available_in_ring(inbox);
  /* Looked at after the counter: what comes after the cut is not kept for this receiver. */
  if (is_cut_off(inbox)) return PF_E_CUT_OFF;
  if (available > inbox->capacity) return PF_E_MISBEHAVED;
  if (available == 0) return PF_AGAIN;
  const word *from = inbox->entries + (size_t)(inbox->next & (inbox->capacity - 1)) * ENTRY_WORDS;
  *entry = read_entry(from, false);
  if ((uint32_t)entry->number != (uint32_t)inbox->next) return is_cut_off(inbox) ? PF_E_CUT_OFF : PF_E_MISBEHAVED;
  entry->number = inbox->next++;
  return PF_OK;
}

/* "Claiming and dropping" */
static int take_from_queue(struct inbox *inbox, struct entry *entry) {
  for (;;) {
    const uint32_t available = atomic_load(inbox->published) - inbox->position;
    if (is_cut_off(inbox)) return PF_E_CUT_OFF;
    if (available == 0) return PF_AGAIN;
    if (available > inbox->capacity) inbox->position += available - inbox->capacity;
    const uint32_t position = inbox->position++;
    const word *from = inbox->entries + (size_t)(position & (inbox->capacity - 1)) * ENTRY_WORDS;
    word *claim = inbox->part.words + (from - inbox->part.words) + IN_CLAIM;
    uint32_t waits = position & 0x7FFFFFFF;
    if (atomic_load(claim) != waits) continue; /* It was dropped. */
    *entry = read_entry(from, true);
    if (!atomic_compare_exchange_strong(claim, &waits, CLAIMED)) continue;
    if (entry->number < inbox->next || entry->number >> 53 != 0) return PF_E_MISBEHAVED;
    inbox->next = entry->number + 1;
    return PF_OK;
  }
}

/* Maps the memory that a message has of its own: "Memory of its own". */
static int open_own(struct inbox *inbox, struct link *link, const struct entry *entry, pf_message *message) {
  word *words = inbox->part.words;
  const uint32_t number = (uint32_t)entry->number;
  /* It was passed before the message was published; if more were passed with that number, the last one is meant. */
  while (find_passed(link, number) < 0 || atomic_load(&words[AT_TAKEN]) != atomic_load(&words[AT_PASSED])) {
    const int heard = hear(link, &words[AT_TAKEN]);
    if (heard < 0) return heard;
    if (heard == PF_AGAIN || link->is_gone) break;
  }
  const int index = find_passed(link, number);
  if (index < 0) return link->is_gone ? PF_E_PEER_DIED : PF_E_MISBEHAVED;
  const int fd = link->passed[index].fd;
  int result = PF_OK;
  if (fd < 0) result = PF_E_LOST;
  else {
    const size_t length = sealed_length(fd, SIZE_SEALS | F_SEAL_WRITE);
    if (length < entry->length || length == 0) result = PF_E_MISBEHAVED;
    else {
      /* Private: some kernels refuse a shared mapping of what nobody can write to. */
      void *memory = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
      if (memory == MAP_FAILED) result = errno == ENOMEM || errno == EMFILE ? PF_E_LOST : PF_E_SYSTEM;
      else {
        message->data = message->own_ = memory;
        message->own_length_ = length;
      }
    }
  }
  forget_passed(link, (unsigned)index);
  if (result == PF_E_LOST) give_back(inbox, link, entry->slot, entry->number);
  return result;
}

/* The next message, if one is here. */
static int look(struct inbox *inbox, struct link *link, pf_message *message) {
  /* Before the counter: what was published before the end is still there to be taken. */
  const bool is_gone = link->is_gone;
  const bool is_finished = atomic_load(&inbox->part.words[AT_FINISHED]) == 1;
  struct entry entry;
  const uint32_t before = inbox->position;
  const int taken = inbox->may_miss ? take_from_queue(inbox, &entry) : take_from_ring(inbox, &entry);
  if (inbox->position != before) link->idle_rings = 0; /* A ring may have told of what was dropped since. */
  if (taken == PF_AGAIN) return is_finished ? PF_END : is_gone ? PF_E_PEER_DIED : PF_AGAIN;
  if (taken != PF_OK) return taken;
  link->idle_rings = 0;
  if ((entry.slot & NO_SLOT) != 0) return PF_E_MISBEHAVED;
  *message = (pf_message){
    .length = entry.length, .number = entry.number, .tag = entry.tag, .slot_ = entry.slot, .exchange_ = entry.exchange
  };
  if ((entry.slot & OWN_MEMORY) != 0) {
    const int opened = open_own(inbox, link, &entry, message);
    if (opened != PF_OK) return opened;
  } else {
    const uint64_t start = (uint64_t)entry.place * UNIT;
    if (start + entry.length > inbox->payload_length) return PF_E_MISBEHAVED;
    message->data = inbox->payload + start;
  }
  /* Numbers only grow: no later entry asks for what was passed before this one. */
  for (unsigned index = link->passed_count; index-- > 0;)
    if ((int32_t)(link->passed[index].number - (uint32_t)entry.number) <= 0) forget_passed(link, index);
  return PF_OK;
}

static void release(struct inbox *inbox, const struct link *link, pf_message *message) {
  if (message->data == NULL) return;
  if (message->own_ != NULL) munmap(message->own_, message->own_length_);
  give_back(inbox, link, message->slot_, message->number);
  *message = (pf_message){0};
}

/* Whether something is there to be looked at. */
static bool has_news(const struct inbox *inbox, const struct link *link) {
  const word *words = inbox->part.words;
  if (atomic_load(&words[AT_FINISHED]) == 1 || link->is_gone || is_cut_off(inbox)) return true;
  if (inbox->may_miss) return atomic_load(inbox->published) != inbox->position;
  return available_in_ring(inbox) != 0;
}

/* "Parking", up to the sleep. PF_OK if there is news: do not sleep. */
static int park(struct inbox *inbox, const struct link *link) {
  atomic_store(&inbox->part.words[inbox->part.parked], 1);
  atomic_thread_fence(memory_order_seq_cst);
  return has_news(inbox, link) ? PF_OK : PF_AGAIN;
}

/* Whether some entry that waits to be taken is that of a message. */
static bool is_in_queue(const struct inbox *inbox, uint32_t number) {
  for (uint32_t back = 1; back <= inbox->capacity; back++) {
    const uint32_t position = inbox->position - back + inbox->capacity;
    const word *entry = inbox->entries + (size_t)(position & (inbox->capacity - 1)) * ENTRY_WORDS;
    if (atomic_load(&entry[IN_NUMBER]) == number && atomic_load(&entry[IN_CLAIM]) < CLAIMED - 1) return true;
  }
  return false;
}

/*
 * Closes the memories of messages that were dropped: no entry can ask for them any more. Only where no message is claimed
 * whose memory is still to be taken.
 */
static void forget_dropped(struct inbox *inbox, struct link *link) {
  if (!inbox->may_miss || link->passed_count < MOST_PASSED / 2) return;
  const uint32_t published = atomic_load(inbox->published);
  const word *last = inbox->entries + (size_t)((published - 1) & (inbox->capacity - 1)) * ENTRY_WORDS;
  const uint32_t number = atomic_load(&last[IN_NUMBER]);
  for (unsigned index = link->passed_count; index-- > 0;) {
    const uint32_t passed = link->passed[index].number;
    const bool is_needed = (int32_t)(passed - number) > 0 || is_in_queue(inbox, passed);
    /* The place of the last entry has another one by now: it does not tell. */
    if (atomic_load(inbox->published) - published >= inbox->capacity - 1) return;
    if (!is_needed) forget_passed(link, index);
  }
}

/* Takes in what the socket and the bell have to say. */
static int attend(struct inbox *inbox, struct link *link) {
  int heard;
  quiet(link->timer);
  forget_dropped(inbox, link);
  do heard = hear(link, &inbox->part.words[AT_TAKEN]);
  while (heard == PF_OK && !link->is_gone);
  return heard < 0 ? heard : PF_OK;
}

/* Memory and words of the other side's, checked and mapped; what is mapped stays until the end. */
static int start_inbox(struct inbox *inbox, int payload) {
  inbox->payload_length = sealed_length(payload, SIZE_SEALS);
  if (inbox->payload_length == 0) return PF_E_MISBEHAVED;
  void *memory = map_shared(payload, inbox->payload_length, PROT_READ);
  if (memory == MAP_FAILED) return PF_E_SYSTEM;
  inbox->payload = (const uint8_t *)memory;
  return PF_OK;
}

/* Has it read the delivery queue, where there is no ring. */
static void start_queue(struct inbox *inbox) {
  inbox->capacity = inbox->part.capacity;
  inbox->published = inbox->part.words + AT_PUBLISHED;
  inbox->entries = inbox->part.words + AT_ENTRIES;
}

/* ---------------------------------------------------------------------------------------------- the receiver */

struct pf_receiver {
  struct link link;
  int poll_microseconds;
  struct inbox inbox;
  size_t control_length;
  const word *ring;
  size_t ring_length;
};

static int map_control(int fd, unsigned parts, word **words, size_t *length) {
  *length = sealed_length(fd, SIZE_SEALS);
  if (*length < parts * part_bytes(1)) return PF_E_MISBEHAVED;
  void *memory = map_shared(fd, *length, PROT_READ | PROT_WRITE);
  if (memory == MAP_FAILED) return PF_E_SYSTEM;
  *words = (word *)memory;
  return PF_OK;
}

static int start_ring(pf_receiver *receiver, int fd) {
  receiver->ring_length = sealed_length(fd, SIZE_SEALS);
  if (receiver->ring_length < ((size_t)AT_ENTRIES + ENTRY_WORDS) * 4) return PF_E_MISBEHAVED;
  void *memory = map_shared(fd, receiver->ring_length, PROT_READ);
  if (memory == MAP_FAILED) return PF_E_SYSTEM;
  const word *ring = receiver->ring = (const word *)memory;
  const uint32_t capacity = atomic_load(&ring[AT_CAPACITY]);
  if (atomic_load(&ring[AT_MAGIC]) != RING_MAGIC || atomic_load(&ring[AT_VERSION]) != PF_PROTOCOL_VERSION ||
      !is_capacity(capacity) ||
      receiver->ring_length != (AT_ENTRIES + (size_t)capacity * ENTRY_WORDS) * 4) {
    return PF_E_MISBEHAVED;
  }
  receiver->inbox.capacity = capacity;
  receiver->inbox.published = ring + AT_PUBLISHED;
  receiver->inbox.entries = ring + AT_ENTRIES;
  return PF_OK;
}

static int start_receiver(pf_receiver *receiver, const struct handshake *hands) {
  struct inbox *inbox = &receiver->inbox;
  word *words = NULL;
  int result = map_control(hands->fds[0], 1, &words, &receiver->control_length);
  if (result != PF_OK) return result;
  const bool is_right = read_part(&inbox->part, words) && receiver->control_length == part_bytes(inbox->part.capacity);
  if (!is_right || !is_bell(receiver->link.other_bell) || !is_bell(receiver->link.own_bell)) return PF_E_MISBEHAVED;
  inbox->cursor = inbox->next = (uint64_t)hands->welcome[1] << 32 | hands->welcome[0];
  if (inbox->next > (uint64_t)1 << 52) return PF_E_MISBEHAVED;
  result = start_inbox(inbox, hands->fds[3]);
  if (result != PF_OK) return result;
  if (!inbox->may_miss) return start_ring(receiver, hands->fds[4]);
  start_queue(inbox);
  return PF_OK;
}

int pf_receiver_open(pf_receiver **found, const char *endpoint, const pf_receiver_options *options) {
  const pf_receiver_options usual = {.policy = PF_WAIT, .timeout = -1};
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  if (options == NULL) options = &usual;
  if (endpoint == NULL || (unsigned)options->policy > PF_DROP_OLDEST || options->depth > 1024) return PF_E_INVALID;
  const bool may_miss = options->policy != PF_WAIT;
  struct handshake hands = {
    .mechanism = "shared-mmap", .hello = {(uint32_t)options->policy, options->depth}, .passed = -1,
    .descriptors = may_miss ? (size_t)4 : 5
  };
  pf_receiver *receiver = (pf_receiver *)calloc(1, sizeof *receiver);
  if (receiver == NULL) return PF_E_SYSTEM;
  receiver->link = NO_LINK;
  receiver->poll_microseconds = options->poll_microseconds;
  const struct stop stop = {options->stop, options->stop_with};
  int result = meet(endpoint, &hands, options->timeout, &stop, &receiver->link.socket);
  if (result != PF_OK) {
    free(receiver);
    return result;
  }
  receiver->link.other_bell = hands.fds[1];
  receiver->link.own_bell = hands.fds[2];
  receiver->inbox.may_miss = may_miss;
  result = start_receiver(receiver, &hands);
  shut(hands.fds[0]); /* The mappings stay. */
  shut(hands.fds[3]);
  if (!may_miss) shut(hands.fds[4]);
  if (result == PF_OK) result = start_link(&receiver->link);
  if (result == PF_OK) *found = receiver;
  else pf_receiver_close(receiver);
  return result;
}

int pf_receiver_receive(pf_receiver *receiver, pf_message *message, int timeout) {
  struct inbox *inbox = &receiver->inbox;
  struct link *link = &receiver->link;
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = receiver->poll_microseconds};
  for (;;) {
    int result = look(inbox, link, message);
    if (result != PF_AGAIN) return result;
    if (polls_on(&polling, limit)) continue;
    result = attend(inbox, link);
    if (result != PF_OK) return result;
    if (park(inbox, link) == PF_OK) continue;
    if (is_over(limit)) return PF_AGAIN;
    result = sleep_until(link, limit);
    if (result != PF_OK) return result;
  }
}

void pf_receiver_release(pf_receiver *receiver, pf_message *message) {
  release(&receiver->inbox, &receiver->link, message);
}

int pf_receiver_fd(const pf_receiver *receiver) { return receiver->link.events; }

int pf_receiver_arm(pf_receiver *receiver) {
  const int rang = answer_bell(&receiver->link);
  if (rang < 0) return rang;
  const int attended = attend(&receiver->inbox, &receiver->link);
  if (attended < 0) return attended;
  return park(&receiver->inbox, &receiver->link);
}

uint32_t pf_receiver_dropped(const pf_receiver *receiver) {
  return atomic_load(&receiver->inbox.part.words[AT_DROPPED]);
}

bool pf_receiver_peek(const pf_receiver *receiver) { return has_news(&receiver->inbox, &receiver->link); }

void pf_receiver_hang_up(pf_receiver *receiver) { close_link(&receiver->link); }

void pf_receiver_close(pf_receiver *receiver) {
  if (receiver == NULL) return;
  close_link(&receiver->link);
  unmap(receiver->inbox.payload, receiver->inbox.payload_length);
  unmap(receiver->inbox.part.words, receiver->control_length);
  unmap(receiver->ring, receiver->ring_length);
  free(receiver);
}

/* -------------------------------------------------------------------------------------------------- the pool */

/* In units of 64 bytes. */
struct range {
  uint32_t start, length;
};

/* Memory of one message alone: what the pool has no room for at a stretch. */
struct own {
  int fd;
  void *memory;    /* NULL once its loan is gone. */
  size_t bytes;    /* In whole pages. */
  bool is_sealed;  /* Nobody can change it any more, and the loan has private pages in its place. */
};

enum slot_state { SLOT_FREE, SLOT_LENT, SLOT_SENT, SLOT_KEPT };

/* Who needs a message is noted in its slot, in memory that nobody else can write to. */
struct slot {
  enum slot_state state;
  struct range range; /* Where it lies in the pool, unless it has memory of its own. */
  struct own *own;    /* Or NULL. */
  uint64_t number;
  size_t length;
  uint64_t holders; /* Of a sender: a bit for each reader that has it, beside those who have still to come to it. */
  bool in_ring;     /* Of a sender: somebody who reads the ring has still to return it, or to say that it keeps it. */
  bool in_history;
};

/* Memory for messages, and what of it is lent or under way. */
struct pool {
  uint8_t *memory;
  size_t bytes;
  size_t bytes_out;          /* Lent or under way, memory of messages' own included. */
  struct slot *slots;
  uint32_t *free_slots;
  uint32_t slot_count, free_slot_count;
  uint32_t most_used;        /* No slot from this one on was ever used. */
  struct range *free_ranges; /* In order; no two touch. */
  uint32_t free_range_count;
};

/* Memory for so many bytes, first fit. False if there is none. */
static bool take_range(struct pool *pool, size_t length, struct range *taken) {
  const uint32_t units = length == 0 ? 1 : (uint32_t)((length + UNIT - 1) / UNIT);
  const uint32_t align = length >= PAGE ? PAGE / UNIT : 1;
  for (uint32_t index = 0; index < pool->free_range_count; index++) {
    struct range *each = &pool->free_ranges[index];
    const uint32_t start = (each->start + align - 1) / align * align;
    const uint32_t before = start - each->start;
    if (before > each->length || each->length - before < units) continue;
    *taken = (struct range){start, units};
    const uint32_t after = each->length - before - units;
    if (before > 0 && after > 0) {
      memmove(each + 1, each, (pool->free_range_count - index) * sizeof *each);
      pool->free_range_count++;
      each[0].length = before;
      each[1] = (struct range){start + units, after};
    } else if (before > 0) each->length = before;
    else if (after > 0) *each = (struct range){start + units, after};
    else memmove(each, each + 1, (--pool->free_range_count - index) * sizeof *each);
    return true;
  }
  return false;
}

/* The first free range that begins behind `start`. */
static uint32_t range_after(const struct pool *pool, uint32_t start) {
  uint32_t low = 0, high = pool->free_range_count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (pool->free_ranges[middle].start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

static void put_range(struct pool *pool, struct range range) {
  struct range *ranges = pool->free_ranges;
  const uint32_t index = range_after(pool, range.start);
  const bool joins_before = index > 0 && ranges[index - 1].start + ranges[index - 1].length == range.start;
  const bool joins_after = index < pool->free_range_count && range.start + range.length == ranges[index].start;
  if (joins_before && joins_after) {
    ranges[index - 1].length += range.length + ranges[index].length;
    memmove(&ranges[index], &ranges[index + 1], (--pool->free_range_count - index) * sizeof *ranges);
  } else if (joins_before) ranges[index - 1].length += range.length;
  else if (joins_after) ranges[index] = (struct range){range.start, range.length + ranges[index].length};
  else {
    memmove(&ranges[index + 1], &ranges[index], (pool->free_range_count++ - index) * sizeof *ranges);
    ranges[index] = range;
  }
}

static size_t whole_pages(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

/* Memory of this side's that is allocated and shared: its descriptor, or -1. It has to be sealed yet. */
static int allocate_memory(const char *name, size_t bytes, void **memory) {
  /* Not to be run as a program, which a system may demand, where the kernel knows of that: since Linux 6.3. */
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL | MFD_ALLOW_SEALING);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  *memory = NULL;
  if (fd < 0) return -1;
  const int failed = posix_fallocate(fd, 0, (off_t)bytes);
  if (failed != 0) errno = failed;
  void *mapped = failed != 0 ? MAP_FAILED : map_shared(fd, bytes, PROT_READ | PROT_WRITE);
  if (mapped != MAP_FAILED) {
    *memory = mapped;
    return fd;
  }
  shut(fd);
  return -1;
}

/* Has nobody change the length any more, nor what else the seals say. As fcntl(2). */
static int seal(int fd, int seals) {
  /* In two steps: nothing can be sealed after the seal that says so. */
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | seals) < 0) return -1;
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
}

/* Memory of this side's that is allocated, shared, and cannot change its length: its descriptor, or -1. */
static int create_memory(const char *name, size_t bytes, int seals, void **memory) {
  const int fd = allocate_memory(name, bytes, memory);
  if (fd < 0 || seal(fd, seals) == 0) return fd;
  munmap(*memory, bytes);
  *memory = NULL;
  shut(fd);
  return -1;
}

static void close_own(struct own *own) {
  unmap(own->memory, own->bytes);
  shut(own->fd);
  free(own);
}

/* NULL if there is no memory, or no descriptor. */
static struct own *create_own(size_t bytes) {
  struct own *own = (struct own *)calloc(1, sizeof *own);
  if (own == NULL) return NULL;
  own->bytes = bytes;
  own->fd = allocate_memory("pageferry-message", bytes, &own->memory);
  if (own->fd >= 0) return own;
  free(own);
  return NULL;
}

/*
 * Has nobody change a message any more. Its loan has private pages from then on, because the seal is refused to what somebody
 * can write to.
 */
static int seal_own(struct own *own) {
  if (own->is_sealed) return PF_OK;
  const int flags = MAP_PRIVATE | MAP_FIXED;
  if (mmap(own->memory, own->bytes, PROT_READ | PROT_WRITE, flags, own->fd, 0) == MAP_FAILED) return PF_E_SYSTEM;
  if (seal(own->fd, F_SEAL_WRITE) < 0) {
    const int failed = errno;
    /* It is written to as before. */
    if (mmap(own->memory, own->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, own->fd, 0) != MAP_FAILED) errno = failed;
    return PF_E_SYSTEM;
  }
  own->is_sealed = true;
  return PF_OK;
}

/* Whether a loan still says what was sealed: it was still the program's if it could not be sent then. */
static bool is_as_sealed(const struct own *own, size_t length) {
  void *sealed = mmap(NULL, own->bytes, PROT_READ, MAP_PRIVATE, own->fd, 0);
  if (sealed == MAP_FAILED) return false;
  const bool is_same = memcmp(sealed, own->memory, length) == 0;
  munmap(sealed, own->bytes);
  return is_same;
}

/* Other memory for a loan that was written to after it was sealed. */
static int renew_own(struct own *own, size_t length) {
  void *memory;
  const int fd = allocate_memory("pageferry-message", own->bytes, &memory);
  if (fd < 0) return PF_E_SYSTEM;
  memcpy(memory, own->memory, length);
  munmap(memory, own->bytes);
  if (mmap(own->memory, own->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
    shut(fd);
    return PF_E_SYSTEM;
  }
  shut(own->fd);
  own->fd = fd;
  own->is_sealed = false;
  return PF_OK;
}

static size_t bytes_of(const struct slot *slot) {
  return slot->own != NULL ? slot->own->bytes : (size_t)slot->range.length * UNIT;
}

/* What is said of a slot in entries. */
static uint32_t name_of(const struct pool *pool, uint32_t slot) {
  return pool->slots[slot].own != NULL ? slot | OWN_MEMORY : slot;
}

/* The slot of a name that the other side has said; NO_SLOT if there is none. */
static uint32_t slot_named(const struct pool *pool, uint32_t name) {
  const uint32_t slot = name & ~OWN_MEMORY;
  return slot < pool->slot_count && name_of(pool, slot) == name ? slot : NO_SLOT;
}

static void free_slot(struct pool *pool, uint32_t index) {
  struct slot *slot = &pool->slots[index];
  pool->bytes_out -= bytes_of(slot);
  if (slot->own != NULL) close_own(slot->own);
  else put_range(pool, slot->range);
  slot->own = NULL;
  slot->state = SLOT_FREE;
  pool->free_slots[pool->free_slot_count++] = index;
}

/* Whether so many more bytes may be out. One message may have more than the limit if it is alone. */
static bool has_room(const struct pool *pool, size_t bytes) {
  return pool->bytes_out == 0 || (pool->bytes_out <= pool->bytes && bytes <= pool->bytes - pool->bytes_out);
}

/* Lends memory: of the pool, or where it lies in pieces, or is too small, of the message's own. PF_AGAIN if there is none. */
static int try_lend(struct pool *pool, size_t length, pf_loan *loan) {
  struct slot found = {.state = SLOT_LENT};
  if (pool->free_slot_count == 0 || !has_room(pool, length)) return PF_AGAIN;
  if (!take_range(pool, length, &found.range)) {
    const size_t bytes = whole_pages(length == 0 ? 1 : length);
    if (!has_room(pool, bytes)) return PF_AGAIN;
    found.own = create_own(bytes);
    if (found.own == NULL) return PF_E_SYSTEM;
  }
  const uint32_t slot = pool->free_slots[--pool->free_slot_count];
  if (slot >= pool->most_used) pool->most_used = slot + 1;
  pool->slots[slot] = found;
  pool->bytes_out += bytes_of(&found);
  *loan = (pf_loan){
    .data = found.own != NULL ? found.own->memory : pool->memory + (size_t)found.range.start * UNIT,
    .length = length, .is_lent_ = true, .slot_ = slot
  };
  return PF_OK;
}

/* Whether a loan is one, and not longer than it was lent. */
static bool is_loan(const struct pool *pool, const pf_loan *loan) {
  if (!loan->is_lent_ || loan->slot_ >= pool->slot_count) return false;
  const struct slot *slot = &pool->slots[loan->slot_];
  return slot->state == SLOT_LENT && loan->length <= bytes_of(slot);
}

static void unlend(struct pool *pool, pf_loan *loan) {
  if (loan->is_lent_) free_slot(pool, loan->slot_);
  *loan = (pf_loan){0};
}

/* The loan is the program's no more, and its slot is that of a message. What it showed may stay where it is. */
static void end_loan(struct slot *slot, pf_loan *loan, uint64_t number) {
  struct own *own = slot->own;
  const bool stays = own != NULL && loan->keep_mapped;
  slot->state = SLOT_SENT;
  slot->number = number;
  slot->length = loan->length;
  *loan = (pf_loan){0};
  if (own == NULL) return;
  if (stays) {
    loan->own_ = own->memory;
    loan->own_length_ = own->bytes;
  } else unmap(own->memory, own->bytes);
  own->memory = NULL;
}

void pf_loan_unmap(pf_loan *loan) {
  unmap(loan->own_, loan->own_length_);
  loan->own_ = NULL;
}

/* Allocates a pool that this side alone can write to. Returns its descriptor, or -1. */
static int create_pool(struct pool *pool, size_t bytes, uint32_t slots) {
  void *memory;
  pool->slots = (struct slot *)calloc(slots, sizeof *pool->slots);
  pool->free_slots = (uint32_t *)malloc(slots * sizeof *pool->free_slots);
  pool->free_ranges = (struct range *)malloc((slots + 1) * sizeof *pool->free_ranges);
  if (pool->slots == NULL || pool->free_slots == NULL || pool->free_ranges == NULL) return -1;
  /* Before the mapping is made, the last one would forbid it; afterwards it holds for all others. */
  const int fd = create_memory("pageferry-pool", bytes, F_SEAL_FUTURE_WRITE, &memory);
  if (fd < 0) return -1;
  pool->memory = (uint8_t *)memory;
  pool->bytes = bytes;
  pool->slot_count = pool->free_slot_count = slots;
  for (uint32_t slot = 0; slot < slots; slot++) pool->free_slots[slot] = slots - 1 - slot;
  pool->free_ranges[0] = (struct range){0, (uint32_t)(bytes / UNIT)};
  pool->free_range_count = 1;
  return fd;
}

/* Lets go of the descriptors of memory that messages have of their own: nothing will be passed any more. */
static void close_own_fds(struct pool *pool) {
  for (uint32_t index = 0; index < pool->most_used; index++) {
    struct own *own = pool->slots[index].own;
    if (own == NULL) continue;
    shut(own->fd);
    own->fd = -1;
  }
}

static void close_pool(struct pool *pool) {
  for (uint32_t index = 0; index < pool->most_used; index++)
    if (pool->slots[index].own != NULL) close_own(pool->slots[index].own);
  unmap(pool->memory, pool->bytes);
  free(pool->slots);
  free(pool->free_slots);
  free(pool->free_ranges);
}

/* Length of a pool in whole pages; 0 if there can be none. */
static size_t pool_bytes_of(size_t wanted) {
  if (wanted == 0) wanted = 4u << 20;
  /* A place is counted in units, and in 32 bits. */
  return wanted > (size_t)UINT32_MAX * (UNIT / 2) ? 0 : whole_pages(wanted);
}

/* ------------------------------------------------------------------------------------- passing memory of messages */

/* A message that has memory of its own and is under way, and which record it came with. */
struct own_message {
  uint64_t number;
  uint32_t record;
};

/*
 * What was passed to one receiver that must not miss messages: "Memory of its own". It is passed before its message is
 * published, which may have to wait: for what else has to be passed first, and then another message may have the number.
 */
struct passing {
  uint32_t records; /* Ever passed. */
  bool is_ahead;    /* The last one was passed for a message that is not published. */
  uint32_t ahead_slot;
  uint64_t ahead_number;
  struct own_message under_way[MOST_OWN];
  unsigned under_way_count;
  uint64_t in_vain[MOST_IN_VAIN]; /* Numbers for which some was passed that no message has. They grow. */
  unsigned in_vain_count;
};

/* How many records the receiver has still to take off its socket. */
static uint32_t untaken(const struct passing *passing, const word *words) {
  return passing->records - atomic_load(&words[AT_TAKEN]);
}

/* Passes memory. PF_AGAIN: that has to wait. PF_E_PEER_DIED: nobody is there any more. */
static int pass_record(const struct link *link, word *words, struct passing *passing, uint64_t number, int fd) {
  uint32_t record[] = {RECORD_MAGIC, (uint32_t)number};
  if (send_with(link->socket, record, sizeof record, &fd, 1) >= 0) {
    atomic_store(&words[AT_PASSED], ++passing->records);
    return PF_OK;
  }
  switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: return PF_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return PF_E_PEER_DIED;
    default: return PF_E_SYSTEM;
  }
}

/* The message whose memory was passed last is not sent, or not as that number. */
static void note_in_vain(struct passing *passing) {
  const unsigned count = passing->in_vain_count;
  passing->is_ahead = false;
  /* Another one for the same number takes its place. */
  if (count == 0 || passing->in_vain[count - 1] != passing->ahead_number) {
    passing->in_vain[passing->in_vain_count++] = passing->ahead_number;
  }
}

/* Whether memory can be passed: PF_OK, PF_AGAIN, or PF_E_MISBEHAVED if the receiver has taken what never was there. */
static int may_pass(const struct passing *passing, const word *words) {
  const uint32_t left = untaken(passing, words);
  if (left > MOST_UNTAKEN) return PF_E_MISBEHAVED;
  return left == MOST_UNTAKEN || passing->in_vain_count == MOST_IN_VAIN ? PF_AGAIN : PF_OK;
}

static bool is_passed(const struct passing *passing, uint32_t slot, uint64_t number) {
  return passing->is_ahead && passing->ahead_slot == slot && passing->ahead_number == number;
}

/* Passes the memory of a message that is published later, as that number. Once is enough. As pass_record. */
static int pass_ahead(const struct link *link, word *words, struct passing *passing, const struct pool *pool,
                      uint32_t slot, uint64_t number) {
  if (is_passed(passing, slot, number)) return PF_OK;
  if (passing->is_ahead) note_in_vain(passing);
  int result = may_pass(passing, words);
  if (result == PF_OK) result = pass_record(link, words, passing, number, pool->slots[slot].own->fd);
  if (result != PF_OK) return result;
  passing->is_ahead = true;
  passing->ahead_slot = slot;
  passing->ahead_number = number;
  return PF_OK;
}

/* A message is published, or will be read, as that number. */
static void note_published(struct passing *passing, uint32_t slot, uint64_t number) {
  if (!passing->is_ahead) return;
  if (!is_passed(passing, slot, number)) {
    note_in_vain(passing);
    return;
  }
  passing->is_ahead = false;
  passing->under_way[passing->under_way_count++] = (struct own_message){number, passing->records};
}

/* A loan is not sent. */
static void note_unlent(struct passing *passing, uint32_t slot) {
  if (passing->is_ahead && passing->ahead_slot == slot) note_in_vain(passing);
}

/* The receiver has returned a message. False if it had left its memory on the socket, which no honest one does. */
static bool note_returned(struct passing *passing, const word *words, uint64_t number) {
  unsigned passed = 0;
  /* It came past all numbers before, and keeps nothing for them. */
  while (passed < passing->in_vain_count && passing->in_vain[passed] <= number) passed++;
  if (passed > 0) {
    passing->in_vain_count -= passed;
    memmove(passing->in_vain, passing->in_vain + passed, passing->in_vain_count * sizeof *passing->in_vain);
  }
  for (unsigned index = 0; index < passing->under_way_count; index++) {
    const struct own_message own = passing->under_way[index];
    if (own.number != number) continue;
    passing->under_way[index] = passing->under_way[--passing->under_way_count];
    return (int32_t)(atomic_load(&words[AT_TAKEN]) - own.record) >= 0;
  }
  return true;
}

/* Whether what is returned has to be noted. */
static bool has_passed(const struct passing *passing) {
  return passing->under_way_count > 0 || passing->in_vain_count > 0;
}

/*
 * Before a loan is sent that could not be passed to everybody before: if it was written to since, it gets other memory.
 * *is_new tells: what was passed for it is of no use then.
 */
static int check_sealed(struct pool *pool, const pf_loan *loan, bool *is_new) {
  struct own *own = pool->slots[loan->slot_].own;
  *is_new = false;
  if (own == NULL || !own->is_sealed || is_as_sealed(own, loan->length)) return PF_OK;
  *is_new = true;
  return renew_own(own, loan->length);
}

/* ------------------------------------------------------------------------------------------------ the endpoint */

/* Whoever has connected and not said hello. */
struct guest {
  int socket;
  int64_t since;
};

/* Whoever has said hello, and is to be welcomed or refused. */
struct caller {
  int socket;
  int passed; /* The descriptor that came with the hello, or -1. */
  pid_t process;
  uint32_t hello[PARAMETERS];
};

/* Where others come to: "Meeting", from the other side. */
struct door {
  const char *mechanism;
  size_t wanted; /* Descriptors that come with a hello. */
  int listening; /* -1 for an inherited socket: there is one guest, and no other will come. */
  int events;    /* An epoll instance with the listening socket and the guests. */
  bool is_inherited;
  struct sockaddr_un address;
  dev_t device;  /* Which file is its own. */
  ino_t inode;
  int64_t paused_until; /* No descriptor was free for another one: 0, or when to look again. */
  struct guest guests[MOST_GUESTS];
  unsigned guest_count;
};

/*
 * Removes the file that is in the way if nobody listens there. PF_OK if the path is free by now. A link, another kind
 * of file, and another user's are not for this side to replace.
 */
static int remove_stale(const struct sockaddr_un *address) {
  struct stat found;
  if (lstat(address->sun_path, &found) < 0) return errno == ENOENT ? PF_OK : PF_E_SYSTEM;
  if (!S_ISSOCK(found.st_mode)) return PF_E_INVALID;
  if (geteuid() != 0 && found.st_uid != geteuid()) return PF_E_FORBIDDEN;
  const int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return PF_E_SYSTEM;
  const int failed = connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
  shut(probe);
  errno = failed;
  if (failed == ENOENT) return PF_OK;
  /* Its queue is full, or it is a socket of another type: somebody is there. */
  if (failed == 0 || failed == EAGAIN || failed == EPROTOTYPE) return PF_E_IN_USE;
  if (failed != ECONNREFUSED) return PF_E_SYSTEM;
  return unlink(address->sun_path) == 0 || errno == ENOENT ? PF_OK : PF_E_SYSTEM;
}

/* Locks the folder of an endpoint against others that replace a stale file: its descriptor, or -1 to go on without. */
static int lock_folder(const struct sockaddr_un *address) {
  char folder[sizeof address->sun_path];
  strcpy(folder, address->sun_path);
  char *slash = strrchr(folder, '/');
  if (slash == folder) slash++;
  *slash = 0;
  const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  for (int tries = 0; tries < 50; tries++) {
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK) break;
    nanosleep(&pause, NULL);
  }
  shut(fd); /* Whoever keeps it has purposes of their own. */
  return -1;
}

static int bind_door(struct door *door) {
  const struct sockaddr *address = (const struct sockaddr *)&door->address;
  struct stat file;
  /* Before anybody can see it: the file takes over the mode of the socket. */
  if (fchmod(door->listening, 0600) < 0) return PF_E_SYSTEM;
  int bound = bind(door->listening, address, sizeof door->address);
  if (bound < 0 && errno == EADDRINUSE) {
    const int removed = remove_stale(&door->address);
    if (removed != PF_OK) return removed;
    bound = bind(door->listening, address, sizeof door->address);
  }
  if (bound < 0) return errno == EADDRINUSE ? PF_E_IN_USE : errno == EACCES ? PF_E_FORBIDDEN : PF_E_SYSTEM;
  if (lstat(door->address.sun_path, &file) < 0) return PF_E_SYSTEM;
  door->device = file.st_dev;
  door->inode = file.st_ino;
  return listen(door->listening, 128) < 0 ? PF_E_SYSTEM : PF_OK;
}

static void forget_guest(struct door *door, unsigned index) {
  epoll_ctl(door->events, EPOLL_CTL_DEL, door->guests[index].socket, NULL);
  memmove(&door->guests[index], &door->guests[index + 1], (--door->guest_count - index) * sizeof *door->guests);
}

static void hang_up_on(struct door *door, unsigned index) {
  const int socket = door->guests[index].socket;
  forget_guest(door, index);
  shut(socket);
}

static void close_door(struct door *door) {
  struct stat file;
  while (door->guest_count > 0) hang_up_on(door, door->guest_count - 1);
  /* Somebody else may have replaced it. */
  const bool is_own = door->listening >= 0 && door->inode != 0 && lstat(door->address.sun_path, &file) == 0 &&
                      file.st_dev == door->device && file.st_ino == door->inode;
  if (is_own) unlink(door->address.sun_path);
  shut(door->listening);
  shut(door->events);
}

static int add_guest(struct door *door, int socket) {
  /* Whoever is silent longest makes room. */
  if (door->guest_count == MOST_GUESTS) hang_up_on(door, 0);
  if (watch(door->events, socket, EPOLLIN, 0) != PF_OK) return PF_E_SYSTEM;
  door->guests[door->guest_count++] = (struct guest){.socket = socket, .since = now()};
  return PF_OK;
}

/* An inherited socket is connected already, and whoever has it is let in. */
static int open_inherited(struct door *door, const char *endpoint) {
  int socket = -1, type = 0;
  socklen_t length = sizeof type;
  const int taken = take_inherited(endpoint, &socket);
  if (taken != PF_OK) return taken;
  door->is_inherited = true;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_SEQPACKET) return PF_E_INVALID;
  if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0) return PF_E_SYSTEM;
  const int on = 1;
  if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return PF_E_SYSTEM;
  const int added = add_guest(door, socket);
  if (added != PF_OK) shut(socket);
  return added;
}

static int open_door(struct door *door, const char *endpoint) {
  door->listening = -1;
  door->events = epoll_create1(EPOLL_CLOEXEC);
  if (door->events < 0) return PF_E_SYSTEM;
  if (is_inherited(endpoint)) return open_inherited(door, endpoint);
  int result = address_of(endpoint, &door->address);
  if (result != PF_OK) return result;
  door->listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (door->listening < 0) return PF_E_SYSTEM;
  const int lock = lock_folder(&door->address);
  result = bind_door(door);
  shut(lock);
  return result == PF_OK ? watch(door->events, door->listening, EPOLLIN, 0) : result;
}

/* Takes in whoever waits, and hangs up on those who say nothing. */
static void admit_guests(struct door *door) {
  const int64_t time = now();
  if (!door->is_inherited)
    while (door->guest_count > 0 && time - door->guests[0].since > HELLO_PATIENCE) hang_up_on(door, 0);
  if (door->listening < 0 || time < door->paused_until) return;
  struct epoll_event event = {.events = EPOLLIN};
  if (door->paused_until != 0) epoll_ctl(door->events, EPOLL_CTL_MOD, door->listening, &event);
  door->paused_until = 0;
  for (unsigned count = 0; count < MOST_GUESTS; count++) {
    const int socket = accept4(door->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0) {
      if (add_guest(door, socket) != PF_OK) shut(socket);
      continue;
    }
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) return;
    /* It stays where it is. Looking again at once would keep this side busy for as long as descriptors are short. */
    event.events = 0;
    epoll_ctl(door->events, EPOLL_CTL_MOD, door->listening, &event);
    door->paused_until = time + 100;
    return;
  }
}

/* Answers a caller with a refusal, and hangs up. */
static void refuse(const struct door *door, const struct caller *caller, uint32_t why, const uint32_t *words,
                   size_t count) {
  send_record(caller->socket, KIND_REFUSAL, why, door->mechanism, words, count, NULL, 0);
  shut(caller->passed);
  shut(caller->socket);
}

/* Why a hello is refused: a reason, or 0. */
static uint32_t why_refused(const struct door *door, const uint8_t *record, size_t length) {
  char name[HEAD_BYTES - 16 + 1] = {0};
  uint16_t version;
  memcpy(&version, record + 8, sizeof version);
  if (version != PF_PROTOCOL_VERSION) return REFUSED_VERSION;
  memcpy(name, record + 16, (length < HEAD_BYTES ? length : (size_t)HEAD_BYTES) - 16);
  return strcmp(name, door->mechanism) != 0 ? REFUSED_TRANSPORT : 0;
}

/* Reads what a guest has to say. PF_OK: it may be welcomed. PF_AGAIN: nothing yet, or it was sent away. */
static int hear_guest(struct door *door, unsigned index, struct caller *caller) {
  uint8_t record[RECORD_BYTES + 1] = {0};
  int fds[MOST_DESCRIPTORS];
  struct came came;
  const int socket = door->guests[index].socket;
  const ssize_t length = read_record(socket, record, sizeof record, fds, MOST_DESCRIPTORS, &came);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return PF_AGAIN;
  forget_guest(door, index);
  *caller = (struct caller){.socket = socket, .passed = -1, .process = came.process};
  for (size_t each = 0; each < came.count && each < MOST_DESCRIPTORS; each++) {
    if (each < door->wanted) caller->passed = fds[each];
    else shut(fds[each]);
  }
  uint16_t kind = 0;
  if (length >= 16) memcpy(&kind, record + 10, sizeof kind);
  const bool is_hello = length >= 16 && length <= RECORD_BYTES && memcmp(record, "PAGEFRRY", 8) == 0 && kind == KIND_HELLO;
  const uint32_t why = is_hello ? why_refused(door, record, (size_t)length) : 0;
  /* Of this version there are at most 16 parameters. */
  if (!is_hello || (why != REFUSED_VERSION && length > HEAD_BYTES + PARAMETERS * 4)) {
    shut(caller->passed);
    shut(socket); /* It gets no answer. */
    return PF_AGAIN;
  }
  if (!door->is_inherited) {
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    const bool is_known = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    if (!is_known || !is_trusted(peer.uid)) {
      const uint32_t words[] = {geteuid(), is_known ? peer.uid : UINT32_MAX};
      refuse(door, caller, REFUSED_USER, words, 2);
      return PF_AGAIN;
    }
    caller->process = peer.pid;
  } else {
    const int off = 0;
    setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
  }
  if (why != 0) {
    refuse(door, caller, why, NULL, 0);
    return PF_AGAIN;
  }
  /* What is missing is 0. */
  memcpy(caller->hello, record + HEAD_BYTES, sizeof caller->hello);
  return PF_OK;
}

/* The next one that has said a hello of this mechanism. PF_AGAIN if there is none. The caller's socket is ours. */
static int next_caller(struct door *door, struct caller *caller) {
  admit_guests(door);
  for (unsigned index = 0; index < door->guest_count;) {
    const unsigned before = door->guest_count;
    if (hear_guest(door, index, caller) == PF_OK) return PF_OK;
    if (door->guest_count == before) index++;
  }
  return PF_AGAIN;
}

/* How long a wait may last in which nobody tells of what the door has to do: a limit for poll(2). */
static int patience_of(const struct door *door, int64_t limit) {
  const int left = left_of(limit);
  const bool is_busy = door->paused_until != 0 || (door->guest_count > 0 && !door->is_inherited);
  return is_busy && (left < 0 || left > 100) ? 100 : left;
}

/* Makes control memory of so many parts, as "Control memory" has it. Returns its descriptor, or -1. */
static int create_control(unsigned parts, uint32_t index, word **words, size_t *length) {
  void *memory;
  *length = parts * part_bytes(QUEUE);
  const int fd = create_memory("pageferry-control", *length, 0, &memory);
  if (fd < 0) return -1;
  *words = (word *)memory;
  for (unsigned part = 0; part < parts; part++) {
    word *header = *words + part * part_bytes(QUEUE) / 4;
    atomic_store(&header[AT_MAGIC], CONTROL_MAGIC);
    atomic_store(&header[AT_VERSION], PF_PROTOCOL_VERSION);
    atomic_store(&header[AT_CAPACITY], QUEUE);
    atomic_store(&header[AT_PAGE_SIZE], (uint32_t)sysconf(_SC_PAGESIZE));
    /* In another place for each receiver: they are all looked at for each message. */
    atomic_store(&header[AT_PARKED], 128 + index % 56 * 16);
  }
  return fd;
}

/* ------------------------------------------------------------------------------------------------- the sender */

/* An entry of the queue of a reader that may miss messages. */
struct queued {
  uint32_t slot;
  uint64_t number;
  bool waits;   /* Neither taken nor taken back, as far as is known. */
  bool has_own; /* Memory of its own. */
};

/* One receiver, as its sender sees it. */
struct reader {
  struct link link;
  struct part part;
  size_t control_length;
  enum pf_policy policy;
  uint32_t depth;
  uint32_t index;       /* Which bit in a slot is this one's. */
  uint32_t id;
  pid_t pid;
  bool is_broken;       /* It broke the protocol, or a call for it failed: to be cut off. */
  bool is_accused;
  bool is_cut_off;      /* It gets nothing more, and may read what it has. */
  uint32_t returned;
  uint32_t held;        /* Slots with its bit. */
  uint64_t cursor;      /* PF_WAIT: it has come past everything before. */
  bool is_limited;      /* PF_WAIT: it may read up to `limit`, the first message of the history whose memory is not passed. */
  uint64_t limit;
  uint64_t first, next; /* Otherwise: positions of the oldest entry that may wait, and of the next one. */
  uint32_t waiting, own_waiting;
  uint32_t dropped;
  struct queued *queued;
  struct passing passing;
};

struct pf_sender {
  struct door door;
  struct pool pool;
  int events;     /* An epoll instance with the door and the readers. */
  int pool_fd, ring_fd;
  int timer;      /* Tells when to pass memory again, or -1. */
  word *ring;
  uint64_t next;    /* The number of the next message. */
  uint64_t settled; /* Nobody has still to come past a message before this one. */
  uint32_t slot_of[QUEUE];
  uint32_t history, kept; /* How many messages to keep for those who come later, and how many are. */
  struct reader *readers[MOST_RECEIVERS];
  uint32_t readers_end; /* None of them has been behind it. */
  uint32_t most_readers;
  uint32_t next_id;
  int64_t attended;       /* When it was last looked who comes and goes. */
  int poll_microseconds;
  bool is_finished;
};

enum { DOOR = UINT16_MAX, TIMER = UINT16_MAX - 1 };

#define RING_BYTES ((AT_ENTRIES + (size_t)QUEUE * ENTRY_WORDS) * 4)

static uint64_t bit_of(const struct reader *reader) { return (uint64_t)1 << reader->index; }

static bool holds(const struct reader *reader, const struct slot *slot) {
  return slot->state == SLOT_SENT && (slot->holders & bit_of(reader)) != 0;
}

static void hold(struct reader *reader, struct slot *slot) {
  slot->holders |= bit_of(reader);
  reader->held++;
}

/* Takes a slot back if nobody needs it any more. */
static void reclaim(pf_sender *sender, uint32_t index) {
  const struct slot *slot = &sender->pool.slots[index];
  if (slot->state == SLOT_SENT && slot->holders == 0 && !slot->in_ring && !slot->in_history) {
    free_slot(&sender->pool, index);
  }
}

static void let_go(pf_sender *sender, struct reader *reader, uint32_t index) {
  sender->pool.slots[index].holders &= ~bit_of(reader);
  reader->held--;
  reclaim(sender, index);
}

static uint32_t slot_of(const pf_sender *sender, uint64_t number) { return sender->slot_of[number & (QUEUE - 1)]; }

static bool is_served(const struct reader *reader) { return reader != NULL && !reader->is_cut_off; }

static bool reads_ring(const struct reader *reader) { return is_served(reader) && reader->policy == PF_WAIT; }

/* What everybody who reads the ring has come past is nobody's any more, but for what is held. */
static void settle_ring(pf_sender *sender) {
  uint64_t first = sender->next;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    const struct reader *reader = sender->readers[index];
    if (reads_ring(reader) && reader->cursor < first) first = reader->cursor;
  }
  for (; sender->settled < first; sender->settled++) {
    const uint32_t slot = slot_of(sender, sender->settled);
    sender->pool.slots[slot].in_ring = false;
    reclaim(sender, slot);
  }
}

/* Somebody is going to read the ring from a message on: it is there. */
static void hold_ring(pf_sender *sender, uint64_t number) {
  for (uint64_t held = number; held < sender->settled; held++) sender->pool.slots[slot_of(sender, held)].in_ring = true;
  if (number < sender->settled) sender->settled = number;
}

static void forget_oldest(pf_sender *sender, uint32_t count) {
  for (; count > 0; count--) {
    const uint32_t slot = slot_of(sender, sender->next - sender->kept--);
    sender->pool.slots[slot].in_history = false;
    reclaim(sender, slot);
  }
}

/* Forgets the oldest message that no receiver has, and those before it: what is kept has no gaps. False if there is none. */
static bool forget_unheld(pf_sender *sender) {
  for (uint32_t index = 0; index < sender->kept; index++) {
    const struct slot *slot = &sender->pool.slots[slot_of(sender, sender->next - sender->kept + index)];
    if (slot->holders != 0 || slot->in_ring) continue;
    forget_oldest(sender, index + 1);
    return true;
  }
  return false;
}

/* -- what a receiver that reads the ring says: "Returns" */

/* How far a receiver may have come. */
static uint64_t end_for(const pf_sender *sender, const struct reader *reader) {
  return reader->is_limited ? reader->limit : sender->next;
}

static bool take_kept(pf_sender *sender, struct reader *reader, uint32_t low) {
  const uint64_t number = reader->cursor + (uint32_t)(low - (uint32_t)reader->cursor);
  if (number >= end_for(sender, reader)) return false;
  struct slot *slot = &sender->pool.slots[slot_of(sender, number)];
  if (holds(reader, slot)) return false;
  hold(reader, slot);
  return true;
}

static bool take_single(pf_sender *sender, struct reader *reader, uint32_t name, uint32_t low) {
  const uint32_t index = slot_named(&sender->pool, name);
  if (index == NO_SLOT) return false;
  const struct slot *slot = &sender->pool.slots[index];
  if (!holds(reader, slot) || (uint32_t)slot->number != low) return false;
  if (reader->policy == PF_WAIT && !note_returned(&reader->passing, reader->part.words, slot->number)) return false;
  let_go(sender, reader, index);
  return true;
}

/* Takes in that a receiver has come past so many messages: it has returned those that it does not keep. */
static bool take_progress(pf_sender *sender, struct reader *reader, uint32_t passed) {
  for (const uint64_t end = reader->cursor + passed; reader->cursor < end; reader->cursor++) {
    if (!has_passed(&reader->passing)) {
      reader->cursor = end;
      break;
    }
    const struct slot *slot = &sender->pool.slots[slot_of(sender, reader->cursor)];
    if (!holds(reader, slot) && !note_returned(&reader->passing, reader->part.words, reader->cursor)) return false;
  }
  return true;
}

/* Takes in what a receiver has returned. False if no honest one says that. */
static bool collect_from(pf_sender *sender, struct reader *reader) {
  const word *words = reader->part.words;
  const bool in_order = reader->policy == PF_WAIT;
  /* The cursor first: what is kept was said before the cursor went past it. */
  const uint32_t passed = in_order ? atomic_load(&words[AT_CURSOR]) - (uint32_t)reader->cursor : 0;
  const uint32_t entries = atomic_load(&words[AT_RETURNED]) - reader->returned;
  if (entries > (in_order ? 2 * QUEUE : reader->held) || passed > end_for(sender, reader) - reader->cursor) return false;
  if (passed > 0 || entries > 0) reader->link.idle_rings = 0;
  for (uint32_t count = 0; count < entries; count++) {
    const uint32_t place = reader->returned++ & (2 * QUEUE - 1);
    const word *entry = first_return(&reader->part) + (size_t)place * RETURN_WORDS;
    const uint32_t name = atomic_load(&entry[0]), low = atomic_load(&entry[1]);
    const bool is_right = in_order && name == KEPT ? take_kept(sender, reader, low) : take_single(sender, reader, name, low);
    if (!is_right) return false;
  }
  return take_progress(sender, reader, passed);
}

/* -- what a receiver that may miss messages has not taken: "Claiming and dropping" */

static word *claim_of(const struct reader *reader, uint64_t position) {
  return reader->part.words + AT_ENTRIES + (size_t)(position & (QUEUE - 1)) * ENTRY_WORDS + IN_CLAIM;
}

static uint32_t there(uint64_t position) { return (uint32_t)position & 0x7FFFFFFF; }

/* Notes that an entry, or the one that has its place, does not wait any more. */
static void pass_entry(struct reader *reader, uint64_t position) {
  struct queued *queued = &reader->queued[position & (QUEUE - 1)];
  if (queued->waits) {
    reader->waiting--;
    reader->own_waiting -= queued->has_own;
  }
  queued->waits = false;
}

/* Looks what was taken. */
static void look_at_claims(struct reader *reader) {
  while (reader->first < reader->next && atomic_load(claim_of(reader, reader->first)) != there(reader->first)) {
    pass_entry(reader, reader->first++);
  }
}

static bool take_entry_back(struct reader *reader, uint64_t position) {
  uint32_t waits = there(position);
  pass_entry(reader, position);
  return atomic_compare_exchange_strong(claim_of(reader, position), &waits, DROPPED);
}

static void count_dropped(struct reader *reader) {
  /* Before any message that comes after it. */
  atomic_store(&reader->part.words[AT_DROPPED], ++reader->dropped);
}

/* Takes back one message, the oldest or the newest as the policy says. False if the receiver has taken all. */
static bool drop_one(pf_sender *sender, struct reader *reader) {
  bool is_dropped = false;
  uint64_t position = reader->next;
  if (reader->policy == PF_DROP_OLDEST) {
    while (!is_dropped && reader->first < reader->next) is_dropped = take_entry_back(reader, position = reader->first++);
  } else {
    while (!is_dropped && position > reader->first) is_dropped = take_entry_back(reader, --position);
  }
  if (!is_dropped) return false;
  const struct queued *queued = &reader->queued[position & (QUEUE - 1)];
  const struct slot *slot = &sender->pool.slots[queued->slot];
  /* Whoever has returned it without taking it breaks the protocol. */
  if (!holds(reader, slot) || slot->number != queued->number) {
    reader->is_broken = reader->is_accused = true;
    return false;
  }
  count_dropped(reader);
  let_go(sender, reader, queued->slot);
  return true;
}

static bool may_wait(const struct reader *reader, bool has_own) {
  return reader->held < QUEUE && reader->waiting < reader->depth && (!has_own || reader->own_waiting < MOST_OWN);
}

/* Whether the place of the next entry is taken up by one that nobody has taken or dropped. */
static bool next_is_taken(const struct reader *reader) {
  if (reader->next < QUEUE || reader->next - QUEUE < reader->first) return false;
  return atomic_load(claim_of(reader, reader->next - QUEUE)) == there(reader->next - QUEUE);
}

/* Drops what the policy says until there is room. False if that is the new message. */
static bool make_room_for(pf_sender *sender, struct reader *reader, bool has_own) {
  const bool drops_oldest = reader->policy == PF_DROP_OLDEST;
  /* What was passed for messages that are dropped stays on the socket: dropping more is no help. */
  if (has_own && untaken(&reader->passing, reader->part.words) >= MOST_OWN) return false;
  if (!may_wait(reader, has_own)) {
    look_at_claims(reader);
    if (!collect_from(sender, reader)) reader->is_broken = reader->is_accused = true;
  }
  while (!reader->is_broken && !may_wait(reader, has_own))
    if (!drops_oldest || !drop_one(sender, reader)) return false;
  if (reader->is_broken || !next_is_taken(reader)) return !reader->is_broken;
  return drops_oldest && drop_one(sender, reader) && !next_is_taken(reader);
}

static void write_word(word *to, uint32_t value) { atomic_store_explicit(to, value, memory_order_relaxed); }

/* Nobody reads it before the counter, or the claim, that is stored afterwards. */
static void put_entry(word *entry, const struct slot *slot, uint32_t name, uint32_t tag, uint32_t exchange) {
  /* The number first: whoever reads the rest after it was written over reads it last. */
  atomic_store_explicit(&entry[IN_NUMBER], (uint32_t)slot->number, memory_order_release);
  atomic_thread_fence(memory_order_release);
  write_word(&entry[IN_NUMBER_HIGH], (uint32_t)(slot->number >> 32));
  write_word(&entry[IN_LENGTH], (uint32_t)slot->length);
  write_word(&entry[IN_PLACE], slot->range.start);
  write_word(&entry[IN_SLOT], name);
  write_word(&entry[IN_TAG], tag);
  write_word(&entry[IN_EXCHANGE], exchange);
}

/* Passes the memory of a message, where it has its own. False if that cannot be now: the message does not wait for it. */
static bool pass_to(struct reader *reader, const struct slot *slot) {
  if (slot->own == NULL) return true;
  const int result = pass_record(&reader->link, reader->part.words, &reader->passing, slot->number, slot->own->fd);
  if (result != PF_OK && result != PF_AGAIN) reader->is_broken = true;
  return result == PF_OK;
}

/* Publishes a message to a receiver that may miss it, or drops one. */
static void deliver(pf_sender *sender, struct reader *reader, uint32_t index, uint32_t tag) {
  struct slot *slot = &sender->pool.slots[index];
  const bool has_own = slot->own != NULL;
  if (!make_room_for(sender, reader, has_own) || !pass_to(reader, slot)) {
    if (!reader->is_broken) count_dropped(reader);
    return;
  }
  const uint64_t position = reader->next++;
  /* What was in this place before was taken, or taken back. */
  pass_entry(reader, position);
  reader->queued[position & (QUEUE - 1)] = (struct queued){index, slot->number, true, has_own};
  reader->waiting++;
  reader->own_waiting += has_own;
  if (reader->next - reader->first > QUEUE) reader->first = reader->next - QUEUE;
  put_entry(claim_of(reader, position) - IN_CLAIM, slot, name_of(&sender->pool, index), tag, 0);
  atomic_store(claim_of(reader, position), there(position));
  hold(reader, slot);
  atomic_store(&reader->part.words[AT_PUBLISHED], (uint32_t)reader->next);
  wake(&reader->link, &reader->part.words[reader->part.parked], 1);
}

/* -- who comes and goes */

static void close_reader(struct reader *reader) {
  close_link(&reader->link);
  unmap(reader->part.words, reader->control_length);
  free(reader->queued);
  free(reader);
}

/* The receiver has ended: what it had is this side's again. */
static void remove_reader(pf_sender *sender, struct reader *reader) {
  const uint64_t bit = bit_of(reader);
  if (!reader->is_cut_off && !reader->is_broken) (void)collect_from(sender, reader);
  sender->readers[reader->index] = NULL;
  for (uint32_t slot = 0; slot < sender->pool.most_used; slot++) {
    if ((sender->pool.slots[slot].holders & bit) == 0) continue;
    sender->pool.slots[slot].holders &= ~bit;
    reclaim(sender, slot);
  }
  close_reader(reader);
  settle_ring(sender);
}

/* "A sender that gives up a receiver which may be alive": it keeps what it was given until it has ended. */
static void cut_off(pf_sender *sender, struct reader *reader) {
  word *words = reader->part.words;
  if (reader->policy == PF_WAIT) {
    for (uint64_t number = reader->cursor; number < sender->next; number++) {
      struct slot *slot = &sender->pool.slots[slot_of(sender, number)];
      if (!holds(reader, slot)) hold(reader, slot);
    }
  }
  reader->is_cut_off = true;
  atomic_store(&words[AT_CUT_OFF], reader->is_accused ? 2 : 1);
  atomic_exchange(&words[reader->part.parked], 0);
  ring(&reader->link);
  shutdown(reader->link.socket, SHUT_WR);
  /* Nothing that it does wakes this side any more, but for its end. */
  struct epoll_event event = {.events = EPOLLRDHUP};
  epoll_ctl(reader->link.events, EPOLL_CTL_DEL, reader->link.own_bell, NULL);
  epoll_ctl(reader->link.events, EPOLL_CTL_MOD, reader->link.socket, &event);
  settle_ring(sender);
}

/* Whether the receiver has ended. What it says on the socket after its hello breaks the protocol. */
static bool has_ended(struct reader *reader) {
  if (is_ready(reader->link.socket, POLLRDHUP | POLLHUP | POLLERR)) return true;
  if (process_has_ended(&reader->link)) return true;
  if (!reader->is_cut_off && is_ready(reader->link.socket, POLLIN)) reader->is_broken = reader->is_accused = true;
  return false;
}

/* Takes in what one receiver has to say. */
static void attend_reader(pf_sender *sender, struct reader *reader) {
  if (has_ended(reader)) {
    remove_reader(sender, reader);
    return;
  }
  if (reader->is_cut_off) return;
  const int rang = answer_bell(&reader->link);
  if (rang == PF_E_MISBEHAVED || (!reader->is_broken && !collect_from(sender, reader))) {
    reader->is_broken = reader->is_accused = true;
  }
  if (rang == PF_E_SYSTEM) reader->is_broken = true;
  if (reader->is_broken) cut_off(sender, reader);
}

/* Makes what a receiver needs, up to its welcome. */
static int welcome(pf_sender *sender, struct reader *reader, uint64_t first, const char *mechanism) {
  word *words = NULL;
  const int control = create_control(1, reader->index, &words, &reader->control_length);
  if (control < 0) return PF_E_SYSTEM;
  reader->part.words = words;
  int result = read_part(&reader->part, words) ? PF_OK : PF_E_SYSTEM;
  reader->link.own_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  reader->link.other_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (reader->link.own_bell < 0 || reader->link.other_bell < 0) result = PF_E_SYSTEM;
  if (result == PF_OK) result = start_link(&reader->link);
  if (result == PF_OK) result = watch(sender->events, reader->link.events, EPOLLIN, reader->index);
  if (result == PF_OK) {
    atomic_store(&words[AT_CURSOR], (uint32_t)first);
    atomic_store(&words[AT_RING_LIMIT], (uint32_t)reader->limit);
    atomic_store(&words[AT_RING_IS_LIMITED], reader->is_limited);
    const uint32_t answer[] = {(uint32_t)first, (uint32_t)(first >> 32), 0};
    const int fds[] = {control, reader->link.own_bell, reader->link.other_bell, sender->pool_fd, sender->ring_fd};
    const size_t count = reader->policy == PF_WAIT ? 5 : 4;
    if (send_record(reader->link.socket, KIND_WELCOME, 0, mechanism, answer, 3, fds, count) < 0) result = PF_E_SYSTEM;
  }
  shut(control);
  return result;
}

/* How many messages of the history a receiver gets. */
static uint32_t earlier_for(const pf_sender *sender, const struct reader *reader) {
  uint32_t count = 0, own = 0;
  while (count < sender->kept && count < reader->depth) {
    const struct slot *slot = &sender->pool.slots[slot_of(sender, sender->next - count - 1)];
    if (slot->own != NULL && ++own > MOST_OWN) break;
    count++;
  }
  return count;
}

/* Has a receiver that reads the ring read up to the first message from `number` on that has memory of its own. */
static void limit_ring(const pf_sender *sender, struct reader *reader, uint64_t number) {
  while (number < sender->next && sender->pool.slots[slot_of(sender, number)].own == NULL) number++;
  reader->limit = number;
  reader->is_limited = number < sender->next;
}

/* Passes what a receiver has still to get of the history. False if some of it has to wait. */
static bool catch_up(const pf_sender *sender, struct reader *reader) {
  word *words = reader->part.words;
  while (reader->is_limited && !reader->is_broken) {
    const uint32_t slot = slot_of(sender, reader->limit);
    const int result = pass_ahead(&reader->link, words, &reader->passing, &sender->pool, slot, reader->limit);
    if (result == PF_AGAIN) return false;
    if (result != PF_OK) {
      reader->is_accused = result == PF_E_MISBEHAVED;
      reader->is_broken = true;
      return true;
    }
    note_published(&reader->passing, slot, reader->limit);
    limit_ring(sender, reader, reader->limit + 1);
    atomic_store(&words[AT_RING_LIMIT], (uint32_t)reader->limit);
    atomic_store(&words[AT_RING_IS_LIMITED], reader->is_limited);
    wake(&reader->link, &words[reader->part.parked], 1);
  }
  return true;
}

/* Serves a receiver that has said hello, or refuses it. */
static void admit(pf_sender *sender, const struct caller *caller) {
  uint32_t index = 0;
  while (index < sender->most_readers && sender->readers[index] != NULL) index++;
  if (index == sender->most_readers) {
    refuse(&sender->door, caller, REFUSED_FULL, NULL, 0);
    return;
  }
  const uint32_t depth = caller->hello[1];
  struct reader *reader = (struct reader *)calloc(1, sizeof *reader);
  uint32_t error = ENOMEM;
  if (reader != NULL) {
    *reader = (struct reader){
      .link = NO_LINK,
      .policy = (enum pf_policy)caller->hello[0], .depth = depth == 0 || depth > QUEUE ? (uint32_t)QUEUE : depth,
      .index = index, .id = sender->next_id, .pid = caller->process, .queued = (struct queued *)calloc(QUEUE, sizeof *reader->queued)
    };
    reader->link.socket = caller->socket;
    const uint64_t first = sender->next - earlier_for(sender, reader);
    if (reader->policy == PF_WAIT) limit_ring(sender, reader, first);
    errno = 0;
    int result = reader->queued == NULL ? PF_E_SYSTEM : PF_OK;
    if (caller->hello[0] > PF_DROP_OLDEST) {
      result = PF_E_INVALID;
      errno = 0; /* It is no failure of this side's. */
    } else if (result == PF_OK) result = welcome(sender, reader, first, sender->door.mechanism);
    error = (uint32_t)errno;
    if (result == PF_OK) {
      sender->next_id++;
      sender->readers[index] = reader;
      if (index >= sender->readers_end) sender->readers_end = index + 1;
      watch_process(&reader->link, caller->process);
      reader->cursor = first;
      if (reader->policy == PF_WAIT) {
        hold_ring(sender, first);
        (void)catch_up(sender, reader); /* What is left is passed later. */
      } else {
        for (uint64_t number = first; number < sender->next; number++) {
          const uint32_t slot = slot_of(sender, number);
          deliver(sender, reader, slot, atomic_load(&sender->ring[AT_ENTRIES + (number & (QUEUE - 1)) * ENTRY_WORDS + IN_TAG]));
        }
      }
      return;
    }
    reader->link.socket = -1; /* For the refusal. */
    close_reader(reader);
  }
  refuse(&sender->door, caller, REFUSED_FAILURE, &error, 1);
}

/* Lets in whoever comes, and takes in who goes and what was returned. */
static void attend_all(pf_sender *sender) {
  struct epoll_event events[MOST_RECEIVERS + 1];
  sender->attended = now_about();
  const int count = epoll_wait(sender->events, events, MOST_RECEIVERS + 1, 0);
  for (int index = 0; index < count; index++) {
    const uint32_t name = events[index].data.u32;
    if (name == DOOR) continue;
    if (name == TIMER) {
      quiet(sender->timer);
      continue;
    }
    if (sender->readers[name] != NULL) attend_reader(sender, sender->readers[name]);
  }
  struct caller caller;
  while (!sender->is_finished && next_caller(&sender->door, &caller) == PF_OK) {
    shut(caller.passed);
    caller.passed = -1;
    admit(sender, &caller);
  }
}

/* Takes in what was returned. */
static void collect_all(pf_sender *sender) {
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (!is_served(reader)) continue;
    if (!reader->is_broken && !collect_from(sender, reader)) reader->is_broken = reader->is_accused = true;
    if (reader->is_limited && !catch_up(sender, reader)) (void)retry_soon(sender->events, &sender->timer, TIMER);
    if (!reader->is_broken) continue;
    if (has_ended(reader)) remove_reader(sender, reader);
    else cut_off(sender, reader);
  }
  settle_ring(sender);
}

/* A look at everything, and at what takes system calls once in a tick of the kernel, which is some milliseconds long. */
static void look_around(pf_sender *sender) {
  if (now_about() != sender->attended) attend_all(sender);
  collect_all(sender);
}

static bool reader_has_news(const struct reader *reader) {
  const word *words = reader->part.words;
  if (reader->policy == PF_WAIT && atomic_load(&words[AT_CURSOR]) != (uint32_t)reader->cursor) return true;
  return atomic_load(&words[AT_RETURNED]) != reader->returned;
}

/* "Parking", of the sender: has every receiver ring that returns something. PF_OK if some has already. */
static int park_sender(pf_sender *sender) {
  bool has_any = false;
  for (uint32_t index = 0; index < sender->readers_end; index++)
    if (is_served(sender->readers[index])) atomic_store(&sender->readers[index]->part.words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
  atomic_thread_fence(memory_order_seq_cst);
  for (uint32_t index = 0; index < sender->readers_end; index++)
    if (is_served(sender->readers[index]) && reader_has_news(sender->readers[index])) has_any = true;
  return has_any ? PF_OK : PF_AGAIN;
}

/* Polls, or sleeps until something may have changed. PF_OK: look again. */
static int await_readers(pf_sender *sender, int64_t limit, struct polling *polling) {
  if (polls_on(polling, limit)) return PF_OK;
  if (park_sender(sender) == PF_AGAIN) {
    if (is_over(limit)) return PF_AGAIN;
    struct pollfd asked = {.fd = sender->events, .events = POLLIN};
    if (poll(&asked, 1, patience_of(&sender->door, limit)) < 0 && errno != EINTR) return PF_E_SYSTEM;
  }
  attend_all(sender);
  collect_all(sender);
  return PF_OK;
}

static uint32_t count_readers(const pf_sender *sender) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < sender->readers_end; index++) count += is_served(sender->readers[index]);
  return count;
}

/* Of an inherited endpoint the only receiver there can be has left, or never came. */
static bool is_deserted(const pf_sender *sender) {
  return sender->door.is_inherited && sender->door.guest_count == 0 && count_readers(sender) == 0;
}

/* Whether everybody who must not miss a message has room for one more, and there is somebody or something to keep it for. */
static bool may_publish(const pf_sender *sender, bool has_own) {
  if (count_readers(sender) == 0 && sender->history == 0) return false;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    const struct reader *reader = sender->readers[index];
    if (!reads_ring(reader)) continue;
    if (reader->is_limited || sender->next - reader->cursor + reader->held >= reader->depth) return false;
    if (has_own && reader->passing.under_way_count == MOST_OWN) return false;
  }
  return true;
}

/* Whether a receiver has still to get the memory of what is to be the next message. */
static bool lacks(const pf_sender *sender, const struct reader *reader, uint32_t slot) {
  return reads_ring(reader) && !reader->is_broken && !is_passed(&reader->passing, slot, sender->next);
}

/*
 * Passes the memory of a message to all who must not miss it, before anybody sees the message. PF_AGAIN: some of them have
 * to wait for it, or were found to be broken.
 */
static int pass_to_all(pf_sender *sender, uint32_t slot) {
  /* Nobody gets in vain what somebody else cannot get yet. */
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (lacks(sender, reader, slot) && may_pass(&reader->passing, reader->part.words) == PF_AGAIN) return PF_AGAIN;
  }
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (!lacks(sender, reader, slot)) continue;
    const int result = pass_ahead(&reader->link, reader->part.words, &reader->passing, &sender->pool, slot, sender->next);
    if (result == PF_AGAIN || result == PF_E_SYSTEM) return result;
    if (result == PF_OK) continue;
    reader->is_accused = result == PF_E_MISBEHAVED;
    reader->is_broken = true;
    return PF_AGAIN;
  }
  return PF_OK;
}

/* Makes room in the pool at the cost of whoever can do without. False if there is nobody. */
static bool relieve(pf_sender *sender) {
  if (forget_unheld(sender)) return true;
  bool is_relieved = false;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (is_served(reader) && reader->policy != PF_WAIT && !reader->is_broken && drop_one(sender, reader)) is_relieved = true;
  }
  return is_relieved;
}

static int open_sender(pf_sender *sender, const char *endpoint, const pf_sender_options *options) {
  void *ring;
  sender->events = epoll_create1(EPOLL_CLOEXEC);
  if (sender->events < 0) return PF_E_SYSTEM;
  sender->pool_fd = create_pool(&sender->pool, pool_bytes_of(options->pool_bytes), SENDER_SLOTS);
  if (sender->pool_fd < 0) return PF_E_SYSTEM;
  sender->ring_fd = create_memory("pageferry-ring", RING_BYTES, F_SEAL_FUTURE_WRITE, &ring);
  if (sender->ring_fd < 0) return PF_E_SYSTEM;
  sender->ring = (word *)ring;
  atomic_store(&sender->ring[AT_MAGIC], RING_MAGIC);
  atomic_store(&sender->ring[AT_VERSION], PF_PROTOCOL_VERSION);
  atomic_store(&sender->ring[AT_CAPACITY], QUEUE);
  const int result = open_door(&sender->door, endpoint);
  return result == PF_OK ? watch(sender->events, sender->door.events, EPOLLIN, DOOR) : result;
}

int pf_sender_open(pf_sender **found, const char *endpoint, const pf_sender_options *options) {
  static const pf_sender_options usual = {0};
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  if (options == NULL) options = &usual;
  if (endpoint == NULL || pool_bytes_of(options->pool_bytes) == 0 || options->history > QUEUE ||
      options->most_receivers > MOST_RECEIVERS) {
    return PF_E_INVALID;
  }
  pf_sender *sender = (pf_sender *)calloc(1, sizeof *sender);
  if (sender == NULL) return PF_E_SYSTEM;
  sender->events = sender->pool_fd = sender->ring_fd = sender->timer = -1;
  sender->door.mechanism = "shared-mmap";
  sender->door.listening = sender->door.events = -1;
  sender->history = options->history;
  sender->poll_microseconds = options->poll_microseconds;
  sender->most_readers = options->most_receivers == 0 ? (uint32_t)MOST_RECEIVERS : options->most_receivers;
  const int result = open_sender(sender, endpoint, options);
  if (result == PF_OK) *found = sender;
  else pf_sender_abort(sender);
  return result;
}

int pf_sender_lend(pf_sender *sender, size_t length, pf_loan *loan, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = sender->poll_microseconds};
  *loan = (pf_loan){0};
  if (sender->is_finished) return PF_E_INVALID;
  if (length > UINT32_MAX) return PF_E_TOO_LONG;
  for (;;) {
    int result = try_lend(&sender->pool, length, loan);
    if (result != PF_AGAIN) return result;
    look_around(sender);
    do {
      result = try_lend(&sender->pool, length, loan);
      if (result != PF_AGAIN) return result;
    } while (relieve(sender));
    result = await_readers(sender, limit, &polling);
    if (result != PF_OK) return result;
  }
}

/* Nobody is to get a loan as it was passed. */
static void forget_passed_loan(pf_sender *sender, uint32_t slot) {
  for (uint32_t index = 0; index < sender->readers_end; index++)
    if (sender->readers[index] != NULL) note_unlent(&sender->readers[index]->passing, slot);
}

void pf_sender_unlend(pf_sender *sender, pf_loan *loan) {
  if (loan->is_lent_) forget_passed_loan(sender, loan->slot_);
  unlend(&sender->pool, loan);
}

static void publish_to_all(pf_sender *sender, pf_loan *loan) {
  const uint32_t name = loan->slot_, tag = loan->tag;
  struct slot *slot = &sender->pool.slots[name];
  if (sender->history > 0 && sender->kept == sender->history) forget_oldest(sender, 1);
  end_loan(slot, loan, sender->next);
  slot->in_history = sender->history > 0;
  slot->in_ring = true;
  sender->slot_of[sender->next & (QUEUE - 1)] = name;
  word *entry = sender->ring + AT_ENTRIES + (sender->next & (QUEUE - 1)) * ENTRY_WORDS;
  put_entry(entry, slot, name_of(&sender->pool, name), tag, 0);
  sender->next++;
  if (sender->history > 0) sender->kept++;
  /* wake() has the barrier. */
  atomic_store_explicit(&sender->ring[AT_PUBLISHED], (uint32_t)sender->next, memory_order_release);
  bool is_read = false;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (!is_served(reader) || reader->is_broken) continue;
    if (reader->policy == PF_WAIT) {
      is_read = true;
      note_published(&reader->passing, name, slot->number);
      wake(&reader->link, &reader->part.words[reader->part.parked], 1);
    } else deliver(sender, reader, name, tag);
  }
  if (!is_read) settle_ring(sender);
}

int pf_sender_send(pf_sender *sender, pf_loan *loan, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = sender->poll_microseconds};
  if (sender->is_finished || !is_loan(&sender->pool, loan)) return PF_E_INVALID;
  struct own *own = sender->pool.slots[loan->slot_].own;
  if (own != NULL) polling = NO_POLLING;
  bool is_new;
  int result = check_sealed(&sender->pool, loan, &is_new);
  if (is_new) forget_passed_loan(sender, loan->slot_);
  if (result != PF_OK) return result;
  for (;;) {
    look_around(sender);
    if (may_publish(sender, own != NULL)) {
      result = own == NULL ? PF_OK : seal_own(own);
      if (result == PF_OK && own != NULL) result = pass_to_all(sender, loan->slot_);
      if (result == PF_OK) publish_to_all(sender, loan);
      if (result == PF_AGAIN) result = retry_soon(sender->events, &sender->timer, TIMER) == PF_OK ? PF_AGAIN : PF_E_SYSTEM;
      if (result != PF_AGAIN) return result;
    }
    if (is_deserted(sender)) return PF_E_PEER_DIED;
    result = await_readers(sender, limit, &polling);
    if (result != PF_OK) return result;
  }
}

int pf_sender_await_receivers(pf_sender *sender, uint32_t count, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = NO_POLLING;
  for (;;) {
    attend_all(sender);
    collect_all(sender);
    if (count_readers(sender) >= count) return PF_OK;
    if (is_deserted(sender)) return PF_E_PEER_DIED;
    const int result = await_readers(sender, limit, &polling);
    if (result != PF_OK) return result;
  }
}

/* Whether everybody has returned everything. */
static bool is_idle(const pf_sender *sender) {
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    const struct reader *reader = sender->readers[index];
    if (!is_served(reader)) continue;
    if (reader->held > 0 || (reader->policy == PF_WAIT && reader->cursor != sender->next)) return false;
  }
  return true;
}

int pf_sender_flush(pf_sender *sender, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = sender->poll_microseconds};
  for (;;) {
    look_around(sender);
    if (is_idle(sender)) return PF_OK;
    const int result = await_readers(sender, limit, &polling);
    if (result != PF_OK) return result;
  }
}

uint32_t pf_sender_receivers(const pf_sender *sender, pf_receiver_info *infos, uint32_t room) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    const struct reader *reader = sender->readers[index];
    if (!is_served(reader)) continue;
    if (count++ >= room || infos == NULL) continue;
    const uint64_t coming = reader->policy == PF_WAIT ? sender->next - reader->cursor : 0;
    infos[count - 1] = (pf_receiver_info){
      .id = reader->id, .pid = reader->pid, .policy = reader->policy, .behind = (uint32_t)coming + reader->held,
      .dropped = reader->dropped
    };
  }
  return count;
}

int pf_sender_fd(const pf_sender *sender) { return sender->events; }

int pf_sender_arm(pf_sender *sender) {
  attend_all(sender);
  collect_all(sender);
  return park_sender(sender);
}

void pf_sender_finish(pf_sender *sender) {
  if (sender->is_finished) return;
  sender->is_finished = true;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    struct reader *reader = sender->readers[index];
    if (!is_served(reader)) continue;
    atomic_store(&reader->part.words[AT_FINISHED], 1);
    wake(&reader->link, &reader->part.words[reader->part.parked], 1);
  }
}

/* Everything but the memory of loans. A second time does nothing. */
static void leave_receivers(pf_sender *sender) {
  sender->is_finished = true;
  for (uint32_t index = 0; index < sender->readers_end; index++) {
    if (sender->readers[index] != NULL) close_reader(sender->readers[index]);
    sender->readers[index] = NULL;
  }
  close_door(&sender->door);
  shut(sender->events);
  shut(sender->pool_fd);
  shut(sender->ring_fd);
  shut(sender->timer);
  close_own_fds(&sender->pool);
  sender->door.listening = sender->door.events = sender->events = sender->timer = -1;
  sender->pool_fd = sender->ring_fd = -1;
}

void pf_sender_hang_up(pf_sender *sender) {
  pf_sender_finish(sender);
  leave_receivers(sender);
}

void pf_sender_close(pf_sender *sender) {
  if (sender == NULL) return;
  pf_sender_finish(sender);
  pf_sender_abort(sender);
}

void pf_sender_abort(pf_sender *sender) {
  if (sender == NULL) return;
  leave_receivers(sender);
  unmap(sender->ring, RING_BYTES);
  close_pool(&sender->pool);
  free(sender);
}

/* ------------------------------------------------------------------------------- the sending half of a channel */

struct outbox {
  struct part part;
  struct pool pool;
  uint64_t published;
  uint64_t cursor;
  uint32_t returned;
  uint32_t under_way;
  uint32_t *slot_of; /* Which slot a message lies in, by its number modulo the capacity. */
  struct passing passing;
};

static void take_back(struct outbox *outbox, uint32_t slot) {
  free_slot(&outbox->pool, slot);
  outbox->under_way--;
}

/* The slot of a message that is under way, by its number; SLOTS if it is not. */
static uint32_t sent_slot(const struct outbox *outbox, uint64_t number) {
  const uint32_t slot = outbox->slot_of[number & (outbox->part.capacity - 1)];
  const struct slot *found = &outbox->pool.slots[slot];
  return found->state == SLOT_SENT && found->number == number ? slot : (uint32_t)SLOTS;
}

/* Takes in one entry of the return queue. False if it is none that an honest receiver writes. */
static bool take_return(struct outbox *outbox, uint32_t name, uint32_t low) {
  if (name == KEPT) {
    const uint64_t number = outbox->cursor + (uint32_t)(low - (uint32_t)outbox->cursor);
    const uint32_t kept = number < outbox->published ? sent_slot(outbox, number) : (uint32_t)SLOTS;
    if (kept == SLOTS) return false;
    outbox->pool.slots[kept].state = SLOT_KEPT;
    return true;
  }
  const uint32_t slot = slot_named(&outbox->pool, name);
  if (slot == NO_SLOT) return false;
  const struct slot *kept = &outbox->pool.slots[slot];
  if (kept->state != SLOT_KEPT || (uint32_t)kept->number != low) return false;
  if (!note_returned(&outbox->passing, outbox->part.words, kept->number)) return false;
  take_back(outbox, slot);
  return true;
}

/* Takes in what was returned: "Returns". */
static int collect(struct outbox *outbox, struct link *link) {
  word *words = outbox->part.words;
  /* The cursor first: what is kept was said before the cursor went past it. */
  const uint32_t passed = atomic_load(&words[AT_CURSOR]) - (uint32_t)outbox->cursor;
  const uint32_t entries = atomic_load(&words[AT_RETURNED]) - outbox->returned;
  if (passed > outbox->published - outbox->cursor || entries > 2 * outbox->part.capacity) return PF_E_MISBEHAVED;
  if (passed > 0 || entries > 0) link->idle_rings = 0;
  for (uint32_t count = 0; count < entries; count++) {
    const uint32_t place = outbox->returned++ & (2 * outbox->part.capacity - 1);
    const word *entry = first_return(&outbox->part) + (size_t)place * RETURN_WORDS;
    if (!take_return(outbox, atomic_load(&entry[0]), atomic_load(&entry[1]))) return PF_E_MISBEHAVED;
  }
  for (uint32_t count = 0; count < passed; count++) {
    const uint32_t slot = sent_slot(outbox, outbox->cursor);
    if (slot < SLOTS) {
      if (has_passed(&outbox->passing) && !note_returned(&outbox->passing, words, outbox->cursor)) return PF_E_MISBEHAVED;
      take_back(outbox, slot);
    }
    outbox->cursor++;
  }
  return PF_OK;
}

static bool has_returns(const struct outbox *outbox) {
  const word *words = outbox->part.words;
  return atomic_load(&words[AT_CURSOR]) != (uint32_t)outbox->cursor ||
         atomic_load(&words[AT_RETURNED]) != outbox->returned;
}

static bool is_full(const struct outbox *outbox) {
  return outbox->under_way >= outbox->part.capacity || outbox->published - outbox->cursor >= outbox->part.capacity;
}

/* ----------------------------------------------------------------------------------------------- the channel */

/* A question of this side. */
struct question {
  uint32_t number;
  bool is_abandoned;
  bool is_settled;
  pf_message answer;
};

struct messages {
  pf_message *first;
  size_t count, room;
};

struct pf_channel {
  struct link link;
  int poll_microseconds;
  struct inbox inbox;
  struct outbox outbox;
  word *control;
  size_t control_length;
  struct messages early; /* Messages that came before an answer. */
  struct question *questions;
  size_t question_count, question_room;
  uint32_t last_question;
  uint32_t *unanswered; /* Questions of the other side that were released, which it is still to be told. */
  size_t unanswered_count, unanswered_room;
  bool is_finished;
};

/* Makes room for one more of `size` bytes. False if there is no memory. */
static bool make_room(void **first, size_t count, size_t *room, size_t size) {
  if (count < *room) return true;
  const size_t more = *room == 0 ? 16 : *room * 2;
  void *grown = realloc(*first, more * size);
  if (grown == NULL) return false;
  *first = grown;
  *room = more;
  return true;
}

static int start_channel(pf_channel *channel, const struct handshake *hands) {
  struct inbox *inbox = &channel->inbox;
  struct outbox *outbox = &channel->outbox;
  word *words = NULL;
  int result = map_control(hands->fds[0], 2, &words, &channel->control_length);
  if (result != PF_OK) return result;
  channel->control = words; /* Unmapped at the end, whatever is in it. */
  const uint32_t capacity = atomic_load(&words[AT_CAPACITY]);
  if (!is_capacity(capacity) || channel->control_length != 2 * part_bytes(capacity)) return PF_E_MISBEHAVED;
  const bool is_right = read_part(&inbox->part, words) && read_part(&outbox->part, words + part_bytes(capacity) / 4);
  if (!is_right || inbox->part.capacity != capacity || outbox->part.capacity != capacity) return PF_E_MISBEHAVED;
  if (!is_bell(channel->link.other_bell) || !is_bell(channel->link.own_bell)) return PF_E_MISBEHAVED;
  start_queue(inbox);
  outbox->slot_of = (uint32_t *)calloc(capacity, sizeof *outbox->slot_of);
  if (outbox->slot_of == NULL) return PF_E_SYSTEM;
  return start_inbox(inbox, hands->fds[3]);
}

int pf_channel_connect(pf_channel **found, const char *endpoint, const pf_channel_options *options) {
  const pf_channel_options usual = {.timeout = -1};
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  if (options == NULL) options = &usual;
  const size_t bytes = pool_bytes_of(options->pool_bytes);
  if (endpoint == NULL || bytes == 0) return PF_E_INVALID;
  pf_channel *channel = (pf_channel *)calloc(1, sizeof *channel);
  if (channel == NULL) return PF_E_SYSTEM;
  channel->link = NO_LINK;
  channel->poll_microseconds = options->poll_microseconds;
  const int pool = create_pool(&channel->outbox.pool, bytes, SLOTS);
  struct handshake hands = {.mechanism = "shared-mmap-channel", .passed = pool, .descriptors = 4};
  const struct stop stop = {options->stop, options->stop_with};
  int result = pool < 0 ? PF_E_SYSTEM : meet(endpoint, &hands, options->timeout, &stop, &channel->link.socket);
  shut(pool);
  if (result == PF_OK) {
    channel->link.other_bell = hands.fds[1];
    channel->link.own_bell = hands.fds[2];
    result = start_channel(channel, &hands);
    shut(hands.fds[0]);
    shut(hands.fds[3]);
  }
  if (result == PF_OK) result = start_link(&channel->link);
  if (result == PF_OK) *found = channel;
  else {
    channel->is_finished = true; /* There is nobody to be told. */
    pf_channel_close(channel);
  }
  return result;
}

/* Polls, or sleeps for room and for messages at once: one bell rings for both. PF_OK: look again. */
static int await_change(pf_channel *channel, int64_t limit, struct polling *polling) {
  if (polls_on(polling, limit)) return PF_OK;
  atomic_store(&channel->outbox.part.words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
  atomic_thread_fence(memory_order_seq_cst);
  if (has_returns(&channel->outbox)) return PF_OK;
  if (is_over(limit)) return PF_AGAIN;
  const int slept = sleep_until(&channel->link, limit);
  if (slept != PF_OK) return slept;
  return attend(&channel->inbox, &channel->link);
}

/* Why nothing can be sent any more; PF_OK if it can. */
static int why_over(const pf_channel *channel) {
  if (channel->is_finished) return PF_E_INVALID;
  if (is_cut_off(&channel->inbox)) return PF_E_CUT_OFF;
  return channel->link.is_gone ? PF_E_PEER_DIED : PF_OK;
}

int pf_channel_lend(pf_channel *channel, size_t length, pf_loan *loan, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = channel->poll_microseconds};
  *loan = (pf_loan){0};
  if (length > UINT32_MAX) return PF_E_TOO_LONG;
  for (;;) {
    int result = why_over(channel);
    if (result == PF_OK) result = collect(&channel->outbox, &channel->link);
    if (result != PF_OK) return result;
    result = try_lend(&channel->outbox.pool, length, loan);
    if (result != PF_AGAIN) return result;
    result = await_change(channel, limit, &polling);
    if (result != PF_OK) return result;
  }
}

void pf_channel_unlend(pf_channel *channel, pf_loan *loan) {
  if (loan->is_lent_) note_unlent(&channel->outbox.passing, loan->slot_);
  unlend(&channel->outbox.pool, loan);
}

static void publish(pf_channel *channel, pf_loan *loan, uint32_t exchange) {
  struct outbox *outbox = &channel->outbox;
  const uint32_t index = loan->slot_, tag = loan->tag;
  struct slot *slot = &outbox->pool.slots[index];
  const uint64_t number = outbox->published++;
  const uint32_t place = (uint32_t)(number & (outbox->part.capacity - 1));
  word *entry = outbox->part.words + AT_ENTRIES + (size_t)place * ENTRY_WORDS;
  end_loan(slot, loan, number);
  outbox->slot_of[place] = index;
  outbox->under_way++;
  note_published(&outbox->passing, index, number);
  put_entry(entry, slot, name_of(&outbox->pool, index), tag, exchange);
  /* wake() has the barrier. */
  atomic_store_explicit(&outbox->part.words[AT_PUBLISHED], (uint32_t)outbox->published, memory_order_release);
  wake(&channel->link, &outbox->part.words[outbox->part.parked], 1);
}

/* Tells of questions that were released without an answer, as far as there is room. */
static void tell_unanswered(pf_channel *channel) {
  if (channel->unanswered_count > 0 && collect(&channel->outbox, &channel->link) != PF_OK) return;
  while (channel->unanswered_count > 0 && why_over(channel) == PF_OK && !is_full(&channel->outbox)) {
    pf_loan nothing;
    /* No bytes are of the pool, always: where that is full, room will come. */
    if (try_lend(&channel->outbox.pool, 0, &nothing) != PF_OK) return;
    publish(channel, &nothing, channel->unanswered[--channel->unanswered_count] << 2 | FAILS);
  }
}

/* Passes the memory of the next message, where it has its own. PF_AGAIN: it has to wait. */
static int pass_own(pf_channel *channel, uint32_t slot) {
  struct outbox *outbox = &channel->outbox;
  struct own *own = outbox->pool.slots[slot].own;
  if (own == NULL) return PF_OK;
  if (outbox->passing.under_way_count == MOST_OWN) return PF_AGAIN; /* One that comes back rings. */
  int result = seal_own(own);
  if (result != PF_OK) return result;
  result = pass_ahead(&channel->link, outbox->part.words, &outbox->passing, &outbox->pool, slot, outbox->published);
  if (result != PF_AGAIN) return result;
  return retry_soon(channel->link.events, &channel->link.timer, 0) == PF_OK ? PF_AGAIN : PF_E_SYSTEM;
}

static int send_as(pf_channel *channel, pf_loan *loan, uint32_t exchange, int64_t limit) {
  struct outbox *outbox = &channel->outbox;
  if (!is_loan(&outbox->pool, loan)) return PF_E_INVALID;
  struct polling polling = {.microseconds = channel->poll_microseconds};
  if (outbox->pool.slots[loan->slot_].own != NULL) polling = NO_POLLING;
  bool is_new;
  int result = check_sealed(&outbox->pool, loan, &is_new);
  if (is_new) note_unlent(&outbox->passing, loan->slot_);
  if (result != PF_OK) return result;
  for (;;) {
    result = why_over(channel);
    if (result == PF_OK) result = collect(outbox, &channel->link);
    if (result != PF_OK) return result;
    result = is_full(outbox) ? PF_AGAIN : pass_own(channel, loan->slot_);
    if (result == PF_OK) publish(channel, loan, exchange);
    if (result != PF_AGAIN) return result;
    result = await_change(channel, limit, &polling);
    if (result != PF_OK) return result;
  }
}

int pf_channel_send(pf_channel *channel, pf_loan *loan, int timeout) {
  return send_as(channel, loan, 0, limit_of(timeout));
}

static struct question *find_question(const pf_channel *channel, uint32_t number) {
  for (size_t index = 0; index < channel->question_count; index++)
    if (channel->questions[index].number == number) return &channel->questions[index];
  return NULL;
}

static void forget_question(pf_channel *channel, struct question *question) {
  *question = channel->questions[--channel->question_count];
}

/* Gives an answer to who has asked; one that nobody waits for goes back. */
static void settle(pf_channel *channel, pf_message *answer) {
  struct question *question = find_question(channel, answer->exchange_ >> 2);
  if (question == NULL || question->is_settled) release(&channel->inbox, &channel->link, answer);
  else if (question->is_abandoned) {
    release(&channel->inbox, &channel->link, answer);
    forget_question(channel, question);
  } else {
    question->is_settled = true;
    question->answer = *answer;
  }
}

/* The next message of the queue that is no answer; answers are settled on the way. */
static int take_message(pf_channel *channel, pf_message *message) {
  for (;;) {
    const int result = look(&channel->inbox, &channel->link, message);
    if (result != PF_OK) return result;
    const uint32_t kind = message->exchange_ & 3;
    message->is_request = kind == ASKS;
    if (kind != ANSWERS && kind != FAILS) return PF_OK;
    settle(channel, message);
    /* Whoever waits for an answer looks whether it was this one. */
    return PF_AGAIN;
  }
}

/* One round of waiting for messages: PF_OK to look again. */
static int await_message(pf_channel *channel, int64_t limit, struct polling *polling) {
  tell_unanswered(channel);
  if (polls_on(polling, limit)) return PF_OK;
  int result = attend(&channel->inbox, &channel->link);
  if (result != PF_OK) return result;
  if (park(&channel->inbox, &channel->link) == PF_OK) return PF_OK;
  if (is_over(limit)) return PF_AGAIN;
  return channel->unanswered_count > 0 ? await_change(channel, limit, polling) : sleep_until(&channel->link, limit);
}

int pf_channel_receive(pf_channel *channel, pf_message *message, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = channel->poll_microseconds};
  if (channel->early.count > 0) {
    *message = channel->early.first[0];
    memmove(channel->early.first, channel->early.first + 1, --channel->early.count * sizeof *message);
    return PF_OK;
  }
  for (;;) {
    int result = take_message(channel, message);
    if (result != PF_AGAIN) return result;
    result = await_message(channel, limit, &polling);
    if (result != PF_OK) return result;
  }
}

void pf_channel_release(pf_channel *channel, pf_message *message) {
  const bool is_unanswered = message->data != NULL && message->is_request;
  const uint32_t number = message->exchange_ >> 2;
  release(&channel->inbox, &channel->link, message);
  if (!is_unanswered) return;
  void *list = channel->unanswered;
  if (!make_room(&list, channel->unanswered_count, &channel->unanswered_room, sizeof *channel->unanswered)) return;
  channel->unanswered = (uint32_t *)list;
  channel->unanswered[channel->unanswered_count++] = number;
  if (collect(&channel->outbox, &channel->link) == PF_OK) tell_unanswered(channel);
}

/* Registers a question with a number that no other open one has. */
static struct question *begin_question(pf_channel *channel) {
  void *list = channel->questions;
  if (!make_room(&list, channel->question_count, &channel->question_room, sizeof *channel->questions)) return NULL;
  channel->questions = (struct question *)list;
  do channel->last_question = channel->last_question == LAST_QUESTION ? 1 : channel->last_question + 1;
  while (find_question(channel, channel->last_question) != NULL);
  struct question *question = &channel->questions[channel->question_count++];
  *question = (struct question){.number = channel->last_question};
  return question;
}

/* What has come for a question that is settled. */
static int hand_over(pf_channel *channel, struct question *question, pf_message *answer) {
  *answer = question->answer;
  forget_question(channel, question);
  if ((answer->exchange_ & 3) == ANSWERS) return PF_OK;
  if (answer->length > 0) return PF_E_FAILED;
  release(&channel->inbox, &channel->link, answer);
  return PF_E_UNANSWERED;
}

/* The answer to a question, if it is here; what comes before it is kept. PF_AGAIN if it is not. */
static int look_for_answer(pf_channel *channel, uint32_t number, pf_message *answer) {
  for (;;) {
    struct question *question = find_question(channel, number);
    if (question == NULL || question->is_abandoned) return PF_E_INVALID;
    if (question->is_settled) return hand_over(channel, question, answer);
    pf_message message;
    int result = take_message(channel, &message);
    if (result == PF_OK) {
      void *list = channel->early.first;
      if (!make_room(&list, channel->early.count, &channel->early.room, sizeof message)) return PF_E_SYSTEM;
      channel->early.first = (pf_message *)list;
      channel->early.first[channel->early.count++] = message;
      continue;
    }
    /* Looked up anew: others that were given up may have been forgotten. */
    if (result == PF_AGAIN && find_question(channel, number)->is_settled) continue;
    return result == PF_END ? PF_E_UNANSWERED : result;
  }
}

int pf_channel_ask(pf_channel *channel, pf_loan *loan, uint32_t *number, int timeout) {
  struct question *question = begin_question(channel);
  if (question == NULL) return PF_E_SYSTEM;
  *number = question->number;
  const int result = send_as(channel, loan, *number << 2 | ASKS, limit_of(timeout));
  if (result != PF_OK) forget_question(channel, find_question(channel, *number));
  return result;
}

int pf_channel_answer(pf_channel *channel, uint32_t number, pf_message *answer, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct polling polling = {.microseconds = channel->poll_microseconds};
  int result;
  *answer = (pf_message){0};
  do {
    result = look_for_answer(channel, number, answer);
    if (result != PF_AGAIN) break;
    result = await_message(channel, limit, &polling);
  } while (result == PF_OK);
  if (result == PF_AGAIN) return result;
  /* An error ends it, too. */
  struct question *question = find_question(channel, number);
  if (question != NULL && !question->is_abandoned) forget_question(channel, question);
  return result;
}

void pf_channel_give_up(pf_channel *channel, uint32_t number) {
  struct question *question = find_question(channel, number);
  if (question == NULL) return;
  if (question->is_settled) {
    release(&channel->inbox, &channel->link, &question->answer);
    forget_question(channel, question);
  } else question->is_abandoned = true; /* Its answer may still come. */
}

int pf_channel_request(pf_channel *channel, pf_loan *loan, pf_message *answer, int timeout) {
  const int64_t limit = limit_of(timeout);
  uint32_t number;
  *answer = (pf_message){0};
  int result = pf_channel_ask(channel, loan, &number, timeout);
  if (result != PF_OK) return result;
  result = pf_channel_answer(channel, number, answer, left_until(limit));
  if (result == PF_AGAIN) pf_channel_give_up(channel, number);
  return result;
}

int pf_channel_respond(pf_channel *channel, pf_message *question, pf_loan *answer, int timeout) {
  if (!question->is_request) return PF_E_INVALID;
  const uint32_t exchange = (question->exchange_ & ~3u) | ANSWERS;
  const int result = send_as(channel, answer, exchange, limit_of(timeout));
  if (result == PF_OK) question->is_request = false;
  return result;
}

/* Writes text as JSON wants it, without the quotes; counts only if `to` is NULL. */
static size_t escape(const char *text, char *to) {
  size_t length = 0;
  for (; *text != 0; text++) {
    char piece[8];
    const unsigned char each = (unsigned char)*text;
    if (each == '"' || each == '\\') snprintf(piece, sizeof piece, "\\%c", each);
    else if (each < 0x20) snprintf(piece, sizeof piece, "\\u%04x", each);
    else snprintf(piece, sizeof piece, "%c", each);
    const size_t size = strlen(piece);
    if (to != NULL) memcpy(to + length, piece, size);
    length += size;
  }
  return length;
}

int pf_channel_reject(pf_channel *channel, pf_message *question, const char *why, int timeout) {
  static const char before[] = "{\"name\":\"Error\",\"message\":\"", after[] = "\"}";
  const int64_t limit = limit_of(timeout);
  if (!question->is_request || why == NULL) return PF_E_INVALID;
  pf_loan loan;
  const size_t length = escape(why, NULL);
  int result = pf_channel_lend(channel, sizeof before - 1 + length + sizeof after - 1, &loan, timeout);
  if (result != PF_OK) return result;
  char *text = (char *)loan.data;
  memcpy(text, before, sizeof before - 1);
  escape(why, text + sizeof before - 1);
  memcpy(text + sizeof before - 1 + length, after, sizeof after - 1);
  result = send_as(channel, &loan, (question->exchange_ & ~3u) | FAILS, limit);
  if (result == PF_OK) question->is_request = false;
  else pf_channel_unlend(channel, &loan);
  return result;
}

int pf_channel_fd(const pf_channel *channel) { return channel->link.events; }

bool pf_channel_peek(const pf_channel *channel) {
  return channel->early.count > 0 || has_news(&channel->inbox, &channel->link);
}

uint64_t pf_channel_received(const pf_channel *channel) { return channel->inbox.next; }

int pf_channel_arm_for(pf_channel *channel, unsigned changes) {
  const bool wants_room = (changes & PF_ROOM) != 0;
  const int rang = answer_bell(&channel->link);
  if (rang < 0) return rang;
  const int attended = attend(&channel->inbox, &channel->link);
  if (attended < 0) return attended;
  tell_unanswered(channel);
  if ((changes & PF_MESSAGES) != 0 && channel->early.count > 0) return PF_OK;
  if (wants_room && why_over(channel) != PF_OK) return PF_OK;
  const bool awaits_returns = wants_room || channel->unanswered_count > 0;
  if (awaits_returns) atomic_store(&channel->outbox.part.words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
  if ((changes & (PF_MESSAGES | PF_ANSWERS)) != 0 && park(&channel->inbox, &channel->link) == PF_OK) return PF_OK;
  atomic_thread_fence(memory_order_seq_cst);
  return awaits_returns && has_returns(&channel->outbox) ? PF_OK : PF_AGAIN;
}

int pf_channel_arm(pf_channel *channel) { return pf_channel_arm_for(channel, PF_MESSAGES | PF_ROOM); }

void pf_channel_finish(pf_channel *channel) {
  if (channel->is_finished) return;
  if (collect(&channel->outbox, &channel->link) == PF_OK) tell_unanswered(channel);
  channel->is_finished = true;
  atomic_store(&channel->outbox.part.words[AT_FINISHED], 1);
  wake(&channel->link, &channel->outbox.part.words[channel->outbox.part.parked], 1);
}

void pf_channel_hang_up(pf_channel *channel) {
  pf_channel_finish(channel);
  close_link(&channel->link);
  close_own_fds(&channel->outbox.pool);
}

void pf_channel_close(pf_channel *channel) {
  if (channel == NULL) return;
  pf_channel_hang_up(channel);
  unmap(channel->inbox.payload, channel->inbox.payload_length);
  unmap(channel->control, channel->control_length);
  close_pool(&channel->outbox.pool);
  free(channel->outbox.slot_of);
  free(channel->early.first);
  free(channel->questions);
  free(channel->unanswered);
  free(channel);
}

/* ----------------------------------------------------------------------------------------------- the listener */

struct pf_listener {
  struct door door;
  size_t pool_bytes;
  int poll_microseconds; /* Of its channels. */
};

int pf_listener_open(pf_listener **found, const char *endpoint, const pf_channel_options *options) {
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  const size_t bytes = pool_bytes_of(options == NULL ? 0 : options->pool_bytes);
  if (endpoint == NULL || bytes == 0) return PF_E_INVALID;
  pf_listener *listener = (pf_listener *)calloc(1, sizeof *listener);
  if (listener == NULL) return PF_E_SYSTEM;
  listener->door.mechanism = "shared-mmap-channel";
  listener->door.wanted = 1;
  listener->door.listening = listener->door.events = -1;
  listener->pool_bytes = bytes;
  if (options != NULL) listener->poll_microseconds = options->poll_microseconds;
  const int result = open_door(&listener->door, endpoint);
  if (result == PF_OK) *found = listener;
  else pf_listener_close(listener);
  return result;
}

/* Makes what both sides share, and sends the welcome. */
static int establish_channel(pf_channel *channel, const struct door *door, const struct caller *caller, size_t bytes) {
  struct inbox *inbox = &channel->inbox;
  struct outbox *outbox = &channel->outbox;
  struct link *link = &channel->link;
  word *words = NULL;
  const int pool = create_pool(&outbox->pool, bytes, SLOTS);
  const int control = pool < 0 ? -1 : create_control(2, 0, &words, &channel->control_length);
  channel->control = words;
  link->own_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  link->other_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  outbox->slot_of = (uint32_t *)calloc(QUEUE, sizeof *outbox->slot_of);
  int result = PF_E_SYSTEM;
  if (control >= 0 && link->own_bell >= 0 && link->other_bell >= 0 && outbox->slot_of != NULL) {
    word *inward = words + part_bytes(QUEUE) / 4;
    const bool is_right = read_part(&outbox->part, words) && read_part(&inbox->part, inward);
    start_queue(inbox);
    result = is_right ? start_inbox(inbox, caller->passed) : PF_E_SYSTEM;
  }
  if (result == PF_OK) result = start_link(link);
  if (result == PF_OK) {
    const uint32_t answer[] = {0};
    const int fds[] = {control, link->own_bell, link->other_bell, pool};
    if (send_record(link->socket, KIND_WELCOME, 0, door->mechanism, answer, 1, fds, 4) < 0) result = PF_E_SYSTEM;
  }
  shut(control);
  shut(pool);
  return result;
}

/* A channel with whoever has called, or NULL: then it was refused. */
static pf_channel *make_channel(const pf_listener *listener, const struct caller *caller) {
  uint32_t error = caller->passed < 0 ? EMFILE : ENOMEM;
  pf_channel *channel = caller->passed < 0 ? NULL : (pf_channel *)calloc(1, sizeof *channel);
  if (channel != NULL) {
    channel->link = NO_LINK;
    channel->link.socket = caller->socket;
    channel->poll_microseconds = listener->poll_microseconds;
    errno = 0;
    const int result = establish_channel(channel, &listener->door, caller, listener->pool_bytes);
    error = result == PF_E_MISBEHAVED ? 0 : (uint32_t)errno;
    if (result == PF_OK) {
      shut(caller->passed);
      watch_process(&channel->link, caller->process);
      return channel;
    }
    channel->link.socket = -1; /* For the refusal. */
    channel->is_finished = true;
    pf_channel_close(channel);
  }
  refuse(&listener->door, caller, REFUSED_FAILURE, &error, 1);
  return NULL;
}

int pf_listener_accept(pf_listener *listener, pf_channel **channel, int timeout) {
  const int64_t limit = limit_of(timeout);
  struct door *door = &listener->door;
  *channel = NULL;
  for (;;) {
    struct caller caller;
    while (next_caller(door, &caller) == PF_OK)
      if ((*channel = make_channel(listener, &caller)) != NULL) return PF_OK;
    if (door->is_inherited && door->guest_count == 0) return PF_END;
    if (is_over(limit)) return PF_AGAIN;
    struct pollfd asked = {.fd = door->events, .events = POLLIN};
    if (poll(&asked, 1, patience_of(door, limit)) < 0 && errno != EINTR) return PF_E_SYSTEM;
  }
}

int pf_listener_fd(const pf_listener *listener) { return listener->door.events; }

void pf_listener_close(pf_listener *listener) {
  if (listener == NULL) return;
  close_door(&listener->door);
  free(listener);
}

/* -------------------------------------------------------------------------------------- the pipe transport */

enum { AT_PRODUCED = 33, AT_CONSUMED = 65, AT_WAKE_AT = 97 };
enum { PIPE_LENGTH, PIPE_LENGTH_HIGH, PIPE_NUMBER, PIPE_TAG };
enum { PAGES_DONE = 0, PAGES_REFERENCED = 1 };
static const uint32_t WAITS_FOR_ROOM = 2;

struct pf_pipe {
  struct link link;
  struct part part;
  size_t control_length;
  int pipe;
  uint32_t position;   /* The next entry of the delivery queue. */
  uint32_t returned;
  uint32_t consumed;   /* As the other side sees it: rounded up to a page at the end of each message. */
  uint64_t number;     /* Of the next message; the first one says what it is. */
  bool has_begun;
  bool is_referenced;  /* Pages of this message went on to where they may be read for longer than anybody can tell. */
  pf_piped message;
};

/* The read end anew: the flags of the one that came are the sender's, too, which could make it block. */
static int open_anew(int passed) {
  char path[64];
  struct stat file;
  const int flags = fcntl(passed, F_GETFL);
  if (fstat(passed, &file) < 0 || !S_ISFIFO(file.st_mode) || flags < 0 || (flags & O_ACCMODE) != O_RDONLY) return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", passed);
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return fd;
  /* There is no /proc, or it is a pipe of root's. */
  if (fcntl(passed, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
  return fcntl(passed, F_DUPFD_CLOEXEC, 0);
}

static int start_pipe(pf_pipe *pipe, const struct handshake *hands) {
  word *words = NULL;
  const int result = map_control(hands->fds[0], 1, &words, &pipe->control_length);
  if (result != PF_OK) return result;
  const bool is_right = read_part(&pipe->part, words) && pipe->control_length == part_bytes(pipe->part.capacity);
  if (!is_right || !is_bell(pipe->link.other_bell) || !is_bell(pipe->link.own_bell)) return PF_E_MISBEHAVED;
  pipe->pipe = open_anew(hands->fds[3]);
  return pipe->pipe < 0 ? PF_E_MISBEHAVED : start_link(&pipe->link);
}

int pf_pipe_open(pf_pipe **found, const char *endpoint, const pf_pipe_options *options) {
  const pf_pipe_options usual = {.timeout = -1};
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  if (endpoint == NULL) return PF_E_INVALID;
  if (options == NULL) options = &usual;
  pf_pipe *pipe = (pf_pipe *)calloc(1, sizeof *pipe);
  if (pipe == NULL) return PF_E_SYSTEM;
  pipe->link = NO_LINK;
  pipe->pipe = -1;
  struct handshake hands = {.mechanism = "vmsplice", .passed = -1, .descriptors = 4};
  const struct stop stop = {options->stop, options->stop_with};
  int result = meet(endpoint, &hands, options->timeout, &stop, &pipe->link.socket);
  if (result == PF_OK) {
    pipe->link.other_bell = hands.fds[1];
    pipe->link.own_bell = hands.fds[2];
    result = start_pipe(pipe, &hands);
    shut(hands.fds[0]);
    shut(hands.fds[3]);
  }
  if (result == PF_OK) *found = pipe;
  else pf_pipe_close(pipe);
  return result;
}

/* Looks whether the other side has ended. It has nothing to say. */
static int attend_pipe(pf_pipe *pipe) {
  uint8_t record[8];
  struct came came;
  struct link *link = &pipe->link;
  if (link->is_gone) return PF_OK;
  const ssize_t length = read_record(link->socket, record, sizeof record, NULL, 0, &came);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return PF_OK;
  if (length < 0 && errno != ECONNRESET) return PF_E_SYSTEM;
  if (length > 0 || came.count > 0) return PF_E_MISBEHAVED;
  note_end(link);
  return PF_OK;
}

static bool pipe_is_cut_off(const pf_pipe *pipe) {
  const uint32_t cut = atomic_load(&pipe->part.words[AT_CUT_OFF]);
  return cut == 1 || cut == 2;
}

/* How many bytes of the message are in the pipe. */
static uint64_t in_pipe(const pf_pipe *pipe) {
  const uint32_t produced = atomic_load(&pipe->part.words[AT_PRODUCED]) - pipe->consumed;
  return produced < pipe->message.rest ? produced : pipe->message.rest;
}

/* Whether there is something to look at: within a message its bytes, and otherwise the next one. */
static bool pipe_has_news(const pf_pipe *pipe) {
  const word *words = pipe->part.words;
  if (pipe->link.is_gone || pipe_is_cut_off(pipe)) return true;
  if (pipe->message.rest > 0) return in_pipe(pipe) > 0;
  return atomic_load(&words[AT_FINISHED]) == 1 || atomic_load(&words[AT_PUBLISHED]) != pipe->position;
}

/* One round of waiting. PF_OK: look again. */
static int await_pipe(pf_pipe *pipe, int64_t limit) {
  const int attended = attend_pipe(pipe);
  if (attended != PF_OK) return attended;
  atomic_store(&pipe->part.words[pipe->part.parked], 1);
  atomic_thread_fence(memory_order_seq_cst);
  if (pipe_has_news(pipe)) return PF_OK;
  return is_over(limit) ? PF_AGAIN : sleep_until(&pipe->link, limit);
}

/* Says that bytes left the pipe, and that the message did with the last of them. */
static void consume(pf_pipe *pipe, size_t count) {
  word *words = pipe->part.words;
  pf_piped *message = &pipe->message;
  const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
  pipe->link.idle_rings = 0;
  message->rest -= count;
  pipe->consumed += (uint32_t)count;
  if (message->rest == 0) pipe->consumed += (0 - (uint32_t)message->length) & (page - 1);
  if (message->length > 0) {
    atomic_store(&words[AT_CONSUMED], pipe->consumed);
    atomic_thread_fence(memory_order_seq_cst);
    const bool is_awaited = (atomic_load(&words[AT_SENDER_PARKED]) & WAITS_FOR_ROOM) != 0;
    if (is_awaited && (int32_t)(pipe->consumed - atomic_load(&words[AT_WAKE_AT])) >= 0) {
      wake(&pipe->link, &words[AT_SENDER_PARKED], WAITS_FOR_ROOM);
    }
  }
  if (message->rest > 0) return;
  const uint32_t places = 2 * pipe->part.capacity;
  word *entry = first_return(&pipe->part) + (size_t)(pipe->returned & (places - 1)) * RETURN_WORDS;
  atomic_store(&entry[0], (uint32_t)message->number);
  atomic_store(&entry[1], pipe->is_referenced ? PAGES_REFERENCED : PAGES_DONE);
  atomic_store(&words[AT_RETURNED], ++pipe->returned);
  wake(&pipe->link, &words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
}

/* The next entry of the delivery queue, if there is one. */
static int look_for_piped(pf_pipe *pipe) {
  const word *words = pipe->part.words;
  /* Before the counter: what was announced before the end is still there. */
  const bool is_gone = pipe->link.is_gone, is_finished = atomic_load(&words[AT_FINISHED]) == 1;
  const uint32_t available = atomic_load(&words[AT_PUBLISHED]) - pipe->position;
  if (pipe_is_cut_off(pipe)) return PF_E_CUT_OFF;
  if (available > pipe->part.capacity) return PF_E_MISBEHAVED;
  if (available == 0) return is_finished ? PF_END : is_gone ? PF_E_PEER_DIED : PF_AGAIN;
  const word *entry = words + AT_ENTRIES + (size_t)(pipe->position++ & (pipe->part.capacity - 1)) * ENTRY_WORDS;
  const uint64_t length = (uint64_t)atomic_load(&entry[PIPE_LENGTH_HIGH]) << 32 | atomic_load(&entry[PIPE_LENGTH]);
  const uint32_t low = atomic_load(&entry[PIPE_NUMBER]);
  if (!pipe->has_begun) pipe->number = low;
  if (low != (uint32_t)pipe->number || length >> 53 != 0) return PF_E_MISBEHAVED;
  pipe->has_begun = true;
  pipe->is_referenced = false;
  pipe->message = (pf_piped){.length = length, .rest = length, .number = pipe->number++, .tag = atomic_load(&entry[PIPE_TAG])};
  pipe->link.idle_rings = 0;
  if (length == 0) consume(pipe, 0);
  return PF_OK;
}

/* Whether the rest of a message can still come. PF_OK: so many bytes can be taken. */
static int await_bytes(pf_pipe *pipe, int64_t limit, size_t *count) {
  for (;;) {
    const bool is_gone = pipe->link.is_gone; /* Before the bytes. */
    const uint64_t available = in_pipe(pipe);
    *count = (size_t)available;
    if (available > 0) return PF_OK;
    if (pipe_is_cut_off(pipe)) return PF_E_CUT_OFF;
    if (is_gone) return PF_E_PEER_DIED;
    const int result = await_pipe(pipe, limit);
    if (result != PF_OK) return result;
  }
}

/* What a call that took bytes out of the pipe has said. */
static int took(pf_pipe *pipe, ssize_t result, size_t *count) {
  *count = 0;
  if (result < 0) return errno == EAGAIN ? PF_E_MISBEHAVED : PF_E_SYSTEM;
  if (result == 0) return PF_E_PEER_DIED; /* The pipe has ended within the message. */
  *count = (size_t)result;
  consume(pipe, *count);
  return PF_OK;
}

int pf_pipe_read(pf_pipe *pipe, void *to, size_t room, size_t *count, int timeout) {
  size_t available;
  *count = 0;
  if (pipe->message.rest == 0) return PF_END;
  if (room == 0) return PF_E_INVALID;
  const int result = await_bytes(pipe, limit_of(timeout), &available);
  if (result != PF_OK) return result;
  return took(pipe, read(pipe->pipe, to, available < room ? available : room), count);
}

int pf_pipe_move(pf_pipe *pipe, int fd, size_t most, size_t *count, int timeout) {
  size_t available;
  *count = 0;
  if (pipe->message.rest == 0) return PF_END;
  struct stat file;
  const int flags = fcntl(fd, F_GETFL);
  if (most == 0 || flags < 0 || fstat(fd, &file) < 0) return PF_E_INVALID;
  /* A file has the bytes once they were moved, and a pipe or a socket has the pages: who knows for how long. */
  const bool keeps = !(S_ISREG(file.st_mode) || S_ISBLK(file.st_mode));
  /* splice(2) has the pipe locked for as long as it waits for room elsewhere, and the sender could not go on. */
  if (keeps && (flags & O_NONBLOCK) == 0) return PF_E_INVALID;
  const int64_t limit = limit_of(timeout);
  const int result = await_bytes(pipe, limit, &available);
  if (result != PF_OK) return result;
  const bool before = pipe->is_referenced;
  if (keeps) pipe->is_referenced = true;
  ssize_t moved;
  for (;;) {
    moved = splice(pipe->pipe, NULL, fd, NULL, available < most ? available : most, SPLICE_F_NONBLOCK);
    if (moved >= 0 || errno != EAGAIN || is_over(limit) || !is_ready(pipe->pipe, POLLIN)) break;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, left_of(limit)) < 0 && errno != EINTR) return PF_E_SYSTEM;
    errno = EAGAIN;
  }
  if (moved <= 0) pipe->is_referenced = before;
  /* It is the other descriptor that has no room: what was announced is in the pipe. */
  if (moved < 0 && errno == EAGAIN) return is_ready(pipe->pipe, POLLIN) ? PF_AGAIN : PF_E_MISBEHAVED;
  return took(pipe, moved, count);
}

int pf_pipe_next(pf_pipe *pipe, pf_piped *message, int timeout) {
  const int64_t limit = limit_of(timeout);
  *message = (pf_piped){0};
  /* What is left of the last one. */
  while (pipe->message.rest > 0) {
    uint8_t nothing[16384];
    size_t count, available;
    int result = await_bytes(pipe, limit, &available);
    if (result == PF_OK) {
      result = took(pipe, read(pipe->pipe, nothing, available < sizeof nothing ? available : sizeof nothing), &count);
    }
    if (result != PF_OK) return result;
  }
  for (;;) {
    int result = look_for_piped(pipe);
    if (result == PF_OK) *message = pipe->message;
    if (result != PF_AGAIN) return result;
    result = await_pipe(pipe, limit);
    if (result != PF_OK) return result;
  }
}

int pf_pipe_fd(const pf_pipe *pipe) { return pipe->link.events; }

int pf_pipe_arm(pf_pipe *pipe) {
  const int rang = answer_bell(&pipe->link);
  return rang < 0 ? rang : await_pipe(pipe, now());
}

void pf_pipe_close(pf_pipe *pipe) {
  if (pipe == NULL) return;
  close_link(&pipe->link);
  shut(pipe->pipe);
  unmap(pipe->part.words, pipe->control_length);
  free(pipe);
}
