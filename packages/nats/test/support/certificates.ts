import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate and its key, as paths. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** True if there is an `openssl` to make certificates with. Without one, the tests that need some are skipped, and say so. */
export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0;

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate authority of the test's own, made with openssl in a folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.#openssl(
      ...['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  }

  /** Path of its own certificate: what the other side has to trust. */
  get caFile(): string {
    return join(this.#folder, `${this.#name}.pem`);
  }

  /** A certificate for this machine: where a client is given an address, it looks for `localhost`. */
  issue(name: string): Certificate {
    this.#openssl(
      ...['req', ...NEW_KEY, '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
    );
    this.#openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${this.#name}.pem`],
      ...['-CAkey', `${this.#name}.key`, '-CAcreateserial', '-days', '2'],
      ...['-extfile', 'names', '-out', `${name}.pem`],
    );
    return {
      certFile: join(this.#folder, `${name}.pem`),
      keyFile: join(this.#folder, `${name}.key`),
    };
  }

  #openssl(...words: readonly string[]): void {
    execFileSync('openssl', words, { cwd: this.#folder, stdio: 'pipe' });
  }
}
