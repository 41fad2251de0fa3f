import { createInterface } from 'node:readline';

/**
 * The lines of standard input, one at a time. On a terminal each is asked for with a prompt, and the end is a line of
 * its own.
 *
 * @throws the reason of `signal` when that fires, and what keeps standard input from being read.
 */
export async function* linesOfStdin(signal: AbortSignal): AsyncGenerator<string, undefined> {
  const { stdin } = process;
  const prompts = stdin.isTTY && process.stderr.isTTY;
  const prompt = () => prompts && process.stderr.write('> ');
  // The terminal itself lets a line be edited, and makes a signal of Ctrl-C.
  const reader = createInterface({ input: stdin, terminal: false, signal });
  let failure: unknown;
  stdin.once('error', (error) => {
    failure = error;
    reader.close();
  });
  try {
    prompt();
    for await (const line of reader) {
      yield line;
      prompt();
    }
  } finally {
    if (prompts) process.stderr.write('\n');
    stdin.destroy();
  }
  signal.throwIfAborted();
  if (failure !== undefined) throw failure;
}
