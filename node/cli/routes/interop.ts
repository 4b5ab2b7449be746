/** The commands about tokens of other systems: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { UcanFlags } from '../commands/interop.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, repeatedFlag, textFlag } from '../flags.ts';

const inspect: Command<Context> = buildCommand<UcanFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/interop.ts')).inspectUcan),
  parameters: {
    flags: {
      ...common_flags,
      proof: repeatedFlag('file', 'A delegation that the invocation rests on; may be given several times, in any order'),
      at: textFlag('time', 'When it is looked at, as 2026-01-31T08:00:00Z (default: now)'),
    },
    positional: { kind: 'tuple', parameters: [argument('file', 'The UCAN, as bytes or in base64; - for standard input')] },
  },
  docs: docs(
    'Show and verify a UCAN 1.0 token',
    'Shows a delegation or an invocation of UCAN 1.0 in the terms of this program and verifies its signatures, its times and the chain of its proofs. It is read only: a UCAN grants nothing in the mesh. No running node is needed.',
    ['ucan inspect delegation.ucan', 'ucan inspect invocation.ucan --proof root.ucan --proof leaf.ucan --json'],
  ),
});

/** `agentmesh ucan …`. */
export const ucan_routes: RouteMap<Context> = buildRouteMap<'inspect', Context>({
  routes: { inspect },
  docs: { brief: 'Tokens of UCAN 1.0, read only' },
});
