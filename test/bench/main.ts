/** `npm run bench`: prints every figure that test/bench/README.md keeps, measured in one run. `-- call audit start` picks some. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { benchAudit } from './audit.ts';
import { benchAuditProofs } from './audit-proofs.ts';
import { benchAuditScale } from './audit-scale.ts';
import { benchCalls } from './call.ts';
import { benchChains } from './chain.ts';
import { benchDecisions } from './decisions.ts';
import { benchDetectors } from './detectors.ts';
import { benchResolve } from './resolve.ts';
import { benchSandbox } from './sandbox.ts';
import { benchStart } from './start.ts';
import { benchSync } from './sync.ts';
import { benchVfs } from './vfs.ts';

const benches = { start: benchStart, call: benchCalls, audit: benchAudit, proofs: benchAuditProofs, 'audit-scale': benchAuditScale, chain: benchChains, detectors: benchDetectors, decisions: benchDecisions, resolve: benchResolve, sync: benchSync, vfs: benchVfs, sandbox: benchSandbox } as const;
const wanted = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), 'agentmesh-bench-'));
const print = (text: string): void => console.log(text);

print(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, Node ${process.versions.node}`);
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    print(`\n${name}`);
    await bench(home, (text) => print(`  ${text}`));
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
