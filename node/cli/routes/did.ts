/** The commands about DIDs: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { DeactivateFlags, ResolveFlags, RotateFlags, SucceedFlags } from '../commands/did.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, numberFlag, repeatedFlag } from '../flags.ts';

/** A moment as ISO 8601 with its zone, in Unix milliseconds. */
function moment(text: string): number {
  const time_ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time_ms)) throw new Error('expected a time with its zone, e.g. 2026-03-01T12:00:00Z');
  return time_ms;
}

const own = argument('who', 'Local name or DID of an identity whose keys this node holds; node for the node itself');

const didResolve: Command<Context> = buildCommand<ResolveFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/did.ts')).didResolve),
  parameters: {
    flags: { ...common_flags, fresh: { kind: 'boolean', default: false, withNegated: false, brief: 'Ask the mesh even when a record is cached' } },
    positional: { kind: 'tuple', parameters: [argument('did', 'A DID, or the local name of an agent, sponsor or contact')] },
  },
  docs: docs('Resolve a DID to its document', 'Prints the DID document as JSON, and what is known about it as talk. With --json: the whole W3C resolution result. Keys that were revoked are left out; a DID that was revoked is denied, with the reason.', [
    'did resolve did:mesh:<id>', 'did resolve analyst --fresh --json',
  ]),
});

const didList: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/did.ts')).didList),
  parameters: { flags: common_flags },
  docs: docs('List the identities of this host', 'Lists the node, the sponsors and the agents whose keys this node holds: how often each was rotated, the number of its newest document, and when that expires.', [
    'did list', 'did list --json',
  ]),
});

const didRotate: Command<Context> = buildCommand<RotateFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/did.ts')).didRotate),
  parameters: {
    flags: {
      ...common_flags,
      emergency: { kind: 'boolean', default: false, withNegated: false, brief: 'Keys were stolen: nothing that they signed holds any more' },
      badSince: numberFlag('time', 'With --emergency: what was signed before this time still holds, e.g. 2026-03-01T12:00:00Z. A thief can date back, so prefer to leave it out', moment),
      witness: repeatedFlag('node', 'DID of a node that countersigns the rotations after this one, repeatable (default: as before)'),
      witnessThreshold: numberFlag('count', 'How many of the witnesses must sign, more than half (default: all)'),
      noWitnesses: { kind: 'boolean', default: false, withNegated: false, brief: 'No witnesses for the rotations after this one' },
    },
    positional: { kind: 'tuple', parameters: [own] },
  },
  docs: docs('Replace the keys of an identity', [
    'Puts the keys in force that the identity committed to in advance: who has stolen only the present ones cannot do it. The DID stays the same.',
    'What the former key signed holds on, unless it is an emergency. A DID can be rotated 24 times; then another one takes its place (did succeed).',
  ].join(' '), [
    'did rotate alice@company.com',
    'did rotate analyst --emergency',
    'did rotate node',
  ]),
});

const didDeactivate: Command<Context> = buildCommand<DeactivateFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/did.ts')).didDeactivate),
  parameters: {
    flags: { ...common_flags, yes: { kind: 'boolean', default: false, withNegated: false, brief: 'Yes, for good' } },
    positional: { kind: 'tuple', parameters: [own] },
  },
  docs: docs('End an identity for good', 'Publishes that the DID is deactivated. It never signs, acts or answers for anybody again; its agents stop. It cannot be undone.', [
    'did deactivate analyst --yes',
  ]),
});

const didSucceed: Command<Context> = buildCommand<SucceedFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/did.ts')).didSucceed),
  parameters: {
    flags: { ...common_flags, with: neededFlag('who', 'The identity of this host that takes its place: its local name or DID') },
    positional: { kind: 'tuple', parameters: [own] },
  },
  docs: docs('Let one identity take the place of another', 'The documents of both name each other, so that whoever knows the old one finds the new one. No rights pass over.', [
    'did succeed alice@company.com --with alice-2@company.com',
  ]),
});

/** `agentmesh did`. */
export const did_routes: RouteMap<Context> = buildRouteMap({
  routes: { resolve: didResolve, list: didList, rotate: didRotate, deactivate: didDeactivate, succeed: didSucceed },
  docs: { brief: 'Decentralised identifiers, and the keys of this host\'s own' },
});
