import type { CommandSpec } from './spec.js';
import { bridge } from './specs/bridge.js';
import { completion } from './specs/completion.js';
import { doctor } from './specs/doctor.js';
import { list } from './specs/list.js';
import { receive, send } from './specs/messages.js';
import { record, replay } from './specs/recording.js';
import { tap } from './specs/tap.js';
import { top } from './specs/top.js';

/** All commands, in the order in which the help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  doctor,
  list,
  top,
  tap,
  record,
  replay,
  send,
  receive,
  bridge,
  completion,
];
