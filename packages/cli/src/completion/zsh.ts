import type { CommandSpec, Completes, OptionSpec } from '../command/spec.js';
import { optionsOf, quoted } from './words.js';

const ACTIONS: Readonly<Record<Completes, string>> = {
  endpoint: 'endpoint:_pageferry_endpoints',
  file: 'file:_files',
  shell: 'shell:(bash zsh fish)',
  nothing: ' : ',
};

/** Completion for zsh. */
export function forZsh(commands: readonly CommandSpec[]): string {
  const names = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map((spec) => {
    const options = optionsOf(spec).map(([name, option]) => quoted(optionSpec(name, option)));
    const last = spec.completes.length - 1;
    const places = spec.completes.map((kind, index) =>
      quoted(`${index === last && spec.count[1] > index + 1 ? '*' : index + 1}:${ACTIONS[kind]}`),
    );
    return `    ${spec.name}) _arguments ${[...options, ...places].join(' ')} ;;`;
  });
  return `#compdef pageferry
_pageferry_endpoints() {
  local -a names
  names=(\${(f)"$(pageferry list --names 2>/dev/null)"})
  compadd -a names
  _files
}
_pageferry() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _pageferry ]; then _pageferry "$@"; else compdef _pageferry pageferry; fi
`;
}

function optionSpec(name: string, { help, value, choices }: OptionSpec): string {
  const words = help.replaceAll(/[[\]:]/g, ' ');
  if (value === undefined) return `--${name}[${words}]`;
  const action = choices === undefined ? '_files' : `(${choices.join(' ')})`;
  return `--${name}[${words}]:${value}:${action}`;
}
