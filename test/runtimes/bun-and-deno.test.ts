import type { Report } from '@pageferry/doctor';
import { describe, expect, test } from 'vitest';
import { findRuntime, OTHER_RUNTIMES } from '../../scripts/other-runtimes.js';
import { type Command, inFolder, printed, run } from './run.js';

// Nothing may end these runtimes but the program's own end: what does not work there is a typed error that names the
// runtime.
const NODE: Command = { path: process.execPath, args: [] };

interface Talk {
  readonly name: string;
  readonly reasons: readonly string[];
  readonly done: number;
}

function withRuntime(runtime: (typeof OTHER_RUNTIMES)[number]): void {
  const { name, args } = runtime;
  const path = findRuntime(runtime);
  const missing = path === undefined ? ': not here, `pnpm test:runtimes` installs it' : '';
  describe.skipIf(path === undefined)(`with ${name}${missing}`, { timeout: 60_000 }, () => {
    const command: Command = { path: path ?? '', args };

    /** What both sides of a talk have printed. */
    const talk = (asking: Command, answering: Command, choice: string, signal: AbortSignal) =>
      inFolder(async (folder) => {
        const endpoint = `${folder}/talk`;
        const outcomes = await Promise.all([
          run(answering, 'talk.mjs', ['answer', endpoint, choice], signal),
          run(asking, 'talk.mjs', ['ask', endpoint, choice], signal),
        ]);
        return outcomes.map((outcome) => printed<Talk>(outcome)) as [Talk, Talk];
      });

    test('the addon works, and FFI says why it does not', async ({ signal }) => {
      const outcomes = await inFolder(async (folder) =>
        printed<Record<string, string>>(
          await run(command, 'bindings.mjs', [`${folder}/sender`], signal),
        ),
      );
      const why = expect.stringMatching(new RegExp(`^BINDING_UNAVAILABLE: .*this is ${name} \\d`));
      expect(outcomes).toEqual({
        napi: 'works',
        'shared-mmap': 'works',
        'vmsplice-napi': 'works',
        koffi: why,
        'node-ffi': why,
        'vmsplice-ffi': why,
      });
    });

    test.for([
      ['Node', NODE, command],
      [name, command, NODE],
      [`${name}, too`, command, command],
    ] as const)(
      'messages cross every transport that works there; %s asks',
      async ([, asking, answering], { signal }) => {
        for (const choice of ['socket', 'shared-mmap', 'vmsplice-napi', 'best']) {
          const talks = await talk(asking, answering, choice, signal);
          const transport = choice === 'best' ? 'shared-mmap' : choice;
          for (const each of talks) expect(each).toMatchObject({ name: transport, done: 2 });
        }
      },
    );

    // As many as it takes until an engine compiles for speed what looks for them.
    test.for([
      ['Node', NODE],
      [name, command],
    ] as const)(
      '100 000 messages come one after the other, to %s',
      async ([, reader], { signal }) => {
        const outcome = await inFolder(async (folder) => {
          const words = [`${folder}/many`, '100000'];
          const [sent, received] = await Promise.all([
            run(command, 'many.mjs', ['send', ...words], signal),
            run(reader, 'many.mjs', ['receive', ...words], signal),
          ]);
          expect(sent).toMatchObject({ end: 0, stderr: '' });
          return printed(received);
        });
        expect(outcome).toEqual({ received: 100_000, wrong: 0 });
      },
    );

    test.for([
      ['Node', NODE],
      [name, command],
    ] as const)('%s is told of a peer that is killed', async ([, witness], { signal }) => {
      const outcome = await inFolder(async (folder) => {
        const victim = run(command, 'victim.mjs', [`${folder}/victim`], signal);
        const told = await run(witness, 'witness.mjs', [`${folder}/victim`], signal);
        expect(await victim).toMatchObject({ end: 'SIGKILL' });
        return printed(told);
      });
      expect(outcome).toEqual({ received: 3, code: 'PEER_DIED' });
    });

    test('what is kept outlives its receiver, and a wait that is unreferenced keeps no process alive', async ({
      signal,
    }) => {
      const outcome = await inFolder(async (folder) =>
        printed(await run(command, 'lifetime.mjs', [`${folder}/lifetime`], signal)),
      );
      expect(outcome).toEqual({ received: 'kept, and copied at the end', unreferenced: true });
    });

    test('streams and values run over it, as far as the runtime can', async ({ signal }) => {
      const outcome = await inFolder(async (folder) =>
        printed(await run(command, 'layers.mjs', [`${folder}/layers`], signal)),
      );
      // Bun has no serializer of V8's: its engine is another one.
      const values = name === 'Bun' ? 'NOT_SUPPORTED' : '50000 1970-01-01T00:00:00.000Z';
      expect(outcome).toEqual({ values, streams: 270_001 });
    });

    test('the doctor examines it, and recommends what works there', async ({ signal }) => {
      const report = printed<Report>(await run(command, 'doctor.mjs', [], signal));
      expect(report.recommended).toBe('shared-mmap');
      expect(report.capabilities.platform.runtime).toMatch(new RegExp(`^${name} \\d`));
      // Nothing that is installed or started would change it.
      expect(report.advice.map(({ remedy }) => remedy).join('\n')).not.toContain('vmsplice-ffi');
    });
  });
}

for (const runtime of OTHER_RUNTIMES) withRuntime(runtime);
