import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { openDescriptors } from '../../linux-calls/support/process-state.js';
import { expectFailure } from '../../transport/harness/expectations.js';
import { turns } from '../../transport/harness/settling.js';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, LIMIT, MIB, sha256, textOf, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

const run = promisify(execFile);

/** Programs are started, and ended. */
export function describeSpawning(subject: PipeProgramsRegistration): void {
  describe('spawnPiped', () => {
    const ground = useGround(subject);

    test('pipes what it is asked to, each stream by itself', async () => {
      const script = 'cat; echo complaint >&2';
      const { stdin, stdout, stderr, child } = await ground.spawn('sh', ['-c', script], {
        stderr: 'pipe',
      });
      expect([child.stdin, child.stdout, child.stderr]).toEqual([null, null, null]);
      await stdin.write(Buffer.from('input'), LIMIT);
      await stdin.close(LIMIT);
      expect(await textOf(stdout)).toBe('input');
      expect(await textOf(stderr)).toBe('complaint\n');
    });

    test('gives the program a descriptor that is given to it, which stays open here', async () => {
      const [input, output] = [ground.path(), ground.path()];
      writeFileSync(input, 'from a file');
      const from = await ground.file(input, 'r');
      const to = await ground.file(output, 'w');
      const program = await ground.spawn('cat', [], { stdin: from, stdout: to.fd });
      expect([program.stdin, program.stdout, program.stderr]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(await program.exited).toEqual({ code: 0, signal: null });
      expect(readFileSync(output, 'utf8')).toBe('from a file');
      await to.writeFile(', and more');
      expect(readFileSync(output, 'utf8')).toBe('from a file, and more');
    });

    test('passes on folder, environment, arguments and shell', async () => {
      const script = 'pwd; echo "$GREETING $1"';
      const { stdout } = await ground.spawn('sh', ['-c', script, 'sh', 'a  word'], {
        stdin: 'ignore',
        cwd: '/',
        env: { PATH: process.env['PATH'], GREETING: 'hello' },
      });
      expect(await textOf(stdout)).toBe('/\nhello a  word\n');
      const shell = await ground.spawn('echo one | cat', [], { stdin: 'ignore', shell: true });
      expect(await textOf(shell.stdout)).toBe('one\n');
    });

    test('gives the program its own ends alone, and none of those of another', async () => {
      const pipesOf = ({ pid }: { readonly pid?: number | undefined }) => {
        const folder = `/proc/${pid}/fd`;
        return readdirSync(folder).flatMap((fd) => {
          try {
            return [readlinkSync(`${folder}/${fd}`)];
          } catch (error) {
            // A program that begins opens libraries and closes them: what is gone is no end of a pipe of ours.
            if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
            return [];
          }
        });
      };
      const first = await ground.spawn('sleep', ['1000']);
      const second = await ground.spawn('sleep', ['1000']);
      const [input = '', output = ''] = pipesOf(first.child);
      expect([input, output]).toEqual(Array(2).fill(expect.stringMatching(/^pipe:/)));
      expect(output).not.toBe(input);
      const others = pipesOf(second.child);
      expect(others).not.toContain(input);
      expect(others).not.toContain(output);
      // Of the first one's pipes, this process has its own ends alone.
      for (const [fd, pipe] of openDescriptors()) {
        const isInput = pipe === input;
        if (isInput || pipe === output) expect(accessMode(fd)).toBe(isInput ? O_WRONLY : O_RDONLY);
      }
    });

    function accessMode(fd: number): number {
      const [, flags = ''] =
        /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
      return Number.parseInt(flags, 8) & O_ACCMODE;
    }

    test('says that a program, its folder or its interpreter is not there', async () => {
      const script = ground.path();
      writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o700 });
      const plain = ground.path();
      writeFileSync(plain, 'no program', { mode: 0o600 });
      const before = openDescriptors().size;
      for (const [command, cwd, errnoName, words] of [
        ['no-such-program', undefined, 'ENOENT', /no-such-program: no folder of PATH/],
        ['/no/such/program', undefined, 'ENOENT', /there is no such file/],
        ['cat', '/no/such/folder', 'ENOENT', /\/no\/such\/folder: there is no such folder/],
        [script, undefined, 'ENOENT', /interpreter/],
        [plain, undefined, 'EACCES', /permission denied/],
      ] as const) {
        const options = cwd === undefined ? {} : { cwd };
        const error = await expectFailure(
          () => subject.spawnPiped(command, [], options),
          'SYSTEM_CALL_FAILED',
        );
        expect(error).toMatchObject({ errnoName, syscall: 'spawn' });
        expect(error.message).toMatch(words);
      }
      await turns();
      expect(openDescriptors().size).toBe(before);
    });

    test('a signal ends the program, and all that waits at its pipes', async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const program = await ground.spawn('sleep', ['1000'], { signal, killSignal: 'SIGKILL' });
      const { stdin, stdout, exited } = program;
      const waiting = [stdin.write(patterned(3 * MIB, 1)), stdout.read()].map((promise) =>
        expectFailure(() => promise, 'ABORTED'),
      );
      await turns();
      controller.abort(new Error('enough'));
      for (const error of await Promise.all(waiting)) {
        expect(error).toMatchObject({ name: 'AbortError', cause: { message: 'enough' } });
      }
      expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
      await expectFailure(() => stdin.write(patterned(1, 1)), 'ABORTED');
      await expectFailure(() => stdout.tryRead(), 'ABORTED');
      await program.close();
    });

    test('a signal that fires while the program is being started ends it', async () => {
      const controller = new AbortController();
      const starting = ground.spawn('sleep', ['1000'], { signal: controller.signal });
      const failed = expectFailure(() => starting, 'ABORTED');
      controller.abort('no more');
      expect(await failed).toMatchObject({ cause: 'no more' });
    });

    test('a signal that fires after the end ends nothing', async () => {
      const controller = new AbortController();
      const program = await ground.spawn('true', [], { signal: controller.signal });
      expect(await program.exited).toEqual({ code: 0, signal: null });
      await program.close();
      controller.abort();
      await turns();
      expect(await program.exited).toEqual({ code: 0, signal: null });
    });

    test('a disposal closes the pipes, and ends the program if it is asked to', async () => {
      for (const killOnClose of [false, true]) {
        const program = await ground.spawn('sleep', ['1000'], { killOnClose });
        const waiting = expectFailure(() => program.stdout.read(), 'CLOSED');
        await program[Symbol.asyncDispose]();
        await waiting;
        await expectFailure(() => program.stdin.write(patterned(1, 1)), 'CLOSED');
        expect(program.child.signalCode).toBe(killOnClose ? 'SIGTERM' : null);
        await program.close();
        program.child.kill('SIGKILL');
        expect((await program.exited).signal).toBe(killOnClose ? 'SIGTERM' : 'SIGKILL');
      }
    });

    test('a program that is let alone sees the end of its input', async () => {
      const program = await ground.spawn('cat', [], { stdout: 'ignore' });
      await program.close();
      expect(await program.exited).toEqual({ code: 0, signal: null });
    });

    test('many programs leave nothing open, however they end', async () => {
      const bytes = patterned(100_000, 1);
      for (let round = 0; round < 40; round++) {
        const program = await ground.spawn(['cat', 'true', 'sha256sum'][round % 3] as string);
        const reading = digestOf(program.stdout);
        await program.stdin.write(bytes, LIMIT);
        if (round % 2 === 0) await program.stdin.close(LIMIT);
        else await program.stdin.destroy();
        const { byteLength, digest } = await reading;
        if (round % 3 === 0) {
          expect({ byteLength, digest }).toEqual({ byteLength: 100_000, digest: sha256(bytes) });
        }
        await program.exited;
        await program.close();
      }
    });

    test('does not keep its process alive once it is told not to', {
      timeout: 60_000,
    }, async () => {
      // If it did, these would run until `sleep` ends, and the test be over before.
      for (const body of [
        'program.unref();',
        'program.unref(); program.stdout.read(); program.stdin.write(new Uint8Array(5_000_000));',
        'program.stdin.unref(); program.stdout.unref(); program.child.unref();',
      ]) {
        const { stdout } = await inProcess(body);
        process.kill(Number(stdout), 'SIGKILL');
      }
    });

    test('keeps its process alive while the program runs and somebody reads', async () => {
      const { stdout } = await inProcess(
        `program.unref().ref();
        for await (const chunk of program.stdout) {
          process.stdout.write(' read ' + chunk.byteLength);
          chunk.release();
        }
        program.exited.then(({ code }) => process.stdout.write(' exit ' + code));`,
        "'sh', ['-c', 'sleep 0.3; echo x']",
      );
      expect(stdout).toMatch(/^\d+ read 2 exit 0$/);
    });

    /** Runs statements in a process of its own, with a program in `program`; prints its process id first. */
    function inProcess(body: string, words = "'sleep', ['1000']") {
      const source = `
        const { spawnPiped } = await import(${JSON.stringify(subject.moduleUrl)});
        const program = await spawnPiped(${words}, { stderr: 'ignore' });
        process.stdout.write(String(program.child.pid));
        ${body}`;
      const flags = ['--no-warnings', '--input-type=module', '-e'];
      return run(process.execPath, [...flags, source], { timeout: 50_000 });
    }
  });
}
