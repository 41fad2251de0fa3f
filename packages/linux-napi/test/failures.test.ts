import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { readElf } from '../dist/addon/elf.js';
import { findAddon } from '../dist/addon/find-addon.js';
import { whyNotLoaded } from '../dist/addon/why-not.js';

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url));
const REMEDIES = /linux-ffi.*vmsplice-ffi.*PAGEFERRY_LINUX_NAPI_ADDON.*pageferry-build-addon/;
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pf-addon-')));
const addon = findAddon() ?? '';
const content = readFileSync(addon);
const { libc, versions } = readElf(content);
const ours = `linux-napi-linux-${process.arch}-${libc === 'musl' ? 'musl' : 'gnu'}`;
const foreignArch = process.arch === 'x64' ? 'arm64' : 'x64';

/** The addon with some of its bytes changed, so that the real loader refuses it for a real reason. */
function changed(change: (file: Buffer) => void): Buffer {
  const file = Buffer.from(content);
  change(file);
  return file;
}

/** Puts another name of the same length, or a shorter one, where the file has a name. */
function rename(file: Buffer, from: string, to: string): void {
  const at = file.indexOf(`\0${from}\0`, 0, 'latin1');
  if (at < 0) throw new Error(`the addon has no ${from}`);
  file.write(to.padEnd(from.length, '\0'), at + 1, 'latin1');
}

function loadFile(name: string, file?: Buffer | string): unknown {
  const path = join(folder, name);
  if (file !== undefined) writeFileSync(path, file);
  vi.stubEnv('PAGEFERRY_LINUX_NAPI_ADDON', path);
  try {
    return loadLinuxCalls();
  } catch (error) {
    return error;
  }
}

function unavailable(reason: RegExp): unknown {
  return expect.objectContaining({
    code: 'BINDING_UNAVAILABLE',
    message: expect.stringMatching(reason),
    cause: expect.any(Error),
  });
}

afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('an addon that does not load says why, and is not remembered', () => {
  const newest = versions.filter((each) => /^GLIBC_2\.\d\d$/.test(each)).at(-1) ?? '';

  // In another process, which it would end: the dynamic loader maps what the headers promise.
  test.each([
    ['its last byte', -1],
    ['its last section', -20_000],
    ['its second half', -Math.ceil(content.length / 2)],
    ['all but its first page', 4096],
    ['all but its header', 64],
  ])('one that lacks %s', (what, length) => {
    const path = join(folder, `without-${what.replaceAll(' ', '-')}.node`);
    writeFileSync(path, content.subarray(0, length));
    const program = `import { loadLinuxCalls } from '@pageferry/linux-napi';
      try { loadLinuxCalls(); } catch ({ code, message }) { console.log(code, message); }`;
    const { signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        env: { ...process.env, PAGEFERRY_LINUX_NAPI_ADDON: path },
        encoding: 'utf8',
      },
    );
    expect({ signal, stderr }).toEqual({ signal: null, stderr: '' });
    expect(stdout).toMatch(/^BINDING_UNAVAILABLE .*(not a whole one|is cut off)/);
  });

  test.each([
    ['is missing', undefined, /there is no file .*addon\.node/],
    ['is none', 'not an addon', /is not an addon for Linux, or not a whole one/],
    ['is cut off', content.subarray(0, 40), /is not an addon for Linux, or not a whole one/],
    [
      'is for another processor',
      changed((file) => file.writeUInt16LE(foreignArch === 'arm64' ? 183 : 62, 18)),
      new RegExp(`is for ${foreignArch}, and this Node is for ${process.arch}`),
    ],
  ])('one that %s', (what, file, reason) => {
    const name = `${what.replaceAll(' ', '-')}-addon.node`;
    const error = loadFile(name, file);
    expect(error).toEqual(unavailable(reason));
    expect(error).toEqual(unavailable(/PAGEFERRY_LINUX_NAPI_ADDON must name one/));
    expect(error).toEqual(unavailable(REMEDIES));
    // Under its own name, so that an old answer would be seen.
    rmSync(join(folder, name), { force: true });
    expect(loadFile(name, content)).toMatchObject({ binding: 'napi' });
  });

  describe.skipIf(libc !== 'glibc')('(where there is glibc)', () => {
    test('one that wants a newer glibc', () => {
      const file = changed((copy) => rename(copy, newest, 'GLIBC_9.99'));
      const error = loadFile('newer.node', file);
      expect(error).toEqual(
        unavailable(/C library is too old: .* wants GLIBC_9\.99, and this is glibc 2\.\d+\./),
      );
      expect((error as Error).cause).toMatchObject({ code: 'ERR_DLOPEN_FAILED' });
      rmSync(join(folder, 'newer.node'));
      expect(loadFile('newer.node', content)).toMatchObject({ binding: 'napi' });
    });

    test('one that is for musl', () => {
      const file = changed((copy) => rename(copy, 'libc.so.6', 'libc.so'));
      expect(loadFile('musl.node', file)).toEqual(
        unavailable(/musl\.node is for musl, and this Node runs with glibc/),
      );
    });
  });

  test('one on a file system without the right to execute', () => {
    const message = `${addon}: failed to map segment from shared object: Operation not permitted`;
    expect(whyNotLoaded(addon, new Error(message))).toMatch(/mounted with noexec/);
  });

  test('one for a reason that nobody has thought of, in the words of the loader', () => {
    expect(whyNotLoaded(addon, new Error('undefined symbol: napi_of_tomorrow'))).toBe(
      `${addon}: undefined symbol: napi_of_tomorrow`,
    );
  });
});

describe('a process of its own', () => {
  const project = join(folder, 'project');
  const scope = join(project, 'node_modules/@pageferry');

  /** The packages as they are installed: no addon among them unless one is put there. */
  function install(): void {
    rmSync(project, { recursive: true, force: true });
    for (const name of ['core', 'linux', 'linux-napi']) {
      for (const part of ['package.json', 'dist', 'bundle']) {
        const from = join(PACKAGES, name, part);
        if (existsSync(from)) cpSync(from, join(scope, name, part), { recursive: true });
      }
    }
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  }

  function installAddon(name: string): string {
    const path = join(scope, name, 'linux_napi.node');
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(addon, path);
    writeFileSync(
      join(scope, name, 'package.json'),
      JSON.stringify({ name: `@pageferry/${name}` }),
    );
    return path;
  }

  /** What a program says that tries to load the addon, and again after `between`. */
  function tell(
    { between = '', before = '', flags = [] as string[] } = {},
    from = '@pageferry/linux-napi',
    options = {},
  ): string[] {
    const program = `
      import { cpSync } from 'node:fs';
      import { loadLinuxCalls } from '${from}';
      const tell = () => {
        try {
          console.log('loaded ' + loadLinuxCalls().binding);
        } catch (error) {
          console.log(error.code + ' ' + error.message);
        }
      };
      ${before};
      tell();
      ${between};
      tell();`;
    writeFileSync(join(project, 'program.js'), program);
    // What starts the tests may let every process find the packages of this repository.
    const { PAGEFERRY_LINUX_NAPI_ADDON: _, NODE_PATH: __, ...env } = process.env;
    const args = [...flags, join(project, 'program.js')];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env,
      ...options,
    });
    expect(stderr).toBe('');
    return stdout.trimEnd().split('\n');
  }

  test('takes the package of its platform, which may come later', () => {
    install();
    const path = installAddon(ours);
    const aside = join(folder, 'aside');
    cpSync(dirname(path), aside, { recursive: true });
    rmSync(dirname(path), { recursive: true });
    const between = `cpSync(${JSON.stringify(aside)}, ${JSON.stringify(dirname(path))}, { recursive: true })`;
    const [first, second] = tell({ between });
    expect(first).toMatch(/^BINDING_UNAVAILABLE .* is not installed \(it is an optional/);
    expect(first).toMatch(`@pageferry/${ours} is`);
    expect(first).toMatch(REMEDIES);
    expect(second).toBe('loaded napi');
  });

  test('is told if node_modules are those of another system', () => {
    install();
    installAddon(`linux-napi-linux-${foreignArch}-gnu`);
    expect(tell()[0]).toMatch(
      new RegExp(`${ours} is not installed, but .*-${foreignArch}-gnu is: .* another system`),
    );
  });

  test('goes by what Node says of its C library', () => {
    install();
    installAddon('linux-napi-linux-x64-gnu');
    const before = `
      process.report.getReport = () => {
        if (process.report.excludeNetwork !== true) throw new Error('slow');
        return { header: {} };
      }`;
    expect(tell({ before })[0]).toMatch(
      `@pageferry/linux-napi-linux-${process.arch}-musl is not installed`,
    );
  });

  /** Another place for the modules of the package, which is no package: what a bundle is. */
  function bundle(): string {
    cpSync(join(scope, 'linux-napi/dist'), join(project, 'dist/pageferry'), { recursive: true });
    const imports = { '#prebuilt': './dist/pageferry/addon/prebuilt-of-bundle.js' };
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', imports }));
    return './dist/pageferry/index.js';
  }

  test('is told that the package was bundled without its addon', () => {
    install();
    expect(tell({}, bundle())[0]).toMatch(
      /was bundled into .*"external".* or copy linux_napi\.node/,
    );
  });

  test('finds the package of its platform from where the bundle is', () => {
    install();
    installAddon(ours);
    expect(tell({}, bundle())[0]).toBe('loaded napi');
  });

  test('finds an addon beside the bundle, and not beside the package', () => {
    install();
    const beside = (path: string): string => join(project, dirname(path), 'linux_napi.node');
    copyFileSync(addon, beside('node_modules/@pageferry/linux-napi/dist/addon/find-addon.js'));
    expect(tell()[0]).toMatch(/is not installed/);
    const bundled = bundle();
    rmSync(beside('dist/pageferry/addon/find-addon.js'));
    expect(tell({}, bundled)[0]).toMatch(/was bundled/);
    copyFileSync(addon, beside('program.js'));
    expect(tell({}, bundled)[0]).toBe('loaded napi');
  });

  test('is told that it may load no addons', () => {
    install();
    installAddon(ours);
    const [line] = tell({ flags: ['--no-addons'] });
    expect(line).toMatch(/^BINDING_UNAVAILABLE .*this Node may load no addons \(--no-addons/);
    expect(line).toMatch(/@pageferry\/socket.*node:ffi.*start Node without/);
  });

  test('is told that it may not read the addon, and loads it as soon as it may', () => {
    install();
    const path = installAddon(ours);
    chmodSync(path, 0o000);
    chmodSync(folder, 0o755);
    // The superuser may read everything.
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const [line] = tell({}, undefined, user);
    chmodSync(path, 0o644);
    expect(line).toMatch(/^BINDING_UNAVAILABLE .*this user may not read .*\.node \(EACCES\)/);
    expect(tell({}, undefined, user)).toEqual(['loaded napi', 'loaded napi']);
  });
});
