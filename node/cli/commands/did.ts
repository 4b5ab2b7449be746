/** What the commands about DIDs do. */
import { isFields } from '../../../crypto/canonical.ts';
import { FailureError, type Failure } from '../../../crypto/result.ts';
import type { ControlApi } from '../../control/api.ts';
import type { IdentityView } from '../../control/views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { details, table } from '../view/table.ts';
import { count, distanceTo, jsonText, moment, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `did resolve`. */
export interface ResolveFlags extends CommonFlags {
  readonly fresh: boolean;
}

/** Flags of `did rotate`. */
export interface RotateFlags extends CommonFlags {
  readonly emergency: boolean;
  /** Unix milliseconds. */
  readonly badSince?: number | undefined;
  readonly witness?: readonly string[] | undefined;
  readonly witnessThreshold?: number | undefined;
  readonly noWitnesses: boolean;
}

/** Flags of `did deactivate`. */
export interface DeactivateFlags extends CommonFlags {
  readonly yes: boolean;
}

/** Flags of `did succeed`. */
export interface SucceedFlags extends CommonFlags {
  readonly with: string;
}

/** Why a resolution failed, if so, from its W3C metadata. */
function failureIn(metadata: unknown): Failure | undefined {
  if (!isFields(metadata) || metadata['error'] === undefined) return undefined;
  const { code, message, errorObject } = metadata;
  const detail = isFields(errorObject) ? errorObject['detail'] : undefined;
  return { code: typeof code === 'string' ? code : 'DID_UNRESOLVED', reason: [detail, message].find((text) => typeof text === 'string') ?? 'the DID was not resolved' };
}

/** Why a DID that did resolve is not to be dealt with, if it was revoked. */
function revocationIn(metadata: unknown): Failure | undefined {
  const mesh = isFields(metadata) ? metadata['mesh'] : undefined;
  const revoked = isFields(mesh) ? mesh['revoked'] : undefined;
  if (!isFields(revoked)) return undefined;
  const { why, by, statement } = revoked;
  return { code: 'REVOKED', reason: typeof why === 'string' ? why : 'the DID was revoked', detail: { by, statement } };
}

/** `agentmesh did resolve`: with `--json` a failure has its W3C result, too. A DID that was revoked is a failure. */
export async function didResolve(context: Context, flags: ResolveFlags, did: string): Promise<Outcome> {
  const answer = await ask(context, flags, 'did.resolve', { did, fresh: flags.fresh });
  if (!answer.ok) return new FailureError(answer.failure);
  const { didDocument, didDocumentMetadata, didResolutionMetadata } = answer.value;
  const failure = failureIn(didResolutionMetadata) ?? revocationIn(didDocumentMetadata);
  if (flags.json) context.printJson(answer.value);
  if (failure !== undefined) return new FailureError(failure);
  if (flags.json) return;
  context.print(jsonText(didDocument));
  for (const metadata of [didDocumentMetadata, didResolutionMetadata]) {
    if (!isFields(metadata)) continue;
    for (const [name, value] of Object.entries(metadata)) context.talk(`${visible(name)}: ${visible(typeof value === 'string' ? value : JSON.stringify(value) ?? '')}`);
  }
}

/** `agentmesh did list`. */
export function didList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'did.list', {}, (identities) => {
    const columns = [{ title: 'NAME' }, { title: 'KIND' }, { title: 'STATE' }, { title: 'ROTATIONS', right: true }, { title: 'DOCUMENT', right: true }, { title: 'EXPIRES' }, { title: 'KEYS', right: true }, { title: 'DID' }];
    const now_ms = context.now_ms();
    const rows = identities.map(({ name, kind, state, number, sequence, expires_ms, keys, did }) => [
      name, kind, state, String(number), sequence === null ? '-' : String(sequence), expires_ms === null || state === 'deactivated' ? '-' : distanceTo(expires_ms, now_ms), String(keys.length), shortId(did),
    ]);
    printLines(context, table(columns, rows, context.width));
    context.talk('keys and DIDs in full: --json; new keys: agentmesh did rotate <name>');
  });
}

function printIdentity(context: Context, identity: IdentityView & { readonly storers: number }): void {
  const { name, did, number, state, keys, retired, witnesses, witness_threshold, successor, predecessor, storers } = identity;
  printLines(context, details([
    [identity.kind, name],
    ['did', did],
    ['state', state],
    ['rotations', String(number)],
    ['key in use', keys.find(({ uses }) => uses.includes('authentication'))?.id],
    ['former keys', retired.length === 0 ? undefined : retired.map(({ id, until_ms }) => `${shortId(id)} until ${moment(until_ms)}`).join(', ')],
    ['witnesses', witnesses === 0 ? undefined : `${witness_threshold} of ${witnesses}`],
    ['successor', successor ?? undefined],
    ['predecessor', predecessor ?? undefined],
    ['stored at', storers === 0 ? 'no peer yet; it is published again when one connects' : count(storers, 'peer')],
  ]));
}

function printRotated(context: Context, flags: RotateFlags, rotated: ControlApi['did.rotate']['value']): void {
  printIdentity(context, rotated);
  if (rotated.attested_again.length > 0) context.print(`attested again: ${visible(rotated.attested_again.join(', '))}`);
  const { voided } = rotated;
  if (voided.length > 0) {
    context.print(`${count(voided.length, 'delegation')} held here ${voided.length === 1 ? 'is' : 'are'} void and must be issued again:`);
    printLines(context, table([{ title: 'ID' }, { title: 'HOLDER' }, { title: 'MAY' }], voided.map(({ id, holder, capabilities }) => [id, shortId(holder), capabilities.join(', ')]), context.width));
  }
  if (!flags.emergency) context.talk('what the former key signed until now holds; if it was stolen: agentmesh did rotate --emergency');
  else if (flags.badSince === undefined) context.talk('nothing that former keys signed holds any more: endorse and delegate again');
  else context.talk('what former keys signed before that time still holds; a thief could date back to it, so check what was issued then');
}

/** `agentmesh did rotate`. */
export async function didRotate(context: Context, flags: RotateFlags, who: string): Promise<Outcome> {
  const { emergency, badSince, witness, witnessThreshold, noWitnesses } = flags;
  if (noWitnesses && witness !== undefined) return new FailureError({ code: 'USAGE_INVALID', reason: 'there are either witnesses or none', fix: 'give --witness or --no-witnesses' });
  const witnesses = noWitnesses ? [] : witness;
  return show(context, flags, 'did.rotate', {
    who,
    ...(emergency ? { emergency } : {}),
    ...(badSince === undefined ? {} : { bad_since_ms: badSince }),
    ...(witnesses === undefined ? {} : { witnesses: [...witnesses] }),
    ...(witnessThreshold === undefined ? {} : { witness_threshold: witnessThreshold }),
  }, (rotated) => printRotated(context, flags, rotated));
}

/** `agentmesh did deactivate`. */
export function didDeactivate(context: Context, flags: DeactivateFlags, who: string): Promise<Outcome> {
  return show(context, flags, 'did.deactivate', { who, yes: flags.yes }, (ended) => {
    printIdentity(context, ended);
    const what = ended.kind === 'agent'
      ? 'it was stopped, and its delegations are worth nothing any more'
      : 'its delegations and endorsements are worth nothing any more, and every agent that it answered for has stopped';
    context.talk(`${visible(ended.name)} is deactivated for good: ${what}. Keep this node running now and then, so that everybody learns of it.`);
  });
}

/** `agentmesh did succeed`. */
export function didSucceed(context: Context, flags: SucceedFlags, old: string): Promise<Outcome> {
  return show(context, flags, 'did.succeed', { old, successor: flags.with }, ({ old: former, successor }) => {
    printIdentity(context, former);
    context.print();
    printIdentity(context, successor);
    context.talk(`rights do not pass over: delegate, endorse and create agents with ${visible(successor.name)}, then: agentmesh did deactivate ${shellWord(former.name)} --yes`);
  });
}
