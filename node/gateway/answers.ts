/**
 * What the gateway answers, without a server around it: C2SP tlog-tiles for the
 * logs of this host, and C2SP tlog-witness. Whatever is not listed here is not
 * readable.
 */
import { utf8 } from '../../crypto/bytes.ts';
import type { Failure, Result } from '../../crypto/result.ts';
import type { WitnessAnswer } from '../../protocols/witness/index.ts';
import { cache_forever, cosignings_at_once_max } from './constants.ts';

/** What stands behind the gateway. */
export interface GatewayServices {
  /** A path of C2SP tlog-tiles, also below the hash of an origin. */
  read(path: string): Promise<Result<Uint8Array>>;
  /** Answers an add-checkpoint request. Never throws. */
  cosign(request: Uint8Array): Promise<WitnessAnswer>;
  /** The newest checkpoint that this host cosigned for the log whose origin has this hash, in hex. */
  cosigned(origin_hash: string): Promise<Result<Uint8Array>>;
}

/** An answer over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const text_type = 'text/plain; charset=utf-8';
/** Codes of what is not here, as against what cannot be read. */
const absent: ReadonlySet<string> = new Set(['TILE_PATH_INVALID', 'TILE_LOG_UNKNOWN', 'AUDIT_NO_TILE', 'AUDIT_NO_CHECKPOINT', 'WITNESS_LOG_UNKNOWN']);
const readable = /^\/(?<path>(?:[0-9a-f]{64}\/)?(?:checkpoint|tile\/[0-9a-z./]+))$/;
const witnessed = /^\/witness\/(?<hash>[0-9a-f]{64})\/checkpoint$/;

/** Where checkpoints are handed in. */
export const add_checkpoint_target = '/add-checkpoint';

/** An answer in words. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': text_type, 'cache-control': 'no-store', ...headers }, body: utf8(`${text}\n`) };
}

function failureAnswer({ code, reason }: Failure): HttpAnswer {
  return absent.has(code) ? textAnswer(404, `${code}: ${reason}`) : textAnswer(503, `${code}: ${reason}`, { 'retry-after': '60' });
}

/** What can be done with a target, or `undefined` where there is nothing. */
export function methodsOf(target: string): readonly string[] | undefined {
  if (target === add_checkpoint_target) return ['POST'];
  return readable.test(target) || witnessed.test(target) ? ['GET', 'HEAD'] : undefined;
}

/** Answers requests whose method is one of {@link methodsOf} their target. */
export class Answers {
  readonly #services: GatewayServices;
  #cosigning = 0;

  constructor(services: GatewayServices) {
    this.#services = services;
  }

  /** Answers a GET; a HEAD has the same answer without its body. */
  async get(target: string): Promise<HttpAnswer> {
    const hash = witnessed.exec(target)?.groups?.['hash'];
    const path = readable.exec(target)?.groups?.['path'] ?? '';
    const read = hash === undefined ? await this.#services.read(path) : await this.#services.cosigned(hash);
    if (!read.ok) return failureAnswer(read.failure);
    const headers = target.endsWith('checkpoint')
      // A head changes every few seconds.
      ? { 'content-type': text_type, 'cache-control': 'no-cache' }
      : { 'content-type': 'application/octet-stream', 'cache-control': cache_forever };
    return { status: 200, headers, body: read.value };
  }

  /** Answers an add-checkpoint request, with the status and body that C2SP tlog-witness demands. */
  async addCheckpoint(request: Uint8Array): Promise<HttpAnswer> {
    if (this.#cosigning >= cosignings_at_once_max) return textAnswer(503, 'too many checkpoints are being cosigned', { 'retry-after': '1' });
    this.#cosigning += 1;
    try {
      const { status, body } = await this.#services.cosign(request);
      if (status === 200) return { status, headers: { 'content-type': text_type, 'cache-control': 'no-store' }, body: utf8(body) };
      if (status === 409) return { status, headers: { 'content-type': 'text/x.tlog.size', 'cache-control': 'no-store' }, body: utf8(body) };
      return textAnswer(status, body, status === 503 ? { 'retry-after': '10' } : {});
    } finally {
      this.#cosigning -= 1;
    }
  }
}
