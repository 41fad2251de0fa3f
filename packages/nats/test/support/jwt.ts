import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const { createAccount, createOperator, createUser } = nkeys;
const UNLIMITED = {
  ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1 },
  ...{ leaf: -1, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
};

/** An operator with one account: who trusts it lets in whom it has signed. */
export class Operator {
  readonly #key = createOperator();
  readonly #account = createAccount();
  readonly #system = createAccount();

  /** What the configuration of a server says to trust it. */
  get config(): string {
    const account = (key: KeyPair, limits: object): string =>
      sign(this.#key, key.getPublicKey(), { type: 'account', limits });
    const system = this.#system.getPublicKey();
    const operator = { type: 'operator', system_account: system };
    const { streams, consumer, mem_storage, disk_storage, ...core } = UNLIMITED;
    return [
      `operator: ${sign(this.#key, this.#key.getPublicKey(), operator)}`,
      `system_account: ${system}`,
      'resolver: MEMORY',
      'resolver_preload: {',
      `  ${this.#account.getPublicKey()}: ${account(this.#account, UNLIMITED)}`,
      `  ${system}: ${account(this.#system, core)}`,
      '}\n',
    ].join('\n');
  }

  /** A user of its account, as a credentials file has it. */
  credentials(): string {
    const user = createUser();
    const claims = { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 };
    const jwt = sign(this.#account, user.getPublicKey(), claims);
    const seed = Buffer.from(user.getSeed()).toString();
    return [
      '-----BEGIN NATS USER JWT-----',
      jwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      seed,
      '------END USER NKEY SEED------\n',
    ].join('\n');
  }
}

function sign(issuer: KeyPair, subject: string, nats: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    jti: subject,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: 'test',
    sub: subject,
    nats: { version: 2, ...nats },
  };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}
