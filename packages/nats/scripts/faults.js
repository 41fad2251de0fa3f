// Kills one of several processes at a random moment, and looks what that does to the others:
// `node packages/nats/scripts/faults.js [--rounds N] [--seed N] [--only N]`, after `pnpm build`.
//
// Each round has a nats-server of its own, and a plan that depends on the seed: a sender and a receiver, or a requester and
// two responders; who of them, or whether the server, is ended with SIGKILL (the server is started again); after how many
// messages; how long these are. What has to hold:
//
// - The server: each message comes, whole, once and in order. Each request is answered rightly, or fails with PEER_DIED.
// - A receiver: another one gets what is sent from then on, and the end. The sender: what comes is a beginning of what it has
//   sent, and then PEER_DIED, and the endpoint is free.
// - A responder: requests are answered by the other one, or fail with PEER_DIED. The requester: another one is served.
//
// What a seed replays is the plan; which instruction is hit the scheduler decides. A fault is printed with the options that
// play its round again. The exit status is 0 without a fault, and 1 with one.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NatsServer } from '@pageferry/testkit/nats-server';
import { natsTransport } from '../dist/index.js';

/** For how long one may be out of reach: after a restart of the server all take a while to come back on a busy machine. */
const PATIENCE = { death: 3000, restart: 20_000 };
/** Nothing is decided by it but that a round has no end. */
const LIMIT = 180_000;
const COUNT = 300;
/** How many requests are under way at a time. */
const AT_ONCE = 30;
const ENDPOINT = 'nats:faults';

/** Numbers that look random, and are the same for the same words. */
class Random {
  #state;
  #count = 0;

  /** @param {readonly (string | number)[]} words */
  constructor(...words) {
    this.#state = words.join(' ');
  }

  /** An integer from 0 to `end`, not including it. @param {number} end */
  below(end) {
    const words = `${this.#state} ${this.#count++}`;
    return createHash('sha256').update(words).digest().readUInt32LE() % end;
  }
}

/** @param {number} seed @param {number} round */
function planOf(seed, round) {
  const random = new Random(seed, round);
  const pattern = random.below(2) === 0 ? 'publish' : 'request';
  const victims =
    pattern === 'publish' ? ['server', 'receiver', 'sender'] : ['server', 'responder', 'requester'];
  const victim = /** @type {string} */ (victims[random.below(victims.length)]);
  const after = random.below(COUNT - 50);
  const longest = [100, 20_000, 1_500_000][random.below(3)] ?? 100;
  const patience = victim === 'server' ? PATIENCE.restart : PATIENCE.death;
  return { pattern, victim, after, longest, patience, lengths: random.below(2 ** 31) };
}

/** How long a message is. @param {Plan} plan @param {number} number */
function lengthOf({ lengths, longest }, number) {
  return 4 + (number % 10 === 0 ? new Random(lengths, number).below(longest) : number);
}

/** @param {Plan} plan @param {number} number */
function messageOf(plan, number) {
  const bytes = Buffer.alloc(lengthOf(plan, number), number % 251);
  bytes.writeUInt32LE(number);
  return bytes;
}

/** What each process does. It says each thing that happens by `tell`. @type {Record<string, Role>} */
const roles = {
  async sender(nats, plan, tell) {
    const sender = await nats.createSender({ endpoint: ENDPOINT });
    tell('ready');
    await sender.waitForReceivers();
    for (let number = 0; number < COUNT; number++) {
      while ((await sender.send(messageOf(plan, number))) === 'no-receiver') {
        await sender.waitForReceivers();
      }
    }
    await sender.flush();
    await sender.close();
    tell('end');
  },
  async receiver(nats, plan, tell) {
    const receiver = await nats.createReceiver({ endpoint: ENDPOINT });
    try {
      for await (const delivery of receiver) {
        const number = Buffer.from(delivery.bytes).readUInt32LE();
        const isRight = delivery.copy().equals(messageOf(plan, number));
        tell(isRight ? number : `message ${number} is wrong`);
        delivery.release();
      }
      tell('end');
    } catch (error) {
      tell(/** @type {{ code: string }} */ (error).code);
    }
    await receiver.close();
  },
  async responder(nats, _plan, tell) {
    const responder = await nats.createResponder({ endpoint: ENDPOINT, maxUnderWay: 8 });
    tell('ready');
    for await (const question of responder) {
      void pause(2)
        .then(() => question.respond(question.bytes))
        .finally(() => question.release());
    }
  },
  async requester(nats, plan, tell) {
    const requester = await nats.createRequester({ endpoint: ENDPOINT });
    let next = 0;
    const askOn = async () => {
      while (next < COUNT) {
        const number = next++;
        try {
          const answer = await requester.request(messageOf(plan, number));
          const isRight = answer.copy().equals(messageOf(plan, number));
          tell(isRight ? number : `answer ${number} is wrong`);
          answer.release();
        } catch (error) {
          tell(/** @type {{ code: string }} */ (error).code);
          await pause(20);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askOn));
    const { bytesOut, requestsOpen } = requester.stats();
    if (bytesOut !== 0 || requestsOpen !== 0) tell('the requester has something out');
    await requester.close();
    tell('end');
  },
};

/** A process that plays a role, and what it has said. */
class Player {
  /** @type {(string | number)[]} */
  heard = [];
  #child;
  #exit;

  /** @param {string} role @param {string} servers @param {Plan} plan */
  constructor(role, servers, plan) {
    const words = [role, servers, JSON.stringify(plan)];
    this.#child = fork(fileURLToPath(import.meta.url), words, { execArgv: [] });
    this.#child.on('message', (said) => this.heard.push(/** @type {string | number} */ (said)));
    this.#exit = once(this.#child, 'exit');
  }

  /** What it has received, or been answered. */
  get numbers() {
    return this.heard.filter((said) => typeof said === 'number');
  }

  /** Everything else. */
  get words() {
    return this.heard.filter((said) => typeof said === 'string');
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until it has received so many. @param {number} count */
  async until(count) {
    while (this.numbers.length < count && !this.hasEnded) await pause(1);
  }

  /** @param {string} word */
  async says(word) {
    while (!this.heard.includes(word) && !this.hasEnded) await pause(1);
  }

  async ends() {
    await this.#exit;
  }

  async kill() {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

/** @param {Plan} plan @param {NatsServer} server @param {(role: string) => Player} start */
async function playPublish({ victim, after, patience }, server, start) {
  const sender = start('sender');
  let receiver = start('receiver');
  await receiver.until(after);
  if (victim === 'server') {
    await server.kill();
    await server.start();
  } else if (victim === 'sender') {
    await sender.kill();
    await receiver.ends();
    const { numbers, words } = receiver;
    const next = await natsTransport({ servers: server.url, patience }).createSender({
      endpoint: ENDPOINT,
    });
    await next.destroy();
    const mayHaveEnded = numbers.length === COUNT && words[0] === 'end';
    return isRow(numbers, 0) && (words[0] === 'PEER_DIED' || mayHaveEnded)
      ? []
      : [tellOf(receiver)];
  } else {
    await receiver.kill();
    receiver = start('receiver');
    // It may have been the last message.
    while (!sender.hasEnded && !receiver.hasEnded) await pause(1);
    if (sender.hasEnded && receiver.numbers.length === 0)
      return sender.words.includes('end') ? [] : [tellOf(sender)];
  }
  await receiver.ends();
  await sender.ends();
  const { numbers, words } = receiver;
  const first = victim === 'server' ? 0 : COUNT - numbers.length;
  const isRight = isRow(numbers, first) && first + numbers.length === COUNT;
  const hasEnded = words.length === 1 && words[0] === 'end' && sender.words.includes('end');
  return isRight && hasEnded ? [] : [tellOf(receiver), tellOf(sender)];
}

/** @param {Plan} plan @param {NatsServer} server @param {(role: string) => Player} start */
async function playRequest({ victim, after }, server, start) {
  const responders = [start('responder'), start('responder')];
  for (const each of responders) await each.says('ready');
  let requester = start('requester');
  await requester.until(after);
  if (victim === 'server') {
    await server.kill();
    await server.start();
  } else if (victim === 'responder') {
    await responders[0]?.kill();
  } else {
    await requester.kill();
    requester = start('requester');
  }
  await requester.ends();
  const { numbers, words } = requester;
  const lost = words.filter((word) => word === 'PEER_DIED').length;
  const isWhole = new Set(numbers).size === numbers.length && numbers.length + lost === COUNT;
  const mayLose = victim !== 'requester';
  const isRight = words.length === lost + 1 && words.at(-1) === 'end' && (mayLose || lost === 0);
  // What was under way with the one that was killed, and no more.
  return isWhole && isRight && lost <= 2 * AT_ONCE ? [] : [tellOf(requester)];
}

/** @param {readonly (string | number)[]} numbers @param {number} first */
function isRow(numbers, first) {
  return numbers.every((number, index) => number === first + index);
}

/** @param {Player} player */
function tellOf({ numbers, words }) {
  return `${numbers.length} from ${numbers[0]} to ${numbers.at(-1)}, ${JSON.stringify(words.slice(0, 8))}`;
}

/** @param {number} seed @param {number} round */
async function play(seed, round) {
  const plan = planOf(seed, round);
  const server = await NatsServer.start();
  /** @type {Player[]} */
  const players = [];
  const start = (/** @type {string} */ role) => {
    const player = new Player(role, server.url, plan);
    players.push(player);
    return player;
  };
  const playing = plan.pattern === 'publish' ? playPublish : playRequest;
  const limit = new AbortController();
  const tooLong = pause(LIMIT, ['it has no end'], { signal: limit.signal }).catch(() => []);
  const faults = await Promise.race([playing(plan, server, start), tooLong]);
  if (faults[0] === 'it has no end') faults.push(...players.map(tellOf));
  limit.abort();
  for (const each of players) await each.kill();
  await server.remove();
  return { plan, faults };
}

/** @typedef {ReturnType<typeof planOf>} Plan */
/** @typedef {(nats: ReturnType<typeof natsTransport>, plan: Plan, tell: (what: string | number) => void) => Promise<void>} Role */

const [role = '', servers = '', plan = ''] = process.argv.slice(2);
if (process.send !== undefined && Object.hasOwn(roles, role)) {
  const played = JSON.parse(plan);
  const nats = natsTransport({ servers, patience: played.patience });
  await roles[role]?.(nats, played, (what) => void process.send?.(what));
  process.disconnect?.();
} else {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
  });
  const { rounds = '40', seed = `${Math.floor(Math.random() * 2 ** 31)}`, only } = values;
  const numbers = only === undefined ? [...Array(Number(rounds)).keys()] : [Number(only)];
  let count = 0;
  for (const round of numbers) {
    const { plan: played, faults } = await play(Number(seed), round);
    const { pattern, victim, after, longest } = played;
    console.log(`${round}: ${pattern}, the ${victim} after ${after}, up to ${longest} bytes`);
    if (faults.length === 0) continue;
    count++;
    console.log(`--seed ${seed} --only ${round}`);
    for (const fault of faults) console.log(`  ${fault}`);
  }
  console.log(`seed ${seed}: ${count === 0 ? 'no fault' : `${count} faults`}`);
  if (count > 0) process.exitCode = 1;
}
