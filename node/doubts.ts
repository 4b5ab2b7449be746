/** Where records of DIDs and statements about them meet: what statements say makes records doubtful, and two histories of one DID are told to others. */
import { encodeCbor } from '../crypto/canonical.ts';
import type { Establishment, Signed } from '../crypto/did-events.ts';
import { signDuplicity, type DuplicityProof, type Head } from '../crypto/statement.ts';
import { messageOf } from '../crypto/result.ts';
import type { Handshake } from '../protocols/handshake/index.ts';
import { isOlder, versionOf, type Identity, type IdentityParts } from '../protocols/identity/index.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { RevocationService } from '../protocols/revocation/index.ts';
import type { Statements } from '../protocols/statements/index.ts';
import { unixSeconds } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import type { Identities } from './identities.ts';

/** The parts of a host that exist later than the identity service, which asks them. */
export interface DoubtingHost {
  readonly identities: Identities;
  readonly identity: Identity;
  readonly statement_store: StatementStore;
  readonly statements: Statements;
  readonly revocation: RevocationService;
  readonly handshake: Handshake;
}

/** What {@link doubts} uses. */
export interface DoubtsParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** The host, once it is built. */
  host(): DoubtingHost | undefined;
}

/** The two directions. */
export interface Doubts {
  /** What the identity service asks and tells. */
  readonly asked: Required<Pick<IdentityParts, 'head' | 'isDuplicitous' | 'duplicity' | 'unsponsored' | 'revokedDid' | 'revokedKey'>>;
  /** What statements set off. */
  readonly heard: { head(statement: Head): void; duplicity(statement: DuplicityProof): void };
}

/** Signs and publishes the proof with the key of the node: it proves itself, so it matters little who reports it. */
async function report(host: DoubtingHost, nbf: number, did: string, number: number, events: readonly [Signed<Establishment>, Signed<Establishment>]): Promise<string | undefined> {
  const [a, b] = events;
  const signed = await signDuplicity(host.identities.node.signer, { did, number, nbf, events: [encodeCbor(a), encodeCbor(b)] });
  const published = signed.ok ? await host.statements.publish(signed.value) : signed;
  return published.ok ? undefined : published.failure.reason;
}

/** What ties the records of a host to its statements. */
export function doubts({ clock, recorder, host }: DoubtsParts): Doubts {
  const failed = (did: string, reason: string): void => recorder.record({ kind: 'identity.duplicity-report-failed', did, reason });
  return {
    asked: {
      head: (did) => host()?.statement_store.head(did),
      isDuplicitous: (did) => host()?.statement_store.duplicity(did) !== undefined,
      unsponsored: (record) => host()?.revocation.unsponsored(record),
      revokedDid: (did) => host()?.revocation.revokedDid(did),
      revokedKey: (key_id) => host()?.revocation.revokedKey(key_id),
      duplicity(did, number, a, b) {
        const built = host();
        if (built === undefined || built.statement_store.duplicity(did) !== undefined) return;
        built.handshake.close(did);
        void report(built, unixSeconds(clock), did, number, [a, b]).then(
          (reason) => void (reason === undefined || failed(did, reason)),
          (error: unknown) => failed(did, messageOf(error)),
        );
      },
    },
    heard: {
      head(statement) {
        const known = host()?.identity.known(statement.iss);
        if (known === undefined || isOlder(versionOf(known), statement)) host()?.identity.invalidate(statement.iss);
      },
      duplicity: ({ did }) => host()?.handshake.close(did),
    },
  };
}
