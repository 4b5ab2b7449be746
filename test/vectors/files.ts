/** The text of every vector file. */
import { fileOf, type VectorCase, type VectorFile } from './case.ts';
import { delegationCases } from './delegation-cases.ts';
import { didCases } from './did-cases.ts';
import { didFormCases } from './did-form-cases.ts';
import { keyCases } from './key-cases.ts';
import { resolutionCases } from './resolution-cases.ts';
import { statementsCases } from './statements-cases.ts';
import { syncCases } from './sync-cases.ts';

const about = 'AgentMesh test vectors. Bytes are base64url without padding, …_ms are Unix milliseconds, …_s Unix seconds. A case expects what its task gives, or {refused: CODE}; README.md of the repository, section "For other implementations", says what each task is. {shared: NAME} in an input stands for a text of shared, {repeat, times} for a text again and again.';

/** One line for each shared text and for each case, so that a change of one case changes one line. */
function textOf({ shared, cases, ...head }: VectorFile): string {
  const texts = Object.entries(shared).map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)}`);
  return `${JSON.stringify(head).slice(0, -1)},\n"shared":{\n${texts.join(',\n')}\n},\n"cases":[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]}\n`;
}

/** The vector files by name, each as it is to stand on the disk. */
export async function vectorFiles(): Promise<ReadonlyMap<string, string>> {
  const cases: ReadonlyMap<string, readonly VectorCase[]> = new Map([
    ['did', [...didCases(), ...didFormCases(), ...keyCases(), ...await resolutionCases()]], ['delegation', await delegationCases()], ['statements', await statementsCases()], ['sync', await syncCases()],
  ]);
  return new Map([...cases].map(([name, of_file]) => [name, textOf(fileOf(about, of_file))]));
}
