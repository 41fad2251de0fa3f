import { clock, pauseFor } from '@pageferry/core';
import { openBestSender } from '@pageferry/doctor';
import { type ParsedArguments, UsageError } from '../command/parse.js';
import { type Run, STATUS } from '../command/spec.js';
import { RecordingError } from '../recording/errors.js';
import { type Replayed, readRecording } from '../recording/read-recording.js';
import { limitsOf } from './limits.js';

/** `pageferry replay`. */
export const run: Run = async (parsed, { signal, write, say }) => {
  const [path = '', endpoint = ''] = parsed.positionals;
  const speed = parsed.number('speed', 1, 0, 1e6);
  const receivers = parsed.integer('receivers', 1, 0);
  const isLoop = parsed.has('loop');
  const topic = await chooseTopic(path, parsed);
  const limits = limitsOf(parsed, signal);
  const { sender } = await openBestSender({ endpoint, warn: false });
  let unheard = 0;
  try {
    await sender.waitForReceivers(receivers, limits);
    do {
      const pace = new Pace(speed);
      for await (const message of readRecording(path)) {
        if (message.topic !== topic) continue;
        await pace.wait(message, signal);
        const outcome = await sender.send(message.bytes, { tag: message.tag, signal });
        if (outcome === 'no-receiver') unheard++;
      }
    } while (isLoop && !signal.aborted);
    await sender.close({ signal });
  } catch (error) {
    // Whoever repeats it for ever ends it in this way.
    if (!signal.aborted || !isLoop) throw error;
  } finally {
    const { messagesSent, bytesSent } = sender.stats();
    await sender.destroy();
    if (parsed.has('json')) {
      await write(`${JSON.stringify({ messagesSent, bytesSent, unheard })}\n`);
    } else if (unheard > 0) say(`nobody was there for ${unheard} messages`);
  }
  return STATUS.done;
};

/** @throws `RecordingError` for a file without messages, `UsageError` if there is a choice. */
async function chooseTopic(path: string, parsed: ParsedArguments): Promise<string> {
  const asked = parsed.text('topic');
  const topics = new Set<string>();
  for await (const { topic } of readRecording(path)) {
    topics.add(topic);
    // One is enough where no other is wanted.
    if (topic === asked) return topic;
  }
  const [first, ...others] = topics;
  const all = [...topics].join(', ');
  if (asked !== undefined) throw new RecordingError(`${path} has no messages of ${asked}: ${all}`);
  if (first === undefined) throw new RecordingError(`${path} has no messages`);
  if (others.length > 0) throw new UsageError(`choose a --topic of ${path}: ${all}`);
  return first;
}

/** When each message is due: the first one at once. */
class Pace {
  readonly #speed: number;
  #begun: { readonly at: number; readonly time: bigint } | undefined;

  constructor(speed: number) {
    this.#speed = speed;
  }

  async wait({ time }: Replayed, signal: AbortSignal): Promise<void> {
    if (this.#speed === 0) return;
    this.#begun ??= { at: clock.now(), time };
    const { at, time: first } = this.#begun;
    const due = at + Number(time - first) / 1e6 / this.#speed;
    const rest = due - clock.now();
    // Timers have no finer steps.
    if (rest >= 1) await pauseFor(rest, signal);
  }
}
