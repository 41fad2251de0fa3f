/*
 * A peer of Pageferry's shared-memory transport. The sections named below are those of docs/shared-memory-layout.md.
 *
 * Words that two processes share are atomic and accessed with seq_cst throughout ("Memory ordering"): then nothing more
 * has to be known, on any processor. Each is read once into a variable, which is checked and used: the other side may
 * change it at any time.
 */
#define _GNU_SOURCE
#include "pageferry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

typedef _Atomic uint32_t word;

_Static_assert(sizeof(word) == 4 && ATOMIC_INT_LOCK_FREE == 2, "words are shared between processes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "all integers are little-endian");

/* The handshake */
enum { KIND_HELLO = 1, KIND_WELCOME = 2, KIND_REFUSAL = 3 };
enum { HEAD_BYTES = 48, RECORD_BYTES = 256, PARAMETERS = 16, MOST_DESCRIPTORS = 16 };
enum { REFUSED_VERSION = 1, REFUSED_TRANSPORT = 2 };

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
static const uint32_t CLAIMED = 0xFFFFFFFF;
static const int SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/* Records with memory of a message's own, and rings that tell of nothing: more than an honest peer sends. */
enum { MOST_PASSED = 64, MOST_IDLE_RINGS = 64 };

/* Channels */
enum { ASKS = 1, ANSWERS = 2, FAILS = 3 };
static const uint32_t LAST_QUESTION = (1u << 29) - 1;
enum { SLOTS = 2048 };

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
    case PF_E_TOO_LONG: return "the pool can never hold so many bytes";
    default: return "an unknown result";
  }
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* When a wait is over, in milliseconds of the clock; -1 for never. */
static int64_t limit_of(int timeout) { return timeout < 0 ? -1 : now() + timeout; }

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

static bool is_over(int64_t limit) { return limit >= 0 && now() >= limit; }

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
  bool is_gone;
  unsigned idle_rings;
  unsigned passed_count;
  struct passed passed[MOST_PASSED];
};

/* A second time does nothing. */
static void close_link(struct link *link) {
  for (unsigned index = 0; index < link->passed_count; index++) shut(link->passed[index].fd);
  shut(link->events);
  shut(link->own_bell);
  shut(link->other_bell);
  shut(link->socket);
  *link = (struct link){.socket = -1, .other_bell = -1, .own_bell = -1, .events = -1, .is_gone = true};
}

static int start_link(struct link *link) {
  const int fds[] = {link->own_bell, link->socket};
  if (fcntl(link->socket, F_SETFL, O_NONBLOCK) < 0) return PF_E_SYSTEM;
  link->events = epoll_create1(EPOLL_CLOEXEC);
  if (link->events < 0) return PF_E_SYSTEM;
  for (size_t index = 0; index < 2; index++) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fds[index]}};
    if (epoll_ctl(link->events, EPOLL_CTL_ADD, fds[index], &event) < 0) return PF_E_SYSTEM;
  }
  return PF_OK;
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
};

/* Reads one record without waiting, and the descriptors with it, of which all beyond `most` are closed. As recvmsg(2). */
static ssize_t read_record(int socket, void *to, size_t room, int *fds, size_t most, struct came *came) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec bytes = {.iov_base = to, .iov_len = room};
  struct msghdr message = {
    .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  *came = (struct came){0};
  const ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return length;
  *came = (struct came){.count = descriptors_of(&message, fds, most), .flags = message.msg_flags};
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
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return PF_AGAIN;
  if (length < 0 && errno != ECONNRESET) return PF_E_SYSTEM;
  if (length <= 0 && came.count == 0) {
    link->is_gone = true;
    epoll_ctl(link->events, EPOLL_CTL_DEL, link->socket, NULL);
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
    {.fd = link->own_bell, .events = POLLIN}, {.fd = link->is_gone ? -1 : link->socket, .events = POLLIN}
  };
  if (poll(asked, 2, left_of(limit)) < 0 && errno != EINTR) return PF_E_SYSTEM;
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

/* -------------------------------------------------------------------------------------------------- meeting */

static bool is_inherited(const char *endpoint) { return strncmp(endpoint, "fd:", 3) == 0; }

/* Opens the socket of an endpoint. PF_AGAIN if nobody is there yet. */
static int reach(const char *endpoint, int *found) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (is_inherited(endpoint)) {
    char *end;
    const long fd = strtol(endpoint + 3, &end, 10);
    if (*end != 0 || end == endpoint + 3 || fd < 0 || fd > 0xFFFFFF) return PF_E_INVALID;
    *found = (int)fd;
    return fcntl(*found, F_SETFD, FD_CLOEXEC) < 0 ? PF_E_SYSTEM : PF_OK;
  }
  if (endpoint[0] == 0 || strlen(endpoint) >= sizeof address.sun_path) return PF_E_INVALID;
  strcpy(address.sun_path, endpoint);
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
    /* 65534 stands for all users that this user namespace does not know. */
    else if (peer.uid != geteuid() || peer.uid == 65534) result = PF_E_REJECTED;
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

static int say_hello(int socket, const struct handshake *hands) {
  uint8_t record[HEAD_BYTES + sizeof hands->hello] = "PAGEFRRY";
  const uint16_t head[] = {PF_PROTOCOL_VERSION, KIND_HELLO};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec bytes = {.iov_base = record, .iov_len = sizeof record};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  memcpy(record + 8, head, sizeof head);
  memcpy(record + 16, hands->mechanism, strlen(hands->mechanism));
  memcpy(record + HEAD_BYTES, hands->hello, sizeof hands->hello);
  if (hands->passed >= 0) {
    control.header = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
    };
    memcpy(CMSG_DATA(&control.header), &hands->passed, sizeof hands->passed);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
  }
  if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return PF_OK;
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
    atomic_store(&words[AT_CURSOR], (uint32_t)inbox->cursor);
  }
  wake(link, &words[AT_SENDER_PARKED], WAITS_FOR_RETURNS);
}

/* What an entry says, each word read once. */
struct entry {
  uint32_t length, place, slot, tag, exchange;
  uint64_t number;
};

static struct entry read_entry(const word *from, bool has_high_half) {
  struct entry entry = {
    .length = atomic_load(&from[IN_LENGTH]), .place = atomic_load(&from[IN_PLACE]),
    .slot = atomic_load(&from[IN_SLOT]), .tag = atomic_load(&from[IN_TAG]),
    .exchange = atomic_load(&from[IN_EXCHANGE])
  };
  const uint32_t high = has_high_half ? atomic_load(&from[IN_NUMBER_HIGH]) : 0;
  /* Last: it is written first when the place gets another message. */
  entry.number = (uint64_t)high << 32 | atomic_load(&from[IN_NUMBER]);
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

/* Takes in what the socket and the bell have to say. */
static int attend(struct inbox *inbox, struct link *link) {
  int heard;
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
  inbox->payload = memory;
  return PF_OK;
}

static void unmap(const void *memory, size_t length) {
  if (memory != NULL) munmap((void *)(uintptr_t)memory, length);
}

/* ---------------------------------------------------------------------------------------------- the receiver */

struct pf_receiver {
  struct link link;
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
  *words = memory;
  return PF_OK;
}

static int start_ring(pf_receiver *receiver, int fd) {
  receiver->ring_length = sealed_length(fd, SIZE_SEALS);
  if (receiver->ring_length < (AT_ENTRIES + ENTRY_WORDS) * 4) return PF_E_MISBEHAVED;
  void *memory = map_shared(fd, receiver->ring_length, PROT_READ);
  if (memory == MAP_FAILED) return PF_E_SYSTEM;
  const word *ring = receiver->ring = memory;
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
  result = start_inbox(inbox, hands->fds[3]);
  if (result != PF_OK) return result;
  if (!inbox->may_miss) return start_ring(receiver, hands->fds[4]);
  inbox->capacity = inbox->part.capacity;
  inbox->published = words + AT_PUBLISHED;
  inbox->entries = words + AT_ENTRIES;
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
    .descriptors = may_miss ? 4 : 5
  };
  pf_receiver *receiver = calloc(1, sizeof *receiver);
  if (receiver == NULL) return PF_E_SYSTEM;
  const struct stop stop = {options->stop, options->stop_with};
  int result = meet(endpoint, &hands, options->timeout, &stop, &receiver->link.socket);
  if (result != PF_OK) {
    free(receiver);
    return result;
  }
  receiver->link.other_bell = hands.fds[1];
  receiver->link.own_bell = hands.fds[2];
  receiver->link.events = -1;
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
  for (;;) {
    int result = look(inbox, link, message);
    if (result != PF_AGAIN) return result;
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

enum slot_state { SLOT_FREE, SLOT_LENT, SLOT_SENT, SLOT_KEPT };

struct slot {
  enum slot_state state;
  struct range range;
  uint64_t number;
};

/* The sending half of a channel. */
struct outbox {
  struct part part;
  uint8_t *pool;
  size_t pool_bytes;
  uint64_t published;
  uint64_t cursor;
  uint32_t returned;
  uint32_t under_way;
  struct slot slots[SLOTS];
  uint32_t free_slots[SLOTS];
  uint32_t free_slot_count;
  uint32_t *slot_of; /* Which slot a message lies in, by its number modulo the capacity. */
  struct range free_ranges[SLOTS + 1]; /* In order; no two touch. */
  uint32_t free_range_count;
};

/* Memory for so many bytes, first fit. False if there is none. */
static bool take_range(struct outbox *outbox, size_t length, struct range *taken) {
  const uint32_t units = length == 0 ? 1 : (uint32_t)((length + UNIT - 1) / UNIT);
  const uint32_t align = length >= PAGE ? PAGE / UNIT : 1;
  for (uint32_t index = 0; index < outbox->free_range_count; index++) {
    struct range *each = &outbox->free_ranges[index];
    const uint32_t start = (each->start + align - 1) / align * align;
    const uint32_t before = start - each->start;
    if (before > each->length || each->length - before < units) continue;
    *taken = (struct range){start, units};
    const uint32_t after = each->length - before - units;
    if (before > 0 && after > 0) {
      memmove(each + 1, each, (outbox->free_range_count - index) * sizeof *each);
      outbox->free_range_count++;
      each[0].length = before;
      each[1] = (struct range){start + units, after};
    } else if (before > 0) each->length = before;
    else if (after > 0) *each = (struct range){start + units, after};
    else memmove(each, each + 1, (--outbox->free_range_count - index) * sizeof *each);
    return true;
  }
  return false;
}

static void put_range(struct outbox *outbox, struct range range) {
  struct range *ranges = outbox->free_ranges;
  uint32_t index = 0;
  while (index < outbox->free_range_count && ranges[index].start < range.start) index++;
  const bool joins_before = index > 0 && ranges[index - 1].start + ranges[index - 1].length == range.start;
  const bool joins_after = index < outbox->free_range_count && range.start + range.length == ranges[index].start;
  if (joins_before && joins_after) {
    ranges[index - 1].length += range.length + ranges[index].length;
    memmove(&ranges[index], &ranges[index + 1], (--outbox->free_range_count - index) * sizeof *ranges);
  } else if (joins_before) ranges[index - 1].length += range.length;
  else if (joins_after) ranges[index] = (struct range){range.start, range.length + ranges[index].length};
  else {
    memmove(&ranges[index + 1], &ranges[index], (outbox->free_range_count++ - index) * sizeof *ranges);
    ranges[index] = range;
  }
}

static void free_slot(struct outbox *outbox, uint32_t slot) {
  put_range(outbox, outbox->slots[slot].range);
  outbox->slots[slot].state = SLOT_FREE;
  outbox->free_slots[outbox->free_slot_count++] = slot;
}

static void take_back(struct outbox *outbox, uint32_t slot) {
  free_slot(outbox, slot);
  outbox->under_way--;
}

/* The slot of a message that is under way, by its number; SLOTS if it is not. */
static uint32_t sent_slot(const struct outbox *outbox, uint64_t number) {
  const uint32_t slot = outbox->slot_of[number & (outbox->part.capacity - 1)];
  const struct slot *found = &outbox->slots[slot];
  return found->state == SLOT_SENT && found->number == number ? slot : SLOTS;
}

/* Takes in one entry of the return queue. False if it is none that an honest receiver writes. */
static bool take_return(struct outbox *outbox, uint32_t slot, uint32_t low) {
  if (slot == KEPT) {
    const uint64_t number = outbox->cursor + (uint32_t)(low - (uint32_t)outbox->cursor);
    const uint32_t kept = number < outbox->published ? sent_slot(outbox, number) : SLOTS;
    if (kept == SLOTS) return false;
    outbox->slots[kept].state = SLOT_KEPT;
    return true;
  }
  if (slot >= SLOTS || outbox->slots[slot].state != SLOT_KEPT || (uint32_t)outbox->slots[slot].number != low) return false;
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
    const uint32_t slot = sent_slot(outbox, outbox->cursor++);
    if (slot < SLOTS) take_back(outbox, slot);
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

/* Allocates the pool, and seals it: only this side can write to it. Returns its descriptor, or -1. */
static int create_pool(struct outbox *outbox, size_t bytes) {
  const int fd = memfd_create("pageferry-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  const int failed = posix_fallocate(fd, 0, (off_t)bytes);
  if (failed != 0) errno = failed;
  void *memory = failed != 0 ? MAP_FAILED : map_shared(fd, bytes, PROT_READ | PROT_WRITE);
  if (memory == MAP_FAILED) {
    shut(fd);
    return -1;
  }
  outbox->pool = memory;
  outbox->pool_bytes = bytes;
  /* Before Linux 5.1 the last one is unknown; then the other side could write, which concerns this side alone. */
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0) {
    shut(fd);
    return -1;
  }
  outbox->free_ranges[0] = (struct range){0, (uint32_t)(bytes / UNIT)};
  outbox->free_range_count = 1;
  for (uint32_t slot = 0; slot < SLOTS; slot++) outbox->free_slots[slot] = SLOTS - 1 - slot;
  outbox->free_slot_count = SLOTS;
  return fd;
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
  struct inbox inbox;
  struct outbox outbox;
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
  inbox->part.words = words; /* Unmapped at the end, whatever is in it. */
  const uint32_t capacity = atomic_load(&words[AT_CAPACITY]);
  if (!is_capacity(capacity) || channel->control_length != 2 * part_bytes(capacity)) return PF_E_MISBEHAVED;
  const bool is_right = read_part(&inbox->part, words) && read_part(&outbox->part, words + part_bytes(capacity) / 4);
  if (!is_right || inbox->part.capacity != capacity || outbox->part.capacity != capacity) return PF_E_MISBEHAVED;
  if (!is_bell(channel->link.other_bell) || !is_bell(channel->link.own_bell)) return PF_E_MISBEHAVED;
  inbox->capacity = capacity;
  inbox->published = words + AT_PUBLISHED;
  inbox->entries = words + AT_ENTRIES;
  outbox->slot_of = calloc(capacity, sizeof *outbox->slot_of);
  if (outbox->slot_of == NULL) return PF_E_SYSTEM;
  return start_inbox(inbox, hands->fds[3]);
}

int pf_channel_connect(pf_channel **found, const char *endpoint, const pf_channel_options *options) {
  const pf_channel_options usual = {.timeout = -1};
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (found == NULL) return PF_E_INVALID;
  *found = NULL;
  if (options == NULL) options = &usual;
  const size_t wanted = options->pool_bytes == 0 ? 4u << 20 : options->pool_bytes;
  /* A place is counted in units, and in 32 bits. */
  if (endpoint == NULL || wanted > (size_t)UINT32_MAX * (UNIT / 2)) return PF_E_INVALID;
  pf_channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return PF_E_SYSTEM;
  channel->link = (struct link){.socket = -1, .other_bell = -1, .own_bell = -1, .events = -1};
  const int pool = create_pool(&channel->outbox, (wanted + page - 1) / page * page);
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

/* Sleeps for room and for messages at once: one bell rings for both. PF_OK: look again. */
static int await_change(pf_channel *channel, int64_t limit) {
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

static bool try_lend(struct outbox *outbox, size_t length, pf_loan *loan) {
  struct range range;
  if (outbox->free_slot_count == 0 || !take_range(outbox, length, &range)) return false;
  const uint32_t slot = outbox->free_slots[--outbox->free_slot_count];
  outbox->slots[slot] = (struct slot){.state = SLOT_LENT, .range = range};
  *loan = (pf_loan){
    .data = outbox->pool + (size_t)range.start * UNIT, .length = length, .slot_ = slot, .is_lent_ = true
  };
  return true;
}

int pf_channel_lend(pf_channel *channel, size_t length, pf_loan *loan, int timeout) {
  const int64_t limit = limit_of(timeout);
  *loan = (pf_loan){0};
  if (length > channel->outbox.pool_bytes || length > UINT32_MAX) return PF_E_TOO_LONG;
  for (;;) {
    int result = why_over(channel);
    if (result == PF_OK) result = collect(&channel->outbox, &channel->link);
    if (result != PF_OK) return result;
    if (try_lend(&channel->outbox, length, loan)) return PF_OK;
    result = await_change(channel, limit);
    if (result != PF_OK) return result;
  }
}

void pf_channel_unlend(pf_channel *channel, pf_loan *loan) {
  if (loan->is_lent_) free_slot(&channel->outbox, loan->slot_);
  *loan = (pf_loan){0};
}

static void publish(pf_channel *channel, pf_loan *loan, uint32_t exchange) {
  struct outbox *outbox = &channel->outbox;
  struct slot *slot = &outbox->slots[loan->slot_];
  const uint64_t number = outbox->published++;
  const uint32_t place = (uint32_t)(number & (outbox->part.capacity - 1));
  word *entry = outbox->part.words + AT_ENTRIES + (size_t)place * ENTRY_WORDS;
  slot->state = SLOT_SENT;
  slot->number = number;
  outbox->slot_of[place] = loan->slot_;
  outbox->under_way++;
  /* The number first: whoever reads the rest after it was written over reads it last. */
  atomic_store(&entry[IN_NUMBER], (uint32_t)number);
  atomic_store(&entry[IN_NUMBER_HIGH], (uint32_t)(number >> 32));
  atomic_store(&entry[IN_LENGTH], (uint32_t)loan->length);
  atomic_store(&entry[IN_PLACE], slot->range.start);
  atomic_store(&entry[IN_SLOT], loan->slot_);
  atomic_store(&entry[IN_TAG], loan->tag);
  atomic_store(&entry[IN_EXCHANGE], exchange);
  atomic_store(&outbox->part.words[AT_PUBLISHED], (uint32_t)outbox->published);
  *loan = (pf_loan){0};
  wake(&channel->link, &outbox->part.words[outbox->part.parked], 1);
}

/* Tells of questions that were released without an answer, as far as there is room. */
static void tell_unanswered(pf_channel *channel) {
  if (channel->unanswered_count > 0 && collect(&channel->outbox, &channel->link) != PF_OK) return;
  while (channel->unanswered_count > 0 && why_over(channel) == PF_OK && !is_full(&channel->outbox)) {
    pf_loan nothing;
    if (!try_lend(&channel->outbox, 0, &nothing)) return;
    publish(channel, &nothing, channel->unanswered[--channel->unanswered_count] << 2 | FAILS);
  }
}

static int send_as(pf_channel *channel, pf_loan *loan, uint32_t exchange, int64_t limit) {
  struct outbox *outbox = &channel->outbox;
  if (!loan->is_lent_ || loan->length > (size_t)outbox->slots[loan->slot_].range.length * UNIT) return PF_E_INVALID;
  for (;;) {
    int result = why_over(channel);
    if (result == PF_OK) result = collect(outbox, &channel->link);
    if (result != PF_OK) return result;
    if (!is_full(outbox)) {
      publish(channel, loan, exchange);
      return PF_OK;
    }
    result = await_change(channel, limit);
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
static int await_message(pf_channel *channel, int64_t limit) {
  tell_unanswered(channel);
  int result = attend(&channel->inbox, &channel->link);
  if (result != PF_OK) return result;
  if (park(&channel->inbox, &channel->link) == PF_OK) return PF_OK;
  if (is_over(limit)) return PF_AGAIN;
  return channel->unanswered_count > 0 ? await_change(channel, limit) : sleep_until(&channel->link, limit);
}

int pf_channel_receive(pf_channel *channel, pf_message *message, int timeout) {
  const int64_t limit = limit_of(timeout);
  if (channel->early.count > 0) {
    *message = channel->early.first[0];
    memmove(channel->early.first, channel->early.first + 1, --channel->early.count * sizeof *message);
    return PF_OK;
  }
  for (;;) {
    int result = take_message(channel, message);
    if (result != PF_AGAIN) return result;
    result = await_message(channel, limit);
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
  channel->unanswered = list;
  channel->unanswered[channel->unanswered_count++] = number;
  if (collect(&channel->outbox, &channel->link) == PF_OK) tell_unanswered(channel);
}

/* Registers a question with a number that no other open one has. */
static struct question *begin_question(pf_channel *channel) {
  void *list = channel->questions;
  if (!make_room(&list, channel->question_count, &channel->question_room, sizeof *channel->questions)) return NULL;
  channel->questions = list;
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
      channel->early.first = list;
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
  int result;
  *answer = (pf_message){0};
  do {
    result = look_for_answer(channel, number, answer);
    if (result != PF_AGAIN) break;
    result = await_message(channel, limit);
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
  char *text = loan.data;
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
}

void pf_channel_close(pf_channel *channel) {
  if (channel == NULL) return;
  pf_channel_hang_up(channel);
  unmap(channel->inbox.payload, channel->inbox.payload_length);
  unmap(channel->inbox.part.words, channel->control_length);
  unmap(channel->outbox.pool, channel->outbox.pool_bytes);
  free(channel->outbox.slot_of);
  free(channel->early.first);
  free(channel->questions);
  free(channel->unanswered);
  free(channel);
}
