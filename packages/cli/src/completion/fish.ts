import type { CommandSpec, Completes } from '../command/spec.js';
import { optionsOf, quoted } from './words.js';

/** Completion for fish. */
export function forFish(commands: readonly CommandSpec[]): string {
  const lines = commands.flatMap((spec) => {
    const seen = `-n ${quoted(`__fish_seen_subcommand_from ${spec.name}`)}`;
    const options = optionsOf(spec).map(([name, { help, short, value, choices }]) => {
      const letter = short === undefined ? '' : ` -s ${short}`;
      const takes = value === undefined ? '' : choices === undefined ? ' -r -F' : ' -x';
      const words = choices === undefined ? '' : ` -a ${quoted(choices.join(' '))}`;
      return `complete -c pageferry ${seen} -l ${name}${letter}${takes}${words} -d ${quoted(help)}`;
    });
    const places = [...new Set(spec.completes)].flatMap((kind) =>
      ARGUMENTS[kind].map((words) => `complete -c pageferry ${seen} ${words}`),
    );
    const summary = quoted(spec.summary);
    const name = `complete -c pageferry -f -n __fish_use_subcommand -a ${spec.name} -d ${summary}`;
    return [name, ...options, ...places];
  });
  return `# fish completion for pageferry\n${lines.join('\n')}\n`;
}

const ARGUMENTS: Readonly<Record<Completes, readonly string[]>> = {
  endpoint: ["-a '(pageferry list --names 2>/dev/null)'", '-F'],
  file: ['-F'],
  shell: ["-f -a 'bash zsh fish'"],
  nothing: ['-f'],
};
