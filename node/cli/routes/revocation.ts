/** The commands about revocations: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { RevocationsFlags, RevokeFlags } from '../commands/revocation.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, numberFlag, textFlag } from '../flags.ts';

const revoke: Command<Context> = buildCommand<RevokeFlags, [string, string], Context>({
  loader: lazily(async () => (await import('../commands/revocation.ts')).revoke),
  parameters: {
    flags: {
      ...common_flags,
      from: neededFlag('who', 'Sponsor or agent of this host with authority over the target'),
      why: neededFlag('text', 'The reason, readable by everyone'),
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Only say what it would end' },
    },
    positional: {
      kind: 'tuple',
      parameters: [argument('kind', 'delegation, token, key, did, agent or sponsorship'), argument('target', 'Id of the delegation, token or key, or a DID or local name')],
    },
  },
  docs: docs('Take authority back, for good', [
    'Signs a revocation, spreads it over the mesh, and shows what it ended here. It cannot be undone.',
    'Who may: of a delegation or token, everybody who issued it or one above it; of a key, a DID or an agent, the DID itself; and always who answers for one of them, as its sponsor or as the sponsor\'s organisation.',
    'One by anybody else is kept and ends nothing.',
  ].join(' '), [
    'revoke delegation <id> --from alice@company.com --why "project ended"',
    'revoke agent did:mesh:<id> --from alice@company.com --why "compromised"',
    'revoke agent analyst --from alice@company.com --why "compromised" --dry-run',
  ]),
});

const revocations: Command<Context> = buildCommand<RevocationsFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/revocation.ts')).revocations),
  parameters: {
    flags: {
      ...common_flags,
      by: textFlag('who', 'Only those made by this DID or local name'),
      of: textFlag('target', 'Only those of this DID, local name, delegation, token or key'),
      pending: { kind: 'boolean', default: false, withNegated: false, brief: 'Only those whose target, or who answers for it, is not known here yet' },
      limit: numberFlag('count', 'At most so many, the newest first (default and most: 1000)'),
    },
  },
  docs: docs('List the revocations that are known here', 'Lists time, kind, target, issuer, state and reason of the revocations that this node made or received, the newest first. In force means that the issuer had the authority; one that is pending is judged as soon as its target shows.', [
    'revocations',
    'revocations --of analyst',
    'revocations --by alice@company.com --pending --json',
  ]),
});

/** The commands about revocations. */
export const revocation_routes: Readonly<Record<'revoke' | 'revocations', Command<Context>>> = { revoke, revocations };
