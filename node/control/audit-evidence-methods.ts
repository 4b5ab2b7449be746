/** The control methods about evidence against logs and witnesses, and what a diagnosis says of evidence against this host. */
import { fromBase64, toBase64 } from '../../crypto/bytes.ts';
import { verifyEvidence, type VerifiedEvidence } from '../../crypto/fork-evidence.ts';
import { isoTime } from '../../crypto/jwt.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { FollowedLog } from '../../protocols/monitor/index.ts';
import type { Exposure } from '../accusations.ts';
import type { Host } from '../host.ts';
import type { ControlMethods } from './api.ts';
import type { EvidenceFileView, EvidenceView, ExposureView, SuccessionView, SuspicionView } from './audit-views.ts';
import type { CheckView } from './views.ts';

type EvidenceMethods = Pick<ControlMethods, 'audit.evidence' | 'audit.evidence.file' | 'audit.evidence.report'>;

function called(host: Host, did: string): string | null {
  return host.identity.known(did)?.document.name ?? null;
}

function exposureView(host: Host, exposure: Exposure): ExposureView {
  return { ...exposure, did_name: called(host, exposure.did), by_name: called(host, exposure.by), own: exposure.did === host.identities.node.did };
}

function suspicionView(host: Host, { origin, did, state, since_ms, reason = '' }: FollowedLog): readonly SuspicionView[] {
  return state === 'suspected' ? [{ did, did_name: called(host, did), origin, since_ms, reason }] : [];
}

function successionView(host: Host, { origin, did, after, follows, entries_lost }: FollowedLog): readonly SuccessionView[] {
  return after === undefined ? [] : [{ did, did_name: called(host, did), origin, after, follows: follows ?? null, entries_lost: entries_lost ?? null }];
}

/** What verified evidence says, as it is shown. */
export function evidenceView({ kind, accused, origin, sizes, reason }: VerifiedEvidence): EvidenceView {
  return { kind, did: accused.did, name: accused.name, role: accused.role, verifier_key: accused.verifier_key, origin, sizes: [...sizes], reason };
}

function fileOf(host: Host, who: string): Result<EvidenceFileView> {
  const did = host.identities.didOf(who);
  if (!did.ok) return did;
  const found = host.accusations.file(did.value);
  if (!found.ok) return found;
  const verified = verifyEvidence(found.value.file);
  if (!verified.ok) return verified;
  return ok({ ...evidenceView(verified.value), file: toBase64(found.value.file), by: found.value.exposure.by, since_ms: found.value.exposure.since_ms });
}

async function report(host: Host, file: string): Promise<Result<EvidenceView>> {
  const bytes = fromBase64(file);
  if (bytes === undefined) return fail('PARAMS_INVALID', 'the file is given in base64');
  const reported = await host.accusations.report(bytes);
  if (!reported.ok) return reported;
  const verified = verifyEvidence(bytes);
  return verified.ok ? ok(evidenceView(verified.value)) : verified;
}

/** Who was proven to have contradicted itself, the files that prove it, and reports of more. */
export function auditEvidenceMethods(host: Host): EvidenceMethods {
  return {
    'audit.evidence': () => Promise.resolve(ok({
      exposed: host.accusations.list().map((exposure) => exposureView(host, exposure)),
      suspected: host.monitor.logs().flatMap((log) => suspicionView(host, log)),
      succeeded: host.monitor.logs().flatMap((log) => successionView(host, log)),
    })),
    'audit.evidence.file': ({ who }) => Promise.resolve(fileOf(host, who)),
    'audit.evidence.report': ({ file }) => report(host, file),
  };
}

/** What is proven against this host itself, if anything is. */
export function accusationChecks(host: Host): readonly CheckView[] {
  const own = host.accusations.list().find(({ did }) => did === host.identities.node.did);
  if (own === undefined) return [];
  return [{
    name: 'accountability', state: 'failed',
    text: `this host is proven to have contradicted itself: ${own.misdeed}; reported by ${own.by} at ${isoTime(Math.floor(own.since_ms / 1000))}. No other host trusts it any more`,
    fix: 'look at the proof with agentmesh audit evidence show; if two copies of this data folder ran, or keys were stolen, set up a new host in an empty folder',
  }];
}
