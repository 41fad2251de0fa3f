// Puts the modules of a package together in few files, after they were compiled: Node looks for, reads and links every
// module by itself, which takes longer than all else when a program starts.
//
//   node ../../scripts/bundle.js [PROGRAM...]
//
// To be run in the package's folder. What the manifest exports becomes a file each, and so do the programs: modules that run
// as processes or threads, named from `dist` on.
import { readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { rolldown } from 'rolldown';
import { namedFiles } from './release/build-output.js';

/** What the compiler has made, and what is made of it. */
const FROM = resolve('dist');
const TO = resolve('bundle');

const exported = namedFiles(JSON.parse(readFileSync('package.json', 'utf8')))
  .filter((file) => file.startsWith('bundle/'))
  .map((file) => file.slice('bundle/'.length));
const entries = [...exported, ...process.argv.slice(2)];

const build = await rolldown({
  input: Object.fromEntries(entries.map((file) => [file.replace(/\.js$/, ''), join(FROM, file)])),
  platform: 'node',
  // Everything that is not of this package stays where it is.
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  plugins: [
    {
      name: 'source-maps',
      // So that the map of a bundle leads to the TypeScript, not to what the compiler has made of it.
      load: async (id) => ({
        code: await readFile(id, 'utf8'),
        map: await readFile(`${id}.map`, 'utf8'),
      }),
    },
  ],
});
rmSync(TO, { recursive: true, force: true });
await build.write({
  dir: TO,
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: 'parts-[hash].js',
  sourcemap: true,
  // What names a class in an error or an inspector is what its source says.
  keepNames: true,
});
await build.close();
