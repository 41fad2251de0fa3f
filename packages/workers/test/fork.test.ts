import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { channelPair, sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { fork, forkThread, parentPort } from '@pageferry/workers';
import { describe, expect, test } from 'vitest';
import { ended, kinds, program, transports } from './support.js';

expectNothingLeft();

describe.each(kinds)('%s', (_, start) => {
  describe.each(transports.map((each) => [each.name, each] as const))('over %s', (_, transport) => {
    test('has a port', async () => {
      const child = await start(program('echo'), { transport });
      const numbers = new Float64Array([1, 2, 3]);
      expect(await child.port.call('add', { numbers })).toEqual(new Float64Array([2, 3, 4]));
      await child.port.close();
      await ended(child);
    });

    test('that ends in order ends the port in order', async () => {
      const child = await start(program('brief'), { transport });
      expect(await child.port.receive({ copy: true })).toMatchObject({ value: { words: [] } });
      expect(await child.port.receive()).toBe(undefined);
      await child.port.close();
      await ended(child);
    });

    test('that exits ends every call with its exit code', async () => {
      const child = await start(program('echo'), { transport });
      const closed = new Promise((resolve) => child.port.on('close', resolve));
      const died = expect.objectContaining({ code: 'PEER_DIED', exitCode: 3 });
      await expect(child.port.call('exit', 3)).rejects.toEqual(died);
      await expect(child.port.receive()).rejects.toEqual(died);
      expect(await closed).toEqual(died);
      await child.port.close();
    });

    test('that exits before it connects is told with its exit code', async () => {
      const starting = start(program('late'), { transport });
      await expect(starting).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 7 });
    });

    test('that never connects is ended at its time limit', async () => {
      const starting = start(program('silent'), { transport, readyTimeout: 1 });
      await expect(starting).rejects.toEqual(withCode('TIMEOUT'));
    });

    test('that never connects is ended when the signal fires', async () => {
      const told = new AbortController();
      const starting = start(program('silent'), {
        transport,
        signal: told.signal,
        onStart: () => told.abort(new Error('enough')),
      });
      await expect(starting).rejects.toMatchObject({ code: 'ABORTED', name: 'AbortError' });
    });
  });

  test('is not started once the signal has fired', async () => {
    const options = {
      signal: AbortSignal.abort(),
      onStart: () => expect.unreachable(),
    };
    await expect(start(program('echo'), options)).rejects.toEqual(withCode('ABORTED'));
  });

  test('is ended by the signal also when it has connected', async () => {
    const told = new AbortController();
    const child = await start(program('echo'), { signal: told.signal });
    told.abort();
    await expect(child.port.receive()).rejects.toEqual(withCode('PEER_DIED'));
    await child.port.close();
  });

  test('leaves nothing if it is ended in the middle of connecting', async () => {
    const told = new AbortController();
    const starting = start(program('never-connects'), {
      transport: sharedMmap,
      channelPair,
      signal: told.signal,
      onStart: (child) => child.once('message', () => told.abort()),
    });
    await expect(starting).rejects.toEqual(withCode('ABORTED'));
  });

  test('tells what is wrong with its options', async () => {
    const wrong = [
      { transport: {} },
      { channelPair: () => undefined },
      { channel: 7 },
      { channel: { poolBytes: 0 } },
      { readyTimeout: -1 },
      { onStart: 7 },
      { signal: 7 },
    ];
    for (const options of wrong) {
      const starting = start(program('echo'), options as never);
      await expect(starting, JSON.stringify(options)).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    }
  });

  test('is no more if onStart throws', async () => {
    const options = {
      onStart: () => {
        throw new RangeError('no');
      },
    };
    await expect(start(program('silent'), options)).rejects.toThrow(RangeError);
  });

  test('takes a module of a transport, and pairs of the caller’s', async () => {
    const byModule = await start(program('echo'), { transportModule: '@pageferry/socket' });
    expect(await byModule.port.call('add', { numbers: new Float64Array(1) })).toEqual(
      new Float64Array([1]),
    );
    await byModule.port.close();
    await ended(byModule);
    let pairs = 0;
    const counted: typeof channelPair = (options) => {
      pairs++;
      return channelPair(options);
    };
    const byPair = await start(program('echo'), {
      transport: sharedMmap,
      channelPair: counted,
      channel: { poolBytes: 1024 * 1024, guard: true },
    });
    await byPair.port.close();
    await ended(byPair);
    expect(pairs).toBe(1);
  });

  test('whose parent has another transport than it can find says so', async () => {
    const transport = { ...socketTransport, name: 'carrier-pigeon' };
    const starting =
      start === fork
        ? fork(program('echo'), { transport, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
        : forkThread(program('echo'), { transport });
    await expect(starting).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 1 });
  });
});

describe('a process', () => {
  test('that is killed ends the port with its signal', async () => {
    const child = await fork(program('echo'));
    const closed = new Promise((resolve) => child.port.on('close', resolve));
    child.kill('SIGKILL');
    await expect(child.port.receive()).rejects.toMatchObject({
      code: 'PEER_DIED',
      signalCode: 'SIGKILL',
      message: expect.stringContaining('SIGKILL'),
    });
    expect(await closed).toEqual(withCode('PEER_DIED'));
    await child.port.close();
  });

  test.each(transports)(
    'that was killed before anybody asked for anything is told by each call, over $name',
    async (transport) => {
      const child = await fork(program('echo'), { transport });
      child.kill('SIGKILL');
      await ended(child);
      const died = { code: 'PEER_DIED', signalCode: 'SIGKILL' };
      // The channel's listener ends meanwhile, and its memory with it.
      for (let turn = 0; turn < 50; turn++) {
        await expect(child.port.call('x', turn)).rejects.toMatchObject(died);
        await new Promise(setImmediate);
      }
      const outcome: unknown = await child.port.send(1).catch((error: unknown) => error);
      if (outcome !== 'no-receiver') expect(outcome).toMatchObject(died);
      await child.port.close();
    },
  );

  test('has arguments, flags, and Node’s own messages beside the port', async () => {
    const child = await fork(program('brief'), ['one', 'two'], { execArgv: ['--no-warnings'] });
    expect(await child.port.receive({ copy: true })).toMatchObject({
      value: { words: ['one', 'two'], flags: ['--no-warnings'] },
    });
    await child.port.close();
    await ended(child);
    const echo = await fork(program('echo'), { serialization: 'advanced' });
    const heard = once(echo, 'message');
    echo.send({ big: 2n ** 70n });
    expect(await heard).toEqual([{ heard: { big: 2n ** 70n } }, undefined]);
    await echo.port.close();
    await ended(echo);
  });

  test.each(['ignore', 'pipe'] as const)('may have stdio: %s', async (stdio) => {
    const child = await fork(program('echo'), { stdio });
    expect(child.stdout === null).toBe(stdio === 'ignore');
    expect(await child.port.call('add', { numbers: new Float64Array(0) })).toHaveLength(0);
    await child.port.close();
    await ended(child);
  });

  test('may have descriptors of its own, and be silent', async () => {
    const child = await fork(program('echo'), { stdio: [0, 1, 2, 'ipc', 'pipe', 'ignore'] });
    expect(child.stdio).toHaveLength(7);
    await child.port.close();
    await ended(child);
    const silent = await fork(program('echo'), { silent: true });
    expect(silent.stdout).not.toBe(null);
    await silent.port.close();
    await ended(silent);
  });

  test('misses no message of a child that speaks before it connects', async () => {
    const told = new AbortController();
    const heard: unknown[] = [];
    const starting = fork(program('silent'), {
      signal: told.signal,
      onStart: (child: ChildProcess) => {
        child.on('message', (message) => {
          heard.push(message);
          told.abort();
        });
      },
    });
    await expect(starting).rejects.toEqual(withCode('ABORTED'));
    expect(heard).toEqual(['begun']);
  });

  test('runs under the permission model', async () => {
    const major = Number(process.versions.node.split('.')[0]);
    const flag = major < 23 ? '--experimental-permission' : '--permission';
    const folder = fileURLToPath(new URL('../../..', import.meta.url));
    const execArgv = ['--no-warnings', flag, `--allow-fs-read=${folder}*`, '--allow-addons'];
    const child = await fork(program('guarded'), { execArgv });
    const message = await child.port.receive({ copy: true });
    expect(message?.value).toBe('ERR_ACCESS_DENIED');
    await child.port.close();
    await ended(child);
  });

  test('that cannot be started says why', async () => {
    const starting = fork(program('echo'), { execPath: '/nowhere/node' });
    await expect(starting).rejects.toMatchObject({
      code: 'PEER_DIED',
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
  });

  test('has one port, and its own children have not', async () => {
    const child = await fork(program('twice'));
    const message = await child.port.receive({ copy: true });
    expect(message?.value).toEqual({ isSame: true, code: 'NOT_SUPPORTED' });
    await child.port.close();
    await ended(child);
  });

  test('that is killed ends a question that is polled for, too', async () => {
    const child = await fork(program('echo'));
    const { channel } = child.port;
    const loan = await channel.loan(8);
    const pending = channel.tryRequest(loan);
    child.kill('SIGKILL');
    const died = expect.objectContaining({ code: 'PEER_DIED', signalCode: 'SIGKILL' });
    await expect(pending?.answer()).rejects.toEqual(died);
    await ended(child);
    expect(() => pending?.tryAnswer()).toThrow(died);
    expect(() => channel.tryReceive()).toThrow(died);
    await child.port.close();
  });

  test('that was not forked has no port', async () => {
    await expect(parentPort()).rejects.toEqual(withCode('NOT_SUPPORTED'));
  });

  test('meets its parent in a folder that goes with the channel, or with the parent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pageferry-meetings-'));
    const before = process.env['XDG_RUNTIME_DIR'];
    process.env['XDG_RUNTIME_DIR'] = folder;
    try {
      const child = await fork(program('echo'), { transport: socketTransport });
      expect(readdirSync(folder)).toHaveLength(1);
      await child.port.close();
      await ended(child);
      await expect.poll(() => readdirSync(folder)).toEqual([]);
      const wrong = { transport: socketTransport, channel: { poolBytes: -1 } };
      await expect(fork(program('echo'), wrong)).rejects.toEqual(withCode('INVALID_ARGUMENT'));
      const leaver = fileURLToPath(program('leaver'));
      expect(spawnSync(process.execPath, [leaver]).status).toBe(5);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = before;
      rmdirSync(folder);
    }
  });
});

describe('a thread', () => {
  test('that is terminated ends the port', async () => {
    const thread = await forkThread(program('echo'));
    await thread.terminate();
    await expect(thread.port.receive()).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 1 });
    await thread.port.close();
  });

  test('tells what it has not caught', async () => {
    const thread = await forkThread(program('echo'));
    await expect(thread.port.call('throw')).rejects.toMatchObject({
      code: 'PEER_DIED',
      exitCode: 1,
      cause: expect.objectContaining({ name: 'TypeError', message: 'thrown beside the task' }),
    });
    await thread.port.close();
  });

  test('has Node’s own messages beside the port, and its own data', async () => {
    const built = new URL('../bundle/index.js', import.meta.url).href;
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      import('${built}').then(async (workers) => {
        const port = await workers.parentPort();
        parentPort.postMessage(workerData);
        await port.close();
      });`;
    const heard: unknown[] = [];
    const thread = await forkThread(code, {
      eval: true,
      workerData: { answer: 42 },
      onStart: (worker) => worker.on('message', (message) => heard.push(message)),
    });
    await thread.port.close();
    await ended(thread);
    expect(heard).toEqual([{ answer: 42 }]);
  });
});
