// A filter for frames: each question has the bytes of one, and its answer is the same frame, brighter.
//
//   brighten ENDPOINT AMOUNT
//
// The program at the endpoint listens, for example in Node: `sharedMmap.listen({ endpoint })`.
#include <pageferry.h>
#include <stdio.h>
#include <stdlib.h>

static void brighten(const uint8_t *from, uint8_t *to, size_t length, int amount) {
  for (size_t index = 0; index < length; index++) {
    const int value = from[index] + amount;
    to[index] = (uint8_t)(value > 255 ? 255 : value);
  }
}

int main(int count, char **arguments) {
  if (count != 3) return fprintf(stderr, "usage: %s ENDPOINT AMOUNT\n", arguments[0]), 2;
  pf_channel *channel;
  pf_message frame;
  const pf_channel_options options = {.pool_bytes = 64u << 20, .timeout = -1};
  int result = pf_channel_connect(&channel, arguments[1], &options);
  if (result != PF_OK) return fprintf(stderr, "brighten: %s\n", pf_text(result)), 1;
  while ((result = pf_channel_receive(channel, &frame, -1)) == PF_OK) {
    pf_loan loan = {0};
    result = pf_channel_lend(channel, frame.length, &loan, -1);
    if (result == PF_OK) {
      brighten(frame.data, loan.data, frame.length, atoi(arguments[2]));
      result = pf_channel_respond(channel, &frame, &loan, -1);
    }
    pf_channel_unlend(channel, &loan);
    pf_channel_release(channel, &frame);
    if (result != PF_OK && result != PF_E_INVALID) break;
  }
  pf_channel_close(channel);
  if (result == PF_END) return 0;
  return fprintf(stderr, "brighten: %s\n", pf_text(result)), 1;
}
