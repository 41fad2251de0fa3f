import type { Report } from '@pageferry/doctor';
import { describe, expect, test } from 'vitest';
import { findRuntime, OTHER_RUNTIMES } from '../../scripts/other-runtimes.js';
import { type Command, inFolder, printed, run } from './run.js';

// Nothing may end these runtimes but the program's own end: what does not work there is a typed error that names the
// runtime, and the socket transport works.
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

    test('a binding that does not work says so, and names the runtime', async ({ signal }) => {
      const outcomes = await inFolder(async (folder) =>
        printed<Record<string, string>>(
          await run(command, 'bindings.mjs', [`${folder}/sender`], signal),
        ),
      );
      for (const [binding, outcome] of Object.entries(outcomes)) {
        expect(outcome, binding).toMatch(new RegExp(`^BINDING_UNAVAILABLE: .*this is ${name} \\d`));
      }
      expect(Object.keys(outcomes)).toHaveLength(6);
    });

    test.for([
      ['Node', NODE, command],
      [name, command, NODE],
      [`${name}, too`, command, command],
    ] as const)(
      'messages cross the socket transport; %s asks',
      async ([, asking, answering], { signal }) => {
        const talks = await talk(asking, answering, 'socket', signal);
        expect(talks.map(({ done }) => done)).toEqual([2, 2]);
      },
    );

    test('the best transport is chosen, and no other is tried in earnest', async ({ signal }) => {
      const talks = await talk(command, command, 'best', signal);
      for (const { name: transport, reasons, done } of talks) {
        expect({ transport, done }).toEqual({ transport: 'socket', done: 2 });
        expect(reasons.join('\n')).toContain(`this is ${name}`);
      }
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
      expect(report.recommended).toBe('socket');
      expect(report.capabilities.platform.runtime).toMatch(new RegExp(`^${name} \\d`));
      // Nothing that is installed or started would change it.
      expect(report.advice.map(({ remedy }) => remedy).join('\n')).not.toContain('vmsplice-ffi');
    });
  });
}

for (const runtime of OTHER_RUNTIMES) withRuntime(runtime);
