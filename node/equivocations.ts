/** Who contradicts itself is reported: the proof goes to everybody, and whoever receives it sets the trust in the accused to 0. */
import { signEquivocation } from '../crypto/statement.ts';
import { messageOf } from '../crypto/result.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { Statements } from '../protocols/statements/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Identities } from './identities.ts';

/** What reporting uses. */
export interface ReportParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly identities: Pick<Identities, 'node'>;
  readonly store: Pick<StatementStore, 'equivocation'>;
  readonly statements: Pick<Statements, 'publish'>;
}

/** Signs two tokens that contradict each other as a proof against their issuer, with the key of the node, and publishes it. Of one issuer one proof is enough. */
export function reportEquivocation(parts: ReportParts, issuer: string, tokens: readonly [string, string]): void {
  const { clock, recorder, identities, store, statements } = parts;
  if (store.equivocation(issuer) !== undefined) return;
  const failed = (reason: string): void => recorder.record({ kind: 'statement.report-failed', issuer, reason });
  const report = async (): Promise<void> => {
    const signed = await signEquivocation(identities.node.signer, { sub: issuer, statements: tokens, nbf: unixSeconds(clock) });
    const published = signed.ok ? await statements.publish(signed.value) : signed;
    // Somebody else's report of the same may have come first.
    if (!published.ok && published.failure.code !== 'STATEMENT_STALE') failed(published.failure.reason);
  };
  report().catch((error: unknown) => failed(messageOf(error)));
}
