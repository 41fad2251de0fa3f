/** What a Node process is started with: options for `fork` and `spawn`. */
export interface NodeChildOptions {
  /** Options of Node itself. `spawn` has no such option: there they go before the program. */
  readonly execArgv: string[];
  /** The child's environment. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Options that are meant for one process alone: a debugger to wait for, a profile to write, a script in
 * the place of a program. A child that inherits them waits for a debugger that nobody attaches.
 */
const OF_ONE_PROCESS =
  /^--(no-)?(inspect|debug-port|cpu-prof|heap-prof|prof$|watch|test|input-type|eval$|print$|check$|interactive$|run$)|^-(e|p|pe|c|i)$/;

/** Those among them that may have their value in the next word. */
const TAKES_A_WORD =
  /^--(inspect-port|debug-port|inspect-publish-uid|(cpu|heap)-prof-\w+|watch-path|test-[\w-]+|input-type|eval|print|run)$|^-(e|p|pe)$/;

/** By these, debuggers have Node wait for them. */
const VARIABLES = ['NODE_INSPECT_RESUME_ON_START', 'VSCODE_INSPECTOR_OPTIONS'];

/**
 * What a Node process that this one starts inherits: everything but what is meant for this one alone,
 * such as `--inspect-brk`, be it on the command line or in `NODE_OPTIONS`.
 *
 * @param execArgv as in `process.execArgv`.
 * @param env as in `process.env`.
 */
export function nodeChildOptions(
  execArgv: readonly string[] = process.execArgv,
  env: NodeJS.ProcessEnv = process.env,
): NodeChildOptions {
  const { NODE_OPTIONS, ...kept } = env;
  for (const name of VARIABLES) delete kept[name];
  const options = inheritable(wordsOf(NODE_OPTIONS ?? '')).join(' ');
  return {
    execArgv: inheritable(execArgv),
    env: options === '' ? kept : { ...kept, NODE_OPTIONS: options },
  };
}

function inheritable(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    const [flag = ''] = word.split('=');
    const name = flag.replaceAll('_', '-').replaceAll('"', ''); // Node takes both, and quotes anywhere.
    if (!OF_ONE_PROCESS.test(name)) kept.push(word);
    else if (flag === word && TAKES_A_WORD.test(name) && hasValue(words[index + 1])) index++;
  }
  return kept;
}

function hasValue(next: string | undefined): boolean {
  return next !== undefined && !next.startsWith('-');
}

/** The words of `NODE_OPTIONS`, quotes and all: blanks part them, but not between double quotes. */
function wordsOf(text: string): string[] {
  return text.match(/(?:"(?:\\.|[^"\\])*"|[^ "])+/g) ?? [];
}
