/* Connects to argv[1], reads "ping" with a descriptor, writes to that, and sends a descriptor of its own with
   each of two writes that follow one another. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union control {
  struct cmsghdr header;
  char room[CMSG_SPACE(sizeof(int))];
};

static int send_with(int s, const char *text, int fd) {
  union control control = {0};
  struct iovec part = {(void *)text, strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = &control;
  message.msg_controllen = sizeof control.room;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(s, &message, 0) == (ssize_t)strlen(text) ? 0 : -1;
}

int main(int count, char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count != 2) return 1;
  strncpy(address.sun_path, words[1], sizeof address.sun_path - 1);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(s, (struct sockaddr *)&address, sizeof address) < 0) return 2;

  union control control = {0};
  char bytes[16];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = &control;
  message.msg_controllen = sizeof control.room;
  if (recvmsg(s, &message, 0) != 4 || memcmp(bytes, "ping", 4) != 0) return 3;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int fd = -1;
  if (header == NULL || header->cmsg_type != SCM_RIGHTS) return 4;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  if (write(fd, "written in C", 12) != 12) return 5;
  close(fd);

  int first[2], second[2];
  if (pipe(first) < 0 || pipe(second) < 0) return 6;
  if (write(first[1], "first", 5) != 5 || write(second[1], "second", 6) != 6) return 7;
  if (send_with(s, "one", first[0]) < 0 || send_with(s, "two", second[0]) < 0) return 8;
  return read(s, bytes, 1) == 0 ? 0 : 9;
}
