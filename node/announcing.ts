/** Tells the mesh of the newest record of an identity of ours, so that nobody believes an older one for as long as it is cached. */
import { toBase64url } from '../crypto/bytes.ts';
import type { DidRecord } from '../crypto/did-record.ts';
import { messageOf } from '../crypto/result.ts';
import { head_lifetime_s_max, signHead } from '../crypto/statement.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { Statements } from '../protocols/statements/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { LocalIdentity } from './identities.ts';

/** What announcing uses. */
export interface AnnouncingParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly statements: Pick<Statements, 'publish'>;
}

/** Signs and publishes the head of an identity. A tombstone is not announced: it names no key that could vouch for it. Never rejects. */
export async function announce({ clock, recorder, statements }: AnnouncingParts, { signer, did, deactivated }: LocalIdentity, { number, document, hash }: DidRecord): Promise<void> {
  if (deactivated || document.deactivated) return;
  const nbf = unixSeconds(clock);
  try {
    const head = await signHead(signer, { number, sequence: document.sequence, record: toBase64url(hash), nbf, exp: nbf + head_lifetime_s_max });
    const published = head.ok ? await statements.publish(head.value) : head;
    if (!published.ok) recorder.record({ kind: 'identity.announce.failed', did, code: published.failure.code, reason: published.failure.reason });
  } catch (error) {
    recorder.record({ kind: 'identity.announce.failed', did, reason: messageOf(error) });
  }
}
