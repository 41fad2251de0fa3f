// The limit for the pipe transport: the same loop in C, with no frames and no contract.
//
//   pipe_limit splice|read MESSAGE_BYTES PIECE_BYTES TOTAL_BYTES BUFFERS
//
// A parent vmsplices messages into a pipe of 1 MiB, piece by piece; a child splices them to
// /dev/null, or reads them into memory. Prints the nanoseconds it took until the child had
// everything.
//
// The parent takes its messages from BUFFERS buffers in turn. A program that writes new data into
// each message needs more of them than can be in the pipe; 1 stands for one that sends the same
// pages over and over, which is faster because they stay in the reader's cache.
#include "common.h"

static void send_all(int fd, char *memories, size_t buffers, size_t message, size_t piece,
                     size_t total) {
  size_t next = 0;
  for (size_t sent = 0; sent < total; sent += message) {
    vmsplice_message(fd, memories + next * message, message, piece);
    next = (next + 1) % buffers;
  }
}

static void discard_all(int fd, size_t piece, size_t total) {
  int null = open("/dev/null", O_WRONLY);
  if (null < 0) fail("/dev/null");
  for (size_t got = 0; got < total;) {
    ssize_t moved = splice(fd, NULL, null, NULL, at_most(piece, total - got), 0);
    if (moved <= 0) fail("splice");
    got += (size_t)moved;
  }
}

static void read_all(int fd, size_t message, size_t piece, size_t total) {
  char *memory = message_memory(message);
  size_t offset = 0;
  for (size_t got = 0; got < total;) {
    ssize_t count = read(fd, memory + offset, at_most(piece, message - offset));
    if (count <= 0) fail("read");
    got += (size_t)count;
    offset = (offset + (size_t)count) % message;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: pipe_limit splice|read MESSAGE PIECE TOTAL BUFFERS (bytes)\n");
    return 2;
  }
  size_t message = strtoull(argv[2], NULL, 10);
  size_t piece = strtoull(argv[3], NULL, 10);
  size_t total = strtoull(argv[4], NULL, 10) / message * message;
  size_t buffers = strtoull(argv[5], NULL, 10);
  int ends[2];
  create_pipe(ends);
  char *memory = message_memory(message * buffers);

  if (start_child() == 0) {
    close(ends[1]);
    if (strcmp(argv[1], "read") == 0) read_all(ends[0], message, piece, total);
    else discard_all(ends[0], piece, total);
    _exit(0);
  }
  close(ends[0]);
  long long start = now();
  send_all(ends[1], memory, buffers, message, piece, total);
  close(ends[1]);
  int failed = wait_for_children();
  long long took = now() - start;
  if (failed != 0) return 1;
  printf("%lld\n", took);
  return 0;
}
