/** The control methods about who witnesses this log, whom this host witnesses, and the logs of others that it keeps copies of. */
import { didOfOrigin, parseCheckpoint } from '../../crypto/checkpoint.ts';
import { parseNote, parseVerifier } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import type { MirrorView } from '../../protocols/tiles/index.ts';
import type { WitnessReport } from '../../protocols/witness/index.ts';
import type { Host } from '../host.ts';
import { recordedKey } from '../recorded-keys.ts';
import type { ControlMethods } from './api.ts';
import type { AskedWitnessView, MirroredLogView, WitnessedLogView, WitnessesView } from './audit-views.ts';
import type { CheckView } from './views.ts';

type WitnessMethods = Pick<ControlMethods, 'audit.witnesses' | 'audit.mirrors' | 'audit.mirror' | 'audit.mirror.drop'>;

const sponsor_fix = 'on the hosts that witness: agentmesh sponsor host NAME of their owner';

function called(host: Host, did: string | undefined): string | null {
  const name = did === undefined ? undefined : host.identity.known(did)?.document.name;
  // Records of humans name nobody.
  return name === undefined || name === '' ? null : name;
}

function askedView(host: Host, { contact, did, cosigned, refused }: WitnessReport['witnesses'][number]): AskedWitnessView {
  const { sponsor } = contact;
  return {
    peer_id: contact.peer, did, name: called(host, did), sponsor: sponsor ?? null, sponsor_name: called(host, sponsor),
    cosigned: cosigned === undefined ? null : { size: cosigned.size, time_ms: 1000 * cosigned.time_s },
    refused: refused ?? null,
  };
}

function witnessedView(host: Host, { origin, size, time_s, exposed, waits_for_anchor }: WitnessReport['witnessed'][number]): WitnessedLogView {
  const did = didOfOrigin(origin);
  return { origin, did: did ?? null, name: called(host, did), size, time_ms: 1000 * time_s, exposed, anchored: !waits_for_anchor };
}

async function witnesses(host: Host): Promise<WitnessesView> {
  const { quorum, witnesses: asked, absent, clock_doubt, witnessed } = await host.witness.report();
  return {
    needed: quorum.needed, policy: quorum.is_policy, anchored: quorum.anchored ?? null,
    failure: quorum.failure ?? null, weakness: quorum.weakness ?? null, clock_doubt: clock_doubt ?? null,
    witnesses: asked.map((each) => askedView(host, each)),
    absent: absent.map((vkey) => vkey.split('+')[0] ?? vkey),
    witnessed: witnessed.map((each) => witnessedView(host, each)),
  };
}

function mirrorView(host: Host, { trouble, ...view }: MirrorView): MirroredLogView {
  return { ...view, name: called(host, view.did), trouble: trouble ?? null };
}

async function follow(host: Host, who: string): Promise<Result<MirroredLogView>> {
  const did = host.identities.didOf(who);
  if (!did.ok) return did;
  if (did.value === host.identities.node.did) return fail('MIRROR_OWN', 'a host does not mirror its own log', { fix: 'run the command on another host' });
  const record = await host.identity.resolve(did.value);
  if (!record.ok) return record;
  const verifier_key = recordedKey(record.value, 'log');
  const verifier = verifier_key === undefined ? undefined : parseVerifier(verifier_key);
  if (verifier?.ok !== true) return fail('AUDIT_LOG_UNKNOWN', `the record of ${did.value} names no log`, { fix: 'name the host, not an agent of it: agentmesh peers' });
  const { name: origin, text } = verifier.value;
  const followed = await host.mirrors.follow({ did: did.value, origin, verifier_key: text });
  return followed.ok ? ok(mirrorView(host, followed.value)) : followed;
}

/** The host of a mirror: also by the name that the list of mirrors shows, where only one has it. */
function mirroredHost(host: Host, who: string): Result<string> {
  const named = new Set(host.mirrors.list().map(({ did }) => did).filter((did) => called(host, did) === who));
  const [only] = named;
  return named.size === 1 && only !== undefined ? ok(only) : host.identities.didOf(who);
}

async function drop(host: Host, who: string): Promise<Result<{ readonly dropped: number }>> {
  const did = mirroredHost(host, who);
  if (!did.ok) return did;
  const next = (): MirrorView | undefined => host.mirrors.list().find((mirror) => mirror.did === did.value);
  if (next() === undefined) return fail('MIRROR_UNKNOWN', `no log of ${did.value} is mirrored here`, { fix: 'agentmesh audit mirror lists those that are' });
  let count = 0;
  // Meanwhile a mirror may have gone on to the next log.
  for (let mirror = next(); mirror !== undefined; mirror = next()) {
    const dropped = await host.mirrors.drop(mirror.origin);
    if (!dropped.ok) return dropped;
    count += 1;
  }
  return ok({ dropped: count });
}

/** Who witnesses this log, whom this host witnesses, and its copies of others' logs. */
export function auditWitnessMethods(host: Host): WitnessMethods {
  return {
    'audit.witnesses': async () => ok(await witnesses(host)),
    'audit.mirrors': () => Promise.resolve(ok(host.mirrors.list().map((mirror) => mirrorView(host, mirror)))),
    'audit.mirror': ({ who }) => follow(host, who),
    'audit.mirror.drop': ({ who }) => drop(host, who),
  };
}

async function cosignedCheck({ log }: Host): Promise<CheckView> {
  const note = await log.cosigned();
  const parsed = note.ok ? parseNote(note.value) : note;
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  // The log's own signature is one of them.
  const count = parsed.ok ? parsed.value.signatures.length - 1 : 0;
  if (checkpoint.ok && count > 0) return { name: 'witnesses', state: 'ok', text: `a checkpoint of ${checkpoint.value.size} of ${log.size()} entries is cosigned by ${count}` };
  return { name: 'witnesses', state: 'warning', text: 'no checkpoint is cosigned yet', fix: 'connect to at least two other nodes, then agentmesh audit anchor' };
}

/** What a diagnosis says of the witnesses and the mirrors of this host. */
export async function witnessChecks(host: Host): Promise<readonly CheckView[]> {
  const checks: CheckView[] = [await cosignedCheck(host)];
  const { quorum, clock_doubt, absent } = await host.witness.report();
  if (quorum.failure !== undefined) checks.push({ name: 'quorum of witnesses', state: 'warning', text: quorum.failure, fix: 'agentmesh audit witnesses says who was asked' });
  else if (quorum.weakness !== undefined) checks.push({ name: 'quorum of witnesses', state: 'warning', text: quorum.weakness, fix: sponsor_fix });
  else if (quorum.anchored !== undefined) checks.push({ name: 'quorum of witnesses', state: 'ok', text: `${quorum.needed}, met at ${quorum.anchored.size} entries` });
  if (absent.length > 0) checks.push({ name: 'witness policy', state: 'warning', text: `${absent.length} of the witnesses that it names cannot be asked`, fix: 'agentmesh join ADDRESS of their hosts' });
  if (clock_doubt !== undefined) checks.push({ name: 'clock', state: 'failed', text: clock_doubt, fix: 'set the clock of this host, for example with NTP' });
  for (const { did, trouble } of host.mirrors.list()) {
    if (trouble !== undefined) checks.push({ name: `mirror of ${did}`, state: 'warning', text: trouble.reason, fix: 'agentmesh audit mirror' });
  }
  return checks;
}
