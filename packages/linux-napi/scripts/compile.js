/**
 * Compiles and links the addon: every `native/*.cc`, with one compiler. Needs neither node-gyp nor
 * Python nor make: an addon is a shared library that includes Node's headers.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NATIVE = fileURLToPath(new URL('../native/', import.meta.url));

const FLAGS = [
  '-std=c++20',
  '-O2',
  '-fPIC',
  '-pthread',
  '-fno-exceptions',
  '-fno-rtti',
  '-fvisibility=hidden',
  '-ffunction-sections',
  '-fdata-sections',
  '-DNAPI_VERSION=8',
  '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
  // A thread that is being terminated cannot be thrown anything: by default that ends the process.
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  '-DNODE_GYP_MODULE_NAME=linux_napi',
  '-D_GNU_SOURCE',
  '-D_FILE_OFFSET_BITS=64',
];

/** What this repository's own builds are held to, beside `-Werror`, which is `strict`. */
const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion'];

const LINK_FLAGS = [
  '-shared',
  '-pthread',
  '-Wl,--gc-sections',
  `-Wl,--version-script=${join(NATIVE, 'exports.map')}`,
];

/**
 * @param {object} options
 * @param {readonly string[]} options.compiler the command and its first arguments.
 * @param {string} options.output the file to make; what is there is replaced when its successor is whole.
 * @param {string} options.objects a folder for what is in between; emptied first.
 * @param {boolean} [options.strict] whether a warning is an error.
 * @param {readonly string[]} [options.flags] for compiling and linking.
 * @param {readonly string[]} [options.compileFlags] for compiling alone.
 * @param {readonly string[]} [options.linkFlags] for linking alone.
 * @throws {Error} with what the compiler said, if it fails.
 */
export async function compileAddon({
  compiler,
  output,
  objects,
  strict = false,
  flags = [],
  compileFlags = [],
  linkFlags = [],
}) {
  rmSync(objects, { recursive: true, force: true });
  mkdirSync(objects, { recursive: true });
  mkdirSync(dirname(output), { recursive: true });
  // Other people's headers, so none of the warnings.
  const headers = [nodeHeaders(), nodeAddonApi()].flatMap((folder) => ['-isystem', folder]);
  const common = [...FLAGS, ...WARNINGS, ...(strict ? ['-Werror'] : []), ...headers];
  const sources = readdirSync(NATIVE).filter((name) => name.endsWith('.cc'));
  const objectOf = (name) => join(objects, name.replace(/cc$/, 'o'));

  const waiting = [...sources];
  const work = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const files = ['-c', join(NATIVE, name), '-o', objectOf(name)];
      await run([...compiler, ...common, ...compileFlags, ...flags, ...files]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));

  // A running process may have the old file mapped: it gets a successor, and is not written over.
  const made = `${output}.new`;
  await run([
    ...compiler,
    ...LINK_FLAGS,
    ...flags,
    ...sources.map(objectOf),
    ...linkFlags,
    '-ldl', // For an older C library; it has been part of libc itself since glibc 2.34.
    '-o',
    made,
  ]);
  renameSync(made, output);
  rmSync(objects, { recursive: true });
}

/** The folder of `node_api.h` and `uv.h`, of the Node that runs this unless the environment says otherwise. */
function nodeHeaders() {
  const { npm_config_nodedir, NPM_CONFIG_NODEDIR, XDG_CACHE_HOME } = process.env;
  const chosen = npm_config_nodedir ?? NPM_CONFIG_NODEDIR;
  const cache = join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'node-gyp');
  const places = chosen
    ? [chosen]
    : [join(dirname(process.execPath), '..'), join(cache, process.versions.node)];
  const folders = places.map((place) => join(place, 'include/node'));
  const found = folders.find((folder) =>
    ['node_api.h', 'uv.h'].every((header) => existsSync(join(folder, header))),
  );
  if (found !== undefined) return found;
  throw new Error(
    `there are no headers of Node in ${folders.join(' or ')}. They come with Node from nodejs.org ` +
      'and its container images; elsewhere install libnode-dev (Debian, Ubuntu), nodejs-devel ' +
      '(Fedora) or nodejs-dev (Alpine), or have `npx node-gyp install` download them; or set ' +
      'npm_config_nodedir to the folder of an unpacked Node.',
  );
}

/** From the repository, or from the project of whoever builds from source. */
function nodeAddonApi() {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return dirname(createRequire(from).resolve('node-addon-api/package.json'));
    } catch {
      // Not there: the next place.
    }
  }
  throw new Error(
    'the headers of node-addon-api are not installed. Install them: npm install node-addon-api@8',
  );
}

/** @param {readonly string[]} command */
function run([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    }
    child.on('error', (cause) => {
      reject(new Error(`cannot run ${program}: ${cause.message}`, { cause }));
    });
    child.on('close', (status) => {
      if (status === 0) resolve(said);
      else reject(new Error(`${program} failed:\n${said}`));
    });
  });
}
