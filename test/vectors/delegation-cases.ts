import { capabilityCases } from './capability-cases.ts';
import type { VectorCase } from './case.ts';
import { chainCases } from './chain-cases.ts';
import { invocationCases } from './invocation-cases.ts';
import { sponsorCases } from './sponsor-cases.ts';

/** Every case about delegations: capabilities, caveats, chains, commands, and who answers for whom. */
export async function delegationCases(): Promise<readonly VectorCase[]> {
  return [...capabilityCases(), ...await chainCases(), ...await invocationCases(), ...await sponsorCases()];
}
