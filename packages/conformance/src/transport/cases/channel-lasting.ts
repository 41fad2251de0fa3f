import { expect, test } from 'vitest';
import { type ChannelStage, describeChannels } from '../harness/channel-stage.js';
import { startErrand } from '../harness/errand.js';
import type { Errand } from '../peers/lasting.js';
import type { Subject } from '../registration.js';

/** What of channels keeps a process alive, and what does not. */
export function describeChannelLasting(subject: Subject): void {
  const cases = (stage: ChannelStage): void => describeProcesses(stage, subject.channelOptions);
  describeChannels('what of channels keeps a process alive', subject, cases, subject.processes);
}

function describeProcesses(stage: ChannelStage, common: object): void {
  const channel = (endpoint: string, ...calls: Errand['calls']): Errand => {
    return { role: 'channel', options: { endpoint, ...common }, calls };
  };
  const listener = (endpoint: string, ...calls: Errand['calls']): Errand => {
    return { role: 'listener', options: { endpoint, ...common }, calls };
  };

  test.each(['close', 'destroy'] as const)(
    'a channel that nobody uses does not outlive the other side: %s',
    async (how) => {
      const here = await stage.listener();
      const there = await startErrand(stage, channel(here.endpoint));
      const accepted = await here.accept();
      await accepted.send(new Uint8Array(3));
      expect(there.child.exitCode).toBeNull();
      await accepted[how]();
      expect(await there.code).toBe(0);
    },
  );

  test.each([
    ['an idle channel', ['unref']],
    ['a channel that waits', ['unref', 'receive']],
    ['a channel that has waited before', ['tryReceive', 'receive', 'unref']],
    ['a channel that has finished', ['finish', 'unref', 'receive']],
  ] as const)('%s does not with unref', async (_title, calls) => {
    const here = await stage.listener();
    const there = await startErrand(stage, channel(here.endpoint, ...calls));
    expect(await there.code).toBe(0);
  });

  test('a channel does again with ref', async () => {
    const here = await stage.listener();
    const there = await startErrand(stage, channel(here.endpoint, 'unref', 'ref'));
    const accepted = await here.accept();
    for (let sequence = 0; sequence < 100; sequence++) await accepted.send(new Uint8Array(3));
    expect(there.child.exitCode).toBeNull();
    await accepted.close();
    expect(await there.code).toBe(0);
  });

  test('a channel that is closed keeps nothing alive, whatever the other side does', async () => {
    const here = await stage.listener();
    const there = await startErrand(stage, channel(here.endpoint, 'close'));
    expect(await there.code).toBe(0);
  });

  test.each([
    ['an idle listener', ['unref']],
    ['a listener that waits for channels', ['unref', 'accept']],
    ['a listener that waits for messages', ['unref', 'receive']],
  ] as const)('%s does not with unref', async (_title, calls) => {
    const there = await startErrand(stage, listener(stage.endpoint(), ...calls));
    expect(await there.code).toBe(0);
  });

  test('a listener with a channel does not with unref, whichever came first', async () => {
    const before = stage.endpoint();
    const starting = startErrand(stage, listener(before, 'accept', 'unref'));
    await stage.channel(before);
    expect(await (await starting).code).toBe(0);
    const after = stage.endpoint();
    const there = await startErrand(stage, { ...listener(after, 'unref'), stays: true });
    await stage.channel(after);
    there.child.stdin.end();
    expect(await there.code).toBe(0);
  });

  test('a listener does again with ref, with all its channels', async () => {
    const endpoint = stage.endpoint();
    const starting = startErrand(stage, listener(endpoint, 'accept', 'unref', 'ref', 'close'));
    const here = await stage.channel(endpoint);
    // It ends in good order: it was there to do so.
    expect((await here.receive())?.tag).toBeUndefined();
    expect(here.ended).toBe(true);
    expect(await (await starting).code).toBe(0);
  });

  test('tools see by name what keeps it alive', async () => {
    const here = await stage.listener();
    const errands = [
      channel(here.endpoint),
      channel(here.endpoint, 'unref'),
      listener(stage.endpoint()),
    ];
    const started = errands.map((errand) => startErrand(stage, { ...errand, names: true }));
    const [held, idle, listening] = (await Promise.all(started)).map(({ line }) => line.split(','));
    expect(held).toContain('pageferry:Channel');
    expect(idle).not.toContain('pageferry:Channel');
    expect(listening).toContain('pageferry:Listener');
  });
}
