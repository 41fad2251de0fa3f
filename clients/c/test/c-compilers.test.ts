import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import {
  COMPILING,
  compile,
  hasCompiler,
  hashOf,
  linesOf,
  run,
  SOURCE,
  start,
  THREAD_SANITIZER,
  WARNINGS,
  whySkipped,
} from './peer.js';

const hasCxx = spawnSync('g++', ['--version']).status === 0;
const whyWithoutCxx = hasCxx ? '' : ' (there is no g++)';

// The client as C++, and under the sanitizer that watches threads; the other suites have those that watch memory.
describe.skipIf(!hasCompiler)(`the client in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const build = folder.path;

  test.skipIf(!hasCxx)(
    `is C++20, too, and then the same peer${whyWithoutCxx}`,
    { timeout: COMPILING },
    async () => {
      const object = join(build, 'pageferry-cxx.o');
      const cxx = ['-x', 'c++', '-std=c++20', ...WARNINGS];
      await run('g++', [...cxx, '-O1', '-c', join(SOURCE, 'pageferry.c'), '-o', object]);
      const main = join(build, 'peer.o');
      await run('gcc', ['-std=c11', ...WARNINGS, '-c', join(SOURCE, 'test/peer.c'), '-o', main]);
      const peer = join(build, 'peer-cxx');
      await run('g++', [main, object, '-o', peer]);
      const endpoint = folder.fresh();
      await using sender = await sharedMmap.createSender({ endpoint });
      const printed = linesOf(start(peer, ['receive', endpoint, '0', '0', '3']));
      await sender.waitForReceivers();
      const lines = Array.from({ length: 2000 }, (_, number) => {
        const bytes = Buffer.alloc(number % 300, number);
        return { bytes, line: `${number} ${bytes.length} 0 ${hashOf(bytes)}` };
      });
      for (const { bytes } of lines) await sender.send(bytes);
      await sender.close();
      expect(await printed).toEqual([...lines.map(({ line }) => line), 'dropped 0', 'end']);
    },
  );

  test.skipIf(!hasCxx)(
    `has a header that is C++, too${whyWithoutCxx}`,
    { timeout: COMPILING },
    async () => {
      const [object, user, program] = ['plain.o', 'user.cc', 'user'].map((name) =>
        join(build, name),
      );
      const code = '#include <pageferry.h>\nint main() { return pf_text(PF_OK) == nullptr; }\n';
      writeFileSync(user as string, code);
      const source = join(SOURCE, 'pageferry.c');
      await run('gcc', ['-std=c11', ...WARNINGS, '-c', source, '-o', object as string]);
      const cxx = [...WARNINGS, '-std=c++11', '-Wpedantic', '-I', SOURCE];
      await run('g++', [...cxx, user as string, object as string, '-o', program as string]);
      expect(spawnSync(program as string).status).toBe(0);
    },
  );

  test('shares nothing between threads that have a peer each', { timeout: COMPILING }, async () => {
    const program = join(build, 'threads');
    await compile('threads', program, THREAD_SANITIZER);
    const endpoints = join(build, 'endpoints');
    mkdirSync(endpoints);
    // What it finds is printed, and ends the program with 66.
    expect(await linesOf(spawn(program, [endpoints]))).toEqual(['done']);
  });
});
