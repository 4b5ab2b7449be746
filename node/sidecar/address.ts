/** Where the sidecar is reached. */
import { join } from 'node:path';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { isLoopback, parseGateway, type GatewayAddress } from '../gateway/address.ts';

/** The sidecar's socket in a data folder. */
export function sidecarSocketPath(data: string): string {
  return join(data, 'sidecar.sock');
}

/** Where the sidecar listens besides its socket, from `HOST:PORT` or `PORT` of the loopback interface; nowhere for `true` and where nothing is said. Fails with `SIDECAR_INVALID`. */
export function parseSidecar(setting: true | string | undefined): Result<GatewayAddress | undefined> {
  if (setting === undefined || setting === true) return ok(undefined);
  const parsed = parseGateway(setting);
  return parsed.ok && isLoopback(parsed.value.host)
    ? ok(parsed.value)
    : fail('SIDECAR_INVALID', 'the sidecar listens on its socket and on the loopback interface alone', { fix: 'for example --sidecar 127.0.0.1:8081, or --sidecar alone' });
}
